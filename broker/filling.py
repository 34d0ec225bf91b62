"""Filling: tickets that are missing are published in turns, a page of a lane at a time.

So a lane with a million does not delay the others, and no more than two pages are in memory. MongoDB is not written: a
ticket that got lost on its way is missing at the next look as it was at this one.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from broker.desk import ticket
from broker.rabbit.publisher import Publisher
from core.clock import Clock
from store.sweeps import Stub, Sweeps

PAGE = 1000


class Lane(NamedTuple):
    """A lane that holds ready tasks of a queue."""

    tenant: str
    queue: str
    lane: str


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What a lane lacks: tickets for `left` tasks behind the place `after` that have not changed since a moment."""

    lane: Lane
    since: datetime
    left: int
    after: str = ""


class Filling:
    """Publishes tickets for tasks that are ready, in the order of each lane's worklist."""

    def __init__(self, sweeps: Sweeps, publisher: Publisher, *, clock: Clock, prefix: str) -> None:
        self._sweeps = sweeps
        self._publisher = publisher
        self._clock = clock
        self._prefix = prefix

    async def publish(self, stubs: Sequence[Stub]) -> bool:
        """Publish their tickets; False when RabbitMQ did not take all of them."""
        for first in range(0, len(stubs), PAGE):
            tickets = [ticket(stub, self._prefix) for stub in stubs[first : first + PAGE]]
            if len(await self._publisher.publish(tickets)) < len(tickets):
                return False
        return True

    async def in_turns(self, turns: Iterable[Turn], *, size: int = PAGE, once: bool = False) -> tuple[bool, list[Turn]]:
        """Fill these lanes, page by page in turns, or each with `once` by one page only.

        Answers whether RabbitMQ took everything, and what is left. The next page is read while one is published.
        """
        waiting, later = deque(turns), list[Turn]()
        behind = later if once else waiting
        sending: tuple[asyncio.Task[bool], Turn] | None = None
        try:
            while waiting or sending is not None:
                turn = waiting.popleft() if waiting else None
                page = [] if turn is None else await self._page(turn, size)
                if sending is not None:
                    (sent, whose), sending = sending, None
                    if not await sent:
                        # It is away, or does not keep up.
                        return False, [whose, *([] if turn is None else [turn]), *waiting, *later]
                if turn is not None and page:
                    sending = asyncio.create_task(self.publish(page)), turn
                    if turn.left > len(page) == size:
                        left, after = turn.left - size, page[-1].place
                        behind.append(msgspec.structs.replace(turn, left=left, after=after))
            return True, later
        finally:
            if sending is not None:
                sending[0].cancel()

    async def _page(self, turn: Turn, size: int) -> list[Stub]:
        lane = turn.lane
        return await self._sweeps.ticketed_page(
            lane.tenant, lane.queue, lane.lane,
            now=self._clock(), unchanged_since=turn.since, after=turn.after, limit=min(turn.left, size),
        )  # fmt: skip
