"""The issuers' public keys: fetched by OpenID discovery, kept for a while, never fetched at a caller's beat.

What bounds the traffic to an issuer, whatever tokens come in (each replica counts for itself):
  regular      one fetch each `max_age`, when a token asks
  unknown kid  one fetch each `pause`: a rotation is followed at once, and no kid can be used to hammer
  failing      one try each `pause`; meanwhile the keys we have stay good until they are `max_stale` old
A key that the issuer takes away is refused after `max_age` at most, or `max_stale` while the issuer is away.
"""

import asyncio
from datetime import timedelta
from typing import Any, TypeVar

import httpx
import msgspec
from cachetools import LRUCache
from joserfc import jwk
from joserfc.errors import JoseError

from auth import flights
from core import clock, errors

KEY_TYPES = {"RS256": "RSA", "ES256": "EC"}
"""The algorithms we accept, and the type of key each needs."""

Key = jwk.RSAKey | jwk.ECKey
T = TypeVar("T")

_MAX_BYTES = 256 * 1024
_MIN_RSA_BITS = 2048


class _Discovery(msgspec.Struct):
    issuer: str
    jwks_uri: str


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


class _Issuer:
    """What is known of one issuer; moments are POSIX seconds by the injected clock."""

    def __init__(self) -> None:
        self.jwks_uri: str | None = None
        self.keys: tuple[Key, ...] = ()
        self.fetched_at: float | None = None
        self.missed_at: float | None = None
        self.failed_at: float | None = None


class Keys:
    """Public keys by issuer. Ask for registered issuers only: their addresses are fetched from."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        now: clock.Clock,
        *,
        max_age: timedelta = timedelta(minutes=5),
        max_stale: timedelta = timedelta(minutes=15),
        pause: timedelta = timedelta(seconds=5),
        timeout: timedelta = timedelta(seconds=3),
    ) -> None:
        self._http = http
        self._now = now
        self._max_age = max_age.total_seconds()
        self._max_stale = max_stale.total_seconds()
        self._pause = pause.total_seconds()
        self._timeout = timeout.total_seconds()
        self._issuers: LRUCache[str, _Issuer] = LRUCache(10_000)
        self._flights = flights.Flights(self._refresh)

    async def find(self, issuer: str, algorithm: str, kid: str | None) -> Key | None:
        """The key that `issuer` publishes for this, or None; raises `Unavailable` when it cannot be asked.

        Without a `kid` the key must be the issuer's only one of its type.
        """
        known = self._issuers.setdefault(issuer, _Issuer())
        stale = not self._younger(known.fetched_at, self._max_age)
        if stale:
            await self._fetch(issuer, known)
        found = _pick(known.keys, algorithm, kid)
        if found is None and not stale and self._may_look_again(issuer, known):
            await self._fetch(issuer, known)
            found = _pick(known.keys, algorithm, kid)
        usable = self._younger(known.fetched_at, self._max_stale)
        if not usable or (found is None and known.failed_at is not None):
            raise errors.Unavailable(f"The issuer {issuer} does not answer.", retry_after=self._pause)
        return found

    async def aclose(self) -> None:
        """Stop what is being fetched."""
        await self._flights.aclose()

    def _may_look_again(self, issuer: str, known: _Issuer) -> bool:
        """For a key that we do not have: join a fetch in flight, or start one if `pause` has passed."""
        if self._flights.running(issuer):
            return True
        if self._younger(known.missed_at, self._pause):
            return False
        known.missed_at = self._now().timestamp()
        return True

    async def _fetch(self, issuer: str, known: _Issuer) -> None:
        """Fetch, or join a fetch in flight; not while a failure is younger than `pause`."""
        if self._flights.running(issuer) or not self._younger(known.failed_at, self._pause):
            await self._flights.get(issuer)

    async def _refresh(self, issuer: str) -> None:
        known = self._issuers.setdefault(issuer, _Issuer())
        try:
            async with asyncio.timeout(self._timeout):
                if known.jwks_uri is None:
                    known.jwks_uri = await self._discover(issuer)
                keys = _import(await self._get(known.jwks_uri, _KeySet))
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, msgspec.DecodeError, ValueError):
            known.jwks_uri = None
            known.failed_at = self._now().timestamp()
        else:
            known.keys, known.fetched_at, known.failed_at = keys, self._now().timestamp(), None

    async def _discover(self, issuer: str) -> str:
        found = await self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration", _Discovery)
        if found.issuer != issuer:
            raise ValueError(f"{issuer} calls itself {found.issuer}")
        return found.jwks_uri

    async def _get(self, url: str, shape: type[T]) -> T:
        """The JSON there; no redirect is followed, and no more than `_MAX_BYTES` are read."""
        body = bytearray()
        async with self._http.stream("GET", url, headers={"Accept": "application/json"}) as reply:
            if reply.status_code != 200:
                raise ValueError(f"{url} answered {reply.status_code}")
            async for chunk in reply.aiter_bytes():
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise ValueError(f"{url} answered more than {_MAX_BYTES} bytes")
        return msgspec.json.decode(body, type=shape)

    def _younger(self, moment: float | None, age: float) -> bool:
        """False for never, and for a moment in the future: then the clock was set back."""
        return moment is not None and 0 <= self._now().timestamp() - moment < age


def _import(published: _KeySet) -> tuple[Key, ...]:
    """The keys we can verify with; others (for encryption, other types, malformed, too short) are passed
    over.
    """
    keys: list[Key] = []
    for data in published.keys:
        if data.get("use", "sig") != "sig":
            continue
        try:
            key = jwk.import_key(data)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if isinstance(key, jwk.RSAKey | jwk.ECKey) and _strong(key):
            keys.append(key)
    return tuple(keys)


def _strong(key: Key) -> bool:
    if isinstance(key, jwk.RSAKey):
        return key.public_key.key_size >= _MIN_RSA_BITS
    return key.curve_name == "P-256"


def _pick(keys: tuple[Key, ...], algorithm: str, kid: str | None) -> Key | None:
    fitting = [key for key in keys if key.key_type == KEY_TYPES[algorithm] and key.alg in (None, algorithm)]
    if kid is None:
        return fitting[0] if len(fitting) == 1 else None
    return next((key for key in fitting if key.kid == kid), None)
