"""What surrounds every request, as plain ASGI: its id, trace and measure, the 500 of a bug, the limit of its body."""

import random
import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, cast

import structlog
from opentelemetry.trace import SpanKind, StatusCode
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from broker.telemetry import Tracing
from core import errors, logs, telemetry
from loop import patience

Answered = Callable[[str, str, int, float], None]
"""Is told of every answer: method, route template, status, seconds."""

Short = Callable[[Scope, Receive], Awaitable[Response | Receive]]
"""Answers a request straight away; or answers what is to be received by the layers within, which answer it then."""

Header = tuple[bytes, bytes]

_ID = re.compile(rb"[\w.\-]{1,64}")
_TRACE = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_POLICY = b"content-security-policy"
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    # An answer of ours that a browser is made to show does nothing and is framed by nobody; pages have their own.
    (_POLICY, b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
]
_STRICT = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")

_PROBES = frozenset({"/health/live", "/health/ready", "/metrics"})

_log = structlog.get_logger(__name__)


class Envelope:
    """The outermost layer. A request's id is the caller's `X-Request-Id` where that is a plain word, else new; it is
    in the answer, in problems and in every log line, as is the trace of a W3C `traceparent`.
    """

    def __init__(
        self, app: ASGIApp, short: Short, answered: Answered, tracing: Tracing | None = None, *, strict: bool = False
    ) -> None:
        """`tracing` makes a span of every request; without it a caller's trace is passed on as it is.

        `strict` tells browsers to come by HTTPS alone from now on.
        """
        self._app = app
        self._short = short
        self._headers = [*_HEADERS, _STRICT] if strict else _HEADERS
        self._names = {name for name, _ in self._headers}
        self._answered = answered
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _identify(scope)
        if self._tracing is None or scope["path"] in _PROBES:
            await self._handle(scope, receive, send, request_id)
            return
        method = _method(scope)
        about = {"http.request.method": method, "url.path": scope["path"], "penstock.request": request_id}
        with self._tracing.span(method, SpanKind.SERVER, telemetry.current.get(), about) as span:
            status = await self._handle(scope, receive, send, request_id)
            route = _route(scope)
            span.update_name(f"{method} {route}")
            span.set_attributes({"http.route": route, "http.response.status_code": status})
            if status >= 500:
                span.set_status(StatusCode.ERROR)

    async def _handle(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> int:
        """Answer one request; answers the status."""
        status = 0
        began = time.perf_counter()

        async def outward(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = self._outward(scope, message["headers"], request_id)
            await send(message)

        try:
            found = await self._short(scope, receive)
            if isinstance(found, Response):
                status = found.status_code
                headers = self._outward(scope, found.raw_headers, request_id)
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": found.body})
            else:
                await self._app(scope, found, outward)
        except Exception:
            _log.exception("request failed", method=scope["method"], path=scope["path"])
            if status:
                raise
            await _fail(scope, receive, outward)
        finally:
            self._answered(_method(scope), _route(scope), status, time.perf_counter() - began)
        return status

    def _outward(self, scope: Scope, headers: Iterable[Header], request_id: str) -> list[Header]:
        """An answer's headers with ours, where it has no such of its own."""
        given, added = list(headers), self._headers
        named = {name for name, _ in given}
        if scope["path"].startswith("/console"):
            # The console's pages have their own policy, and its images styles inside.
            named.add(_POLICY)
        if not named.isdisjoint(self._names):
            added = [header for header in added if header[0] not in named]
        return [*given, *added, (b"x-request-id", request_id.encode())]


def _route(scope: Scope) -> str:
    """The template of the request's path; one word for paths that are none of ours."""
    return str(getattr(scope.get("route"), "path", "unknown"))


def _method(scope: Scope) -> str:
    """The method, or one word for any that HTTP does not know."""
    return str(scope["method"]) if scope["method"] in _METHODS else "other"


def _identify(scope: Scope) -> str:
    """Give the request its id, and log lines that id and its trace."""
    request_id, trace = "", None
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ID.fullmatch(value):
            request_id = value.decode()
        elif name == b"traceparent":
            trace = _TRACE.fullmatch(value)
    scope["penstock.request_id"] = request_id = request_id or f"{random.getrandbits(128):032x}"
    telemetry.current.set(None if trace is None else telemetry.read(trace[0].decode()))
    bound = {} if trace is None else {"trace_id": trace[1].decode(), "parent_id": trace[2].decode()}
    logs.begin(request_id=request_id, **bound)
    return request_id


async def _fail(scope: Scope, receive: Receive, send: Send) -> None:
    """The answer to a request that met a bug: what it was is in the log, not here."""
    error = errors.PenstockError("Something went wrong here; the log knows it by the request's id.")
    response = problems.answer(error, path=Request(scope).url.path, request_id=scope["penstock.request_id"])
    await response(scope, receive, send)


class CrossOrigin:
    """Lets pages of other origins call paths below some prefixes.

    They send a bearer token of their own; there are no cookies that a foreign page could use.
    """

    def __init__(self, app: ASGIApp, prefixes: tuple[str, ...], origins: tuple[str, ...] = ("*",)) -> None:
        """`origins` are those whose pages may, any by default."""
        self._app = app
        self._prefixes = prefixes
        self._open = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
            allow_headers=("*",),
            expose_headers=("ETag", "Retry-After", "X-Request-Id"),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        is_open = scope["type"] == "http" and scope["path"].startswith(self._prefixes)
        await (self._open if is_open else self._app)(scope, receive, send)


class BodyLimit:
    """Refuses bodies over `most` bytes, announced or not, with 413, and those that stop coming for long, with 408.

    `longer` has other limits of size, by path.

    Starlette's own limit answers plain text where ours is a problem.
    """

    def __init__(
        self, app: ASGIApp, most: int, longer: Mapping[re.Pattern[str], int], *, patience: float = 30.0
    ) -> None:
        """`patience` is how many seconds may pass between two parts of a body."""
        self._patience = patience
        self._app = app
        self._most = most
        self._longer = longer
        self._least = min([most, *longer.values()])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; whoever reads a body that turns out too large gets `TooLarge` raised."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not self.allows(scope, announced):
            response = problems.answer(
                _too_large(self._limit(scope)), path=scope["path"], request_id=scope.get("penstock.request_id")
            )
            await response(scope, receive, send)
            return
        await self._app(scope, self.limited(scope, receive), send)

    def allows(self, scope: Scope, announced: bytes) -> bool:
        """Whether a body of the length that its head says may come."""
        return announced.isdigit() and not self._too_long(scope, int(announced))

    def limited(self, scope: Scope, receive: Receive) -> Receive:
        """What receives the body, and raises `TooLarge`, `TooSlow`."""
        taken, whole = 0, False

        async def limited() -> Message:
            nonlocal taken, whole
            # Behind its body a request is waited for only to hear that the caller hung up, which may take for ever.
            try:
                coming = cast("Coroutine[Any, Any, Message]", receive())
                message = await (coming if whole else patience.within(self._patience, coming))
            except TimeoutError:
                raise errors.TooSlow(f"The body did not go on within {self._patience:g} seconds.") from None
            whole = not message.get("more_body", False)
            taken += len(message.get("body", b""))
            if self._too_long(scope, taken):
                raise _too_large(self._limit(scope))
            return message

        return limited

    def _too_long(self, scope: Scope, size: int) -> bool:
        """Whether a body of so many bytes is; which limit is its own is looked up where that matters."""
        return size > self._least and size > self._limit(scope)

    def _limit(self, scope: Scope) -> int:
        return next((limit for path, limit in self._longer.items() if path.fullmatch(scope["path"])), self._most)


def _too_large(most: int) -> errors.TooLarge:
    return errors.TooLarge(f"The body is larger than {most} bytes.", extra={"limit": most})
