"""One event on its way to one webhook: when it is tried again, and when it is given up. Pure rules.

Deliveries follow Standard Webhooks: the same `webhook-id` with every try, the time of the try signed with the body.
"""

import hashlib
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from core import clock

GIVE_UP = timedelta(hours=24)
"""A delivery that failed for so long after its first try is tried no more by itself."""
LONGEST_DELAY = timedelta(hours=4)

_FACTOR = 3.0
_JITTER = 0.2
_LONGEST_REST = 60.0
_DOWN_AFTER = 5
_GONE = 410
_EXCERPT = 500
_KEPT = 10


class Status(StrEnum):
    """Where a delivery is."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Attempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One try: when, for how many milliseconds, and what came of it."""

    at: datetime
    ms: int
    status: int | None = None
    """What the receiver answered; None when nothing came."""
    error: str | None = None
    response: str | None = None
    """The beginning of the answer's body."""

    @property
    def taken(self) -> bool:
        """Whether the receiver took it."""
        return self.error is None and self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Whether the receiver wants no more for ever (410, as Standard Webhooks has it)."""
        return self.status == _GONE


class Delivery(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One event on its way to one webhook, with everything that a try needs."""

    tenant: str
    id: str
    """The `webhook-id`: the same with every try, and made of webhook and event."""
    webhook: str
    type: str
    """As the payload names it."""
    n: int
    """The event's number; the order within `group`."""
    group: str
    """Deliveries of one group go out one after the other: the task's id."""
    task: str | None = None
    queue: str | None = None
    trace: str | None = None
    """The `traceparent` under which the task was submitted."""
    body: str = ""
    """Empty where the key that it was encrypted with was erased."""
    encrypted: bool | None = None
    """True where the task's payload is."""
    status: Status = Status.PENDING
    open: bool | None = None
    """True while it is to be tried: an index holds just these."""
    created_at: datetime
    next_at: datetime | None = None
    first_at: datetime | None = None
    """The first try of this round: a replay begins another."""
    tries: int = 0
    attempts: tuple[Attempt, ...] = ()
    """The last of them."""
    ended_at: datetime | None = None


def delivery_id(tenant: str, webhook: str, *parts: str) -> str:
    """The `webhook-id` of what these parts name: the same whenever it is worked out, and without dots."""
    return "msg_" + hashlib.sha256("\0".join((tenant, webhook, *parts)).encode()).hexdigest()[:32]


def tried(
    delivery: Delivery,
    attempt: Attempt,
    *,
    first_delay: timedelta,
    dice: random.Random,
    not_before: datetime | None = None,
) -> Delivery:
    """The delivery after a try: delivered, to be tried again with growing delays, or failed after `GIVE_UP`."""
    first_at, tries = delivery.first_at or attempt.at, delivery.tries + 1
    after = msgspec.structs.replace(
        delivery, first_at=first_at, tries=tries, attempts=(*delivery.attempts, attempt)[-_KEPT:]
    )
    if attempt.taken:
        return _ended(after, Status.DELIVERED, attempt.at)
    if attempt.at - first_at >= GIVE_UP:
        return _ended(after, Status.FAILED, attempt.at)
    seconds = min(first_delay.total_seconds() * _FACTOR ** min(tries - 1, 30), LONGEST_DELAY.total_seconds())
    following = attempt.at + clock.span(seconds * (1.0 + _JITTER * dice.random()))
    if not_before is not None:
        following = max(following, not_before)
    return msgspec.structs.replace(after, next_at=clock.cut(min(following, first_at + GIVE_UP)))


def _ended(delivery: Delivery, status: Status, at: datetime) -> Delivery:
    return msgspec.structs.replace(delivery, status=status, open=None, next_at=None, ended_at=at)


def excerpt(body: bytes) -> str | None:
    """The beginning of an answer's body, for people."""
    said = body[:_EXCERPT].decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    return said or None


class Health:
    """Whether a receiver is well: after some failures in a row it is given rests, growing up to a minute."""

    def __init__(self) -> None:
        self._failures = 0
        self._rest_until: datetime | None = None

    @property
    def down(self) -> bool:
        """Whether it looks down: then one try at a time shows if it is back."""
        return self._failures >= _DOWN_AFTER

    def waits(self, at: datetime) -> float:
        """Seconds for which nothing is to be sent."""
        return 0.0 if self._rest_until is None else max(0.0, (self._rest_until - at).total_seconds())

    def failed(self, at: datetime) -> None:
        """A try was in vain."""
        self._failures += 1
        if self.down:
            rest = min(2.0 ** min(self._failures - _DOWN_AFTER, 10), _LONGEST_REST)
            self._rest_until = at + clock.span(rest)

    def succeeded(self) -> bool:
        """A try was taken; answers whether the receiver had been down."""
        was_down = self.down
        self._failures, self._rest_until = 0, None
        return was_down


def groups(deliveries: Sequence[Delivery]) -> list[list[Delivery]]:
    """Deliveries by group, each in the order of `n`; groups in the order in which they came."""
    found: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        found.setdefault(delivery.group, []).append(delivery)
    return [sorted(group, key=lambda each: each.n) for group in found.values()]
