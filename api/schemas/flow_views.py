"""What answers about flows and their templates look like."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from api.schemas.views import AssignmentView, LimitsView, PriorityName, ScheduleRefView, Stamp, View
from core.flow import ItemFault
from core.flow_template import Group, Step
from core.task import Actor, Outcome, Parent, Progress, Reason, State

DriverName = Literal["groups", "dag", "decisions"]
StepStatusName = Literal["waiting", "running", "succeeded", "failed", "skipped", "canceled"]


class FlowTemplateView(View, frozen=True, kw_only=True, rename="camel"):
    """What flows are made by; which of its parts there are depends on its driver."""

    name: str
    driver: DriverName
    queue: Annotated[str, Meta(description="`namespace:name`: whose roles count, and where decisions go")]
    description: str | UnsetType = UNSET
    params_schema: dict[str, Any] | None
    result_schema: dict[str, Any] | None
    error_schema: dict[str, Any] | None
    priority: PriorityName | None
    context: dict[str, Any]
    overall_timeout_seconds: float | None
    groups: tuple[Group, ...] | UnsetType = UNSET
    execution: Literal["sequential", "parallel"] | UnsetType = UNSET
    finalizer: str | UnsetType = UNSET
    max_attempts: int | UnsetType = UNSET
    steps: dict[str, Step] | UnsetType = UNSET
    result: Any = UNSET
    on_cancel: Literal["stop", "compensate"] | UnsetType = UNSET
    decision: LimitsView | UnsetType = UNSET
    version: int
    created_at: Stamp
    created_by: Actor
    updated_at: Stamp
    updated_by: Actor


class FlowTemplatePageView(View, frozen=True, kw_only=True, rename="camel"):
    """Templates, and where the next page begins."""

    items: tuple[FlowTemplateView, ...]
    next: str | None


class FlowTaskView(View, frozen=True, kw_only=True, rename="camel"):
    """A child of a flow that is a task, as it is now."""

    state: State
    outcome: Outcome | UnsetType = UNSET
    reason: Reason | UnsetType = UNSET
    result: Any = UNSET
    error: Any = UNSET
    attempt: int
    created_at: Stamp
    started_at: Stamp | UnsetType = UNSET
    ended_at: Stamp | UnsetType = UNSET
    holder: Actor | UnsetType = UNSET
    assignment: AssignmentView | UnsetType = UNSET
    progress: Progress | UnsetType = UNSET


class FlowItemView(View, frozen=True, kw_only=True, rename="camel"):
    """One child of a step; `task` is absent before it exists, and where it is a flow."""

    id: str
    index: int
    status: StepStatusName
    name: str | UnsetType = UNSET
    task: FlowTaskView | UnsetType = UNSET


class FlowItemPageView(View, frozen=True, kw_only=True, rename="camel"):
    """Children of a step, and where the next page begins."""

    items: tuple[FlowItemView, ...]
    next: int | None


class FlowStepView(View, frozen=True, kw_only=True, rename="camel"):
    """One step as it is now, with its first children."""

    name: str
    status: StepStatusName
    runs: Annotated[tuple[str, ...], Meta(description="Definitions or templates that its children are made of")]
    after: Annotated[tuple[str, ...], Meta(description="Steps that it waits for")]
    fan: Annotated[bool, Meta(description="Whether it has one child for each item of a list")]
    count: int
    done: int
    failed: int
    started_at: Stamp | UnsetType = UNSET
    ended_at: Stamp | UnsetType = UNSET
    reason: Reason | UnsetType = UNSET
    faults: tuple[ItemFault, ...]
    items: tuple[FlowItemView, ...]


class FlowBriefView(View, frozen=True, kw_only=True, rename="camel"):
    """A flow in a list."""

    id: str
    template: str
    version: int
    driver: DriverName
    queue: str
    label: str | UnsetType = UNSET
    priority: PriorityName | UnsetType = UNSET
    status: Literal["created", "in-progress", "done"]
    outcome: Outcome | UnsetType = UNSET
    reason: Reason | UnsetType = UNSET
    cancel_requested: bool
    parent: Parent | UnsetType = UNSET
    schedule: ScheduleRefView | UnsetType = UNSET
    execute_at: Stamp | UnsetType = UNSET
    created_at: Stamp
    created_by: Actor
    updated_at: Stamp
    started_at: Stamp | UnsetType = UNSET
    ended_at: Stamp | UnsetType = UNSET


class FlowView(FlowBriefView, frozen=True, kw_only=True, rename="camel"):
    """A flow with every step."""

    params: Any = UNSET
    context: dict[str, Any]
    result: Any = UNSET
    error: Any = UNSET
    steps: tuple[FlowStepView, ...]
    mermaid: Annotated[str, Meta(description="The flow as a chart in Mermaid's language")]


class FlowPageView(View, frozen=True, kw_only=True, rename="camel"):
    """Flows, the newest first, and where the next page begins."""

    items: tuple[FlowBriefView, ...]
    next: str | None
