"""HTTP Basic (RFC 7617) for programs that know nothing else: client id and secret are traded for a token, which counts.

The issuer decides whether the secret is right (RFC 6749, 4.4), so it is asked once for each token's life and what it
said is remembered under a digest of the secret.
"""

import base64
import binascii
import hashlib
from datetime import timedelta

import httpx
import msgspec
from cachetools import TLRUCache

from auth import flights
from auth.tokens import refuse
from core import clock, errors

_MOST_KEPT = 5_000
_MARGIN = 30.0
_LONGEST = timedelta(minutes=5)
_REFUSED = timedelta(seconds=5)
_MOST = 1_000


class Credentials(msgspec.Struct, frozen=True):
    """Who a program says it is, and at which issuer."""

    issuer: str
    client_id: str
    secret: str

    @property
    def key(self) -> str:
        """What it is remembered under: no secret is kept."""
        return hashlib.sha256(f"{self.issuer}\0{self.client_id}\0{self.secret}".encode()).hexdigest()


class _Discovery(msgspec.Struct):
    token_endpoint: str


class _Answer(msgspec.Struct):
    access_token: str
    expires_in: float = 60.0


class _Kept(msgspec.Struct, frozen=True):
    token: str | None
    until: float


class Exchange:
    """Trades credentials for access tokens."""

    def __init__(self, http: httpx.AsyncClient, now: clock.Clock) -> None:
        self._http = http
        self._now = now
        self._kept: TLRUCache[str, _Kept, float] = TLRUCache(
            _MOST_KEPT, ttu=lambda _key, kept, _at: kept.until, timer=lambda: now().timestamp()
        )
        self._flights: flights.Flights[Credentials, _Kept] = flights.Flights(self._ask)

    async def token(self, credentials: Credentials) -> str:
        """An access token of that client; raises `Unauthenticated`, and `Unavailable` while the issuer is away."""
        kept = self._kept.get(credentials.key) or await self._flights.get(credentials)
        if kept.token is None:
            raise refuse("signature", "The client id or secret is not right.")
        return kept.token

    async def aclose(self) -> None:
        """Drop what is under way."""
        await self._flights.aclose()

    async def _ask(self, credentials: Credentials) -> _Kept:
        try:
            address = f"{credentials.issuer.rstrip('/')}/.well-known/openid-configuration"
            found = (await self._http.get(address, timeout=5)).raise_for_status()
            endpoint = msgspec.json.decode(found.content, type=_Discovery).token_endpoint
            answer = await self._http.post(
                endpoint,
                data={"grant_type": "client_credentials"},
                auth=httpx.BasicAuth(credentials.client_id, credentials.secret),
                timeout=5,
            )
            if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
                answer.raise_for_status()
            kept = self._read(answer)
        except (httpx.HTTPError, msgspec.MsgspecError) as error:
            raise errors.Unavailable("The issuer does not answer; try again.", retry_after=2.0) from error
        self._kept[credentials.key] = kept
        return kept

    def _read(self, answer: httpx.Response) -> _Kept:
        at = self._now().timestamp()
        if not answer.is_success:
            return _Kept(None, at + _REFUSED.total_seconds())
        said = msgspec.json.decode(answer.content, type=_Answer)
        life = min(max(said.expires_in - _MARGIN, 1.0), _LONGEST.total_seconds())
        return _Kept(said.access_token, at + life)


def read(header: str) -> tuple[str, str]:
    """Client id and secret of an Authorization header's value behind `Basic `; raises `Unauthenticated`."""
    try:
        decoded = base64.b64decode(header, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise refuse("malformed", "The Authorization header is no Basic credentials.") from None
    client_id, colon, secret = decoded.partition(":")
    if not colon or not client_id or len(decoded) > _MOST:
        raise refuse("malformed", "Basic credentials are a client id, a colon, and its secret.")
    return client_id, secret
