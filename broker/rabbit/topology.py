"""Every name that we give in RabbitMQ, and every argument of what we declare there, each with its reason."""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib import parse

import aiormq.abc
from pamqp.common import FieldTable

LEVELS = 4
"""Priorities 0 to 3 (`core.priority`)."""

DECLARE_TIMEOUT = 5.0
"""Seconds."""

_SPECIAL = re.compile(r"[.*#%]")
_DELIVERY_LIMIT = 100


class Version(NamedTuple):
    """A RabbitMQ version as far as it decides anything."""

    major: int
    minor: int


STRICT_QUORUM_PRIORITIES = Version(4, 3)
"""From here on quorum queues know strict priorities (release notes of 4.3.0)."""

CLASSIC_VERSION_2 = Version(3, 10)
"""From here on classic queues have a second storage version (release notes of 3.10.0)."""


def version(text: str) -> Version:
    """The version that a server reports of itself, such as `3.10.8` or `4.3.0-rc.1`; unreadable counts as 0.0."""
    numbers = re.match(r"(\d+)\.(\d+)", text)
    return Version(int(numbers[1]), int(numbers[2])) if numbers else Version(0, 0)


def keeps_tickets(server: Version) -> bool:
    """Whether lanes hold their tickets over a restart. They may then say 0 for a moment behind it, all the same."""
    return server >= STRICT_QUORUM_PRIORITIES


def lane(prefix: str, tenant: str, lane_id: str) -> str:
    """The queue that carries one lane's tickets, named from ids that never change."""
    return f"{prefix}.lane.{tenant}.{lane_id}"


def lane_arguments(server: Version, *, mirrored: bool = False) -> FieldTable:
    """How a lane is declared; always durable, neither exclusive nor auto-delete. `mirrored`: by a policy.

    Durable although its tickets are transient: to declare ten thousand lanes anew takes RabbitMQ far longer than to
    fill them.

    Left out on purpose: `x-queue-mode` (lazy mode makes version 2 queues crash, rabbitmq-server issue 5252, and
    means nothing from 3.12 on), TTL and dead letter exchange (time and failure are decided by the record, not
    here), length limits (dropping a ticket of a ready task only delays it until the refill).
    """
    # Explicit, because a virtual host may have another default queue type
    # (https://www.rabbitmq.com/docs/vhosts#default-queue-type).
    if keeps_tickets(server):
        return {
            "x-queue-type": "quorum",
            # Switches strict priorities on (https://www.rabbitmq.com/docs/4.3/priority).
            "x-max-priority": LEVELS,
            # A ticket whose holders died this often is dropped; the refill brings it back. Giving back by
            # basic.nack does not count (https://www.rabbitmq.com/docs/4.3/nack); the default would be 20.
            "x-delivery-limit": _DELIVERY_LIMIT,
        }
    arguments: FieldTable = {
        "x-queue-type": "classic",
        # One sub-queue per level, so no more than needed; 2 to 4 are advised (https://www.rabbitmq.com/docs/priority).
        # It cannot be changed once a queue is declared.
        "x-max-priority": LEVELS,
    }
    if server >= CLASSIC_VERSION_2 and not mirrored:
        # Twice the publish and three times the consume rate of version 1 for priority queues on 3.10 (measured).
        # Not with lazy mode (issue 5252) or mirroring (issue 6176): we use neither. The only version from 4.3 on.
        arguments["x-queue-version"] = 2
    return arguments


def events_exchange(prefix: str) -> str:
    """The durable topic exchange that fans events out."""
    return f"{prefix}.events"


async def declare_events(channel: aiormq.abc.AbstractChannel, exchange: str) -> None:
    """Declare the events exchange: durable, so that publishing goes on when RabbitMQ returns before its listeners."""
    await channel.exchange_declare(exchange, exchange_type="topic", durable=True, timeout=DECLARE_TIMEOUT)


QUESTION = "penstock.question"
"""The routing key of a message that only asks whether anybody listens to certain events."""

NATIVE, ADSP = "tenant", "task-service"
"""First words of routing keys: of our own events, and of the same in ADSP's envelope."""


def event_key(tenant: str, queue: str, kind: str, family: str = NATIVE) -> str:
    """The routing key of an event: `tenant.<tenant>.<queue>.<kind>`; the kind may hold dots.

    Names of tenants and queues have no character that means something in a topic; should one ever, it is escaped.
    ADSP's events have `task-service` in place of the first word and their own names as kinds.
    """
    return f"{family}.{_word(tenant)}.{_word(queue)}.{kind}"


def event_parts(key: str) -> tuple[str, str, str]:
    """Tenant, queue and kind of an `event_key`."""
    _, tenant, queue, kind = key.split(".", 3)
    return parse.unquote(tenant), parse.unquote(queue), kind


def event_pattern(
    tenant: str | None = None, queue: str | None = None, kind: str | None = None, family: str = NATIVE
) -> str:
    """A binding key for `event_key`; what is None matches everything."""
    words = (_word(word) if word is not None else "*" for word in (tenant, queue))
    return f"{family}.{'.'.join(words)}.{kind or '#'}"


@lru_cache(20_000)
def _word(name: str) -> str:
    return _SPECIAL.sub(lambda found: f"%{ord(found[0]):02x}", name)
