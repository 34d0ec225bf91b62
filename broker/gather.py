"""Group commit: requests that arrive together share one call to a store (DESIGN 6).

While `in_flight` calls run, later requests gather; the next call takes all that wait. Nobody waits for a timer.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Gather(Generic[Item, Answer]):
    """Turns many small calls into few large ones; `flush` answers one answer for each item, in order."""

    def __init__(
        self, flush: Callable[[list[Item]], Awaitable[Sequence[Answer]]], *, in_flight: int = 2, most: int = 1000
    ) -> None:
        self._flush = flush
        self._in_flight = in_flight
        self._most = most
        self._waiting: deque[tuple[Sequence[Item], asyncio.Future[Sequence[Answer]]]] = deque()
        self._flights: set[asyncio.Task[None]] = set()

    async def add(self, items: Sequence[Item]) -> Sequence[Answer]:
        """The answers for these items; they travel together. Raises what the shared call raised."""
        future: asyncio.Future[Sequence[Answer]] = asyncio.get_running_loop().create_future()
        self._waiting.append((items, future))
        self._launch()
        return await future

    async def drain(self) -> None:
        """Wait until nothing is in flight: for a graceful stop."""
        while self._flights:
            await asyncio.wait(self._flights)

    def _launch(self) -> None:
        while self._waiting and len(self._flights) < self._in_flight:
            batch = self._next_batch()
            flight = asyncio.create_task(self._fly(batch))
            self._flights.add(flight)
            flight.add_done_callback(self._landed)

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        self._launch()

    def _next_batch(self) -> list[tuple[Sequence[Item], asyncio.Future[Sequence[Answer]]]]:
        batch = [self._waiting.popleft()]
        size = len(batch[0][0])
        while self._waiting and size + len(self._waiting[0][0]) <= self._most:
            batch.append(self._waiting.popleft())
            size += len(batch[-1][0])
        return batch

    async def _fly(self, batch: list[tuple[Sequence[Item], asyncio.Future[Sequence[Answer]]]]) -> None:
        try:
            answers = await self._flush([item for items, _ in batch for item in items])
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to those who wait
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        start = 0
        for items, future in batch:
            if not future.done():
                future.set_result(answers[start : start + len(items)])
            start += len(items)
