"""What an engine says of itself over HTTP, to probes: whether it lives, whether it can work, its numbers."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Ready = Callable[[], Awaitable[dict[str, object] | None]]
"""What there is to say of a process that can work; None when it cannot."""


class Probes:
    """A bare ASGI application."""

    def __init__(self, registry: CollectorRegistry, ready: Ready) -> None:
        self._registry = registry
        self._ready = ready

    async def __call__(self, scope: Scope, receive: object, send: Send) -> None:
        """Answer one request."""
        del receive
        if scope["type"] != "http":
            return
        match scope["path"]:
            case "/health/live":
                await _answer(send, 200, b'{"status":"live"}')
            case "/health/ready":
                said = await self._ready()
                status, body = (503, {"status": "unavailable"}) if said is None else (200, {"status": "ready"} | said)
                await _answer(send, status, json.dumps(body).encode())
            case "/metrics":
                await _answer(send, 200, generate_latest(self._registry), CONTENT_TYPE_LATEST)
            case _:
                await _answer(send, 404, b'{"status":404}')


async def _answer(send: Send, status: int, body: bytes, kind: str = "application/json") -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class _Server(uvicorn.Server):
    """Leaves the process's signals alone: they are the engine's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@asynccontextmanager
async def serving(probes: Probes, host: str, port: int) -> AsyncGenerator[None]:
    """Serve while the block runs; with port 0 nothing is served."""
    if not port:
        yield
        return
    config = uvicorn.Config(probes, host=host, port=port, lifespan="off", log_config=None, access_log=False)
    server = _Server(config)
    task = asyncio.create_task(server.serve(), name="probes")
    try:
        yield
    finally:
        server.should_exit = True
        await task
