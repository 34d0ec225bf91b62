"""Server-sent events to many listeners: how long an event takes from its submit until the last of them has it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from tests.bench.ours import Ours

_PATIENCE = 60.0


class _Listener(asyncio.Protocol):
    """An open stream: it notes when an event named what it waits for."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._buffer = b""
        self._marks: dict[bytes, asyncio.Future[float]] = {}
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio calls it."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """As asyncio calls it."""
        self._buffer = (self._buffer + data)[-4096:]
        if not self.opened.done() and b"\r\n\r\n" in self._buffer:
            status = int(self._buffer[9:12])
            if status == 200:
                self.opened.set_result(None)
            else:
                self.opened.set_exception(RuntimeError(f"a stream was answered {status}"))
        for mark in [each for each in self._marks if each in self._buffer]:
            self._marks.pop(mark).set_result(time.perf_counter())

    def connection_lost(self, exc: Exception | None) -> None:
        """As asyncio calls it."""
        for waiting in (self.opened, *self._marks.values()):
            if not waiting.done():
                waiting.set_exception(exc or ConnectionResetError("a stream ended"))

    def hears(self, mark: bytes) -> asyncio.Future[float]:
        """When the mark came."""
        self._marks[mark] = asyncio.get_running_loop().create_future()
        return self._marks[mark]

    def close(self) -> None:
        """Hang up."""
        self._transport.close()


@asynccontextmanager
async def opened(bench: Ours, count: int) -> AsyncGenerator[Sequence[_Listener]]:
    """So many streams of a reader's events, opened fifty at a time."""
    at = urlsplit(str(bench.local["api"]))
    request = (
        f"GET /api/v1/events HTTP/1.1\r\nHost: {at.netloc}\r\nAuthorization: Bearer {bench.ada.token}\r\n"
        "Accept: text/event-stream\r\n\r\n"
    ).encode()
    listeners: list[_Listener] = []
    try:
        async with asyncio.timeout(_PATIENCE):
            for begin in range(0, count, 50):
                some = [_Listener(request) for _ in range(min(50, count - begin))]
                for each in some:
                    await asyncio.get_running_loop().create_connection(
                        lambda one=each: one, at.hostname or "", at.port or 80
                    )
                listeners += some
                await asyncio.gather(*[each.opened for each in some])
        yield listeners
    finally:
        for each in listeners:
            with contextlib.suppress(AttributeError):
                each.close()


async def measure(bench: Ours, listeners: Sequence[_Listener], tries: int) -> tuple[list[float], list[float]]:
    """Milliseconds from the submit to the middle one of the listeners, and to the last, of each try."""
    path = await bench.queue()
    middle, last = list[float](), list[float]()
    async with bench.load(bench.sub, 1) as load, asyncio.timeout(_PATIENCE):
        for number in range(tries):
            name = f"heard-{time.time_ns()}-{number}-"
            heard = [each.hears(name.encode()) for each in listeners]
            began = time.perf_counter()
            await load.connections[0].send(load.request("POST", f"{path}/tasks", {"name": name}))
            took = sorted((when - began) * 1000 for when in await asyncio.gather(*heard))
            middle.append(took[len(took) // 2])
            last.append(took[-1])
    return middle, last
