"""HTTP calls to addresses that tenants give: resolved first, then connected to exactly what was resolved.

So a name that changes its address between check and use gains nothing (DNS rebinding). Private addresses are reached
only below the prefixes that the tenant's operator allowed. Redirects are not followed, the environment's proxies not
used, and an answer is read no further than its limit. Each tenant has connections of its own.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

import httpcore
import msgspec
from cachetools import LRUCache

from core import addresses, errors

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The IP addresses of a host name, in the order in which to try them."""

_POOLS = 2_000
_CONNECTIONS = 100
_CONNECT_SECONDS = 5.0


class Blocked(errors.PenstockError):
    """The address is private and not on the tenant's list of allowed HTTP targets."""

    status = 403


class Unreachable(errors.PenstockError):
    """The target could not be reached, or did not answer in time."""

    status = 503


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request; seconds and bytes limit it."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    timeout: float = 30.0
    most: int = 1024 * 1024


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back; `cut` when it was longer than the limit."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool

    @property
    def media_type(self) -> str:
        """The content type without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Streamed(msgspec.Struct, frozen=True, kw_only=True):
    """An answer whose body has not been read yet."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


async def resolve(host: str, port: int) -> Sequence[str]:
    """By the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Outbound:
    """Calls targets for tenants."""

    def __init__(self, *, resolver: Resolve = resolve) -> None:
        self._resolver = resolver
        self._ssl = ssl.create_default_context()
        self._pools: LRUCache[tuple[str, bool], httpcore.AsyncConnectionPool] = LRUCache(_POOLS)

    async def send(self, tenant: str, call: Call, *, allowed: Iterable[str] = ()) -> Answer:
        """Make the call and read its answer.

        Raises `Blocked` for an address that may not be reached, `Unreachable` when nothing came in time, `Invalid` for
        a URL that is none.
        """
        parts = addresses.checked(call.url, "url")
        listed = addresses.is_listed(call.url, allowed)
        headers = [(b"host", parts.netloc.encode())]
        headers += [(name.encode(), value.encode("latin-1")) for name, value in call.headers.items()]
        if call.body or call.method not in {"GET", "DELETE"}:
            headers.append((b"content-length", str(len(call.body)).encode()))
        try:
            with _reached():
                async with asyncio.timeout(call.timeout):
                    return await self._made(self._pool(tenant, listed=listed), call, headers)
        except TimeoutError:
            raise Unreachable(f"No answer within {call.timeout:g} seconds.") from None

    @asynccontextmanager
    async def stream(self, tenant: str, call: Call, *, allowed: Iterable[str] = ()) -> AsyncGenerator[Streamed]:
        """Make the call and read its answer piece by piece, however long it is; `timeout` limits each read.

        Raises as `send`, while the answer is read, too.
        """
        parts = addresses.checked(call.url, "url")
        pool = self._pool(tenant, listed=addresses.is_listed(call.url, allowed))
        headers = [(b"host", parts.netloc.encode())]
        headers += [(name.encode(), value.encode("latin-1")) for name, value in call.headers.items()]
        extensions = {"timeout": _limits(call)}
        with _reached():
            async with pool.stream(call.method, call.url, headers=headers, extensions=extensions) as response:
                yield Streamed(status=response.status, headers=_told(response), chunks=response.aiter_stream())

    async def aclose(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            await pool.aclose()

    async def _made(self, pool: httpcore.AsyncConnectionPool, call: Call, headers: list[tuple[bytes, bytes]]) -> Answer:
        async with pool.stream(
            call.method, call.url, headers=headers, content=call.body, extensions={"timeout": _limits(call)}
        ) as response:
            body = bytearray()
            async for chunk in response.aiter_stream():
                body += chunk
                if len(body) > call.most:
                    break
            cut = len(body) > call.most
            return Answer(status=response.status, headers=_told(response), body=bytes(body[: call.most]), cut=cut)

    def _pool(self, tenant: str, *, listed: bool) -> httpcore.AsyncConnectionPool:
        """The tenant's connections; those to listed addresses are kept apart, since only these may be private."""
        key = (tenant, listed)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = httpcore.AsyncConnectionPool(
                ssl_context=self._ssl,
                max_connections=_CONNECTIONS,
                max_keepalive_connections=10,
                keepalive_expiry=15.0,
                network_backend=_Guarded(self._resolver, private=listed),
            )
        return pool


@contextmanager
def _reached() -> Generator[None]:
    try:
        yield
    except TimeoutError:
        raise
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
        raise Unreachable(f"It could not be reached: {error or type(error).__name__}.") from error


def _limits(call: Call) -> dict[str, float]:
    return {"connect": _CONNECT_SECONDS, "read": call.timeout, "write": call.timeout, "pool": call.timeout}


def _told(response: httpcore.Response) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}


class _Guarded(httpcore.AsyncNetworkBackend):
    """Connects to what a name resolves to, if that may be reached."""

    def __init__(self, resolver: Resolve, *, private: bool) -> None:
        self._resolver = resolver
        self._private = private
        self._inner = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """As httpcore's, by address; raises `Blocked`."""
        try:
            found = await self._resolver(host.strip("[]"), port)
        except OSError as error:
            raise httpcore.ConnectError(f"{host} cannot be resolved") from error
        open_ones = [each for each in found if self._private or addresses.is_public(each)]
        if not open_ones:
            raise Blocked(
                f"{host} is not a public address; an operator can allow it (httpTargets.allow of the tenant)."
            )
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in open_ones:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        """As httpcore's."""
        await self._inner.sleep(seconds)
