"""Noticing that a caller is gone, or that this server is about to be, while a request waits."""

import asyncio
import inspect
import signal
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType

import uvicorn
from starlette.requests import Request

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Gone(asyncio.Event):
    """Set when a request need not wait any longer."""

    hung_up = False
    """Whether it is the caller who is gone: nobody would hear the answer."""


@asynccontextmanager
async def watched(request: Request, closing: asyncio.Event) -> AsyncGenerator[Gone]:
    """An event that is set when the caller hangs up or the server stops; the request's body was read before."""
    gone = Gone()

    async def disconnected() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone.hung_up = True
        gone.set()

    async def closed() -> None:
        await closing.wait()
        gone.set()

    watchers = [asyncio.create_task(disconnected()), asyncio.create_task(closed())]
    try:
        yield gone
    finally:
        # Not awaited: the answer need not wait for their end, and neither can swallow its cancellation.
        for each in watchers:
            each.cancel()


@contextmanager
def set_at_stop(closing: asyncio.Event) -> Generator[None]:
    """Set `closing` the moment that uvicorn is told to stop.

    uvicorn waits for running requests before it tells the application, by the lifespan, that it stops: a long poll
    would hold it up for a minute, a stream for ever. It has no hook for that moment, so its signal handlers are
    wrapped; under another server, and in tests, nothing is.
    """
    loop = asyncio.get_running_loop()
    served = [(number, handler) for number in _SIGNALS if _is_uvicorns(handler := signal.getsignal(number))]

    def told(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(closing.set)
        for each, handler in served:
            if each == number and callable(handler):
                handler(number, frame)

    for number, _ in served:
        signal.signal(number, told)
    try:
        yield
    finally:
        for number, handler in served:
            signal.signal(number, handler)
        closing.set()


def _is_uvicorns(handler: object) -> bool:
    return inspect.ismethod(handler) and isinstance(handler.__self__, uvicorn.Server)
