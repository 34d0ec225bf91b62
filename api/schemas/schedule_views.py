"""What answers about schedules look like."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from api.schemas.views import PriorityName, Stamp, View
from core.retry import Retry
from core.schedule import FiringKind, FiringStatus, MisfirePolicy, OverlapPolicy, RunKind
from core.task import Actor, Reason


class CronView(View, frozen=True, kw_only=True, rename="camel", tag_field="kind", tag="cron"):
    """At wall times of a zone."""

    expression: str
    time_zone: str


class IntervalView(View, frozen=True, kw_only=True, rename="camel", tag_field="kind", tag="interval"):
    """Every so many seconds."""

    seconds: float


class DateView(View, frozen=True, kw_only=True, rename="camel", tag_field="kind", tag="date"):
    """Once."""

    at: Stamp


class MisfireView(View, frozen=True, kw_only=True, rename="camel"):
    """What becomes of firings that are later than the grace; null: there is no limit."""

    policy: MisfirePolicy
    grace_seconds: float | None


class OverlapView(View, frozen=True, kw_only=True, rename="camel"):
    """What a firing does when so many runs of the schedule have not ended."""

    policy: OverlapPolicy
    max_open: int


class RunView(View, frozen=True, kw_only=True, rename="camel"):
    """What a firing submitted."""

    kind: RunKind
    id: str


class LastView(View, frozen=True, kw_only=True, rename="camel"):
    """The last firing: its time by the trigger, and what became of it."""

    at: Stamp
    status: FiringStatus
    run: RunView | UnsetType = UNSET


class TaskOrderView(View, frozen=True, kw_only=True, rename="camel"):
    """The task that each firing submits; limits only where they are the schedule's own."""

    queue: str | None
    definition: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    params: Any = UNSET
    context: dict[str, Any]
    labels: tuple[str, ...]
    record_id: str | UnsetType = UNSET
    priority: PriorityName | UnsetType = UNSET
    expire_after_seconds: float | UnsetType = UNSET
    lease_seconds: float | UnsetType | None = UNSET
    start_timeout_seconds: float | UnsetType | None = UNSET
    overall_timeout_seconds: float | UnsetType | None = UNSET
    retry: Retry | UnsetType = UNSET


class FlowOrderView(View, frozen=True, kw_only=True, rename="camel"):
    """The flow that each firing starts."""

    template: str
    params: Any = UNSET
    label: str | UnsetType = UNSET
    context: dict[str, Any]
    priority: PriorityName | UnsetType = UNSET


class ScheduleView(View, frozen=True, kw_only=True, rename="camel"):
    """One schedule, with a task or a flow."""

    id: str
    display_name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    trigger: CronView | IntervalView | DateView
    words: Annotated[str, Meta(description="What the trigger means, in English.")]
    start_at: Stamp | UnsetType = UNSET
    end_at: Stamp | UnsetType = UNSET
    jitter_seconds: float
    misfire: MisfireView
    overlap: OverlapView
    run_on_create: bool
    paused: bool
    status: Literal["active", "paused", "finished"]
    next_at: Annotated[Stamp | None, Meta(description="When it fires next; null when it is paused or finished.")]
    last: LastView | UnsetType = UNSET
    task: TaskOrderView | UnsetType = UNSET
    flow: FlowOrderView | UnsetType = UNSET
    version: int
    created_at: Stamp
    created_by: Actor
    updated_at: Stamp
    updated_by: Actor


class SchedulePageView(View, frozen=True, kw_only=True, rename="camel"):
    """Schedules, and where the next page begins."""

    items: tuple[ScheduleView, ...]
    next: str | None


class UpcomingView(View, frozen=True, kw_only=True, rename="camel"):
    """A firing to come: its time by the trigger, and (of a schedule) when it runs, with its jitter."""

    at: Stamp
    runs_at: Stamp | UnsetType = UNSET


class UpcomingsView(View, frozen=True, kw_only=True, rename="camel"):
    """The next firings."""

    items: tuple[UpcomingView, ...]


class PreviewView(View, frozen=True, kw_only=True, rename="camel"):
    """What a trigger means, and when it would fire."""

    words: str
    items: tuple[UpcomingView, ...]


class FiringView(View, frozen=True, kw_only=True, rename="camel"):
    """An entry of a schedule's history; a `missed` one with `until` stands for several."""

    id: str
    schedule: str
    at: Annotated[Stamp, Meta(description="The time by the trigger, or when somebody said: now.")]
    kind: FiringKind
    status: FiringStatus
    run: RunView | UnsetType = UNSET
    reason: Reason | UnsetType = UNSET
    until: Stamp | UnsetType = UNSET
    count: Annotated[int | UnsetType | None, Meta(description="How many; null: more than were counted.")] = UNSET
    recorded_at: Stamp


class FiringPageView(View, frozen=True, kw_only=True, rename="camel"):
    """Firings, and where the next page begins."""

    items: tuple[FiringView, ...]
    next: str | None


class SchedulerView(View, frozen=True, kw_only=True, rename="camel"):
    """Whether all schedules of the tenant are paused."""

    paused: bool
    paused_at: Stamp | UnsetType = UNSET
    paused_by: Actor | UnsetType = UNSET
