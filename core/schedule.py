"""The schedule record: what is submitted, when, and what happens when a firing is late or meets one before it."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Literal

import msgspec

from core.priority import Priority
from core.task import Actor, Limits, Reason


class Cron(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="kind", tag="cron"):
    """At wall times of a zone: see `core.cron`."""

    expression: str
    time_zone: str = "UTC"


class Interval(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="kind", tag="interval"):
    """Every so many seconds, from the schedule's start, else from the moment the trigger was set."""

    seconds: float


class Date(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="kind", tag="date"):
    """Once."""

    at: datetime


Trigger = Cron | Interval | Date


class Timing(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """When a schedule fires (`core.timing` reads it)."""

    trigger: Trigger
    anchor: datetime
    """When the trigger was set; an interval without a start counts from it."""
    start_at: datetime | None = None
    end_at: datetime | None = None
    jitter_seconds: float = 0.0
    """Each firing is late by a share of this: another share for each, the same whoever works it out."""


class MisfirePolicy(StrEnum):
    """What becomes of firings that are later than the grace, because no engine ran or all was paused.

    Those within the grace run, each of them, except with `latest`.
    """

    SKIP = "skip"
    """Nothing."""
    ONE = "one"
    """The last of them runs for all."""
    ALL = "all"
    """Each runs, however late."""
    LATEST = "latest"
    """Of all that are due only the last runs, and only within the grace."""


class Misfire(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How late a firing may be, and what becomes of it then. A grace of None has no limit."""

    policy: MisfirePolicy = MisfirePolicy.SKIP
    grace_seconds: float | None = 60.0


class OverlapPolicy(StrEnum):
    """What a firing does when as many runs of its schedule as `max_open` have not ended."""

    ALLOW = "allow"
    SKIP = "skip"
    REPLACE = "replace"
    """The oldest of them are canceled, at once."""


class Overlap(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How a firing meets those before it."""

    policy: OverlapPolicy = OverlapPolicy.ALLOW
    max_open: int = 1


RunKind = Literal["task", "flow"]


class TaskOrder(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, tag="task"):
    """The task that each firing submits. With a definition the queue is the definition's own at that time."""

    kind: ClassVar[RunKind] = "task"
    queue: str | None = None
    definition: str | None = None
    name: str | None = None
    description: str | None = None
    params: Any = None
    context: dict[str, Any] = {}
    labels: tuple[str, ...] = ()
    record_id: str | None = None
    priority: Priority | None = None
    limits: Limits | None = None
    expire_after_seconds: float | None = None


class FlowOrder(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, tag="flow"):
    """The flow that each firing starts."""

    kind: ClassVar[RunKind] = "flow"
    template: str
    params: Any = None
    label: str | None = None
    context: dict[str, Any] = {}
    priority: Priority | None = None


Order = TaskOrder | FlowOrder


class FiringKind(StrEnum):
    """Why a schedule fired."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"
    """Somebody said: now."""
    SETUP = "setup"
    """The schedule is new, and asked for it."""


class FiringStatus(StrEnum):
    """What became of a firing."""

    SUBMITTED = "submitted"
    SKIPPED = "skipped"
    """Others of the schedule had not ended."""
    MISSED = "missed"
    """It was too late."""
    REFUSED = "refused"
    """What it was to submit could not be: its queue is gone, its params do not fit."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What a firing submitted."""

    kind: RunKind
    id: str


class Last(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The last firing: by its trigger's time `at`."""

    at: datetime
    status: FiringStatus
    run: Run | None = None


class Schedule(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One schedule. `version` grows with every change by people and is its ETag; `seq` with every write."""

    tenant: str
    id: str
    secret: str
    """Its runs' ids derive from this. It is never shown, so that nobody can take such an id beforehand; it is new when
    the schedule is removed and made again."""
    version: int
    seq: int
    created_at: datetime
    created_by: Actor
    updated_at: datetime
    updated_by: Actor
    timing: Timing
    order: Order
    misfire: Misfire = Misfire()
    overlap: Overlap = Overlap()
    display_name: str | None = None
    description: str | None = None
    run_on_create: bool = False
    paused: bool = False

    cursor: datetime
    """What became of all firings up to here is decided."""
    setup_at: datetime | None = None
    """When it was made, as long as the run that it asked for then has not happened."""
    next_at: datetime | None = None
    """When an engine must look at it; None while it is paused, and once it fires no more."""
    last: Last | None = None
    last_run: Last | None = None
    """The last firing that submitted something."""


class Firing(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An entry of a schedule's history."""

    tenant: str
    id: str
    schedule: str
    at: datetime
    """The time by the trigger, or when somebody said: now."""
    kind: FiringKind
    status: FiringStatus
    recorded_at: datetime
    run: Run | None = None
    reason: Reason | None = None
    until: datetime | None = None
    """Of an entry for many missed firings: the last of them; `at` is the first."""
    count: int | None = None
    """How many they are; None with `until`: more than were counted."""
    record: str | None = None
    """Of a trigger's entry: the record that it ran for."""
