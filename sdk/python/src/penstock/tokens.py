"""Where bearer tokens come from: a fixed string, or an OpenID issuer by one of its grants."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import httpx
from pydantic import BaseModel, SecretStr, ValidationError

from penstock import errors

RENEW_BEFORE_SECONDS = 30.0
"""A token is renewed this long before it ends, or after nine tenths of its life when that is shorter."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A token with what is needed to replace it. Times are seconds since the epoch."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    renew_at: float | None = None

    def fresh(self, now: float) -> bool:
        """Whether it can still be used without asking for another."""
        return self.renew_at is None or now < self.renew_at


class TokenProvider(Protocol):
    """Something that can get a token. It keeps no state that several clients could not share."""

    async def fetch(self, http: httpx.AsyncClient, previous: Grant | None) -> Grant:
        """A new token; `previous` is what this client had before. Raises TokenRefused, ConnectionLost."""
        ...


@dataclass(frozen=True)
class StaticToken:
    """A token that somebody else looks after: a string, or a function that is asked before it is too old."""

    source: str | Callable[[], str | Awaitable[str]] = field(repr=False)
    seconds: float = 60.0
    """How long an answer of the function is used."""

    async def fetch(self, http: httpx.AsyncClient, previous: Grant | None) -> Grant:
        """The token; a fixed string that the server refused is no better the second time."""
        del http, previous
        if isinstance(self.source, str):
            return Grant(access_token=self.source)
        answer = self.source()
        token = answer if isinstance(answer, str) else await answer
        return Grant(access_token=token, renew_at=time.time() + self.seconds)


@dataclass(frozen=True, kw_only=True)
class _Oidc:
    """What all grants of an issuer share. `issuer` is the URL below which its discovery document lies."""

    issuer: str
    client_id: str
    client_secret: SecretStr | str | None = field(default=None, repr=False)
    scope: str | None = None

    async def fetch(self, http: httpx.AsyncClient, previous: Grant | None) -> Grant:
        """By the refresh token of the last time if there is one, else from the beginning."""
        endpoint = await discover(http, self.issuer)
        if previous is not None and previous.refresh_token is not None:
            try:
                return await self._ask(http, endpoint, _refresh(previous.refresh_token))
            except errors.TokenRefused:
                pass
        return await self._ask(http, endpoint, self._form())

    def _form(self) -> Mapping[str, str]:
        raise NotImplementedError

    async def _ask(self, http: httpx.AsyncClient, endpoint: str, form: Mapping[str, str]) -> Grant:
        data = {"client_id": self.client_id, **form}
        if self.client_secret is not None:
            data["client_secret"] = _bare(self.client_secret)
        if self.scope is not None:
            data["scope"] = self.scope
        return _grant(await _send(http, "POST", endpoint, data), time.time())


@dataclass(frozen=True, kw_only=True)
class ClientCredentials(_Oidc):
    """A program with its own account."""

    def _form(self) -> Mapping[str, str]:
        return {"grant_type": "client_credentials"}


@dataclass(frozen=True, kw_only=True)
class Password(_Oidc):
    """A person's name and password, traded once; afterwards by refresh token as long as that lasts."""

    username: str
    password: SecretStr | str = field(repr=False)

    def _form(self) -> Mapping[str, str]:
        return {"grant_type": "password", "username": self.username, "password": _bare(self.password)}


@dataclass(frozen=True, kw_only=True)
class RefreshToken(_Oidc):
    """A session that was begun elsewhere. `on_grant` is told every new grant, to keep a refresh token that rotates."""

    refresh_token: SecretStr | str = field(repr=False)
    on_grant: Callable[[Grant], None] | None = None
    first: Grant | None = field(default=None, repr=False)
    """What that session gave last; used while it is fresh."""

    async def fetch(self, http: httpx.AsyncClient, previous: Grant | None) -> Grant:
        """By the newest refresh token known."""
        if previous is None and self.first is not None and self.first.fresh(time.time()):
            return self.first
        token = previous.refresh_token if previous and previous.refresh_token else _bare(self.refresh_token)
        grant = await self._ask(http, await discover(http, self.issuer), _refresh(token))
        if self.on_grant is not None:
            self.on_grant(grant)
        return grant

    def _form(self) -> Mapping[str, str]:
        return _refresh(_bare(self.refresh_token))


class TokenKeeper:
    """The present token of one client: fetched when first needed, once for all who wait, and again before it ends."""

    def __init__(self, provider: TokenProvider) -> None:
        self._provider = provider
        self._grant: Grant | None = None
        self._refused: str | None = None
        self._lock = asyncio.Lock()

    async def token(self, http: httpx.AsyncClient) -> str:
        """A token that is good by our clock. Raises TokenRefused, ConnectionLost."""
        async with self._lock:
            grant = self._grant
            if grant is None or not grant.fresh(time.time()) or grant.access_token == self._refused:
                grant = self._grant = await self._provider.fetch(http, grant)
            return grant.access_token

    def refuse(self, token: str) -> bool:
        """The server refused this token. True when asking again may give another one; said once for each token."""
        if self._refused == token:
            return False
        self._refused = token
        return True


class _Discovery(BaseModel):
    issuer: str
    token_endpoint: str


class _TokenReply(BaseModel):
    access_token: str
    refresh_token: str | None = None
    expires_in: float | None = None


class _Refusal(BaseModel):
    error: str = ""
    error_description: str = ""


async def discover(http: httpx.AsyncClient, issuer: str) -> str:
    """The issuer's token endpoint (OpenID Connect Discovery 1.0). Raises TokenRefused, ConnectionLost."""
    url = issuer.rstrip("/") + "/.well-known/openid-configuration"
    response = await _send(http, "GET", url)
    try:
        found = _Discovery.model_validate_json(response.content)
    except ValidationError as error:
        raise errors.TokenRefused(f"{url} is not an OpenID discovery document.") from error
    if found.issuer.rstrip("/") != issuer.rstrip("/"):
        raise errors.TokenRefused(f"{url} speaks for another issuer, {found.issuer}.")
    return found.token_endpoint


async def _send(
    http: httpx.AsyncClient, method: str, url: str, data: Mapping[str, str] | None = None
) -> httpx.Response:
    try:
        response = await http.request(method, url, data=data, headers={"accept": "application/json"})
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise errors.ConnectionLost(f"The issuer does not answer at {url}: {_words(error)}", sent=False) from error
    if response.is_success:
        return response
    if response.status_code == 429 or response.status_code >= 500:
        raise errors.ConnectionLost(f"The issuer answered {response.status_code} at {url}.", sent=False)
    try:
        refusal = _Refusal.model_validate_json(response.content)
    except ValidationError:
        refusal = _Refusal()
    why = refusal.error_description or refusal.error or f"status {response.status_code}"
    raise errors.TokenRefused(f"{url} refused: {why}")


def _grant(response: httpx.Response, now: float) -> Grant:
    try:
        reply = _TokenReply.model_validate_json(response.content)
    except ValidationError as error:
        raise errors.TokenRefused(f"{response.request.url} answered without a token.") from error
    life = reply.expires_in
    return Grant(
        access_token=reply.access_token,
        refresh_token=reply.refresh_token,
        expires_at=None if life is None else now + life,
        renew_at=None if life is None else now + max(life * 0.9, life - RENEW_BEFORE_SECONDS),
    )


def _refresh(token: str) -> Mapping[str, str]:
    return {"grant_type": "refresh_token", "refresh_token": token}


def _bare(secret: SecretStr | str) -> str:
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
