"""From a request's headers to its caller: the token, the tenant an operator chose, and whether that is suspended."""

from datetime import timedelta

from cachetools import TTLCache

from auth import tenants as issuers
from auth.principal import CORE, Principal
from auth.tokens import Verifier, refuse
from core import errors
from core.clock import Clock
from core.tenant import Tenant, TenantState
from store.tenants import Tenants

Headers = list[tuple[bytes, bytes]]

_BEARER = b"bearer "
_HARMLESS = frozenset({"GET", "HEAD"})


class Callers:
    """Says who sent a request. A tenant's state is remembered for `ttl`."""

    def __init__(
        self,
        verifier: Verifier,
        lookup: issuers.Tenants,
        tenants: Tenants,
        clock: Clock,
        *,
        ttl: timedelta = timedelta(seconds=5),
    ) -> None:
        """`lookup` is what the verifier asks for the tenant of an issuer."""
        self._verifier = verifier
        self._lookup = lookup
        self._tenants = tenants
        self.ttl = ttl
        self._known: TTLCache[str, Tenant, float] = TTLCache(
            10_000, ttl.total_seconds(), timer=lambda: clock().timestamp()
        )

    async def identify(self, headers: Headers, method: str) -> Principal:
        """The caller, acting where it may; raises `Unauthenticated`, `Forbidden`, `NotFound`, `Unavailable`."""
        token, chosen = _read(headers)
        who = self._verifier.peek(token) or await self._verifier.verify(token)
        if chosen is not None and chosen != who.tenant:
            who = who.acting_in(chosen)
        if who.tenant == CORE:
            return who
        tenant = self._known.get(who.tenant) or await self._find(who.tenant)
        if tenant.state is TenantState.DELETING and not who.is_operator:
            raise errors.Forbidden(f"Tenant {tenant.id} is being deleted.")
        if tenant.state is TenantState.SUSPENDED and method not in _HARMLESS and not who.is_operator:
            raise errors.Forbidden(f"Tenant {tenant.id} is suspended: it can be read, not changed.")
        return who

    async def require_active(self, tenant: str) -> None:
        """Raise `Forbidden` for a tenant that was shut out, at most `ttl` ago: for those who waited meanwhile."""
        found = self._known.get(tenant) or await self._find(tenant)
        if found.state is not TenantState.ACTIVE:
            raise errors.Forbidden(f"Tenant {tenant} is {found.state.value}.")

    def forget(self, tenant: str) -> None:
        """Let a change that this process just wrote take effect at once."""
        self._known.pop(tenant, None)
        self._lookup.forget()

    async def _find(self, tenant: str) -> Tenant:
        found = await self._tenants.get(tenant)
        if found is None:
            raise errors.NotFound(f"There is no tenant {tenant}.")
        self._known[tenant] = found
        return found


def _read(headers: Headers) -> tuple[str, str | None]:
    """The bearer token, and the tenant that an operator chose."""
    token, chosen = b"", None
    for name, value in headers:
        if name == b"authorization":
            if value[: len(_BEARER)].lower() != _BEARER:
                raise refuse("absent", "The Authorization header must be `Bearer` and a token.")
            token = value[len(_BEARER) :].strip()
        elif name == b"penstock-tenant":
            chosen = value.decode("latin-1")
    return token.decode("latin-1"), chosen
