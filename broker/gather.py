"""Group commit: requests that arrive together share one call to a store (DESIGN 6).

While `in_flight` calls run, later requests gather; the next call takes what waits. Nobody waits for a timer.

A call takes its share when it begins, in the next turn of the loop, so that requests that were read from their sockets
together travel together. Many are shared among the calls that are free: with one call for all of them this process
would rest while the store works, and the store while this process answers.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

FEW = 24
"""So many items go in one call: a second one would cost more than it brings."""

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Gather(Generic[Item, Answer]):
    """Turns many small calls into few large ones; `flush` answers one answer for each item, in order."""

    def __init__(
        self,
        flush: Callable[[list[Item]], Awaitable[Sequence[Answer]]],
        *,
        in_flight: int = 2,
        few: int = FEW,
        most: int = 1000,
    ) -> None:
        """`in_flight` calls run at once; up to `few` items go in one call, and never more than `most`."""
        self.in_flight = in_flight
        """May be changed at any time; calls that run already go on."""
        self._flush = flush
        self._few = few
        self._most = most
        self._waiting: deque[tuple[Sequence[Item], asyncio.Future[Sequence[Answer]]]] = deque()
        self._size = 0
        self._beginning = 0
        self._flights: set[asyncio.Task[None]] = set()

    async def add(self, items: Sequence[Item]) -> Sequence[Answer]:
        """The answers for these items; they travel together. Raises what the shared call raised."""
        if not items:
            return ()
        future: asyncio.Future[Sequence[Answer]] = asyncio.get_running_loop().create_future()
        self._waiting.append((items, future))
        self._size += len(items)
        self._launch()
        return await future

    async def drain(self) -> None:
        """Wait until nothing is in flight: for a graceful stop."""
        while self._flights:
            await asyncio.wait(self._flights)

    def _launch(self) -> None:
        while self._size > self._beginning * self._few and len(self._flights) < self.in_flight:
            self._beginning += 1
            flight = asyncio.create_task(self._fly())
            self._flights.add(flight)
            flight.add_done_callback(self._landed)

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        self._launch()

    def _share(self) -> list[tuple[Sequence[Item], asyncio.Future[Sequence[Answer]]]]:
        """What a call that begins takes along: as much as each of those that are free."""
        free = max(self.in_flight - len(self._flights) + self._beginning, 1)
        self._beginning -= 1
        size, share = 0, min(max(-(-self._size // free), self._few), self._most)
        batch: list[tuple[Sequence[Item], asyncio.Future[Sequence[Answer]]]] = []
        while self._waiting and (not batch or size + len(self._waiting[0][0]) <= share):
            batch.append(self._waiting.popleft())
            size += len(batch[-1][0])
        self._size -= size
        return batch

    async def _fly(self) -> None:
        batch = self._share()
        if not batch:
            return
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
