"""What the API looks like from outside the process, and the engine beside it: for tests of waiting and streaming."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import uvicorn
from fastapi import FastAPI

from api import corked
from broker import assembly, engine
from deploy.local import ports


class _Server(uvicorn.Server):
    """Leaves the process's signals alone: they are the tests'."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncGenerator[str]:
    """Serve an application whose lifespan runs already, on a port of loopback; answers its address."""
    listener = ports.listen(0)
    config = uvicorn.Config(app, http=corked.Protocol, lifespan="off", log_config=None, timeout_graceful_shutdown=2)
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listener.close()


@asynccontextmanager
async def working(parts: assembly.Parts) -> AsyncGenerator[None]:
    """An engine over the same stores."""
    stop = asyncio.Event()
    running = asyncio.create_task(engine.run(parts, stop, renew_seconds=0.2))
    try:
        yield
    finally:
        stop.set()
        await running


class Heard(msgspec.Struct, frozen=True):
    """One server-sent event."""

    id: str
    type: str
    data: dict[str, Any]


@asynccontextmanager
async def hearing(address: str, token: str, **asked: Any) -> AsyncGenerator[AsyncIterator[Heard]]:
    """The events of a stream (the native one, or that of another `path`), from the moment on that it is open."""
    headers = {"Authorization": f"Bearer {token}"} | asked.pop("headers", {})
    path = asked.pop("path", "/api/v1/events")
    async with (
        httpx.AsyncClient(base_url=address, timeout=30) as client,
        client.stream("GET", path, params=asked, headers=headers) as response,
    ):
        assert response.status_code == 200, (await response.aread()).decode()
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.aiter_lines()
        assert await anext(lines) == "retry: 1000"
        yield _events(lines)


async def take(stream: AsyncIterator[Heard], count: int) -> list[Heard]:
    """The next so many events."""
    async with asyncio.timeout(60):
        return [await anext(stream) for _ in range(count)]


async def _events(lines: AsyncIterator[str]) -> AsyncGenerator[Heard]:
    fields: dict[str, str] = {}
    async for line in lines:
        name, _, value = line.partition(": ")
        if line == "" and "data" in fields:
            yield Heard(fields["id"], fields.get("event", "message"), msgspec.json.decode(fields["data"]))
            fields = {}
        elif name:
            fields[name] = value
