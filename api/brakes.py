"""Whoever is refused for a quota and asks again at once, over and over, is answered the same without being looked at.

A refusal costs most of what a request costs: the token, the body, its checks. A caller that floods would so take time
from all others. After `PATIENCE` refusals of one request by one caller within a second, the last is given out for
`HELD`, to that caller and path alone; then it is looked at again. Who waits as Retry-After says never meets this.

What is so repeated is answered after a wait of up to `WAIT`, by chance. Clients that were refused together ask together
again, all at the same moment, and that many at once keep the loop from everybody else's requests for tens of
milliseconds: each waiting another time, they come one by one. And who asks as soon as it is answered asks less.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from typing import Any

import cachetools
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATIENCE = 10
HELD = 1.0
"""Seconds: what `Retry-After` says at least. In less time a rate grants a caller as much in all, let in by smaller
bursts that others meet more often (a quarter of a second: their 95th 2.2 times as long as alone; a second: 1.9).
"""
WAIT = 2.0
"""Seconds at most."""
MOST_WAITING = 1000
"""Requests of a process; further ones are answered at once, so that a flood does not fill the memory with them."""
_LATELY = 1.0
_MOST = 10_000
_REFUSED = 429

_Key = tuple[bytes, str, str]


class _Refused:
    """How often a request was refused one after the other, and what it was answered last."""

    def __init__(self) -> None:
        self.times = 0
        self.last: float | None = None
        self.until: float | None = None
        self.request_id = b""
        self.route: Any = None
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""

    def note(self, at: float, scope: Scope) -> None:
        """Once more."""
        lately = self.last is not None and at - self.last < _LATELY
        self.times = self.times + 1 if lately else 1
        self.last, self.until = at, at + HELD if self.times >= PATIENCE else None
        self.request_id = str(scope.get("penstock.request_id", "")).encode()
        self.route = scope.get("route")


class Brakes:
    """A layer around the application, as plain ASGI."""

    def __init__(
        self, app: ASGIApp, ticks: Callable[[], float] = time.monotonic, *, wait: float = WAIT, most: int = MOST_WAITING
    ) -> None:
        """`ticks` are seconds that nobody sets: a clock put back must not hold a refusal for hours."""
        self._app = app
        self._ticks = ticks
        self._wait = wait
        self._most = most
        self._waiting = 0
        self._refused: cachetools.LRUCache[_Key, _Refused] = cachetools.LRUCache(_MOST)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = self._held(_key(scope))
        if refused is not None:
            await self._rest()
            await _again(refused, scope, send)
            return
        start: Message | None = None

        async def noting(message: Message) -> None:
            nonlocal start
            if message["type"] != "http.response.start":
                if start is not None and not message.get("more_body"):
                    self.note(scope, start["status"], start["headers"], message.get("body", b""))
                start = None
            elif message["status"] == _REFUSED:
                # Layers further out add to the headers of the message that they are given.
                start = {**message, "headers": list(message["headers"])}
            else:
                self.note(scope, message["status"])
            await send(message)

        await self._app(scope, receive, noting)

    def holds(self, scope: Scope) -> bool:
        """Whether this layer answers the request itself."""
        return self._held(_key(scope)) is not None

    def note(self, scope: Scope, status: int, headers: Iterable[tuple[bytes, bytes]] = (), body: bytes = b"") -> None:
        """A request was answered so."""
        if status != _REFUSED and not self._refused:
            return
        key = _key(scope)
        if key is None:
            return
        if status != _REFUSED:
            self._refused.pop(key, None)
            return
        refused = self._refused.setdefault(key, _Refused())
        refused.headers = [header for header in headers if header[0] != b"content-length"]
        refused.body = body
        refused.note(self._ticks(), scope)

    def _held(self, key: _Key | None) -> _Refused | None:
        """What whoever asks this is answered again."""
        refused = None if key is None else self._refused.get(key)
        return refused if refused is not None and refused.until is not None and self._ticks() < refused.until else None

    async def _rest(self) -> None:
        if self._waiting >= self._most:
            return
        self._waiting += 1
        try:
            await asyncio.sleep(random.uniform(0, self._wait))
        finally:
            self._waiting -= 1


def _key(scope: Scope) -> _Key | None:
    """Who asks for what, as far as that is told without a look at it; None for whoever does not say who they are."""
    said = next((value for name, value in scope["headers"] if name == b"authorization"), None)
    return None if said is None else (said, scope["method"], scope["path"])


async def _again(refused: _Refused, scope: Scope, send: Send) -> None:
    """The refusal, with the id of this request."""
    own = str(scope.get("penstock.request_id", "")).encode()
    body = refused.body.replace(refused.request_id, own) if refused.request_id and own else refused.body
    scope["route"] = refused.route
    headers = [*refused.headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": _REFUSED, "headers": headers})
    await send({"type": "http.response.body", "body": body})
