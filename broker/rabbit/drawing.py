"""The channel on which tickets are taken: pipelined gets, short-lived consumers, acks; and what is taken is noted.

RabbitMQ gives every message that it hands us a number (the delivery tag) in the order of handing out. A message stays
ours until it is acked, given back, or the channel closes, which gives everything back.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import aiormq.abc
import msgspec
import structlog
from pamqp import commands, header

from broker.rabbit import channel, messages

log = structlog.get_logger(__name__)


class Drawn(msgspec.Struct, frozen=True, eq=False):
    """A ticket that was taken from its lane and must be settled; `channel` and `tag` say where."""

    ticket: messages.Ticket
    channel: "DrawChannel"
    tag: int


class Sink(Protocol):
    """Somebody who waits for tickets by a consumer."""

    def take(self, name: str, drawn: Drawn) -> None:
        """A ticket came by the consumer of that name."""
        ...

    def freed(self, name: str) -> None:
        """What this consumer brought is about to be settled; until it is `cancel` keeps the next from coming."""
        ...

    def end(self) -> None:
        """The broker took the consumer away: its lane was dropped."""
        ...


class Round:
    """The answers to gets that were sent together: what came, and what is left in each lane.

    `done` resolves when the last answer is in, or the channel is lost (then `broken` is set).
    """

    def __init__(self, channel: "DrawChannel", gets: int) -> None:
        self._channel = channel
        self._open = gets
        self.drawn: list[Drawn] = []
        self.left: dict[str, int] = {}
        self.broken = False
        self.abandoned = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answer(self, lane: str, left: int, drawn: Drawn | None) -> None:
        """One get was answered."""
        self._open -= 1
        self.left[lane] = left
        if drawn is not None and self.abandoned:
            self._channel.settle([drawn.tag], back=True)
        elif drawn is not None:
            self.drawn.append(drawn)
        if not self._open and not self.done.done():
            self.done.set_result(None)

    def abandon(self) -> None:
        """Nobody waits any more: what came goes back, and what still comes will."""
        self.abandoned = True
        self._channel.settle([drawn.tag for drawn in self.drawn], back=True)

    def break_off(self) -> None:
        """The channel is lost, and with it whatever came."""
        self.broken = True
        if not self.done.done():
            self.done.set_result(None)


class DrawChannel(channel.PipelinedChannel):
    """A channel for taking tickets. All its methods return at once; what they ask goes out together."""

    def __init__(self, parent: aiormq.abc.AbstractConnection, number: int) -> None:
        super().__init__(parent, number)
        self._gets: deque[tuple[Round, str]] = deque()
        self._sinks: dict[str, Sink] = {}
        self._unsettled: dict[int, str] = {}
        self._consumers_made = 0
        self._prefetch = 0
        self.on_consumer_cancel_callbacks.add(self._on_cancelled)

    @property
    def unsettled(self) -> int:
        """How many tickets this channel holds."""
        return len(self._unsettled)

    def get(self, asks: Mapping[str, int]) -> Round:
        """Ask each lane for so many tickets. RabbitMQ answers in order, at once also when there is none."""
        answers = Round(self, sum(asks.values()))
        frames = bytearray()
        for lane, count in asks.items():
            frames += self.marshal(commands.Basic.Get(queue=lane)) * count
            self._gets.extend([(answers, lane)] * count)
        self.send(frames)
        return answers

    def consume(self, lane: str, sink: Sink, prefetch: int = 1) -> str:
        """Have tickets of the lane brought to the sink until `cancel`; answers the consumer's name.

        At most `prefetch` are brought that are not settled.

        The lane must exist, else the channel is closed with all that are on it (404, as with `get`).
        """
        self._consumers_made += 1
        name = f"w{self._consumers_made}"
        self._sinks[name] = sink
        # aiormq answers the broker's own basic.cancel for consumers that it knows, as 4.3 asks for.
        self.consumers[name] = _never
        if prefetch != self._prefetch:
            # global=false: the limit is per consumer made from now on, whatever the others on the channel hold.
            # global=true is refused from RabbitMQ 4.3 on (https://www.rabbitmq.com/docs/consumer-prefetch).
            self._prefetch = prefetch
            self.send(self.marshal(commands.Basic.Qos(prefetch_count=prefetch, global_=False)))
        self.send(self.marshal(commands.Basic.Consume(queue=lane, consumer_tag=name, nowait=True)))
        return name

    def cancel(self, names: Iterable[str]) -> None:
        """End consumers; what is on its way to them goes back when it comes."""
        frames = bytearray()
        for name in names:
            self.consumers.pop(name, None)
            if self._sinks.pop(name, None) is not None:
                frames += self.marshal(commands.Basic.Cancel(consumer_tag=name, nowait=True))
        self.send(frames)

    def has(self, tag: int) -> bool:
        """Whether this ticket is not settled yet."""
        return tag in self._unsettled

    def holders(self, tags: Iterable[int]) -> set[str]:
        """The consumers that brought these tickets and are not cancelled, as far as the tickets are not settled."""
        return {self._unsettled[tag] for tag in tags if tag in self._unsettled} & self._sinks.keys()

    def settle(self, tags: Sequence[int], *, back: bool) -> None:
        """Ack tickets, or give them back: RabbitMQ puts them where they were (https://www.rabbitmq.com/docs/nack)."""
        held = sorted(self._unsettled.keys() & set(tags))
        if not held or self.is_closed:
            return
        for name in [self._unsettled.pop(tag) for tag in held]:
            if (sink := self._sinks.get(name)) is not None:
                sink.freed(name)
        # One frame for all when nothing older is held by anybody else: it covers every tag up to its own.
        together = min(self._unsettled, default=held[-1] + 1) > held[-1]
        frames = bytearray()
        for tag in held[-1:] if together else held:
            frames += self.marshal(
                commands.Basic.Nack(delivery_tag=tag, multiple=together, requeue=True)
                if back
                else commands.Basic.Ack(delivery_tag=tag, multiple=together)
            )
        self.send(frames)

    def received(self, method: channel.Method, head: header.ContentHeader, content: bytes, /) -> None:
        """A ticket came: to whom it was for, else back."""
        if isinstance(method, commands.Basic.Return):
            return
        drawn = self._drawn(method, head, content)
        if isinstance(method, commands.Basic.GetOk):
            answers, lane = self._gets.popleft()
            answers.answer(lane, method.message_count or 0, drawn)
        elif drawn is not None:
            if (sink := self._sinks.get(method.consumer_tag or "")) is not None:
                sink.take(method.consumer_tag or "", drawn)
            else:
                self.settle([drawn.tag], back=True)

    def answered(self, answer: commands.Basic.Ack | commands.Basic.Nack | commands.Basic.GetEmpty) -> None:
        """A lane is empty."""
        if isinstance(answer, commands.Basic.GetEmpty):
            answers, lane = self._gets.popleft()
            answers.answer(lane, 0, None)

    def lost(self) -> None:
        """The broker has everything back."""
        self._unsettled.clear()
        self._sinks.clear()
        while self._gets:
            self._gets.popleft()[0].break_off()

    def _drawn(
        self,
        method: commands.Basic.Deliver | commands.Basic.GetOk,
        head: header.ContentHeader,
        content: bytes,
    ) -> Drawn | None:
        tag = method.delivery_tag or 0
        self._unsettled[tag] = (method.consumer_tag or "") if isinstance(method, commands.Basic.Deliver) else ""
        lane = method.routing_key or ""
        try:
            ticket = messages.decode(lane, head.properties.priority, content)
        except messages.NotATicket as reason:
            log.warning("not a ticket", lane=lane, reason=str(reason))
            self.settle([tag], back=False)
            return None
        return Drawn(ticket=ticket, channel=self, tag=tag)

    def _on_cancelled(self, notice: commands.Basic.Cancel) -> None:
        if (sink := self._sinks.pop(notice.consumer_tag or "", None)) is not None:
            sink.end()


async def _never(message: aiormq.abc.DeliveredMessage) -> None:
    raise AssertionError(message)
