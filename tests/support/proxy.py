"""A TCP proxy that tests cut, freeze and close, so that a link breaks without its server."""

import asyncio
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit


class Proxy:
    """Forwards a port of loopback to the server of a URL; an async context manager.

    Freezing keeps connections open and lets nothing through in either direction, as a dead network would; what was
    held is delivered after `thaw`.
    """

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._open = asyncio.Event()
        self._open.set()
        self._answering = asyncio.Event()
        self._answering.set()
        self.delay = 0.0
        """Seconds that everything takes longer."""
        self._running: set[asyncio.Task[None]] = set()
        self.accepted = 0
        """How many connections came."""
        self.held = 0
        """How many chunks are held while frozen."""

    @property
    def url(self) -> str:
        """The URL that leads through the proxy."""
        login, at, _ = self._parts.netloc.rpartition("@")
        return urlunsplit(self._parts._replace(netloc=f"{login}{at}127.0.0.1:{self._port}"))

    async def __aenter__(self) -> Self:
        """Begin to accept; then the port stays the same for good."""
        await self.reopen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cut everything and accept no more."""
        await self.shut()

    async def reopen(self) -> None:
        """Accept connections (again)."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Refuse new connections and cut those that are open."""
        if self._server is not None:
            self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """Reset every open connection; new ones are welcome."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)

    def freeze(self) -> None:
        """Let nothing through."""
        self._open.clear()

    def thaw(self) -> None:
        """Let everything through again, what was held first."""
        self._open.set()
        self._answering.set()

    def mute(self) -> None:
        """Let requests through and hold the answers: what is asked is done, and nobody learns of it."""
        self._answering.clear()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.create_task(self._serve(reader, writer))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        # One that is cut before it began to serve closes nothing by itself.
        task.add_done_callback(lambda _: writer.transport.abort())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward both ways until one side ends or is cut."""
        try:
            there, back = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        except OSError:
            writer.transport.abort()
            return
        ends = asyncio.gather(
            self._pump(reader, back, self._open), self._pump(there, writer, self._open, self._answering)
        )
        try:
            await ends
        except (OSError, asyncio.CancelledError):
            ends.cancel()
        finally:
            writer.transport.abort()
            back.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *gates: asyncio.Event) -> None:
        while chunk := await source.read(65536):
            self.held += 1
            if self.delay:
                await asyncio.sleep(self.delay)
            for gate in gates:
                await gate.wait()
            self.held -= 1
            sink.write(chunk)
            await sink.drain()
        raise ConnectionResetError
