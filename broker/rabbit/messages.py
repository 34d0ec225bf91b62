"""What travels: tickets ("these tasks of this lane may be ready") as messages, and back."""

import msgspec

PERSISTENT = 2
TRANSIENT = 1


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """A hint that tasks of a lane may be ready. Losing it costs time, doubling it one refused update.

    `lane` is the queue's name in RabbitMQ; `priority` is 0 to 3; `place` is the first task's place in the worklist
    (smaller sorts first), by which tickets of several lanes are merged.
    """

    lane: str
    ids: tuple[str, ...]
    priority: int
    place: str

    @property
    def rank(self) -> tuple[int, str]:
        """Sorts tickets in the order in which they are handed out: priority descending, then place."""
        return -self.priority, self.place


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message to be published. `mandatory`: RabbitMQ says so when no queue would get it.

    `also`: further routing keys, which nobody sees who gets it (https://www.rabbitmq.com/docs/sender-selected).
    """

    exchange: str
    routing_key: str
    body: bytes
    priority: int | None = None
    delivery_mode: int = TRANSIENT
    mandatory: bool = False
    also: tuple[str, ...] = ()


class NotATicket(ValueError):
    """A message in a lane that nobody of ours put there."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[str, tuple[str, ...]])


def encode(ticket: Ticket, *, kept: bool = False) -> Message:
    """The message of a ticket: to the lane through the default exchange, place and ids as a MessagePack array.

    Transient: a hint is not worth a write to RabbitMQ's disk, and after a restart the refill brings all of them back
    (ADR 12; a quorum queue keeps them all the same). `kept`: to disk, for a lane that is deep. Mandatory, so that a
    lane that is missing is noticed.
    """
    return Message(
        exchange="",
        routing_key=ticket.lane,
        body=_encoder.encode((ticket.place, ticket.ids)),
        priority=ticket.priority,
        delivery_mode=PERSISTENT if kept else TRANSIENT,
        mandatory=True,
    )


def decode(lane: str, priority: int | None, body: bytes) -> Ticket:
    """The ticket of a message; raises NotATicket."""
    try:
        place, ids = _decoder.decode(body)
    except msgspec.DecodeError as reason:
        raise NotATicket(str(reason)) from reason
    return Ticket(lane=lane, ids=ids, priority=priority or 0, place=place)
