"""Webhooks and what was sent to them."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from penstock.models.base import Actor, Record


class Webhook(Record):
    """Who is told of what happens; `secret` only when it is new."""

    id: str
    name: str
    url: str
    payload: Literal["native", "adsp"] = "native"
    filter: dict[str, Any] = Field(default_factory=dict[str, Any])
    status: Literal["active", "paused", "disabled"] = "active"
    disabled: dict[str, Any] | None = None
    failing_since: datetime | None = None
    reached: int = 0
    secret: str | None = None
    version: int = 0
    created_at: datetime | None = None
    created_by: Actor | None = None
    updated_at: datetime | None = None
    updated_by: Actor | None = None


class Attempt(Record):
    """One try: the answer's status, or the error when none came."""

    at: datetime
    milliseconds: int = 0
    status: int | None = None
    error: str | None = None
    response: str | None = None


class Tried(Attempt):
    """What came of a test call."""

    taken: bool = False


class Delivery(Record):
    """One event on its way to a webhook; tries and body are known of one that was asked for by its id."""

    id: str
    type: str
    n: int = 0
    task: str | None = None
    queue: str | None = None
    status: str
    tries: int = 0
    created_at: datetime
    next_at: datetime | None = None
    ended_at: datetime | None = None
    last: Attempt | None = None
    attempts: tuple[Attempt, ...] = ()
    body: str | None = None


class Replayed(Record):
    """How many deliveries are sent again."""

    replayed: int = 0
