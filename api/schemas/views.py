"""What answers look like: one record a thing, encoded by msgspec; the OpenAPI document is made from these same records.

A field that is UNSET is absent from the answer. `api/shown.py` makes them from records.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from core.retry import Retry
from core.task import Actor, Attachment, Outcome, Progress, Reason, State

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
    attachments: tuple[Attachment, ...] | UnsetType = UNSET
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
    due_date: Stamp | UnsetType = UNSET
    follow_up_date: Stamp | UnsetType = UNSET
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
    encrypted: Annotated[Literal[True] | UnsetType, Meta(description="Its payload is kept sealed.")] = UNSET
    erased: Annotated[
        Literal[True] | UnsetType, Meta(description="Its payload is gone: the key it was sealed with was erased.")
    ] = UNSET
    schedule: ScheduleRefView | UnsetType = UNSET
    limits: LimitsView
    seq: Annotated[int, Meta(description="Grows with every change; the number in the task's ETag.")]


class ReadTaskView(TaskView, frozen=True, kw_only=True, rename="camel"):
    """A task that was read; its holder finds the fence in it."""

    exec_id: Annotated[str | UnsetType, Meta(description="Only for its holder")] = UNSET


class ClaimedView(TaskView, frozen=True, kw_only=True, rename="camel"):
    """A task that was handed out: `execId` is the fence that its holder gives back with every call."""

    exec_id: str
    traceparent: Annotated[str | UnsetType, Meta(description="The trace under which it was submitted")] = UNSET


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
    tenant_state: Annotated[
        Literal["suspended", "deleting"] | UnsetType,
        Meta(description="Of a 403: the tenant is shut out, whatever its caller's rights; it may come back"),
    ] = UNSET


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
