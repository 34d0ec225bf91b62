"""An HTTP client that costs next to nothing: kept-alive connections that send requests made beforehand, one by one.

What clients cost is not what is measured, and on one machine they take it from the servers: httpx needs 1 ms of CPU for
a request, this some 50 µs. It speaks as much HTTP/1.1 as uvicorn answers with: status, Content-Length, body.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Self, cast
from urllib.parse import urlsplit

_BUSY = frozenset({429, 503})
_CHANGED = b"urn:penstock:problem:changed"
_REST = 0.05
_PATIENCE = 60.0


class Connection(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._length = -1
        self._status = 0
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio calls it."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    def connection_lost(self, exc: Exception | None) -> None:
        """As asyncio calls it."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(exc or ConnectionResetError("closed"))

    def data_received(self, data: bytes) -> None:
        """As asyncio calls it."""
        self._buffer += data
        if self._length < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._buffer[:end]).lower()
            self._status = int(head[9:12])
            _, found, rest = head.partition(b"content-length:")
            self._length = int(rest.partition(b"\r\n")[0]) if found else 0
            del self._buffer[: end + 4]
        if len(self._buffer) >= self._length:
            body = bytes(self._buffer[: self._length])
            del self._buffer[: self._length]
            self._length = -1
            assert self._waiting is not None
            # Whoever asked may have gone.
            if not self._waiting.done():
                self._waiting.set_result((self._status, body))

    async def send(self, request: bytes) -> bytes:
        """The body of the answer; asks again, as clients do, while the server is too busy or others were first.

        Raises RuntimeError for any other refusal.
        """
        until = time.monotonic() + _PATIENCE
        while True:
            status, body = await self.ask(request)
            if status < 300:
                return body
            again = status in _BUSY or (status == 409 and _CHANGED in body)
            if not again or time.monotonic() > until:
                raise RuntimeError(f"{status}: {body.decode()[:500]}")
            await asyncio.sleep(_REST)

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer, whatever it is."""
        assert self._transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiting

    def close(self) -> None:
        """Hang up."""
        assert self._transport is not None
        self._transport.close()


class Load:
    """So many connections to one server, with one caller's token; use it as `async with`."""

    def __init__(self, url: str, token: str, connections: int, *, headers: Mapping[str, str] | None = None) -> None:
        self._at = urlsplit(url)
        self._host, self._port = self._at.hostname or "", self._at.port or 80
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **(headers or {})}
        self._count = connections
        self._connections: list[Connection] = []

    async def __aenter__(self) -> Self:
        """Connect."""
        loop = asyncio.get_running_loop()
        for _ in range(self._count):
            _, made = await loop.create_connection(Connection, self._host, self._port)
            self._connections.append(made)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        for each in self._connections:
            each.close()

    def request(self, method: str, path: str, body: Any = None) -> bytes:
        """A request as bytes; `path` is below /api/v1 unless it has a scheme of its own, as `!/path`."""
        path = path[1:] if path.startswith("!") else f"/api/v1{path}"
        raw = b"" if body is None else json.dumps(body).encode()
        headers = {"Host": self._at.netloc, **self._headers, "Content-Length": str(len(raw))}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        return "\r\n".join(lines).encode() + raw

    async def each(self, requests: Iterable[bytes]) -> float:
        """Send them all, each connection the next one when it is free; the seconds it took."""
        following = iter(requests)

        async def work(connection: Connection) -> None:
            for request in following:
                await connection.send(request)

        began = time.perf_counter()
        await asyncio.gather(*[work(each) for each in self._connections])
        return time.perf_counter() - began

    async def cycles(self, count: int, cycle: Callable[[Connection], Awaitable[None]]) -> float:
        """Run `cycle` so often, on all connections; the seconds it took."""
        left = iter(range(count))

        async def work(connection: Connection) -> None:
            for _ in left:
                await cycle(connection)

        began = time.perf_counter()
        await asyncio.gather(*[work(each) for each in self._connections])
        return time.perf_counter() - began

    @property
    def connections(self) -> Sequence[Connection]:
        """All of them."""
        return self._connections
