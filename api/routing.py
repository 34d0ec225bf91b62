"""How a route of the native API begins: the caller is identified before anything of its request is looked at."""

import re
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response

from api import audited, bodies, context, described
from auth.principal import Principal
from broker import fair
from core import logs

PREFIX = "/api/v1"
_CALLER = "penstock.caller"
_LOOKING = frozenset({"GET", "HEAD"})
_CLAIMS = "/claims"
_PLAIN = re.compile(r"[A-Za-z0-9-]*")
_TASK_BYTES = 300
"""Of JSON, that a task or its end takes at least where there are many."""


class Plain(APIRoute):
    """A route for everybody. Its handler's docstring is its summary (first line) and description (the rest)."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **kwargs: Any) -> None:
        """As FastAPI's."""
        summary, _, description = (endpoint.__doc__ or "").partition("\n")
        kwargs["summary"] = kwargs.get("summary") or summary.removesuffix(".")
        kwargs["description"] = kwargs.get("description") or description.strip()
        kwargs["operation_id"] = kwargs.get("operation_id") or to_camel(endpoint.__name__)
        super().__init__(path, endpoint, **kwargs)


class Guarded(Plain):
    """A route for callers with a token. Who has none gets 401, however wrong the rest of the request is."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **kwargs: Any) -> None:
        """As FastAPI's; what every such route may answer is added to its description."""
        kwargs["responses"] = described.common(kwargs.get("methods") or ()) | (kwargs.get("responses") or {})
        kwargs["openapi_extra"] = {"security": [{described.BEARER: []}]} | (kwargs.get("openapi_extra") or {})
        super().__init__(path, endpoint, **kwargs)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler behind the identification and our reading of the body; noted in the audit trail."""
        handle: Callable[[Request], Awaitable[Response]] = super().get_route_handler()
        has_body = self.body_field is not None
        trail = audited.of_route(self.methods or set(), self.path_format)

        async def handler(request: Request) -> Response:
            await identify(request)
            with turn(request), light(request):
                read = await bodies.accept(request) if has_body else request
                if trail is None:
                    return await handle(read)
                return await context.of(request).trailing.around(trail, read, caller_of(request), handle)

        return handler


def router(tag: str) -> APIRouter:
    """A group of routes of the native API."""
    return APIRouter(prefix=PREFIX, route_class=Guarded, tags=[tag])


def path(*parts: str) -> str:
    """The path below the API of a thing, as Location names it."""
    return "/".join([PREFIX, *[part if _PLAIN.fullmatch(part) else quote(part, safe="") for part in parts]])


async def identify(request: Request) -> None:
    """Find the principal who sent this; raises `Unauthenticated`, `Forbidden`, `NotFound`, `Unavailable`."""
    scope = request.scope
    who = scope[_CALLER] = await context.of(request).callers.identify(scope["headers"], scope["method"])
    task = scope["path_params"].get("task_id")
    logs.add(tenant=who.tenant, **({} if task is None else {"task": task}))


def turn(request: Request) -> AbstractContextManager[None]:
    """The place of a request in this replica while it is worked on; raises `TooManyRequests` (`broker/fair.py`).

    What only looks, and what waits, takes none.
    """
    if request.scope["method"] in _LOOKING or _may_wait(request):
        return nullcontext()
    return context.of(request).fair.turn(caller_of(request).tenant)


def light(request: Request) -> AbstractContextManager[None]:
    """Counts a request that is worked on at once; for one that waits, whoever hands tasks out does."""
    return nullcontext() if _may_wait(request) else context.of(request).fair.light(caller_of(request).tenant)


def heavy(request: Request, size: int) -> AbstractAsyncContextManager[None] | None:
    """The turn of a request whose body is long, as it holds many tasks (`broker/fair.py`); None for any other."""
    # A claim waits, and takes its turn when it takes tasks.
    tasks = size // _TASK_BYTES
    if tasks <= fair.LIGHT or request.scope["path"].endswith(_CLAIMS):
        return None
    return context.of(request).fair.heavy(caller_of(request).tenant, tasks)


def _may_wait(request: Request) -> bool:
    return request.scope["path"].endswith(_CLAIMS) or b"wait=" in request.scope["query_string"]


def caller_of(request: Request) -> Principal:
    """The principal that `identify` found."""
    return request.scope[_CALLER]
