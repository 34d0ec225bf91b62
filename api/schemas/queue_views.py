"""What answers about queues look like: settings, numbers, redrives."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.schemas.views import PriorityName, Stamp, View
from core.queue import Bindings
from core.retry import Retry
from core.task import Actor
from store.redrives import RedriveState


class DefaultsView(View, frozen=True, kw_only=True, rename="camel"):
    """What a submit to the queue gets where it says nothing."""

    priority: PriorityName
    lease_seconds: float | None
    start_timeout_seconds: float | None
    overall_timeout_seconds: float | None
    retry: Retry


class EscalationView(View, frozen=True, kw_only=True, rename="camel"):
    """What happens to a task that is still open so many seconds after its due date."""

    after_seconds: float
    raise_to: PriorityName | UnsetType = UNSET
    assign_to: Actor | UnsetType = UNSET
    give_back: Literal[True] | UnsetType = UNSET
    notify: tuple[str, ...]


class DeadlinesView(View, frozen=True, kw_only=True, rename="camel"):
    """What the queue says of the time of its tasks."""

    due_in_seconds: float | None
    remind_before_seconds: tuple[float, ...]
    escalations: tuple[EscalationView, ...]


class QueueQuotasView(View, frozen=True, kw_only=True, rename="camel"):
    """A queue's limits, beside those of its tenant; what is absent is not limited."""

    open_tasks: int | UnsetType = UNSET
    submits_per_second: float | UnsetType = UNSET
    claims_in_flight: int | UnsetType = UNSET
    payload_bytes: int | UnsetType = UNSET


class QueueUsedView(View, frozen=True, kw_only=True, rename="camel"):
    """What a queue has taken."""

    open_tasks: Annotated[int, Meta(description="Tasks that have not ended")]
    claims_in_flight: int


class QueueUsageView(View, frozen=True, kw_only=True, rename="camel"):
    """A queue's limits, and what is used of them."""

    limits: QueueQuotasView
    used: QueueUsedView


class QueueView(View, frozen=True, kw_only=True, rename="camel"):
    """One queue."""

    namespace: str
    name: str
    key: Annotated[str, Meta(description="`namespace:name`")]
    display_name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    context: dict[str, Any]
    bindings: Bindings
    defaults: DefaultsView
    deadlines: DeadlinesView
    params_schema: dict[str, Any] | None
    retention_days: float | None
    quotas: QueueQuotasView
    encrypt_payloads: bool
    paused: bool
    deleting: Literal[True] | UnsetType = UNSET
    version: int
    created_at: Stamp
    created_by: Actor
    updated_at: Stamp
    updated_by: Actor
    rights: Annotated[tuple[str, ...], Meta(description="What the caller may do here.")]


class QueuePageView(View, frozen=True, kw_only=True, rename="camel"):
    """Queues, and where the next page begins."""

    items: tuple[QueueView, ...]
    next: str | None


class CanceledView(View, frozen=True, kw_only=True, rename="camel"):
    """How many open tasks were canceled."""

    canceled: int


class StateCountsView(View, frozen=True, kw_only=True):
    """Open tasks by state."""

    waiting: int
    ready: int
    requested: int
    in_progress: int = msgspec.field(name="in-progress")


class PriorityCountsView(View, frozen=True, kw_only=True, rename="camel"):
    """Open tasks by priority."""

    low: int
    normal: int
    high: int
    urgent: int


class AssigneeCountView(View, frozen=True, kw_only=True, rename="camel"):
    """Open tasks of one person; without an id, those that are nobody's."""

    id: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    count: int


class RatesView(View, frozen=True, kw_only=True, rename="camel"):
    """How many tasks of the queue took each step."""

    submitted: int
    started: int
    succeeded: int
    failed: int
    canceled: int
    expired: int


class PaceView(View, frozen=True, kw_only=True, rename="camel"):
    """Rates of the last 60 seconds (the last whole minute in part) and of the last hour."""

    last_minute: RatesView
    last_hour: RatesView


class SpreadView(View, frozen=True, kw_only=True, rename="camel"):
    """Durations in seconds."""

    count: int
    average: float
    min: float
    max: float


class MetricsView(View, frozen=True, kw_only=True, rename="camel"):
    """A queue in numbers."""

    open: int
    by_state: StateCountsView
    by_priority: PriorityCountsView
    by_assignee: tuple[AssigneeCountView, ...]
    dead_letters: int
    oldest_ready_at: Stamp | None
    oldest_age_seconds: float | None
    rates: PaceView
    wait_seconds: Annotated[SpreadView | None, Meta(description="From ready to started.")]
    work_seconds: Annotated[SpreadView | None, Meta(description="From started to its end.")]


class MomentView(RatesView, frozen=True, kw_only=True, rename="camel"):
    """A minute or an hour of a queue, from `at` on."""

    at: Stamp
    wait_seconds: Annotated[SpreadView | None, Meta(description="From ready to started.")]
    work_seconds: Annotated[SpreadView | None, Meta(description="From started to its end.")]


class SeriesView(View, frozen=True, kw_only=True, rename="camel"):
    """A queue over time."""

    unit: Literal["minute", "hour"]
    items: tuple[MomentView, ...]


class RedriveView(View, frozen=True, kw_only=True, rename="camel"):
    """An order to run dead letters again."""

    id: str
    queue: str
    state: RedriveState
    matched: Annotated[
        int | UnsetType, Meta(description="Dead letters that fitted when it was made, counted to 100,000.")
    ] = UNSET
    moved: Annotated[int, Meta(description="Made ready so far.")]
    undone: Annotated[int, Meta(description="Put back by an undo.")]
    rate_per_second: float | None
    created_at: Stamp
    by: Actor
    undone_by: Actor | UnsetType = UNSET
    ended_at: Stamp | UnsetType = UNSET


class RedrivesView(View, frozen=True, kw_only=True, rename="camel"):
    """A queue's redrives, the newest first."""

    items: tuple[RedriveView, ...]
