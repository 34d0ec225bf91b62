"""Queues, and what they look like in numbers."""

from datetime import datetime
from typing import Any

from pydantic import Field

from penstock.models.base import Actor, Priority, Record, RetryPolicy


class Bindings(Record):
    """Roles that may do something in a queue."""

    submitters: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    assigners: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()


class Defaults(Record):
    """What a queue says for tasks that do not say it themselves; seconds."""

    priority: Priority = "normal"
    lease_seconds: float | None = None
    start_timeout_seconds: float | None = None
    overall_timeout_seconds: float | None = None
    retry: RetryPolicy | None = None


class Escalation(Record):
    """What happens to a task that is still open so many seconds after its due date."""

    after_seconds: float = 0.0
    raise_to: Priority | None = None
    assign_to: Actor | None = None
    give_back: bool = False
    notify: tuple[str, ...] = ()


class Deadlines(Record):
    """What a queue says of the time of its tasks; seconds."""

    due_in_seconds: float | None = None
    remind_before_seconds: tuple[float, ...] = ()
    escalations: tuple[Escalation, ...] = ()


class Queue(Record):
    """A queue; `key` is `namespace:name`."""

    namespace: str
    name: str
    key: str
    display_name: str | None = None
    description: str | None = None
    context: dict[str, Any] | None = None
    bindings: Bindings = Bindings()
    defaults: Defaults = Defaults()
    deadlines: Deadlines | None = None
    params_schema: Any = None
    retention_days: float | None = None
    paused: bool = False
    deleting: bool = False
    version: int = 0
    created_at: datetime | None = None
    created_by: Actor | None = None
    updated_at: datetime | None = None
    updated_by: Actor | None = None
    rights: tuple[str, ...] = ()


class AssigneeCount(Record):
    """Open tasks of one person; without an id: of nobody."""

    id: str | None = None
    name: str | None = None
    count: int = 0


class QueueMetrics(Record):
    """A queue in numbers; rates by what happened, ages and waits in seconds."""

    open: int = 0
    by_state: dict[str, int] = Field(default_factory=dict[str, int])
    by_priority: dict[str, int] = Field(default_factory=dict[str, int])
    by_assignee: tuple[AssigneeCount, ...] = ()
    dead_letters: int = 0
    oldest_ready_at: datetime | None = None
    oldest_age_seconds: float | None = None
    rates: dict[str, Any] = Field(default_factory=dict[str, Any])
    wait_seconds: dict[str, float] | None = None
    work_seconds: dict[str, float] | None = None


class Redrive(Record):
    """A running or finished redrive of dead letters."""

    id: str
    state: str
    matched: int | None = None
