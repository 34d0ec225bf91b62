"""A server that says what a test wants and takes down what it was asked: for what a good server never does."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request, Response

from tests.support import serving


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


Script = Callable[[Asked, int], Response | Awaitable[Response]]
"""Makes the response to a request; its number counts from 1."""


@dataclass
class Wire:
    """A running server."""

    url: str
    asked: list[Asked] = field(default_factory=list[Asked])


@asynccontextmanager
async def answering(script: Script) -> AsyncGenerator[Wire]:
    """A server on loopback that follows the script."""
    app = FastAPI()
    wire = Wire("")

    @app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def answer(request: Request) -> Response:
        content = await request.body()
        asked = Asked(
            method=request.method,
            path=request.url.path,
            query=dict(request.query_params),
            headers=dict(request.headers),
            body=json.loads(content) if request.headers.get("content-type") == "application/json" else content,
        )
        wire.asked.append(asked)
        said = script(asked, len(wire.asked))
        return said if isinstance(said, Response) else await said

    assert answer is not None
    async with serving.listening(app) as url:
        wire.url = url
        yield wire


def answer(body: Any = None, status: int = 200, **headers: str) -> Response:
    """JSON, as the server answers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(json.dumps(body), status_code=status, headers=named, media_type="application/json")


def problem(status: int, code: str, *, headers: dict[str, str] | None = None, **members: Any) -> Response:
    """A refusal, as the server words it."""
    body = {"type": f"urn:penstock:problem:{code}", "title": "No.", "status": status, "detail": "It is so."} | members
    return Response(json.dumps(body), status, headers, media_type="application/problem+json")


def task(**members: Any) -> dict[str, Any]:
    """A task as answers show it."""
    shown: dict[str, Any] = {"id": "t1", "queue": "a:b", "state": "ready", "createdAt": "2026-01-05T12:00:00.000Z"}
    return shown | members
