"""One HTTP connection pool with tokens, problems as errors, and repeats where repeating is safe.

What may be repeated is decided by what the server can have done:
 - 408, 429 and 503 mean that nothing was done: every call is repeated, not before `Retry-After`.
 - A connection that could not be made carried nothing: every call is repeated.
 - A connection that broke later leaves the outcome unknown: only a `repeatable` call is repeated, one that has the
   same effect twice as once (a read, a submit with its key, a completion by the same `execId`). Others raise
   `ConnectionLost` with `sent=True`, and the caller decides.
"""

import asyncio
import contextlib
import functools
import os
import random
import ssl
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from penstock import errors, tokens

Query = Mapping[str, str | int | float | bool | Sequence[str] | None]
Model = TypeVar("Model", bound=BaseModel)

_KEEP_ALIVE_SECONDS = 3.0
"""Shorter than any usual server's, so that a pooled connection is rarely one that the server is just closing."""
_LIMITS = httpx.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=_KEEP_ALIVE_SECONDS)
_LOST_BEHIND_PROXY = frozenset({502, 504})


def _version() -> str:
    try:
        return metadata.version("penstock")
    except metadata.PackageNotFoundError:
        return "0"


USER_AGENT = f"penstock-python/{_version()}"


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How long to keep trying, and how to wait in between: exponentially, with full jitter; seconds."""

    give_up_after: float = 30.0
    first: float = 0.1
    most: float = 5.0

    def rest(self, attempt: int, retry_after: float | None) -> float:
        """The wait after that many attempts; what the server asked for is never undercut."""
        spread = random.uniform(0, min(self.most, self.first * 2 ** min(attempt, 16)))
        return spread if retry_after is None else retry_after + spread / 4


NO_RETRIES = Retries(give_up_after=0.0)


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request. `repeatable`: sending it twice does the same as sending it once."""

    method: str
    path: str
    query: Query = field(default_factory=dict[str, Any])
    body: Any = None
    content: Callable[[], AsyncIterable[bytes]] | None = None
    """Makes the body anew for each attempt, where it is no JSON; `headers` say what it is."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    repeatable: bool = False
    read_seconds: float | None = None
    """How long the answer may take; None for the client's usual time."""
    retries: Retries | None = None


class Transport:
    """Sends calls. Belongs to one event loop at a time; in a forked process it starts anew by itself."""

    def __init__(
        self,
        url: str,
        *,
        provider: tokens.TokenProvider | None = None,
        tenant: str | None = None,
        retries: Retries | None = None,
        timeout: float = 30.0,
        http: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Raises UsageError for a `url` that is none."""
        self.url = _checked(url)
        self._provider = provider
        self._tenant = tenant
        self._retries = retries or Retries()
        self._timeout = timeout
        self._wire = http
        self._live: tuple[int, httpx.AsyncClient, tokens.TokenKeeper | None] | None = None

    def _parts(self) -> tuple[httpx.AsyncClient, tokens.TokenKeeper | None]:
        pid = os.getpid()
        if self._live is None or self._live[0] != pid:
            client = httpx.AsyncClient(
                transport=self._wire,
                verify=_trust(),
                timeout=httpx.Timeout(self._timeout, connect=5.0),
                limits=_LIMITS,
                headers={"user-agent": USER_AGENT},
            )
            keeper = tokens.TokenKeeper(self._provider) if self._provider is not None else None
            self._live = (pid, client, keeper)
        return self._live[1], self._live[2]

    async def close(self) -> None:
        """Close the connections; the next call would open new ones."""
        live, self._live = self._live, None
        if live is not None and live[0] == os.getpid():
            await live[1].aclose()

    async def token(self) -> str | None:
        """The bearer token that the next call would carry. Raises TokenRefused, ConnectionLost."""
        client, keeper = self._parts()
        return await keeper.token(client) if keeper is not None else None

    async def send(self, call: Call) -> httpx.Response:
        """The response to a call, if it is a success (304 is one). Raises ApiError, ConnectionLost, TokenRefused."""
        retries = call.retries or self._retries
        loop = asyncio.get_running_loop()
        until = loop.time() + retries.give_up_after
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._once(call)
            except (errors.ConnectionLost, errors.ApiError) as error:
                if not _may_repeat(error, call):
                    raise
                rest = retries.rest(attempt, getattr(error, "retry_after", None))
                if loop.time() + rest > until:
                    raise
            await asyncio.sleep(rest)

    async def answer(self, call: Call, model: type[Model]) -> Model:
        """The answer to a call as a record."""
        response = await self.send(call)
        try:
            return model.model_validate_json(response.content)
        except ValidationError as error:
            found = f"{response.request.method} {response.request.url.path}: {error.errors(include_url=False)[:3]}"
            raise errors.PenstockError(f"The server's answer is not what this release understands: {found}") from error

    @contextlib.asynccontextmanager
    async def stream(self, call: Call) -> AsyncGenerator[httpx.Response]:
        """A successful response whose body is still to be read; not repeated."""
        client, _ = self._parts()
        request = await self._request(client, call)
        try:
            response = await client.send(request, stream=True)
            try:
                if not response.is_success:
                    await response.aread()
                    raise errors.of_response(response)
                yield response
            finally:
                await response.aclose()
        except httpx.TransportError as error:
            raise errors.ConnectionLost(_gist(error, request), sent=_was_sent(error)) from error

    async def _once(self, call: Call) -> httpx.Response:
        client, keeper = self._parts()
        while True:
            request = await self._request(client, call)
            try:
                response = await client.send(request)
            except httpx.TransportError as error:
                raise errors.ConnectionLost(_gist(error, request), sent=_was_sent(error)) from error
            if response.is_success or response.status_code == 304:
                return response
            error = errors.of_response(response)
            used = request.headers.get("authorization", "").removeprefix("Bearer ")
            if not isinstance(error, errors.Unauthenticated) or keeper is None or not keeper.refuse(used):
                raise error

    async def _request(self, client: httpx.AsyncClient, call: Call) -> httpx.Request:
        headers = {"accept": "application/json", **call.headers}
        if (token := await self.token()) is not None:
            headers["authorization"] = f"Bearer {token}"
        if self._tenant is not None:
            headers["penstock-tenant"] = self._tenant
        content: bytes | AsyncIterable[bytes] | None = None if call.content is None else call.content()
        if call.body is not None:
            headers.setdefault("content-type", "application/json")
            content = to_json(call.body, by_alias=True, inf_nan_mode="null")
        timeout = httpx.USE_CLIENT_DEFAULT
        if call.read_seconds is not None:
            timeout = httpx.Timeout(self._timeout, connect=5.0, read=call.read_seconds)
        return client.build_request(
            call.method,
            self.url + call.path,
            params=httpx.QueryParams(tuple(_params(call.query))),
            content=content,
            headers=headers,
            timeout=timeout,
        )


@functools.cache
def _trust() -> ssl.SSLContext:
    """Whom https believes; read once for all clients, since that takes a tenth of a second."""
    return httpx.create_ssl_context()


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise errors.UsageError(f"{url!r} is not the address of a server; write https://penstock.example.org.")
    return url.rstrip("/")


def _may_repeat(error: errors.PenstockError, call: Call) -> bool:
    match error:
        case errors.TooManyRequests() | errors.Unavailable() | errors.TooSlow():
            return True
        case errors.ConnectionLost():
            return call.repeatable or not error.sent
        case errors.Changed():
            return error.retry_after is not None
        case errors.ApiError():
            return call.repeatable and error.problem.status in _LOST_BEHIND_PROXY
        case _:
            return False


def _was_sent(error: httpx.TransportError) -> bool:
    never = httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError
    return not isinstance(error, never)


def _gist(error: httpx.TransportError, request: httpx.Request) -> str:
    words = str(error) or type(error).__name__
    if not _was_sent(error):
        return f"Cannot reach {request.url.scheme}://{request.url.netloc.decode()}: {words}"
    return (
        f"The connection to {request.url.netloc.decode()} was lost during {request.method} {request.url.path}: {words}"
    )


def _params(query: Query) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in query.items():
        if value is None:
            continue
        each = [value] if isinstance(value, str | int | float) else value
        found += [(name, _word(one)) for one in each]
    return found


def _word(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
