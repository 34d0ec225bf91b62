"""Erases tenants whose days of grace are over: what they own, their lanes, their realm, and at last themselves.

And what an import kept whose process died before its end: it is to be all or nothing.

Every replica may do it, at the same time too: each step does nothing where it was done before, and the tenant itself
goes last, so that what was cut short is taken up again by whoever looks next.
"""

from datetime import timedelta

import structlog

from auth.keycloak import Realms
from broker.assembly import Parts
from broker.rabbit import topology
from core import ids
from core.tenant import Tenant
from store.arrivals import Arrivals
from store.estate import Estate

_log = structlog.get_logger(__name__)

EVERY = timedelta(seconds=2)


class Erasing:
    """One process's look for tenants to erase; `step` is for `broker.loops.repeat`."""

    def __init__(self, parts: Parts, estate: Estate, realms: Realms) -> None:
        self._parts = parts
        self._estate = estate
        self._realms = realms
        self._arrivals = Arrivals(parts.record.database)
        self._emptied: set[str] = set()

    async def step(self) -> float:
        """Erase what is due; the seconds to rest."""
        for tenant in await self._parts.record.tenants.erasable(self._parts.clock()):
            await self._erase(tenant)
        while (broken := await self._arrivals.seize(ids.new_id(), now=self._parts.clock())) is not None:
            erased = await self._estate.undo(broken.tenant) if broken.wrote else 0
            await self._arrivals.end(broken)
            _log.warning("import that broke off cleared away", tenant=broken.tenant, documents=erased)
        return EVERY.total_seconds()

    async def _erase(self, tenant: Tenant) -> None:
        lanes = await self._lanes(tenant.id)
        erased = await self._estate.erase(tenant.id)
        for lane in lanes:
            await self._parts.broker.lanes.drop(topology.lane(self._parts.settings.broker_prefix, tenant.id, lane))
        if erased or tenant.id not in self._emptied:
            # What was on its way when the first look ended is found by a later one.
            self._emptied.add(tenant.id)
            return
        if tenant.realm_made and self._realms.configured:
            await self._realms.delete(tenant.id)
        await self._parts.record.tenants.remove(tenant)
        self._emptied.discard(tenant.id)
        _log.info("tenant erased", tenant=tenant.id)

    async def _lanes(self, tenant: str) -> list[str]:
        found: list[str] = []
        for queue in await self._parts.record.queues.of(tenant):
            found += await self._parts.directory.lanes(queue)
        return found
