"""A caller's stream of events: what happened since it last heard, then what happens, as far as it may read.

Starlette's StreamingResponse carries it: sse-starlette runs four tasks a stream, and FastAPI's EventSourceResponse
encodes and validates every event for every stream anew.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from datetime import timedelta

import msgspec
from prometheus_client import Gauge
from starlette.responses import StreamingResponse
from starlette.types import Message, Send

from api.feed import PAGE, Feed, Item, Tail
from auth import policy
from auth.policy import Action
from auth.principal import Principal
from broker.quotas import Quota
from core.clock import Clock
from core.events import Event
from core.queue import Queue
from core.quota import Quotas

HEARTBEAT = timedelta(seconds=15)
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which events a caller asks for; None means all that it may read."""

    queues: frozenset[str] | None = None
    types: frozenset[str] | None = None
    task: str | None = None


class Sieve:
    """Lets through what a caller asked for and may read. Remembers its rights by queue until the queue changes."""

    def __init__(self, who: Principal, wanted: Wanted) -> None:
        """Who asks for a task's events may read them: that was made sure of before."""
        self._who = who
        self._wanted = wanted
        self._rights: dict[str, tuple[Queue | None, bool]] = {}

    def passes(self, item: Item) -> bool:
        """Whether the caller gets this event."""
        event, wanted = item.event, self._wanted
        if wanted.types is not None and event.type not in wanted.types:
            return False
        if wanted.queues is not None and event.queue not in wanted.queues:
            return False
        if wanted.task is not None:
            return event.task == wanted.task
        return self._may_read(event.queue, item.home)

    def _may_read(self, key: str, home: Queue | None) -> bool:
        known = self._rights.get(key)
        if known is None or known[0] is not home:
            bindings = None if home is None else home.bindings
            known = self._rights[key] = (home, policy.allowed(self._who, Action.READ, bindings))
        return known[1]


Telling = Callable[[Sequence[Item]], Awaitable[bytes]]
"""Makes the frames of those items that the caller gets."""


class Stream:
    """One caller's stream."""

    def __init__(
        self,
        feed: Feed,
        who: Principal,
        wanted: Wanted,
        *,
        after: int | None,
        clock: Clock,
        heartbeat: timedelta = HEARTBEAT,
        tenant: str | None = None,
        telling: Telling | None = None,
    ) -> None:
        """`after` is the number of the last event that the caller has; None begins with what happens next.

        Without `telling` it is the native stream, of what the caller may read; without `tenant` its own tenant's.
        """
        self._feed = feed
        self._who = who
        self.tenant = tenant or who.tenant
        self._wanted = wanted
        self._sieve = Sieve(who, wanted)
        self._telling = telling or self._native
        self._at = after
        self._clock = clock
        self._heartbeat = heartbeat.total_seconds()

    async def chunks(self) -> AsyncGenerator[bytes]:
        """The bytes of the stream; it ends with the caller's token, or with the server."""
        async with self._feed.following(self.tenant) as tail:
            if self._at is None:
                self._at = tail.reached
            yield b"retry: 1000\n" + self._sign(b"hello")
            while not self._feed.closing.is_set() and (left := self._left()) > 0:
                news = tail.news
                if frames := await self._telling(await self._next(tail, self._at)):
                    yield frames
                elif self._at >= tail.reached and not await _heard(news, min(left, self._heartbeat)):
                    yield self._sign(b"still here")

    def _sign(self, word: bytes) -> bytes:
        """A comment, with the number up to which the caller has everything: it takes the stream up there."""
        return b"id: %d\n: %b\n\n" % (self._at or 0, word)

    async def _next(self, tail: Tail, at: int) -> Sequence[Item]:
        """What comes after number `at`, from the tail if it reaches back that far, else from the record."""
        if at >= tail.floor:
            self._at = max(at, tail.reached)
            return tail.behind(at)
        items, self._at = await self._record(tail, at)
        return items

    def _left(self) -> float:
        return (self._who.expires_at - self._clock()).total_seconds()

    async def _native(self, items: Sequence[Item]) -> bytes:
        return b"".join(item.frame for item in items if self._sieve.passes(item))

    async def _record(self, tail: Tail, at: int) -> tuple[list[Item], int]:
        """The next events behind `at` from the record, and how far that led."""
        if self._wanted.task is not None:
            events = [event for event in await self._history(self._wanted.task) if event.n > at]
            reached = max([tail.floor, *(event.n for event in events)])
        else:
            queues, types = (
                None if kept is None else sorted(kept) for kept in (self._wanted.queues, self._wanted.types)
            )
            found = await self._feed.events.since(tail.tenant, at, limit=PAGE, queues=queues, types=types)
            events, reached = found.events, found.reached
        return [await self._feed.resolved(event) for event in events], reached

    async def _history(self, task: str) -> list[Event]:
        events: list[Event] = []
        seq = 0
        while page := await self._feed.events.history(self.tenant, task, after_seq=seq, limit=PAGE):
            events += page
            seq = page[-1].seq
        return events


async def _heard(news: asyncio.Event, seconds: float) -> bool:
    """Whether there was news within that time."""
    try:
        async with asyncio.timeout(seconds):
            await news.wait()
    except TimeoutError:
        return False
    return True


class EventStream(StreamingResponse):
    """The answer that a stream is. Whoever has its head hears all that happens from then on."""

    media_type = "text/event-stream"

    def __init__(self, stream: Stream, open_streams: Gauge, quotas: Quota, limits: Quotas) -> None:
        """`open_streams` counts those that are open; raises `TooManyRequests` where the tenant has too many."""
        self._place = contextlib.ExitStack()
        self._place.enter_context(quotas.waiting(stream.tenant, limits, "streams"))
        self._chunks = stream.chunks()
        self._open = open_streams
        super().__init__(self._chunks, headers=_HEADERS)

    async def stream_response(self, send: Send) -> None:
        """As Starlette's, with two differences.

        The head is sent when the place is known at which the stream begins: Starlette sends it before it asks for the
        first chunk, and what happened in between would be lost. A stream that was cut off is closed at once, and not
        when its garbage is collected.
        """
        head = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        with self._place, self._open.track_inprogress():
            try:
                first = await anext(self._chunks)
                await send(head)
                await send(_body(first))
                async for chunk in self._chunks:
                    await send(_body(chunk))
                await send(_body(b"", more=False))
            finally:
                await self._chunks.aclose()


def _body(chunk: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": chunk, "more_body": more}
