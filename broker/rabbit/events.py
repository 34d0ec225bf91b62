"""Fan-out of events to every process that listens: a topic exchange, and per listener a queue that dies with it.

Nothing is kept here. Events are on record elsewhere, and a listener is told when it missed some.
"""

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from types import TracebackType
from typing import Self

import msgspec
from pamqp import commands, header

from broker.rabbit import channel, connection, messages, publisher, topology
from core import errors

MOST_UNREAD = 10_000
_CONSUMER = "events"
_ASKED = 200
"""Routing keys in one question: they must fit into one frame, of 128 kB as RabbitMQ comes."""
_questions = itertools.count()


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event on its way: whose it is, of which queue (`namespace:name`), of which kind, and its encoded body."""

    tenant: str
    queue: str
    kind: str
    body: bytes
    family: str = topology.NATIVE


class Gap(msgspec.Struct, frozen=True):
    """Stands where events may be missing: listening begins here, anew after the link was lost or fallen behind."""


class EventChannel(channel.PipelinedChannel):
    """A channel with one consumer; what comes goes to `sink`."""

    sink: Callable[[Event], None] | None = None
    queue = ""

    def listen(self) -> None:
        """Have the messages pushed, without acks: who does not keep up loses some, and the broker holds none."""
        consume = commands.Basic.Consume(queue=self.queue, consumer_tag=_CONSUMER, no_ack=True, nowait=True)
        self.send(self.marshal(consume))

    def received(self, method: channel.Method, _head: header.ContentHeader, content: bytes, /) -> None:
        """An event came, or a question whether anybody is here."""
        if method.routing_key == topology.QUESTION:
            return
        tenant, queue, kind = topology.event_parts(method.routing_key or "...")
        if self.sink is not None:
            family = (method.routing_key or "").partition(".")[0]
            self.sink(Event(tenant=tenant, queue=queue, kind=kind, body=content, family=family))

    def answered(self, answer: commands.Basic.Ack | commands.Basic.Nack | commands.Basic.GetEmpty) -> None:
        """Nothing is asked on this channel."""

    def lost(self) -> None:
        """The listener hears of it by the next channel."""
        self.sink = None


class Listener:
    """The events that fit some patterns (`topology.event_pattern`), as an async iterator; an async context manager.

    The first item is a `Gap`: from it on nothing is missed until the next one. Whoever needs every event reads the
    record after each gap. It never ends by itself; while the broker is away nothing comes.
    """

    def __init__(self, link: connection.Link, exchange: str, patterns: Iterable[str]) -> None:
        self._exchange = exchange
        self._patterns = set(patterns)
        self._items: deque[Event | Gap] = deque()
        self._news = asyncio.Event()
        self._keeper = channel.Keeper(link, EventChannel, prepare=self._prepare)

    async def __aenter__(self) -> Self:
        """Begin to listen, now or when the broker comes."""
        self._keeper.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; the queue goes with the channel."""
        await self._keeper.close()

    def __aiter__(self) -> Self:
        """The events from here on; one reader at a time."""
        return self

    async def __anext__(self) -> Event | Gap:
        """The next event, or the news that some may be missing."""
        while not self._items:
            self._news.clear()
            await self._news.wait()
        return self._items.popleft()

    @property
    def unread(self) -> int:
        """How many items wait to be read."""
        return len(self._items)

    async def bind(self, pattern: str) -> None:
        """Hear also what fits this pattern; when the link is down, from its return on."""
        self._patterns.add(pattern)
        if (present := self._keeper.current) is not None:
            with contextlib.suppress(errors.Unavailable), connection.translated():
                await present.queue_bind(present.queue, self._exchange, pattern, timeout=topology.DECLARE_TIMEOUT)

    async def unbind(self, pattern: str) -> None:
        """Hear no more what fits only this pattern."""
        self._patterns.discard(pattern)
        if (present := self._keeper.current) is not None:
            with contextlib.suppress(errors.Unavailable), connection.translated():
                await present.queue_unbind(present.queue, self._exchange, pattern, timeout=topology.DECLARE_TIMEOUT)

    async def _prepare(self, fresh: EventChannel) -> None:
        await topology.declare_events(fresh, self._exchange)
        # Exclusive: ours alone, and deleted with the connection, so it may be transient, also from RabbitMQ 4.3 on.
        # Auto-delete: gone when the consumer is. A server-given name: no two listeners ever meet.
        declared = await fresh.queue_declare(
            exclusive=True,
            auto_delete=True,
            arguments={"x-queue-type": "classic"},
            timeout=topology.DECLARE_TIMEOUT,
        )
        fresh.queue = declared.queue or ""
        bound: set[str] = set()
        while missing := self._patterns - bound:
            for pattern in missing:
                await fresh.queue_bind(fresh.queue, self._exchange, pattern, timeout=topology.DECLARE_TIMEOUT)
            bound |= missing
        self._items.append(Gap())
        self._news.set()
        fresh.sink = self._take
        fresh.listen()

    def _take(self, event: Event) -> None:
        if len(self._items) >= MOST_UNREAD:
            self._items.clear()
            self._items.append(Gap())
        self._items.append(event)
        self._news.set()


class Events:
    """Publishes events and hands out listeners."""

    def __init__(self, link: connection.Link, sender: publisher.Publisher, exchange: str) -> None:
        """`link` is for listening, `sender` for publishing."""
        self._link = link
        self._sender = sender
        self._exchange = exchange

    async def publish(self, events: Sequence[Event]) -> bool:
        """Whether RabbitMQ took all of them, for however many listen; if not, some or all may have gone out.

        Never raises for a broker that is away.
        """
        return await self.offer(events) is not None

    async def offer(self, events: Sequence[Event]) -> Collection[int] | None:
        """Publish, and answer which of them (by index) nobody listened to; None where `publish` answers False."""
        outcome = await self._sender.send(
            [
                messages.Message(
                    exchange=self._exchange,
                    routing_key=topology.event_key(event.tenant, event.queue, event.kind, event.family),
                    body=event.body,
                    mandatory=True,
                )
                for event in events
            ]
        )
        taken = len(outcome.confirmed) + len(outcome.returned) == len(events)
        return frozenset(outcome.returned) if taken else None

    async def unheard(self, keys: Sequence[str]) -> set[str] | None:
        """Those of these routing keys that nobody listens to, as far as few messages tell; None as with `offer`.

        Each message asks for many keys at once. Who listens to one of them gets it, with the key `topology.QUESTION`.
        """
        asked = [tuple(keys[first : first + _ASKED]) for first in range(0, len(keys), _ASKED)]
        outcome = await self._sender.send(
            [
                messages.Message(
                    exchange=self._exchange,
                    routing_key=topology.QUESTION,
                    # What nobody takes comes back, and is known by this: no two are on their way with the same.
                    body=b'{"question":%d}' % next(_questions),
                    mandatory=True,
                    also=also,
                )
                for also in asked
            ]
        )
        if len(outcome.confirmed) + len(outcome.returned) < len(asked):
            return None
        return {key for index in outcome.returned for key in asked[index]}

    def listen(self, patterns: Iterable[str]) -> Listener:
        """Listen to what fits any of the patterns: `async with events.listen([...]) as listener: async for ...`."""
        return Listener(self._link, self._exchange, patterns)
