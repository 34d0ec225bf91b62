"""Retention: ended tasks, their events and old statistics go when their time is over; the rest of deleted ones too."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from core.clock import Clock
from store.eventlog import EventLog
from store.leftovers import Key, Leftovers, Old
from store.queues import Queues

_log = structlog.get_logger(__name__)

EVERY_SECONDS = 60.0
_REST_A_QUEUE = 0.1
_LONGEST_REST = 900.0
"""Seconds: a look at a queue takes a millisecond or two of CPU, and ten thousand need none every minute."""
TOMBSTONES = timedelta(hours=1)
"""For so long the rest of a deleted task stays, so that followers can still tell of it."""
DELIVERIES = timedelta(days=14)
"""For so long webhooks' deliveries can be looked at and replayed."""
_BATCH = 500
_BATCHES = 20
"""Of each kind (of ended tasks: of each queue) in one pass; the next pass goes on."""
_ERASED_AT_ONCE = 3
"""Batches that are erased side by side: the server confirms one while it works on the next."""
_LOOKS = 16
"""How many queues are looked at together: most of ten thousand have little to erase, or nothing."""


class Retention:
    """Erases in passes of bounded size. Safe beside another one: what is gone is gone."""

    def __init__(
        self, leftovers: Leftovers, events: EventLog, queues: Queues, *, clock: Clock, retention: timedelta
    ) -> None:
        """`retention` holds where a queue has none of its own."""
        self._leftovers = leftovers
        self._events = events
        self._queues = queues
        self._clock = clock
        self._retention = retention
        self._looked_at = 0

    async def step(self) -> float:
        """One pass; answers the seconds until the next, which comes soon when there is more to erase."""
        now = self._clock()
        own = {
            (queue.tenant, queue.key): timedelta(days=queue.retention_days)
            for queue in await self._queues.keeping()
            if queue.retention_days is not None
        }
        more = await self._erase_deleted(now - TOMBSTONES)
        more |= await self._erase_ended(now, own)
        longest = max([self._retention, *own.values()])
        more |= await self._erase_events(now - longest)
        await self._leftovers.erase_series("stats", "at", now - self._retention)
        await self._leftovers.erase_series("redrives", "endedAt", now - self._retention)
        await self._leftovers.erase_series("firings", "recordedAt", now - self._retention)
        await self._leftovers.erase_series("webhookDeliveries", "endedAt", now - min(DELIVERIES, self._retention))
        await self._leftovers.erase_series("records", "receivedAt", now - self._retention)
        await self._leftovers.erase_series("imports", "endedAt", now - self._retention)
        await self._leftovers.erase_series("importErrors", "at", now - self._retention)
        await self._leftovers.erase_series("flows", "endedAt", now - longest)
        return 1.0 if more else min(max(EVERY_SECONDS, self._looked_at * _REST_A_QUEUE), _LONGEST_REST)

    async def _erase_deleted(self, before: datetime) -> bool:
        """Erase what is left of deleted tasks; True when there may be more."""
        for _ in range(_BATCHES):
            tasks = await self._leftovers.deleted(before, _BATCH)
            await self._erase(tasks)
            if len(tasks) < _BATCH:
                return False
        return True

    async def _erase_ended(self, now: datetime, own: Mapping[Key, timedelta]) -> bool:
        """Erase ended tasks, each queue's in its own time; True when there may be more."""
        queues = await self._leftovers.queues_with_ended()
        self._looked_at = len(queues)
        for _ in range(_BATCHES):
            full: list[Key] = []
            gathered: list[Old] = []
            for begin in range(0, len(queues), _LOOKS):
                some = queues[begin : begin + _LOOKS]
                ages = [own.get(queue, self._retention) for queue in some]
                looks = [
                    self._leftovers.ended(*queue, now - age, _BATCH) for queue, age in zip(some, ages, strict=True)
                ]
                found = await asyncio.gather(*looks)
                full += [queue for queue, tasks in zip(some, found, strict=True) if len(tasks) == _BATCH]
                gathered += [task for tasks in found for task in tasks]
                if len(gathered) >= _BATCH * _ERASED_AT_ONCE:
                    await self._erase(gathered)
                    gathered = []
            await self._erase(gathered)
            queues = full
            if not queues:
                return False
        return True

    async def _erase(self, tasks: Sequence[Old]) -> None:
        """Erase tasks with their events, some batches side by side."""
        places = asyncio.Semaphore(_ERASED_AT_ONCE)

        async def erase(batch: Sequence[Old]) -> int:
            async with places:
                gone = await self._leftovers.erase(batch)
                await self._events.erase_numbered((task.key, task.seq) for task in gone)
                return len(gone)

        batches = [tasks[begin : begin + _BATCH] for begin in range(0, len(tasks), _BATCH)]
        if erased := sum(await asyncio.gather(*(erase(batch) for batch in batches))):
            _log.info("tasks erased", count=erased)

    async def _erase_events(self, before: datetime) -> bool:
        """Erase events of whatever tasks, open ones included, that are older than any task is kept."""
        for _ in range(_BATCHES):
            if await self._events.erase(before, _BATCH) < _BATCH:
                return False
        return True
