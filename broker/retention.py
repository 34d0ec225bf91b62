"""Retention: ended tasks, their events and old statistics go when their time is over; the rest of deleted ones too."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from core.clock import Clock
from store.eventlog import EventLog
from store.leftovers import Key, Leftovers
from store.queues import Queues

_log = structlog.get_logger(__name__)

EVERY_SECONDS = 60.0
TOMBSTONES = timedelta(hours=1)
"""For so long the rest of a deleted task stays, so that followers can still tell of it."""
DELIVERIES = timedelta(days=14)
"""For so long webhooks' deliveries can be looked at and replayed."""
_BATCH = 500
_BATCHES = 20
"""Of each kind in one pass; the next pass goes on."""


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

    async def step(self) -> float:
        """One pass; answers the seconds until the next, which comes soon when there is more to erase."""
        now = self._clock()
        own = {
            (queue.tenant, queue.key): timedelta(days=queue.retention_days)
            for queue in await self._queues.every()
            if queue.retention_days is not None
        }
        more = await self._erase(lambda: self._leftovers.deleted(now - TOMBSTONES, _BATCH))
        for tenant, queue in await self._leftovers.queues_with_ended():
            before = now - own.get((tenant, queue), self._retention)
            more |= await self._erase(self._ended(tenant, queue, before))
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
        return 1.0 if more else EVERY_SECONDS

    def _ended(self, tenant: str, queue: str, before: datetime) -> Callable[[], Awaitable[list[Key]]]:
        return lambda: self._leftovers.ended(tenant, queue, before, _BATCH)

    async def _erase(self, find: Callable[[], Awaitable[list[Key]]]) -> bool:
        """Erase tasks with their events, batch after batch; True when there may be more."""
        erased = 0
        for _ in range(_BATCHES):
            tasks = await find()
            gone = await self._leftovers.erase(tasks) if tasks else []
            if gone:
                await self._events.erase_of(gone)
            erased += len(gone)
            if len(tasks) < _BATCH:
                break
        if erased:
            _log.info("tasks erased", count=erased)
        return erased >= _BATCH * _BATCHES

    async def _erase_events(self, before: datetime) -> bool:
        """Erase events of whatever tasks, open ones included, that are older than any task is kept."""
        for _ in range(_BATCHES):
            if await self._events.erase(before, _BATCH) < _BATCH:
                return False
        return True
