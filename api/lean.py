"""The hot routes without the framework's layers: the same handlers, guards and bodies, called straight away.

FastAPI spends 0.2 ms of CPU on a request before and after our handler, more than the rest of a submit. A `Lean` route
is declared, described and tested like any other; `Shortcut`, the layer around the application, finds it by its path
and calls its handler itself when the request is as the document says. Any other request goes on to FastAPI, which
refuses it as always, so there is one way to be wrong.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, cast, get_args, get_origin

from fastapi import params
from fastapi.routing import APIRouter
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import bodies, problems, routing
from core import errors

Part = Callable[[Request, Any], Awaitable[Any]]
"""Makes one argument of a handler from the request and its decoded body; raises `Misfit`."""


class Misfit(Exception):
    """The request is not as the document says."""


class Lean(routing.Guarded):
    """A route that `Shortcut` can answer: its handler takes guards, a body, headers and the request, and no more."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **kwargs: Any) -> None:
        """As FastAPI's; raises TypeError for a handler with any other argument."""
        super().__init__(path, endpoint, **kwargs)
        self._parts = {
            name: _part(parameter) for name, parameter in inspect.signature(endpoint, eval_str=True).parameters.items()
        }

    async def respond(self, request: Request) -> Response:
        """The handler's answer; raises `Misfit`, or what guards and handler raise."""
        await routing.identify(request)
        with routing.turn(request):
            raw = await request.body()
            async with routing.heavy(request, len(raw)):
                body = bodies.decoded(raw) if raw else None
                given = {name: await part(request, body) for name, part in self._parts.items()}
                return await self.endpoint(**given)


class Shortcut:
    """Answers the lean routes; passes on everything else."""

    def __init__(self, app: ASGIApp, routes: Iterable[BaseRoute]) -> None:
        """`routes` are looked through for lean ones."""
        self._app = app
        self._routes: Sequence[tuple[re.Pattern[str], Lean]] = [
            (route.path_regex, route) for route in routes if isinstance(route, Lean)
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        route = self._find(scope) if scope["type"] == "http" and scope["method"] == "POST" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await route.respond(request)
        except Misfit:
            await self._app(scope, _again(await request.body(), receive), send)
            return
        except errors.PenstockError as error:
            response = problems.refused(request, error)
        await response(scope, receive, send)

    def _find(self, scope: Scope) -> Lean | None:
        path = scope["path"]
        for pattern, route in self._routes:
            found = pattern.match(path)
            if found is not None:
                scope["path_params"] = found.groupdict()
                scope["route"] = route
                return route
        return None


def router(tag: str) -> APIRouter:
    """A group of lean routes of the native API."""
    return APIRouter(prefix=routing.PREFIX, route_class=Lean, tags=[tag])


# --- arguments ---


def _part(parameter: inspect.Parameter) -> Part:
    annotation, default = parameter.annotation, parameter.default
    if annotation is Request:
        return _request
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return _body(annotation, default)
    if get_origin(annotation) is Annotated:
        for note in get_args(annotation)[1:]:
            if isinstance(note, params.Depends):
                return _dependency(cast("Callable[..., Awaitable[Any]]", note.dependency))
            if isinstance(note, params.Header):
                return _header(parameter.name, _adapter(annotation), default)
    raise TypeError(f"a lean route's handler cannot take {parameter}")


async def _request(request: Request, body: Any) -> Any:
    del body
    return request


def _body(model: type[BaseModel], default: Any) -> Part:
    async def part(request: Request, body: Any) -> Any:
        del request
        if body is None and default is not inspect.Parameter.empty:
            return default
        return _fitting(model.__pydantic_validator__.validate_python, body)

    return part


def _header(name: str, adapter: TypeAdapter[Any], default: Any) -> Part:
    key = name.replace("_", "-").encode()

    async def part(request: Request, body: Any) -> Any:
        del body
        values = [value for given, value in request.scope["headers"] if given == key]
        return _fitting(adapter.validate_python, values[-1].decode("latin-1")) if values else default

    return part


def _dependency(guard: Callable[..., Awaitable[Any]]) -> Part:
    """A guard or part of the context: asked with the request, and those parts of the path that it names."""
    adapters = {
        name: _adapter(parameter.annotation)
        for name, parameter in inspect.signature(guard, eval_str=True).parameters.items()
        if parameter.annotation is not Request
    }
    for name, parameter in inspect.signature(guard, eval_str=True).parameters.items():
        if name in adapters and not _is_path(parameter.annotation):
            raise TypeError(f"a lean route's guard cannot take {parameter}")

    async def part(request: Request, body: Any) -> Any:
        del body
        if not adapters:
            return await guard(request)
        path: Mapping[str, str] = request.scope["path_params"]
        named = {name: _fitting(adapter.validate_python, path[name]) for name, adapter in adapters.items()}
        return await guard(request, **named)

    return part


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)


def _is_path(annotation: Any) -> bool:
    return get_origin(annotation) is Annotated and any(isinstance(note, params.Path) for note in get_args(annotation))


def _fitting(validate: Callable[[Any], Any], value: Any) -> Any:
    try:
        return validate(value)
    except ValidationError:
        raise Misfit from None


def _again(body: bytes, receive: Receive) -> Receive:
    """A request's messages from the beginning, its body having been read."""
    first = [cast("Message", {"type": "http.request", "body": body, "more_body": False})]

    async def messages() -> Message:
        return first.pop() if first else await receive()

    return messages
