"""The hot routes without the framework's layers: the same handlers, guards and bodies, called straight away.

FastAPI spends 0.2 ms of CPU on a request before and after our handler, more than the rest of a submit. A `Lean` route
is declared, described and tested like any other; `Shortcut`, which the outermost layer asks first, finds it by its path
and calls its handler itself when the request is as the document says. Any other request goes on to FastAPI, which
refuses it as always, so there is one way to be wrong.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Annotated, Any, cast, get_args, get_origin

from fastapi import params
from fastapi.routing import APIRouter
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Message, Receive, Scope

from api import bodies, problems, routing
from api.brakes import Brakes
from api.middleware import BodyLimit
from core import errors

Part = Callable[[Request, Any], Any]
"""Makes one argument of a handler from the request and its decoded body; raises `Misfit`."""
Asked = Callable[[Request], Awaitable[Any]]
"""A guard or part of the context; raises `Misfit`, or what the guard raises."""
_BODY = "penstock.body"


class Misfit(Exception):
    """The request is not as the document says."""


class Lean(routing.Guarded):
    """A route that `Shortcut` can answer: its handler takes guards, a body, headers and the request, and no more."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **kwargs: Any) -> None:
        """As FastAPI's; raises TypeError for a handler with any other argument."""
        super().__init__(path, endpoint, **kwargs)
        self._asked: dict[str, Asked] = {}
        self._parts: dict[str, Part] = {}
        for name, parameter in inspect.signature(endpoint, eval_str=True).parameters.items():
            guard = _guard(parameter)
            if guard is not None:
                self._asked[name] = _dependency(guard)
            else:
                self._parts[name] = _part(parameter)
        if "{" in _last(path):
            raise TypeError(f"a lean route's path ends in a word, not as {path}")

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The same for a request that came through all layers; the framework's own for one that does not fit."""
        refuse = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await self.respond(request)
            except Misfit:
                return await refuse(Request(request.scope, _again(request.scope[_BODY], request.receive)))

        return handler

    async def respond(self, request: Request) -> Response:
        """The handler's answer; raises `Misfit`, or what guards and handler raise."""
        await routing.identify(request)
        with routing.turn(request):
            raw = request.scope[_BODY] = await _whole(request.receive)
            heavy = routing.heavy(request, len(raw))
            if heavy is None:
                with routing.light(request):
                    return await self._handle(request, raw)
            async with heavy:
                return await self._handle(request, raw)

    async def _handle(self, request: Request, raw: bytes) -> Response:
        body = bodies.decoded(raw) if raw else None
        given: dict[str, Any] = {}
        for name, ask in self._asked.items():
            given[name] = await ask(request)
        for name, part in self._parts.items():
            given[name] = part(request, body)
        return await self.endpoint(**given)


class Shortcut:
    """Answers the lean routes past all layers but the outermost; what those would look at goes to them."""

    def __init__(self, routes: Iterable[BaseRoute], brakes: Brakes, limit: BodyLimit) -> None:
        """`routes` are looked through for lean ones; the two are layers that are passed by."""
        self._brakes = brakes
        self._limit = limit
        self._routes: dict[str, list[tuple[re.Pattern[str], Lean]]] = {}
        """By the last part of their paths, which is the same word in each request."""
        for route in routes:
            if isinstance(route, Lean):
                self._routes.setdefault(_last(route.path), []).append((route.path_regex, route))

    async def answer(self, scope: Scope, receive: Receive) -> Response | Receive:
        """The answer; or, where the layers must answer, what they receive."""
        route = self._find(scope) if scope["method"] == "POST" and self._is_plain(scope) else None
        if route is None:
            return receive
        request = Request(scope, self._limit.limited(scope, receive))
        try:
            response = await route.respond(request)
        except Misfit:
            return _again(scope[_BODY], receive)
        except errors.PenstockError as error:
            response = problems.refused(request, error)
        self._brakes.note(scope, response.status_code, response.raw_headers, bytes(response.body))
        return response

    def _is_plain(self, scope: Scope) -> bool:
        """Whether it comes from no page elsewhere, and is neither too long nor refused for now."""
        said = dict(scope["headers"])
        allowed = b"origin" not in said and self._limit.allows(scope, said.get(b"content-length", b"0"))
        return allowed and not self._brakes.holds(scope)

    def _find(self, scope: Scope) -> Lean | None:
        path = scope["path"]
        for pattern, route in self._routes.get(_last(path), ()):
            found = pattern.match(path)
            if found is not None:
                scope["path_params"] = found.groupdict()
                scope["route"] = route
                return route
        return None


def _last(path: str) -> str:
    return path[path.rfind("/") :]


def router(tag: str) -> APIRouter:
    """A group of lean routes of the native API."""
    return APIRouter(prefix=routing.PREFIX, route_class=Lean, tags=[tag])


# --- arguments ---


def _guard(parameter: inspect.Parameter) -> Callable[..., Awaitable[Any]] | None:
    """What the argument depends on."""
    notes = get_args(parameter.annotation)[1:] if get_origin(parameter.annotation) is Annotated else ()
    return next((cast("Any", note.dependency) for note in notes if isinstance(note, params.Depends)), None)


def _part(parameter: inspect.Parameter) -> Part:
    annotation, default = parameter.annotation, parameter.default
    if annotation is Request:
        return _request
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return _body(annotation, default)
    if get_origin(annotation) is Annotated and any(isinstance(note, params.Header) for note in get_args(annotation)):
        return _header(parameter.name, _adapter(annotation), default)
    raise TypeError(f"a lean route's handler cannot take {parameter}")


def _request(request: Request, body: Any) -> Any:
    del body
    return request


def _body(model: type[BaseModel], default: Any) -> Part:
    def part(request: Request, body: Any) -> Any:
        del request
        if body is None and default is not inspect.Parameter.empty:
            return default
        return _fitting(model.__pydantic_validator__.validate_python, body)

    return part


def _header(name: str, adapter: TypeAdapter[Any], default: Any) -> Part:
    key = name.replace("_", "-").encode()

    def part(request: Request, body: Any) -> Any:
        del body
        values = [value for given, value in request.scope["headers"] if given == key]
        return _fitting(adapter.validate_python, values[-1].decode("latin-1")) if values else default

    return part


def _dependency(guard: Callable[..., Awaitable[Any]]) -> Asked:
    """A guard or part of the context: asked with the request, and those parts of the path that it names."""
    adapters: dict[str, TypeAdapter[Any]] = {}
    for name, parameter in inspect.signature(guard, eval_str=True).parameters.items():
        if _is_path(parameter.annotation):
            adapters[name] = _adapter(parameter.annotation)
        elif parameter.annotation is not Request:
            raise TypeError(f"a lean route's guard cannot take {parameter}")
    if not adapters:
        return guard

    async def ask(request: Request) -> Any:
        path: Mapping[str, str] = request.scope["path_params"]
        named = {name: _fitting(adapter.validator.validate_python, path[name]) for name, adapter in adapters.items()}
        return await guard(request, **named)

    return ask


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)


def _is_path(annotation: Any) -> bool:
    return get_origin(annotation) is Annotated and any(isinstance(note, params.Path) for note in get_args(annotation))


def _fitting(validate: Callable[[Any], Any], value: Any) -> Any:
    try:
        return validate(value)
    except ValidationError:
        raise Misfit from None


async def _whole(receive: Receive) -> bytes:
    """A request's body; raises `ClientDisconnect`, `TooLarge`, `TooSlow`."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """A request's messages from the beginning, its body having been read."""
    first = [cast("Message", {"type": "http.request", "body": body, "more_body": False})]

    async def messages() -> Message:
        return first.pop() if first else await receive()

    return messages
