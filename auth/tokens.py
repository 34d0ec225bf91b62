"""Bearer token in, principal out: the one place that decides whether a token is to be believed.

A token is believed when it is a JWS signed RS256 or ES256 with a key that its issuer publishes, its issuer
is that of a registered tenant, its `aud` names us, it is within `nbf` and `exp`, and it is an access token.
Nothing in the token says how to verify it: `jku`, `jwk`, `x5u` and `x5c` are never read, and `alg` must fit
the published key.
"""

import binascii
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import httpx
import msgspec
from cachetools import TLRUCache
from joserfc import jws
from joserfc.errors import JoseError

from auth import keys, principal, tenants
from core import clock, errors

Reason = Literal[
    "absent", "malformed", "algorithm", "issuer", "audience", "expired", "not-yet-valid", "type", "signature"
]
"""Why a token was refused: the member `reason` of the problem."""

MAX_TOKEN = 16 * 1024
"""Characters of a token that is looked at at all; servers limit a header line to about as much."""


class _Registry(jws.JWSRegistry):
    """One algorithm and no other; a header may be long, because it may hold a certificate chain that we
    ignore.
    """

    max_header_length = MAX_TOKEN


_REGISTRIES: Final = {
    algorithm: _Registry(algorithms=[algorithm], strict_check_header=False) for algorithm in keys.KEY_TYPES
}


class _Header(msgspec.Struct):
    alg: str
    kid: str | None = None
    crit: msgspec.Raw | None = None
    b64: bool = True


class _Verified(msgspec.Struct, frozen=True):
    who: principal.Principal
    issuer: str
    until: float


class Verifier:
    """Verifies bearer tokens, and remembers those it verified.

    A verified token is kept for `keep` at most and never beyond its `exp`, by its hash, so that with a
    fresh entry nothing is computed but that hash. The issuer's tenant is asked for again whenever `lookup`
    no longer knows it: a tenant that was removed is shut out within that cache's time, not ours. Whether a
    tenant is suspended is not decided here.
    """

    def __init__(
        self,
        *,
        lookup: tenants.TenantLookup,
        http: httpx.AsyncClient,
        audience: str,
        client_id: str,
        now: clock.Clock,
        published: keys.Keys | None = None,
        leeway: timedelta = timedelta(seconds=5),
        keep: timedelta = timedelta(seconds=60),
        size: int = 20_000,
    ) -> None:
        """`http` is the caller's to close; `published` replaces the default limits of `keys.Keys`."""
        self._lookup = lookup
        self._keys = published or keys.Keys(http, now)
        self._audience = audience
        self._client_id = client_id
        self._now = now
        self._leeway = leeway.total_seconds()
        self._keep = keep.total_seconds()
        self._verified: TLRUCache[bytes, _Verified, float] = TLRUCache(
            size, ttu=lambda _key, value, _now: value.until, timer=lambda: now().timestamp()
        )

    def peek(self, token: str) -> principal.Principal | None:
        """The principal of a token that was verified lately; None means "ask `verify`", not "refused"."""
        kept = self._verified.get(_digest(token))
        if kept is None:
            return None
        owner = self._lookup.peek(kept.issuer)
        return kept.who if owner is not None and owner.id == kept.who.tenant else None

    async def verify(self, token: str) -> principal.Principal:
        """Who sent `token` (what follows `Bearer `).

        Raises `Unauthenticated` with `extra["reason"]`, one of `Reason`, and `Unavailable` while the issuer
        or the store cannot be asked.
        """
        kept = self._verified.get(_digest(token))
        if kept is not None:
            owner = await self._lookup.find(kept.issuer)
            if owner is not None and owner.id == kept.who.tenant:
                return kept.who
            del self._verified[_digest(token)]
        return await self._verify(token)

    @property
    def remembered(self) -> int:
        """How many verified tokens are kept."""
        return len(self._verified)

    async def aclose(self) -> None:
        """Stop what is being fetched."""
        await self._keys.aclose()

    async def _verify(self, token: str) -> principal.Principal:
        header, claims = _read(token)
        if header.alg not in keys.KEY_TYPES:
            raise refuse("algorithm", f"The token is signed with {header.alg[:20]}; use RS256 or ES256.")
        self._check_claims(claims)
        owner = await self._lookup.find(claims.iss)
        if owner is None:
            raise refuse("issuer", "The token's issuer is not that of a registered tenant.")
        key = await self._keys.find(claims.iss, header.alg, header.kid)
        if key is None:
            raise refuse("signature", "The token is signed with a key that its issuer does not publish.")
        _check_signature(token, header.alg, key)
        who = principal.from_claims(claims, tenant=owner.id, client_id=self._client_id, expires_at=_moment(claims.exp))
        until = min(claims.exp, self._now().timestamp() + self._keep)
        self._verified[_digest(token)] = _Verified(who, claims.iss, until)
        return who

    def _check_claims(self, claims: principal.Claims) -> None:
        now = self._now().timestamp()
        if claims.exp <= now - self._leeway:
            raise refuse("expired", "The token has expired.")
        if claims.nbf is not None and claims.nbf > now + self._leeway:
            raise refuse("not-yet-valid", "The token is not valid yet.")
        audiences = (claims.aud,) if isinstance(claims.aud, str) else claims.aud
        if self._audience not in audiences:
            raise refuse("audience", f"The token is not meant for {self._audience}: its aud does not say so.")
        if claims.typ not in (None, "Bearer"):
            raise refuse("type", f"An access token is needed, not one of type {claims.typ[:20]}.")
        if not claims.sub:
            raise refuse("malformed", "The token has no subject.")


def refuse(reason: Reason, detail: str) -> errors.Unauthenticated:
    """The error to raise; its problem has the member `reason`."""
    return errors.Unauthenticated(detail, extra={"reason": reason})


def _read(token: str) -> tuple[_Header, principal.Claims]:
    """Header and claims, not verified yet."""
    if not token:
        raise refuse("absent", "A bearer token is needed.")
    if len(token) > MAX_TOKEN:
        raise refuse("malformed", f"The token is longer than {MAX_TOKEN} characters.")
    parts = token.split(".")
    if len(parts) != 3:
        raise refuse("malformed", "The token is not a signed JWT.")
    try:
        header = msgspec.json.decode(_decode(parts[0]), type=_Header)
        claims = msgspec.json.decode(_decode(parts[1]), type=principal.Claims)
        _moment(claims.exp)
    except (msgspec.DecodeError, ValueError, OverflowError, RecursionError) as broken:
        raise refuse("malformed", "The token is not a signed JWT with iss, sub and exp.") from broken
    if header.crit is not None or not header.b64:
        raise refuse("malformed", "The token's header asks for extensions that are not supported.")
    return header, claims


def _check_signature(token: str, algorithm: str, key: keys.Key) -> None:
    try:
        jws.deserialize_compact(token, key, registry=_REGISTRIES[algorithm])
    except (JoseError, ValueError, TypeError) as broken:
        raise refuse("signature", "The token's signature is not that of its issuer.") from broken


def _decode(part: str) -> bytes:
    try:
        return binascii.a2b_base64(part.replace("-", "+").replace("_", "/") + "=" * (-len(part) % 4))
    except binascii.Error as broken:
        raise ValueError("not base64url") from broken


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
