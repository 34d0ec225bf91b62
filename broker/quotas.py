"""Holds tenants, and their queues, to their quotas in the process that takes requests; the engine is not refused.

Rates are exact over all replicas but for a chunk each. Counts are looked at every few seconds and counted on between,
so a limit may be passed by what other replicas let in meanwhile.
"""

from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import cachetools
import msgspec

from broker.directory import TENANTS_KEPT
from core import errors, quota
from core.clock import Clock
from core.creation import Submission
from core.queue import Queue
from core.quota import QueueQuotas, Quotas, Share
from loop import fresh
from store.tenants import Tenants
from store.usage import Counts, Usage

_SUBMITS = "submits"
_LOOK_EVERY = timedelta(seconds=5)
_WEIGH_EVERY = timedelta(minutes=1)
_REST_OF_COST = 20
"""A count rests at least so many times as long as it took."""
_MOST_TENANTS = 10_000

K = TypeVar("K")


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant has taken; waits and streams in this replica."""

    queues: int
    open_tasks: int
    stored_bytes: int
    claims_in_flight: int
    long_polls: int
    streams: int


class _Holder(msgspec.Struct, frozen=True):
    """Whose quota it is: the tenant's, or one of its queues'."""

    tenant: str
    queue: str | None = None

    @property
    def whose(self) -> str:
        """In words."""
        return "tenant's" if self.queue is None else f"queue's ({self.queue})"

    @property
    def named(self) -> dict[str, str]:
        """What a refusal says of it beside the quota."""
        return {} if self.queue is None else {"queue": self.queue}


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
        self._limits = fresh.Fresh(self._read, clock, ttl=TENANTS_KEPT, most=_MOST_TENANTS)
        self._shares: cachetools.LRUCache[_Holder, Share] = cachetools.LRUCache(_MOST_TENANTS)
        self._open: cachetools.LRUCache[_Holder, _Known] = cachetools.LRUCache(_MOST_TENANTS)
        self._held: cachetools.LRUCache[_Holder, _Known] = cachetools.LRUCache(_MOST_TENANTS)
        self._bytes: cachetools.LRUCache[str, _Known] = cachetools.LRUCache(_MOST_TENANTS)
        self._waiting: dict[tuple[str, str], int] = {}

    async def limits(self, tenant: str) -> Quotas:
        """The tenant's quotas, as they were a moment ago."""
        return await self._limits.get(tenant) or quota.NONE

    async def _read(self, tenant: str) -> Quotas | None:
        found = await self._tenants.get(tenant)
        return None if found is None else found.quotas

    def forget(self, tenant: str | None) -> None:
        """Look the tenant's quotas up again, or those of all."""
        self._limits.forget(tenant)

    async def submitting(self, queue: Queue, submissions: Sequence[Submission]) -> None:
        """Raise `TooManyRequests` where tenant or queue may not take so many now, `TooLarge` for what is too large."""
        limits = await self.limits(queue.tenant)
        own = queue.quotas
        if limits == quota.NONE and own is None:
            return
        size, count = self._check_sizes(limits, own, submissions), len(submissions)
        tenant, key = _Holder(queue.tenant), _Holder(queue.tenant, queue.key)
        if own is not None and own.open_tasks is not None:
            self._bound("openTasks", own.open_tasks, await self._opened(key), count, of=key)
        if limits.open_tasks is not None:
            self._bound("openTasks", limits.open_tasks, await self._opened(tenant), count)
        if limits.stored_bytes is not None:
            self._bound("storedBytes", limits.stored_bytes, await self._stored(queue.tenant), size)
        if own is not None and own.submits_per_second is not None:
            await self._spend(key, own.submits_per_second, count)
        if limits.submits_per_second is not None:
            await self._spend(tenant, limits.submits_per_second, count)
        for holder in (tenant, key):
            # Only those that are limited are known.
            if (known := self._open.get(holder)) is not None:
                known.number += count
        if limits.stored_bytes is not None:
            self._bytes[queue.tenant].number += size

    async def claiming(self, tenant: str, queues: Sequence[Queue] = ()) -> Sequence[Queue]:
        """Those of the queues that a worker may draw from now.

        Raises `TooManyRequests` while the workers of the tenant, or of all these queues, hold as much as they may.
        """
        limits = await self.limits(tenant)
        if limits.claims_in_flight is not None:
            self._bound("claimsInFlight", limits.claims_in_flight, await self._holding(_Holder(tenant)), 1)
        open_to: list[Queue] = []
        refusal: errors.TooManyRequests | None = None
        for queue in queues:
            most = None if queue.quotas is None else queue.quotas.claims_in_flight
            try:
                if most is not None:
                    holder = _Holder(tenant, queue.key)
                    self._bound("claimsInFlight", most, await self._holding(holder), 1, of=holder)
                open_to.append(queue)
            except errors.TooManyRequests as error:
                refusal = error
        if refusal is not None and not open_to:
            raise refusal
        return open_to

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

    async def taken_of(self, queue: Queue) -> Counts:
        """What the queue has taken."""
        return await self._usage.counts(queue.tenant, queue.key)

    def _check_sizes(self, limits: Quotas, own: QueueQuotas | None, submissions: Sequence[Submission]) -> int:
        """Bytes of all params where somebody wants to know; raises `TooLarge`."""
        most_here = None if own is None else own.payload_bytes
        if limits.payload_bytes is None and limits.stored_bytes is None and most_here is None:
            return 0
        sizes = [len(msgspec.json.encode(each.params)) for each in submissions]
        largest = max(sizes, default=0)
        for most, whose in ((most_here, "queue"), (limits.payload_bytes, "tenant")):
            if most is not None and largest > most:
                raise errors.TooLarge(
                    f"The params of a task have {largest} bytes; the {whose}'s quota is {most}.",
                    extra={"quota": "payloadBytes", "limit": most, "used": largest},
                )
        return sum(sizes)

    async def _spend(self, of: _Holder, rate: float, count: int) -> None:
        share = self._shares.setdefault(of, Share())
        now = self._seconds()
        if not share.may_spend(now):
            if now >= share.refused_until:
                wanted = share.wants(rate)
                # Nobody else of this process asks meanwhile: they are refused for the moment that it takes.
                share.refused_until = now + quota.CHUNK_SECONDS
                name = _SUBMITS if of.queue is None else f"{_SUBMITS}/{of.queue}"
                granted = await self._usage.take(of.tenant, name, wanted=wanted, rate=rate, now=self._clock())
                share.refused_until = 0.0
                share.received(granted, now, rate)
            if not share.may_spend(now):
                raise errors.TooManyRequests(
                    f"The {of.whose} quota is {rate:g} submits a second.",
                    retry_after=share.wait(rate),
                    extra={"quota": "submitsPerSecond", "limit": rate} | of.named,
                )
        share.tokens -= count

    def _bound(self, what: str, limit: int, used: int, more: int, *, of: _Holder | None = None) -> None:
        if used + more > limit:
            whose = "tenant's" if of is None else of.whose
            raise errors.TooManyRequests(
                f"The {whose} quota of {what} is {limit}, and {used} are taken.",
                retry_after=_LOOK_EVERY.total_seconds(),
                extra={"quota": what, "limit": limit, "used": used} | ({} if of is None else of.named),
            )

    async def _opened(self, of: _Holder) -> int:
        async def count() -> int:
            return (await self._usage.counts(of.tenant, of.queue)).open_tasks

        return await self._looked(self._open, of, count, _LOOK_EVERY)

    async def _holding(self, of: _Holder) -> int:
        async def count() -> int:
            return (await self._usage.counts(of.tenant, of.queue)).held

        return await self._looked(self._held, of, count, timedelta(seconds=1))

    async def _stored(self, tenant: str) -> int:
        return await self._looked(self._bytes, tenant, lambda: self._usage.stored_bytes(tenant), _WEIGH_EVERY)

    async def _looked(
        self,
        kept: cachetools.LRUCache[K, _Known],
        key: K,
        look: Callable[[], Awaitable[int]],
        every: timedelta,
    ) -> int:
        began = self._seconds()
        known = kept.get(key)
        if known is None or known.until <= began:
            number = await look()
            rest = max(every.total_seconds(), (self._seconds() - began) * _REST_OF_COST)
            known = kept[key] = _Known(number, began + rest)
        return known.number

    def _seconds(self) -> float:
        return self._clock().timestamp()
