"""An HTTP target on loopback that tests tell what to answer."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from deploy.local import ports

Handler = Callable[[Request], Awaitable[Response]]


class Target:
    """A running target: its address, and the bodies and headers it was sent."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []


@asynccontextmanager
async def listening(handle: Handler) -> AsyncGenerator[Target]:
    """Serve every path and method by `handle`."""
    port = ports.free()
    target = Target(f"http://{ports.LOOPBACK}:{port}")

    async def answer(request: Request) -> Response:
        target.bodies.append(await request.body())
        target.headers.append(dict(request.headers))
        return await handle(request)

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    app = Starlette(routes=[Route("/{path:path}", answer, methods=methods)])
    config = uvicorn.Config(app, host=ports.LOOPBACK, port=port, log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    server.capture_signals = _no_signals  # pyright: ignore[reportAttributeAccessIssue] - pytest's own stay
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield target
    finally:
        server.should_exit = True
        server.force_exit = True
        await serving


def streamed(parts: AsyncIterator[bytes], *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer that comes part by part; with a Content-Length that it falls short of, it breaks off."""
    return StreamingResponse(parts, status_code=status, headers=headers)


class _no_signals:  # noqa: N801 - stands for a context manager function
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None
