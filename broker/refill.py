"""The refill: a lane in which RabbitMQ has fewer tickets than MongoDB has ready tasks is filled again.

Tickets are transient, so RabbitMQ loses all of them when it restarts, and this is how they come back (ADR 12). Behind
a new connection a gap is a loss, and is filled at once: first the head of every lane, then the lanes in turns. At any
other time a gap is normal for a moment, since tickets are on their way; one that is still there a few seconds later is
a loss. Nothing is noted anywhere: where one engine was killed, the next one's look finds what is missing.
"""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
import structlog

from broker.filling import PAGE, Filling, Lane, Turn
from broker.rabbit import topology
from broker.rabbit.connection import Link
from broker.rabbit.management import Lanes
from broker.rabbit.publisher import Publisher
from core.clock import Clock
from store.queues import Queues
from store.sweeps import Stub, Sweeps

_log = structlog.get_logger(__name__)

Name = tuple[str, str]
"""Of a queue: tenant and `namespace:name`."""

EVERY = timedelta(seconds=10)
SECOND_LOOK = timedelta(seconds=3)
_REST_A_QUEUE = timedelta(milliseconds=1)
_REST_A_LANE = timedelta(milliseconds=10)
_REST_A_TASK = timedelta(microseconds=10)
"""A round rests some twenty times as long as it takes to count what there is: queues, their lanes that hold something,
and ready tasks. By their number, not by the clock: a look that a broken link made slow must not put off the next, which
is then needed most."""
_LONGEST_REST = timedelta(minutes=5)
_SPARE = 100
"""So many tasks more than tickets are missing are given one: which ones lack a ticket cannot be seen."""
_FEW = 50
"""Lanes that hold no more are read, many at once, instead of counted one by one."""
_HEAD = 200
"""Behind a new connection each lane gets so many tickets before any gets more."""
_COUNTED = 100
"""So many queues are counted by one query. With more, a count would be old when its lane is looked at."""


class Refill:
    """Compares lanes with the record. Safe beside another one: a ticket too many costs one look."""

    def __init__(
        self,
        sweeps: Sweeps,
        queues: Queues,
        lanes: Lanes,
        publisher: Publisher,
        link: Link,
        *,
        clock: Clock,
        prefix: str,
    ) -> None:
        """`link` is that of `lanes`: a new connection of it starts a round at once."""
        self._sweeps = sweeps
        self._queues = queues
        self._lanes = lanes
        self._publisher = publisher
        self._filling = Filling(sweeps, publisher, clock=clock, prefix=prefix)
        self._link = link
        self._clock = clock
        self._prefix = prefix
        self._suspects: dict[Lane, datetime] = {}
        self._seen: object = None
        self._away: datetime | None = None
        self._lost: datetime | None = None
        self._next = self._second = clock()
        self._counted = timedelta()

    async def step(self) -> float:
        """Look, if it is time; answers the seconds until it may be again."""
        now = self._clock()
        if not self._link.connected:
            self._away = self._away or now
            return 0.2
        connection = self._link.connection()
        if connection is not self._seen:
            # An engine that has just begun does not know when tickets were lost, nor which are on their way.
            self._lost = self._away or (now - SECOND_LOOK if self._seen is None else now)
            self._seen, self._away, self._next = connection, None, now
        if now >= self._next:
            await self.look(self._lost)
            self._lost = None
            self._next = self._clock() + min(max(EVERY, self._counted), _LONGEST_REST)
        elif self._suspects and now >= self._second:
            await self._compare(sorted({(each.tenant, each.queue) for each in self._suspects}))
        return 0.5

    async def look(self, lost: datetime | None = None) -> int:
        """Compare every lane once; answers how many were given tickets: those found wanting a second time.

        With `lost`, the moment at which the broker was seen to be away, all that are found wanting, for tasks that have
        not changed since: tickets of the others are on their way, or the relay's.
        """
        queues = sorted(await self._queues.keys())
        self._counted = len(queues) * _REST_A_QUEUE
        if lost is None or topology.keeps_tickets(self._link.server_version):
            return await self._compare(queues)
        async with asyncio.timeout(SECOND_LOOK.total_seconds()):
            await self._publisher.ready()
        return await self._recover(queues, lost)

    async def _compare(self, queues: Sequence[Name]) -> int:
        """Fill the lanes of these queues whose gap was there before; the others are suspected from now on."""
        before, self._suspects = self._suspects, {}
        filled, turns = 0, list[Turn]()
        async for short in self._short(queues):
            now = self._clock()
            for lane, (ready, depth) in short.items():
                if ready <= _FEW or (gap := await self._gap(lane, ready, depth)) <= 0:
                    continue
                if lane not in before:
                    self._suspects[lane] = now
                else:
                    turns.append(Turn(lane=lane, since=before[lane], left=gap + _SPARE))
            few = await self._few(short)
            self._suspects |= dict.fromkeys(few.keys() - before.keys(), now)
            filled += await self._publish({lane: before[lane] for lane in few if lane in before}, few)
        for turn in turns:
            _log.warning("lane lost tickets", lane=turn.lane, missing=turn.left - _SPARE)
        await self._in_turns(turns)
        self._second = self._clock() + SECOND_LOOK
        return filled + len(turns)

    async def _recover(self, queues: Sequence[Name], lost: datetime) -> int:
        """Fill all lanes of these queues that have a gap: the heads of all of them, then the rest in turns."""
        self._suspects = {}
        rests, empty = list[Turn](), set[Lane]()
        async for short in self._short(queues):
            few = await self._few(short)
            many = {lane: Turn(lane=lane, since=lost, left=ready) for lane, (ready, _) in short.items() if ready > _FEW}
            # Looked at once more: what changed since is not filled here.
            self._suspects |= dict.fromkeys([*few, *many], self._clock())
            await self._publish(dict.fromkeys(few, lost), few)
            rests += await self._in_turns(many.values(), size=_HEAD, once=True)
            empty |= {lane for lane in many if not short[lane][1]}
        if self._suspects:
            _log.warning("RabbitMQ lost tickets", lanes=len(self._suspects))
        filled = len(self._suspects)
        counted = [each if each.lane in empty else await self._rest(each) for each in rests]
        await self._in_turns([turn for turn in counted if turn is not None])
        self._second = self._clock() + SECOND_LOOK
        return filled

    async def _rest(self, turn: Turn) -> Turn | None:
        """What a lane with some tickets lacks behind its head, if anything."""
        gap = await self._gap(turn.lane, turn.left, await self._depth(turn.lane))
        return msgspec.structs.replace(turn, left=gap + _SPARE) if gap > 0 else None

    async def _short(self, queues: Sequence[Name]) -> AsyncGenerator[dict[Lane, tuple[int, int]]]:
        """The lanes of these queues with more ready tasks than tickets: how many of both; some queues at a time."""
        for first in range(0, len(queues), _COUNTED):
            found = await self._sweeps.ready_by_lane(queues[first : first + _COUNTED])
            ready = {Lane(*name): count for name, count in found.items()}
            self._counted += len(ready) * _REST_A_LANE + sum(ready.values()) * _REST_A_TASK
            depths = await self._depths(ready)
            yield {lane: (count, depths[lane]) for lane, count in ready.items() if depths[lane] < count}

    async def _few(self, short: Mapping[Lane, tuple[int, int]]) -> dict[Lane, list[Stub]]:
        """Of the lanes that hold few tasks those that lack tickets, with what should have one."""
        lanes = {lane: depth for lane, (ready, depth) in short.items() if ready <= _FEW}
        if not lanes:
            return {}
        wanted: dict[Lane, list[Stub]] = {}
        for stub in await self._sweeps.ticketed_in_lanes([(each.tenant, each.queue, each.lane) for each in lanes]):
            wanted.setdefault(Lane(stub.tenant, stub.queue, stub.lane), []).append(stub)
        gaps = {lane: stubs for lane, stubs in wanted.items() if len(stubs) > lanes[lane]}
        # Asked before and after: in between tickets come with their tasks, or go with them.
        again = await self._depths(gaps)
        return {lane: stubs for lane, stubs in gaps.items() if len(stubs) > again[lane]}

    async def _gap(self, lane: Lane, ready: int, depth: int) -> int:
        """How many tickets are missing, if any; tickets that are being looked at by a claim are counted as missing."""
        # Few are counted one by one below; many that are parked are not.
        if ready > PAGE and depth >= ready - await self._sweeps.parked_in_lane(lane.tenant, lane.lane):
            return 0
        # Asked before and after the count: in between tickets come with their tasks, or go with them.
        wanted = await self._sweeps.ticketed_in_lane(lane.tenant, lane.queue, lane.lane)
        return wanted - max(depth, await self._depth(lane))

    async def _publish(self, since: Mapping[Lane, datetime], few: Mapping[Lane, Sequence[Stub]]) -> int:
        """Publish together what these lanes lack, as far as it has not changed since; answers how many lanes it is."""
        now = self._clock()
        stubs = [stub for lane, moment in since.items() for stub in few[lane] if not stub.changed_since(moment, now)]
        if not await self._filling.publish(sorted(stubs, key=lambda stub: stub.place)):
            self._suspects |= since
        return len(since)

    async def _in_turns(self, turns: Collection[Turn], *, size: int = PAGE, once: bool = False) -> list[Turn]:
        """Answers what is left. What RabbitMQ did not take is suspected, and filled at the next look."""
        fine, left = await self._filling.in_turns(turns, size=size, once=once)
        if fine:
            return left
        self._suspects |= {turn.lane: turn.since for turn in left}
        return []

    async def _depths(self, lanes: Collection[Lane]) -> dict[Lane, int]:
        names = {lane: topology.lane(self._prefix, lane.tenant, lane.lane) for lane in lanes}
        depths = await self._lanes.depths(names.values())
        return {lane: depths[name] for lane, name in names.items()}

    async def _depth(self, lane: Lane) -> int:
        return (await self._depths([lane]))[lane]
