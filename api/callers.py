"""From a request's headers to its caller: the token, the tenant an operator chose, and whether that is suspended."""

import asyncio
from datetime import timedelta

from auth import tenants as issuers
from auth.principal import CORE, Principal
from auth.tokens import Verifier, refuse
from core import errors
from core.clock import Clock
from core.tenant import Tenant, TenantState
from loop import fresh
from store.tenants import Tenants

Headers = list[tuple[bytes, bytes]]

AGAIN = timedelta(seconds=0.25)
"""Who was let in is let in again for so long without another look: a worker asks many times a second."""
_BEARER = b"bearer "
_HARMLESS = frozenset({"GET", "HEAD"})


class Callers:
    """Says who sent a request. A tenant's state is remembered for `ttl`, or until it is forgotten."""

    def __init__(
        self,
        verifier: Verifier,
        lookup: issuers.Tenants,
        tenants: Tenants,
        clock: Clock,
        timed: asyncio.Event,
        *,
        ttl: timedelta = timedelta(seconds=5),
    ) -> None:
        """`lookup` is what the verifier asks for the tenant of an issuer; nobody is judged before `timed` is set."""
        self._clock = clock
        self._timed = timed
        self._let_in: dict[tuple[bytes, bytes | None, bool], Principal] = {}
        self._since = clock()
        self._verifier = verifier
        self._lookup = lookup
        self._known = fresh.Fresh(tenants.get, clock, ttl=ttl)

    async def identify(self, headers: Headers, method: str) -> Principal:
        """The caller, acting where it may; raises `Unauthenticated`, `Forbidden`, `NotFound`, `Unavailable`."""
        said, chosen = _read(headers)
        at, asked = self._clock(), (said, chosen, method in _HARMLESS)
        if not self._since <= at < self._since + AGAIN:
            self._since, self._let_in = at, {}
        # Its own, so that who is being looked at while somebody is forgotten is not remembered.
        let_in = self._let_in
        who = let_in.get(asked)
        if who is None or at >= who.expires_at:
            who = let_in[asked] = await self._identify(said, chosen, method)
        return who

    async def _identify(self, said: bytes, chosen: bytes | None, method: str) -> Principal:
        token = _bearer(said)
        if not self._timed.is_set():
            # By a clock that may be wrong a good token is expired.
            raise errors.Unavailable(
                "The record (MongoDB), whose clock counts, did not answer yet; try again.", retry_after=1.0
            )
        who = self._verifier.peek(token) or await self._verifier.verify(token)
        tenant_id = None if chosen is None else chosen.decode("latin-1")
        if tenant_id is not None and tenant_id != who.tenant:
            who = who.acting_in(tenant_id)
        if who.tenant == CORE:
            return who
        tenant = await self._find(who.tenant)
        if tenant.state is TenantState.DELETING and not who.is_operator:
            raise _shut_out(tenant, "is being deleted.")
        if tenant.state is TenantState.SUSPENDED and method not in _HARMLESS and not who.is_operator:
            raise _shut_out(tenant, "is suspended: it can be read, not changed.")
        return who

    async def require_active(self, tenant: str) -> None:
        """Raise `Forbidden` for a tenant that was shut out meanwhile: for those who waited."""
        found = await self._find(tenant)
        if found.state is not TenantState.ACTIVE:
            raise _shut_out(found, f"is {found.state.value}.")

    def forget(self, tenant: str | None) -> None:
        """Let a change of the tenant, or of any (None), take effect at once."""
        self._known.forget(tenant)
        self._lookup.forget()
        self._let_in = {}

    async def _find(self, tenant: str) -> Tenant:
        found = await self._known.get(tenant)
        if found is None:
            raise errors.NotFound(f"There is no tenant {tenant}.")
        return found


def _shut_out(tenant: Tenant, why: str) -> errors.Forbidden:
    """The refusal, by which a program tells it from that of somebody who may not do this."""
    return errors.Forbidden(f"Tenant {tenant.id} {why}", extra={"tenantState": tenant.state.value})


def _read(headers: Headers) -> tuple[bytes, bytes | None]:
    """What the caller says of itself, and the tenant that an operator chose."""
    said, chosen = b"", None
    for name, value in headers:
        if name == b"authorization":
            said = value
        elif name == b"penstock-tenant":
            chosen = value
    return said, chosen


def _bearer(said: bytes) -> str:
    """The bearer token of an Authorization header; empty where there is none."""
    if said and said[: len(_BEARER)].lower() != _BEARER:
        raise refuse("absent", "The Authorization header must be `Bearer` and a token.")
    return said[len(_BEARER) :].strip().decode("latin-1")
