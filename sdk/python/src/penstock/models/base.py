"""What every answer of the server is made of."""

from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

Priority = Literal["low", "normal", "high", "urgent"]

Item = TypeVar("Item")


class Record(BaseModel):
    """Something the server said: frozen, camelCase on the wire, snake_case here."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="allow")


class Page(Record, Generic[Item]):
    """One page of a listing; `next` is the cursor of the page after it."""

    items: tuple[Item, ...]
    next: str | None = None


class Actor(Record):
    """Who did something."""

    id: str
    name: str
    email: str | None = None


class Reason(Record):
    """Why something happened: a kebab-case type and a sentence."""

    type: str
    message: str | None = None
    data: Any = None


class Backoff(Record):
    """How long to wait before the next attempt; seconds, `jitter` as a share of them."""

    kind: Literal["fixed", "exponential"] = "fixed"
    initial_seconds: float = 10.0
    max_seconds: float | None = None
    jitter: float | None = None


class RetryPolicy(Record):
    """How often a task is attempted. Unset members are left to the server."""

    max_attempts: int = 2
    backoff: Backoff | None = None
