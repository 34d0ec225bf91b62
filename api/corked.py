"""uvicorn's HTTP/1.1 as it is, with the limits of `heads.py`, but for this: the head and the body of an answer leave
in one write, not in two.

A write to a socket costs some 10 us, and whoever reads it is woken by each.
"""

import asyncio
from typing import Any, cast

from api import heads


class Protocol(heads.Heads):
    """`uvicorn --http api.corked:Protocol`."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """As uvicorn's, with the transport corked."""
        super().connection_made(cast("asyncio.Transport", Corked(transport, self.loop)))


class Corked:
    """A transport that holds what is written for the next write, but not beyond this turn of the loop."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""

    def __getattr__(self, name: str) -> Any:
        """Everything else is the transport's."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Hold the first part, send the second with it."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held + data)
        elif data:
            self._held = data
            self._loop.call_soon(self._flush)

    def close(self) -> None:
        """Send what is held, and close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held)
