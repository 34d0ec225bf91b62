"""Publishing with confirms: many messages per call, one future and one time limit per call."""

import asyncio
import contextlib
import functools
import itertools
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any

import aiormq.abc
import cachetools
import msgspec
from pamqp import commands, frame, header

from broker.rabbit import channel, connection, management, messages, topology
from core import errors

PUBLISH_TIMEOUT = 2.0
MOST_UNCONFIRMED = 20_000
"""With more than this unconfirmed the broker does not keep up, and our memory would."""
DEEP = 50_000
"""A lane with so many tickets gets those that follow persistent: RabbitMQ then keeps them on disk. A million transient
ones are a heap of 2 GB to a lane on 3.10, and each of its collections holds the lane up for seconds (ADR 12)."""
_ASKED = 5_000
"""After so many tickets to a lane its depth is asked for."""
_LANES = 20_000
"""So many lanes have their frames kept: over a few more, in turn, none would be found."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of the messages of one call, by their index there. What is in neither list is unknown."""

    confirmed: Sequence[int] = ()
    returned: Sequence[int] = ()
    """No queue was there to take them."""


class Batch:
    """The messages of one call while they are on their way. `done` resolves when none is open any more."""

    def __init__(self, size: int) -> None:
        self.open = size
        self.confirmed: list[int] = []
        self.returned: list[int] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def close(self) -> None:
        """Nothing more will be heard."""
        self.open = 0
        if not self.done.done():
            self.done.set_result(None)


class PublishChannel(channel.PipelinedChannel):
    """A channel in confirm mode: RabbitMQ numbers what we publish from 1 on and confirms by these numbers.

    A mandatory message that no queue takes comes back whole, before it is confirmed like any other
    (https://www.rabbitmq.com/docs/confirms#when-publishes-are-confirmed); it is recognised by its key and content.
    """

    confirms = True

    def __init__(self, parent: aiormq.abc.AbstractConnection, number: int) -> None:
        super().__init__(parent, number)
        self._last = 0
        self._posted = self._heard = asyncio.get_running_loop().time()
        self._open: dict[int, tuple[Batch, int, messages.Message]] = {}
        self._returned: set[tuple[str | None, bytes]] = set()

    @property
    def unconfirmed(self) -> int:
        """How many messages are on their way."""
        return len(self._open)

    def silent(self, seconds: float) -> bool:
        """Whether messages wait and no confirm came for so long; not when it is time to try again (twice as long)."""
        now = asyncio.get_running_loop().time()
        return bool(self._open) and now - self._heard > seconds and now - self._posted < 2 * seconds

    def post(self, batch: Sequence[messages.Message]) -> Batch:
        """Publish without waiting."""
        posted = Batch(len(batch))
        self._posted = asyncio.get_running_loop().time()
        if not self._open:
            self._heard = self._posted
        frames = bytearray()
        for index, message in enumerate(batch):
            self._last += 1
            self._open[self._last] = posted, index, message
            frames += _method(self.number, message.exchange, message.routing_key, message.mandatory)
            if message.also:
                frames += self.marshal(_head_for_all(message))
            else:
                frames += _head(self.number, len(message.body), message.priority, message.delivery_mode)
            frames += self.marshal_content(message.body)
        self.send(frames)
        return posted

    def received(self, method: channel.Method, _head: header.ContentHeader, content: bytes, /) -> None:
        """A message came back: remember it until its confirm."""
        self._returned.add((method.routing_key, content))

    def answered(self, answer: commands.Basic.Ack | commands.Basic.Nack | commands.Basic.GetEmpty) -> None:
        """Confirms, of one message or of all up to it; a nack (RabbitMQ failed inside) leaves a message unknown."""
        if isinstance(answer, commands.Basic.GetEmpty):
            return
        self._heard = asyncio.get_running_loop().time()
        last = answer.delivery_tag or 0
        tags = list(itertools.takewhile(lambda tag: tag <= last, self._open)) if answer.multiple else (last,)
        acked = isinstance(answer, commands.Basic.Ack)
        for tag in tags:
            if (entry := self._open.pop(tag, None)) is not None:
                self._decide(*entry, acked=acked)

    def lost(self) -> None:
        """Whatever is still open stays unknown."""
        for batch, _, _ in self._open.values():
            batch.close()
        self._open.clear()

    def _decide(self, batch: Batch, index: int, message: messages.Message, *, acked: bool) -> None:
        key = (message.routing_key, message.body)
        if key in self._returned:
            self._returned.discard(key)
            batch.returned.append(index)
        elif acked:
            batch.confirmed.append(index)
        batch.open -= 1
        if not batch.open:
            batch.close()


@functools.lru_cache(maxsize=_LANES)
def _method(number: int, exchange: str, routing_key: str, mandatory: bool) -> bytes:  # noqa: FBT001 a cache key
    method = commands.Basic.Publish(exchange=exchange, routing_key=routing_key, mandatory=mandatory)
    return frame.marshal(method, number)


@functools.lru_cache(maxsize=8192)
def _head(number: int, size: int, priority: int | None, delivery_mode: int) -> bytes:
    properties = commands.Basic.Properties(priority=priority, delivery_mode=delivery_mode)
    return frame.marshal(header.ContentHeader(body_size=size, properties=properties), number)


def _head_for_all(message: messages.Message) -> header.ContentHeader:
    properties = commands.Basic.Properties(delivery_mode=message.delivery_mode, headers={"BCC": list(message.also)})
    return header.ContentHeader(body_size=len(message.body), properties=properties)


class Publisher:
    """Publishes on a link of its own, since RabbitMQ may stop reading from it. Safe for many callers at once."""

    def __init__(
        self,
        link: connection.Link,
        lanes: management.Lanes,
        exchange: str,
        *,
        timeout: float = PUBLISH_TIMEOUT,
        deep: int = DEEP,
    ) -> None:
        """`exchange` is the events exchange, which is declared before anything is published; `timeout` in seconds."""
        self._link = link
        self._lanes = lanes
        self._exchange = exchange
        self._timeout = timeout
        self._from = deep
        self._keeper = channel.Keeper(link, PublishChannel, prepare=self._prepare)
        self._behind: set[asyncio.Task[None]] = set()
        self._sent: cachetools.LRUCache[str, int] = cachetools.LRUCache(_LANES)
        self._deep: set[str] = set()

    def start(self) -> None:
        """Open the channel, now or when the broker comes."""
        self._keeper.start()

    async def ready(self) -> None:
        """Wait until publishing is possible."""
        await self._keeper.ready()

    async def close(self) -> None:
        """Let out what was posted, then close the channel."""
        for task in self._behind:
            task.cancel()
        await self._keeper.close()

    async def publish(self, tickets: Sequence[messages.Ticket]) -> list[messages.Ticket]:
        """Publish tickets; answers those that RabbitMQ confirmed: they lie in their lanes, until it restarts.

        Never raises for a broker that is away, blocked or slow: what is not in the answer is unknown and may be
        published again. A lane that does not exist is declared, and its tickets are published once more.
        """
        end = asyncio.get_running_loop().time() + self._timeout
        self._count(tickets)
        first = await self.send([self._encoded(ticket) for ticket in tickets])
        confirmed = [tickets[index] for index in first.confirmed]
        if first.returned:
            homeless = [tickets[index] for index in first.returned]
            gone = {ticket.lane for ticket in homeless}
            self._deep -= gone
            await self._declare(gone, end)
            second = await self.send([self._encoded(ticket) for ticket in homeless], end=end)
            confirmed += [homeless[index] for index in second.confirmed]
        return confirmed

    async def send(self, batch: Sequence[messages.Message], *, end: float | None = None) -> Outcome:
        """Publish messages and wait until all are decided, or until `end` (of the loop's clock).

        While the broker is silent, one call in twice the time limit tries, and only that one waits.
        """
        present = self._keeper.current
        if not batch or present is None or self._link.blocked:
            return Outcome()
        if present.unconfirmed > MOST_UNCONFIRMED or present.silent(self._timeout):
            return Outcome()
        posted = present.post(batch)
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self._timeout if end is None else max(0.0, end - loop.time()), posted.close)
        try:
            await posted.done
        finally:
            timer.cancel()
        return Outcome(posted.confirmed, posted.returned)

    def _encoded(self, ticket: messages.Ticket) -> messages.Message:
        return messages.encode(ticket, kept=ticket.lane in self._deep)

    def _count(self, tickets: Sequence[messages.Ticket]) -> None:
        """Ask from time to time, behind us, whether the lanes that get many are deep."""
        for lane, number in Counter(ticket.lane for ticket in tickets).items():
            sent = self._sent.get(lane, 0) + number
            self._sent[lane] = 0 if sent >= _ASKED else sent
            if sent >= _ASKED:
                self._do_behind(self._measure(lane))

    async def _measure(self, lane: str) -> None:
        with contextlib.suppress(errors.Unavailable):
            if (await self._lanes.depth(lane) or 0) > self._from:
                self._deep.add(lane)
            else:
                self._deep.discard(lane)

    def _do_behind(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)
        return task

    async def _prepare(self, fresh: PublishChannel) -> None:
        await topology.declare_events(fresh, self._exchange)

    async def _declare(self, lanes: set[str], end: float) -> None:
        """Declare lanes until `end`; what is left then goes on behind us, for the next publish to find."""
        task = self._do_behind(self._declare_all(lanes))
        await asyncio.wait([task], timeout=max(0.0, end - asyncio.get_running_loop().time()))

    async def _declare_all(self, lanes: set[str]) -> None:
        with contextlib.suppress(errors.Unavailable):
            await self._lanes.declare(lanes)
