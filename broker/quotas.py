"""Holds tenants to their quotas in the process that takes requests; the engine's own work is not refused.

Rates are exact over all replicas but for a chunk each. Counts are looked at every few seconds and counted on between,
so a limit may be passed by what other replicas let in meanwhile.
"""

from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import cachetools
import msgspec

from core import errors, quota
from core.clock import Clock
from core.creation import Submission
from core.queue import Queue
from core.quota import Quotas, Share
from store.tenants import Tenants
from store.usage import Counts, Usage

_SUBMITS = "submits"
_LOOK_EVERY = timedelta(seconds=5)
_WEIGH_EVERY = timedelta(minutes=1)
_REST_OF_COST = 20
"""A count rests at least so many times as long as it took."""
_MOST_TENANTS = 10_000

T = TypeVar("T")


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant has taken; waits and streams in this replica."""

    queues: int
    open_tasks: int
    stored_bytes: int
    claims_in_flight: int
    long_polls: int
    streams: int


class _Known:
    """A number that is looked up now and then."""

    def __init__(self, number: int, until: float) -> None:
        self.number = number
        self.until = until


class Quota:
    """The quotas of all tenants, for one process."""

    def __init__(self, tenants: Tenants, usage: Usage, *, clock: Clock) -> None:
        self._tenants = tenants
        self._usage = usage
        self._clock = clock
        timer = self._seconds
        self._limits: cachetools.TTLCache[str, Quotas] = cachetools.TTLCache(
            _MOST_TENANTS, _LOOK_EVERY.total_seconds(), timer=timer
        )
        self._shares: cachetools.LRUCache[str, Share] = cachetools.LRUCache(_MOST_TENANTS)
        self._open: cachetools.LRUCache[str, _Known] = cachetools.LRUCache(_MOST_TENANTS)
        self._held: cachetools.LRUCache[str, _Known] = cachetools.LRUCache(_MOST_TENANTS)
        self._bytes: cachetools.LRUCache[str, _Known] = cachetools.LRUCache(_MOST_TENANTS)
        self._waiting: dict[tuple[str, str], int] = {}

    async def limits(self, tenant: str) -> Quotas:
        """The tenant's quotas, as they were a few seconds ago at most."""
        known = self._limits.get(tenant)
        if known is None:
            found = await self._tenants.get(tenant)
            known = self._limits[tenant] = quota.NONE if found is None else found.quotas
        return known

    def forget(self, tenant: str) -> None:
        """Look the tenant's quotas up again."""
        self._limits.pop(tenant, None)

    async def submitting(self, queue: Queue, submissions: Sequence[Submission]) -> None:
        """Raise `TooManyRequests` where the tenant may not submit so many now, `TooLarge` for what is too large."""
        tenant = queue.tenant
        limits = await self.limits(tenant)
        if limits == quota.NONE:
            return
        size = 0
        if limits.payload_bytes is not None or limits.stored_bytes is not None:
            size = self._weighed(limits, submissions)
        if limits.open_tasks is not None:
            self._bound("openTasks", limits.open_tasks, await self._opened(tenant), len(submissions))
        if limits.stored_bytes is not None:
            self._bound("storedBytes", limits.stored_bytes, await self._stored(tenant), size)
        if limits.submits_per_second is not None:
            await self._spend(tenant, limits.submits_per_second, len(submissions))
        if limits.open_tasks is not None:
            self._open[tenant].number += len(submissions)
        if limits.stored_bytes is not None:
            self._bytes[tenant].number += size

    async def claiming(self, tenant: str) -> None:
        """Raise `TooManyRequests` while the tenant's workers hold as much as they may."""
        limits = await self.limits(tenant)
        if limits.claims_in_flight is not None:
            self._bound("claimsInFlight", limits.claims_in_flight, await self._holding(tenant), 1)

    async def founding(self, tenant: str) -> None:
        """Raise `TooManyRequests` where the tenant has as many queues as it may."""
        limits = await self.limits(tenant)
        if limits.queues is not None:
            self._bound("queues", limits.queues, await self._usage.queues(tenant), 1)

    @contextmanager
    def waiting(self, tenant: str, limits: Quotas, what: str) -> Generator[None]:
        """Count somebody who waits (`longPolls`, `streams`); raises `TooManyRequests` where too many do."""
        most = limits.long_polls if what == "longPolls" else limits.streams
        here = self._waiting.get((tenant, what), 0)
        if most is not None:
            self._bound(what, most, here, 1)
        self._waiting[tenant, what] = here + 1
        try:
            yield
        finally:
            left = self._waiting[tenant, what] - 1
            if left:
                self._waiting[tenant, what] = left
            else:
                del self._waiting[tenant, what]

    async def taken(self, tenant: str) -> Taken:
        """What the tenant has taken."""
        counts = await self._usage.counts(tenant)
        return Taken(
            queues=await self._usage.queues(tenant),
            open_tasks=counts.open_tasks,
            stored_bytes=await self._stored(tenant),
            claims_in_flight=counts.held,
            long_polls=self._waiting.get((tenant, "longPolls"), 0),
            streams=self._waiting.get((tenant, "streams"), 0),
        )

    def _weighed(self, limits: Quotas, submissions: Sequence[Submission]) -> int:
        sizes = [len(msgspec.json.encode(each.params)) for each in submissions]
        most = limits.payload_bytes
        if most is not None and max(sizes, default=0) > most:
            raise errors.TooLarge(
                f"The params of a task have {max(sizes)} bytes; the tenant's quota is {most}.",
                extra={"quota": "payloadBytes", "limit": most, "used": max(sizes)},
            )
        return sum(sizes)

    async def _spend(self, tenant: str, rate: float, count: int) -> None:
        share = self._shares.setdefault(tenant, Share())
        now = self._seconds()
        if not share.may_spend(now):
            if now >= share.refused_until:
                wanted = share.wants(rate)
                # Nobody else of this process asks meanwhile: they are refused for the moment that it takes.
                share.refused_until = now + quota.CHUNK_SECONDS
                granted = await self._usage.take(tenant, _SUBMITS, wanted=wanted, rate=rate, now=self._clock())
                share.refused_until = 0.0
                share.received(granted, now, rate)
            if not share.may_spend(now):
                raise errors.TooManyRequests(
                    f"The tenant's quota is {rate:g} submits a second.",
                    retry_after=share.wait(rate),
                    extra={"quota": "submitsPerSecond", "limit": rate},
                )
        share.tokens -= count

    def _bound(self, what: str, limit: int, used: int, more: int) -> None:
        if used + more > limit:
            raise errors.TooManyRequests(
                f"The tenant's quota of {what} is {limit}, and {used} are taken.",
                retry_after=_LOOK_EVERY.total_seconds(),
                extra={"quota": what, "limit": limit, "used": used},
            )

    async def _opened(self, tenant: str) -> int:
        return await self._looked(self._open, tenant, self._count, _LOOK_EVERY)

    async def _holding(self, tenant: str) -> int:
        return await self._looked(self._held, tenant, self._count_held, timedelta(seconds=1))

    async def _stored(self, tenant: str) -> int:
        return await self._looked(self._bytes, tenant, self._usage.stored_bytes, _WEIGH_EVERY)

    async def _count(self, tenant: str) -> int:
        return (await self._usage.counts(tenant)).open_tasks

    async def _count_held(self, tenant: str) -> int:
        counts: Counts = await self._usage.counts(tenant)
        return counts.held

    async def _looked(
        self,
        kept: cachetools.LRUCache[str, _Known],
        tenant: str,
        look: Callable[[str], Awaitable[int]],
        every: timedelta,
    ) -> int:
        began = self._seconds()
        known = kept.get(tenant)
        if known is None or known.until <= began:
            number = await look(tenant)
            rest = max(every.total_seconds(), (self._seconds() - began) * _REST_OF_COST)
            known = kept[tenant] = _Known(number, began + rest)
        return known.number

    def _seconds(self) -> float:
        return self._clock().timestamp()
