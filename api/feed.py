"""The live feed of events, shared by all streams of a process: one reader a tenant, one encoding an event.

A tenant's tail keeps its newest events while anybody follows it. It reads them from the record by their number, woken
by the topic exchange, which is only a hint, and anyway every second. Whoever is behind the tail reads the record itself
until it has caught up, so that everybody gets every event once, in order, however slow its connection is.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager

import anyio
import structlog
from fastapi.sse import format_sse_event

from api import replies, shown
from broker.directory import Directory
from broker.rabbit import events as rabbit
from broker.rabbit import topology
from core import errors
from core.events import Event
from core.queue import Queue
from loop import cancelling
from store.events import Events

_log = structlog.get_logger(__name__)

PAGE = 500
KEPT = 2_000
_FALLBACK_SECONDS = 1.0


class Item:
    """An event on its way to streams, with its queue as it is now (None when it was deleted)."""

    __slots__ = ("_frame", "event", "home")

    def __init__(self, event: Event, home: Queue | None) -> None:
        self.event = event
        self.home = home
        self._frame: bytes | None = None

    @property
    def frame(self) -> bytes:
        """The event as server-sent event; encoded once, whoever asks."""
        if self._frame is None:
            data = replies.encode(shown.event_view(self.event)).decode()
            self._frame = format_sse_event(data_str=data, event=self.event.type, id=str(self.event.n))
        return self._frame


class Tail:
    """A tenant's newest events: those with a number above `floor`, up to `reached`."""

    def __init__(self, tenant: str, at: int, kept: int) -> None:
        self.tenant = tenant
        self._kept = kept
        self.floor = self.reached = at
        self.followers = 0
        self.wake = asyncio.Event()
        """Set when there may be more in the record."""
        self._items: deque[Item] = deque()
        self._news = asyncio.Event()

    @property
    def news(self) -> asyncio.Event:
        """Is set at the next news: take it, then look, then wait for it."""
        return self._news

    def behind(self, n: int) -> list[Item]:
        """What came after number `n`, which must not be below `floor`."""
        return list(self._newer(n))[::-1]

    def extend(self, items: list[Item], reached: int) -> None:
        """Events were read up to `reached`."""
        self._items.extend(items)
        self.reached = reached
        while len(self._items) > self._kept:
            self.floor = self._items.popleft().event.n
        self.tell()

    def tell(self) -> None:
        """Wake whoever waits for news."""
        self._news.set()
        self._news = asyncio.Event()

    def _newer(self, n: int) -> Iterator[Item]:
        for item in reversed(self._items):
            if item.event.n <= n:
                return
            yield item


class Feed:
    """The tails of one process."""

    def __init__(
        self,
        events: Events,
        directory: Directory,
        exchange: rabbit.Events,
        closing: asyncio.Event,
        *,
        kept: int = KEPT,
    ) -> None:
        """`kept` is how many events a tail keeps; whoever is further behind reads the record."""
        self._kept = kept
        self.events = events
        self.closing = closing
        self._directory = directory
        self._exchange = exchange
        self._listener: rabbit.Listener | None = None
        self._tails: dict[str, Tail] = {}
        self._readers: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Listen for hints and for the end, for ever; run it as a task beside the server."""
        async with self._exchange.listen([]) as self._listener, asyncio.TaskGroup() as both:
            both.create_task(self._hear(self._listener))
            both.create_task(self._end())

    @asynccontextmanager
    async def following(self, tenant: str) -> AsyncGenerator[Tail]:
        """The tenant's tail, kept while anybody follows it."""
        tail = self._tails.get(tenant)
        if tail is None:
            newest = await self.events.newest(tenant)
            tail = self._tails.get(tenant) or self._begin(tenant, newest)
        tail.followers += 1
        try:
            if tail.followers == 1 and self._listener is not None:
                await self._listener.bind(topology.event_pattern(tenant))
            yield tail
        finally:
            tail.followers -= 1
            if not tail.followers:
                # Starlette cuts a stream off by a scope in which every further wait is cancelled, too.
                with anyio.CancelScope(shield=True):
                    await self._forget(tenant)

    async def resolved(self, event: Event) -> Item:
        """An event with its queue."""
        try:
            home = await self._directory.queue(event.tenant, event.queue)
        except errors.NotFound:
            home = None
        return Item(event, home)

    def _begin(self, tenant: str, newest: int) -> Tail:
        tail = self._tails[tenant] = Tail(tenant, newest, self._kept)
        self._readers[tenant] = asyncio.create_task(self._read(tail), name=f"feed of {tenant}")
        return tail

    async def _forget(self, tenant: str) -> None:
        del self._tails[tenant]
        await cancelling.ended(self._readers.pop(tenant))
        if self._listener is not None and tenant not in self._tails:
            await self._listener.unbind(topology.event_pattern(tenant))

    async def _read(self, tail: Tail) -> None:
        while True:
            cancelling.heed()
            try:
                await self._advance(tail)
            except errors.Unavailable as error:
                _log.warning("events not read", tenant=tail.tenant, reason=error.detail)
            try:
                async with asyncio.timeout(_FALLBACK_SECONDS):
                    await tail.wake.wait()
            except TimeoutError:
                pass
            tail.wake.clear()

    async def _advance(self, tail: Tail) -> None:
        while True:
            found = await self.events.since(tail.tenant, tail.reached, limit=PAGE)
            if found.reached > tail.reached:
                tail.extend([await self.resolved(event) for event in found.events], found.reached)
            if len(found.events) < PAGE:
                return

    async def _hear(self, listener: rabbit.Listener) -> None:
        async for heard in listener:
            told = self._tails.values() if isinstance(heard, rabbit.Gap) else [self._tails.get(heard.tenant)]
            for tail in told:
                if tail is not None:
                    tail.wake.set()

    async def _end(self) -> None:
        await self.closing.wait()
        for tail in self._tails.values():
            tail.tell()
