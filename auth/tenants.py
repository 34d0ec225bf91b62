"""Which tenant an issuer belongs to, remembered for a moment so that not every request asks the store.

With Keycloak, as with the local issuer, a tenant's issuer is `{auth_url}/realms/{tenant}`; any other OIDC
issuer works when a tenant is registered with it. An issuer that no tenant is registered with is nobody's,
and its tokens are refused.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Protocol

from cachetools import TTLCache

from auth import flights
from core import clock, tenant

MAX_ISSUER = 500
"""Characters; a longer `iss` is nobody's, and is not looked up."""


class TenantLookup(Protocol):
    """What the verifier needs to know about tenants."""

    def peek(self, issuer: str) -> tenant.Tenant | None:
        """The tenant of `issuer` if that is known right now without waiting; None says nothing either way."""
        ...

    async def find(self, issuer: str) -> tenant.Tenant | None:
        """The tenant registered with exactly this `iss`, or None; raises `Unavailable` while the store is
        away.
        """
        ...


class Tenants:
    """A `TenantLookup` over `load`, which reads the store.

    An answer, also that there is no such tenant, is kept for `ttl`: within that time a change of the
    registration (removed, suspended, another issuer) takes effect everywhere. `forget` makes it take effect
    in this process at once: who hears of changes can keep the rest for long. A failure is not kept.
    """

    def __init__(
        self,
        load: Callable[[str], Awaitable[tenant.Tenant | None]],
        now: clock.Clock,
        *,
        ttl: timedelta = timedelta(seconds=5),
        size: int = 10_000,
    ) -> None:
        self._load = load
        self._known: TTLCache[str, tuple[tenant.Tenant | None], float] = TTLCache(
            size, ttl.total_seconds(), timer=lambda: now().timestamp()
        )
        self._forgotten = 0
        self._flights = flights.Flights(self._ask)

    def peek(self, issuer: str) -> tenant.Tenant | None:
        """See `TenantLookup.peek`."""
        kept = self._known.get(issuer)
        return kept[0] if kept is not None else None

    async def find(self, issuer: str) -> tenant.Tenant | None:
        """See `TenantLookup.find`."""
        if len(issuer) > MAX_ISSUER:
            return None
        kept = self._known.get(issuer)
        return kept[0] if kept is not None else await self._flights.get(issuer)

    def forget(self, issuer: str | None = None) -> None:
        """Ask the store again at the next chance: for one issuer, or for all."""
        self._forgotten += 1
        if issuer is None:
            self._known.clear()
        else:
            self._known.pop(issuer, None)

    @property
    def remembered(self) -> int:
        """How many answers are kept."""
        return len(self._known)

    async def aclose(self) -> None:
        """Stop what is being looked up."""
        await self._flights.aclose()

    async def _ask(self, issuer: str) -> tenant.Tenant | None:
        forgotten = self._forgotten
        found = await self._load(issuer)
        # What was read while a change came in may be what was before.
        if forgotten == self._forgotten:
            self._known[issuer] = (found,)
        return found


def issuer_of(auth_url: str, tenant_id: str) -> str:
    """The issuer of a tenant's realm in the Keycloak (or local issuer) at `auth_url`."""
    return f"{auth_url.rstrip('/')}/realms/{tenant_id}"
