"""uvicorn's HTTP/1.1 with limits for what comes before a request's body: how long it is, and how long it takes.

uvicorn reads request lines and headers without end, and waits for the rest of them for ever: each connection that goes
on sending some would take memory, and each that stops a place, and nothing of ours would ever be asked.
"""

import asyncio

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from core import errors

MOST = 64 * 1024
"""Bytes; what comes with the last piece may be more, as a body begins in it."""
SECONDS = 30.0
"""From a request's first byte. A connection that never said anything is kept as long as one that is kept alive."""


class HeadTooLarge(errors.PenstockError):
    """The request line and headers are too long."""

    status = 431


class Heads(HttpToolsProtocol):
    """A connection whose requests' heads end within `most` bytes and `seconds`, or it is closed: with 431, or 408."""

    most = MOST
    seconds = SECONDS
    _open = False
    _taken = 0
    _timed = False
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """A head is waited for."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(self.timeout_keep_alive, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count while the head goes on."""
        super().data_received(data)
        if not self._open or self.transport.is_closing():
            return
        self._taken += len(data)
        if self._taken > self.most:
            self._refuse(HeadTooLarge(f"The request line and headers are longer than {self.most} bytes."))
        elif not self._timed:
            self._stop()
            self._timed = True
            self._timer = self.loop.call_later(self.seconds, self._late)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._open, self._taken, self._timed = True, 0, False

    def on_headers_complete(self) -> None:
        """It is there."""
        self._open = False
        self._stop()
        super().on_headers_complete()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self._open:
            self._refuse(errors.TooSlow(f"The headers did not end within {self.seconds:g} seconds."))
        else:
            self.transport.close()

    def _refuse(self, error: errors.PenstockError) -> None:
        """A problem, as the application answers them, which was never asked."""
        self._stop()
        said = {"type": f"urn:penstock:problem:{error.code}", "title": error.title, "status": error.status}
        body = msgspec.json.encode(said | {"detail": error.detail})
        head = f"HTTP/1.1 {error.status} {error.title}\r\ncontent-type: application/problem+json\r\n"
        rest = f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write((head + rest).encode() + body)
        self.transport.close()
