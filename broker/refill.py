"""The refill: a lane in which RabbitMQ has fewer tickets than MongoDB has ready tasks is filled again.

A gap for a moment is normal: tickets are on their way. One that is still there a few seconds later is a loss, and the
tasks that have not changed since the first look are marked; the relay publishes for them.
"""

from datetime import datetime, timedelta

import msgspec
import structlog

from broker.rabbit import topology
from broker.rabbit.connection import Link
from broker.rabbit.management import Lanes
from core.clock import Clock
from store.queues import Queues
from store.sweeps import Sweeps

_log = structlog.get_logger(__name__)

EVERY = timedelta(seconds=10)
SECOND_LOOK = timedelta(seconds=3)
_REST_A_QUEUE = timedelta(milliseconds=1)
_REST_A_LANE = timedelta(milliseconds=20)
_REST_A_TASK = timedelta(microseconds=10)
"""A round rests some twenty times as long as it takes to count what there is: queues, their lanes that hold something,
and ready tasks. By their number, not by the clock: a look that a broken link made slow must not put off the next, which
is then needed most."""
_LONGEST_REST = timedelta(minutes=5)
_SPARE = 100
"""So many tasks more than tickets are missing are marked: which ones lack a ticket cannot be seen."""
_BATCH = 1000
_COUNTED = 100
"""So many queues are counted by one query. With more, a count would be old when its lane is looked at."""


class Lane(msgspec.Struct, frozen=True):
    """A lane that holds ready tasks of a queue."""

    tenant: str
    queue: str
    lane: str


class Refill:
    """Compares lanes with the record. Safe beside another one: a ticket too many costs one look."""

    def __init__(self, sweeps: Sweeps, queues: Queues, lanes: Lanes, link: Link, *, clock: Clock, prefix: str) -> None:
        """`link` is that of `lanes`: a new connection of it starts a round at once."""
        self._sweeps = sweeps
        self._queues = queues
        self._lanes = lanes
        self._link = link
        self._clock = clock
        self._prefix = prefix
        self._suspects: dict[Lane, datetime] = {}
        self._seen: object = None
        self._next = clock()
        self._counted = timedelta()

    async def step(self) -> float:
        """Look, if it is time; answers the seconds until it may be again."""
        if not self._link.connected:
            return 0.5
        connection = self._link.connection()
        if connection is not self._seen:
            self._seen, self._next = connection, self._clock()
        if self._clock() >= self._next:
            await self.look()
            usual = SECOND_LOOK if self._suspects else EVERY
            self._next = self._clock() + min(max(usual, self._counted), _LONGEST_REST)
        return 0.5

    async def look(self) -> int:
        """Compare every lane once; answers how many were found wanting a second time, and were given tickets."""
        before, self._suspects = self._suspects, {}
        filled = 0
        queues = sorted(await self._queues.keys())
        self._counted = len(queues) * _REST_A_QUEUE
        for first in range(0, len(queues), _COUNTED):
            now = self._clock()
            for name, ready in (await self._sweeps.ready_by_lane(queues[first : first + _COUNTED])).items():
                self._counted += _REST_A_LANE + ready * _REST_A_TASK
                lane = Lane(*name)
                gap = await self._gap(lane, ready)
                if gap <= 0:
                    continue
                if lane in before:
                    await self._fill(lane, gap, before[lane])
                    filled += 1
                else:
                    self._suspects[lane] = now
        return filled

    async def _gap(self, lane: Lane, ready: int) -> int:
        """How many tickets are missing, if any; tickets that are being looked at by a claim are counted as missing."""
        depth = await self._depth(lane)
        if depth >= ready:
            return 0
        # Few are counted one by one below; many that are parked are not.
        if ready > _BATCH and depth >= ready - await self._sweeps.parked_in_lane(lane.tenant, lane.lane):
            return 0
        # Asked before and after the count: in between tickets come with their tasks, or go with them.
        wanted = await self._sweeps.ticketed_in_lane(lane.tenant, lane.queue, lane.lane)
        return wanted - max(depth, await self._depth(lane))

    async def _depth(self, lane: Lane) -> int:
        return await self._lanes.depth(topology.lane(self._prefix, lane.tenant, lane.lane)) or 0

    async def _fill(self, lane: Lane, gap: int, unchanged_since: datetime) -> None:
        """Ask for tickets for the first in the worklist: as a lane is worked off, those without one stay in front."""
        _log.warning("lane lost tickets", tenant=lane.tenant, queue=lane.queue, lane=lane.lane, missing=gap)
        left, after = gap + _SPARE, ""
        while left > 0:
            limit = min(left, _BATCH)
            last = await self._sweeps.request_tickets(
                lane.tenant, lane.queue, lane.lane,
                now=self._clock(), unchanged_since=unchanged_since, after=after, limit=limit,
            )  # fmt: skip
            if last is None:
                return
            left, after = left - limit, last
