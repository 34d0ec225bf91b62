"""What answers look like: one record a thing, encoded by msgspec; the OpenAPI document is made from these same records.

A field that is UNSET is absent from the answer. `api/shown.py` makes them from records.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from core.queue import Bindings
from core.retry import Retry
from core.task import Actor, Outcome, Progress, Reason, State
from core.tenant import TenantState
from store.redrives import RedriveState

PriorityName = Literal["low", "normal", "high", "urgent"]

Stamp = Annotated[str, Meta(extra_json_schema={"format": "date-time", "examples": ["2026-01-31T12:00:00.000Z"]})]


class View(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of all answers."""


class AssignmentView(View, frozen=True, kw_only=True, rename="camel"):
    """Whom somebody gave the task to; `to` is absent once it was taken back."""

    to: Actor | UnsetType = UNSET
    by: Actor
    at: Stamp


class LimitsView(View, frozen=True, kw_only=True, rename="camel"):
    """Time limits; null means that there is none."""

    lease_seconds: float | None
    start_timeout_seconds: float | None
    overall_timeout_seconds: float | None
    retry: Retry


class ScheduleRefView(View, frozen=True, kw_only=True, rename="camel"):
    """Which firing of which schedule submitted the task: `at` is its time by the trigger."""

    id: str
    at: Stamp


class TaskView(View, frozen=True, kw_only=True, rename="camel"):
    """One task."""

    id: str
    queue: Annotated[str, Meta(description="`namespace:name`")]
    definition: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    params: Any = UNSET
    context: dict[str, Any]
    labels: tuple[str, ...]
    record_id: str | UnsetType = UNSET
    priority: PriorityName
    state: State
    outcome: Outcome | UnsetType = UNSET
    reason: Reason | UnsetType = UNSET
    result: Any = UNSET
    error: Any = UNSET
    created_at: Stamp
    created_by: Actor
    updated_at: Stamp
    execute_at: Stamp | UnsetType = UNSET
    expire_at: Stamp | UnsetType = UNSET
    requested_at: Stamp | UnsetType = UNSET
    started_at: Stamp | UnsetType = UNSET
    ended_at: Stamp | UnsetType = UNSET
    lease_until: Stamp | UnsetType = UNSET
    holder: Actor | UnsetType = UNSET
    worker: str | UnsetType = UNSET
    attempt: Annotated[int, Meta(description="Attempts that were started.")]
    attempts_left: int
    progress: Progress | UnsetType = UNSET
    cancel_requested: bool
    assignment: AssignmentView | UnsetType = UNSET
    dead: Literal[True] | UnsetType = UNSET
    redrive: str | UnsetType = UNSET
    schedule: ScheduleRefView | UnsetType = UNSET
    limits: LimitsView
    seq: Annotated[int, Meta(description="Grows with every change; the number in the task's ETag.")]


class ClaimedView(TaskView, frozen=True, kw_only=True, rename="camel"):
    """A task that was handed out: `execId` is the fence that its holder gives back with every call."""

    exec_id: str


class ClaimsView(View, frozen=True, kw_only=True, rename="camel"):
    """What a claim gave; empty when there was nothing in time."""

    tasks: tuple[ClaimedView, ...]


class TaskPageView(View, frozen=True, kw_only=True, rename="camel"):
    """Tasks, and where the next page begins."""

    items: tuple[TaskView, ...]
    next: str | None


class BriefView(View, frozen=True, kw_only=True, rename="camel"):
    """A task in a few words."""

    id: str
    state: State
    outcome: Outcome | UnsetType = UNSET
    priority: PriorityName
    created_at: Stamp
    updated_at: Stamp


class EndedView(View, frozen=True, kw_only=True, rename="camel"):
    """A task that succeeded."""

    id: str
    state: Literal["done"] = "done"
    outcome: Literal["succeeded"] = "succeeded"
    ended_at: Stamp


class BeatView(View, frozen=True, kw_only=True, rename="camel"):
    """Until when the lease runs now, and whether the worker is asked to stop."""

    lease_until: Stamp | None
    cancel_requested: bool


class FaultView(View, frozen=True, kw_only=True, rename="camel"):
    """One thing wrong with a request: a dotted path, and what."""

    field: str
    message: str


class ProblemView(View, frozen=True, kw_only=True, rename="camel"):
    """Why a request was refused (RFC 9457). Further members depend on the type."""

    type: Annotated[str, Meta(examples=["urn:penstock:problem:not-found"])]
    title: str
    status: int
    detail: str
    instance: str | UnsetType = UNSET
    request_id: str | UnsetType = UNSET
    errors: tuple[FaultView, ...] | UnsetType = UNSET


class BatchItemView(View, frozen=True, kw_only=True, rename="camel"):
    """What became of one task of a batch: 201 new, 200 known by its key, 4xx refused with the problem."""

    status: int
    task: BriefView | UnsetType = UNSET
    problem: dict[str, Any] | UnsetType = UNSET


class BatchView(View, frozen=True, kw_only=True, rename="camel"):
    """One result for each task, in their order."""

    results: tuple[BatchItemView, ...]
    accepted: int
    refused: int


class SettledTaskView(View, frozen=True, kw_only=True, rename="camel"):
    """How a task stands after its worker's report."""

    id: str
    state: State
    outcome: Outcome | UnsetType = UNSET
    ended_at: Stamp | UnsetType = UNSET


class SettledView(View, frozen=True, kw_only=True, rename="camel"):
    """What became of one reported end: 200, or 4xx with the problem."""

    id: str
    status: int
    task: SettledTaskView | UnsetType = UNSET
    problem: dict[str, Any] | UnsetType = UNSET


class SettlementView(View, frozen=True, kw_only=True, rename="camel"):
    """One result for each report, in their order."""

    results: tuple[SettledView, ...]


class EventView(View, frozen=True, kw_only=True, rename="camel"):
    """Something that happened to a task."""

    n: Annotated[int, Meta(description="Grows from event to event over the platform.")]
    id: str
    task: str
    queue: str
    definition: str | UnsetType = UNSET
    type: str
    seq: Annotated[int, Meta(description="1 for the task's first event, then one more for each.")]
    at: Stamp
    by: Actor
    reason: Reason | UnsetType = UNSET
    data: Any = UNSET
    state: State
    outcome: Outcome | UnsetType = UNSET
    name: str | UnsetType = UNSET
    record_id: str | UnsetType = UNSET
    priority: PriorityName


class EventPageView(View, frozen=True, kw_only=True, rename="camel"):
    """Events in their order, and the number after which the next page begins; null at the end."""

    items: tuple[EventView, ...]
    next: str | None


class DefaultsView(View, frozen=True, kw_only=True, rename="camel"):
    """What a submit to the queue gets where it says nothing."""

    priority: PriorityName
    lease_seconds: float | None
    start_timeout_seconds: float | None
    overall_timeout_seconds: float | None
    retry: Retry


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
    params_schema: dict[str, Any] | None
    retention_days: float | None
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


class MeView(View, frozen=True, kw_only=True, rename="camel"):
    """Who is calling, as the token says."""

    tenant: str
    subject: str
    name: str
    email: str | UnsetType = UNSET
    roles: tuple[str, ...]
    kind: Literal["user", "service"]
    operator: bool


class HttpTargetsView(View, frozen=True, kw_only=True, rename="camel"):
    """Which private addresses HTTP targets may reach."""

    allow: Annotated[tuple[str, ...], Meta(description="URL prefixes")]


class TenantView(View, frozen=True, kw_only=True, rename="camel"):
    """An organisation on this platform."""

    id: str
    issuer: str
    display_name: str | UnsetType = UNSET
    state: TenantState
    policy_url: str | UnsetType = UNSET
    http_targets: HttpTargetsView
    created_at: Stamp
    version: int


class TenantsView(View, frozen=True, kw_only=True, rename="camel"):
    """All tenants."""

    items: tuple[TenantView, ...]


class LiveView(View, frozen=True, kw_only=True, rename="camel"):
    """The process turns."""

    status: Literal["live"] = "live"


class ReadyView(View, frozen=True, kw_only=True, rename="camel"):
    """Whether the process can serve: it needs MongoDB; without RabbitMQ it takes submits and hands nothing out."""

    status: Literal["ready", "degraded", "unavailable"]
    mongodb: bool
    rabbitmq: bool
    rabbitmq_blocked: bool


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
    """Durations of the last hour in seconds."""

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
