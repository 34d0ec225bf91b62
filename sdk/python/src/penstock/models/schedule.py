"""Schedules: when they fire, what each firing submits, what became of it. Durations in seconds."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from penstock.models.base import Actor, Priority, Reason, Record, RetryPolicy

MisfirePolicy = Literal["skip", "one", "all", "latest"]
OverlapPolicy = Literal["allow", "skip", "replace"]


class Cron(Record):
    """At wall times of a zone: five fields, or six with the second in front."""

    kind: Literal["cron"] = "cron"
    expression: str
    time_zone: str = "UTC"


class Interval(Record):
    """Every so many seconds."""

    kind: Literal["interval"] = "interval"
    seconds: float


class Date(Record):
    """Once."""

    kind: Literal["date"] = "date"
    at: AwareDatetime


Trigger = Annotated[Cron | Interval | Date, Field(discriminator="kind")]


class Misfire(Record):
    """What becomes of firings that are later than the grace; without a grace none is too late."""

    policy: MisfirePolicy | None = None
    grace_seconds: float | None = None


class Overlap(Record):
    """What a firing does when `max_open` runs of the schedule have not ended."""

    policy: OverlapPolicy | None = None
    max_open: int | None = None


class TaskOrder(Record):
    """The task that each firing submits: to a queue, or of a definition."""

    queue: str | None = None
    definition: str | None = None
    name: str | None = None
    description: str | None = None
    params: Any = None
    context: dict[str, Any] | None = None
    labels: tuple[str, ...] | None = None
    record_id: str | None = None
    priority: Priority | None = None
    expire_after_seconds: float | None = None
    lease_seconds: float | None = None
    start_timeout_seconds: float | None = None
    overall_timeout_seconds: float | None = None
    retry: RetryPolicy | None = None


class FlowOrder(Record):
    """The flow that each firing starts."""

    template: str
    params: Any = None
    label: str | None = None
    context: dict[str, Any] | None = None
    priority: Priority | None = None


class Run(Record):
    """What a firing submitted."""

    kind: Literal["task", "flow"]
    id: str


class LastFiring(Record):
    """The last firing of a schedule."""

    at: datetime
    status: str
    run: Run | None = None


class Schedule(Record):
    """A schedule; `words` says in English what its trigger means, `next_at` is empty when it will not fire."""

    id: str
    display_name: str | None = None
    description: str | None = None
    trigger: Trigger
    words: str = ""
    start_at: datetime | None = None
    end_at: datetime | None = None
    jitter_seconds: float = 0.0
    misfire: Misfire = Misfire()
    overlap: Overlap = Overlap()
    run_on_create: bool = False
    paused: bool = False
    status: Literal["active", "paused", "finished"] = "active"
    next_at: datetime | None = None
    last: LastFiring | None = None
    task: TaskOrder | None = None
    flow: FlowOrder | None = None
    version: int = 0
    created_at: datetime | None = None
    created_by: Actor | None = None
    updated_at: datetime | None = None
    updated_by: Actor | None = None


class Upcoming(Record):
    """A firing to come: its time by the trigger, and when it runs, with its jitter."""

    at: datetime
    runs_at: datetime | None = None


class Upcomings(Record):
    """The next firings."""

    items: tuple[Upcoming, ...] = ()


class Preview(Upcomings):
    """What a trigger means, and when it would fire."""

    words: str


class Firing(Record):
    """An entry of a schedule's history; a missed one with `until` stands for `count` of them."""

    id: str
    schedule: str
    at: datetime
    kind: str
    status: str
    run: Run | None = None
    reason: Reason | None = None
    until: datetime | None = None
    count: int | None = None
    recorded_at: datetime | None = None


class Scheduler(Record):
    """Whether all schedules of the tenant are paused."""

    paused: bool
    paused_at: datetime | None = None
    paused_by: Actor | None = None
