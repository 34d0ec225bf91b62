"""Flows and the templates that they are made by."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from penstock.models.base import Actor, Priority, Reason, Record
from penstock.models.task import Assignment, Outcome, Progress, State

Driver = Literal["groups", "dag", "decisions"]
FlowStatus = Literal["created", "in-progress", "done"]
StepStatus = Literal["waiting", "running", "succeeded", "failed", "skipped", "canceled"]


class FlowTemplate(Record):
    """What flows are made by; which of its parts there are depends on its driver."""

    name: str
    driver: Driver
    queue: str
    description: str | None = None
    params_schema: Any = None
    result_schema: Any = None
    error_schema: Any = None
    priority: Priority | None = None
    context: dict[str, Any] = Field(default_factory=dict[str, Any])
    overall_timeout_seconds: float | None = None
    groups: tuple[dict[str, Any], ...] | None = None
    steps: dict[str, dict[str, Any]] | None = None
    version: int = 0
    created_at: datetime | None = None
    created_by: Actor | None = None
    updated_at: datetime | None = None
    updated_by: Actor | None = None


class FlowTask(Record):
    """A child of a flow that is a task, as it is now."""

    state: State
    outcome: Outcome | None = None
    reason: Reason | None = None
    result: Any = None
    error: Any = None
    attempt: int = 0
    created_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    holder: Actor | None = None
    assignment: Assignment | None = None
    progress: Progress | None = None


class FlowItem(Record):
    """One child of a step; without `task` before it exists, and where it is a flow."""

    id: str
    index: int
    status: StepStatus
    name: str | None = None
    task: FlowTask | None = None


class FlowItems(Record):
    """A page of a step's children."""

    items: tuple[FlowItem, ...]
    next: int | None = None


class FlowStep(Record):
    """One step as it is now, with its first children; `fan`: it has one for each item of a list."""

    name: str
    status: StepStatus
    runs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    fan: bool = False
    count: int = 0
    done: int = 0
    failed: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    reason: Reason | None = None
    faults: tuple[dict[str, Any], ...] = ()
    items: tuple[FlowItem, ...] = ()


class Flow(Record):
    """A flow; its steps are known only of one that was asked for by its id."""

    id: str
    template: str
    version: int = 0
    driver: Driver
    queue: str
    label: str | None = None
    priority: Priority | None = None
    status: FlowStatus
    outcome: Outcome | None = None
    reason: Reason | None = None
    cancel_requested: bool = False
    execute_at: datetime | None = None
    created_at: datetime
    created_by: Actor | None = None
    updated_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    params: Any = None
    context: dict[str, Any] = Field(default_factory=dict[str, Any])
    result: Any = None
    error: Any = None
    steps: tuple[FlowStep, ...] = ()
    mermaid: str = ""

    @property
    def ended(self) -> bool:
        """Whether it is done, for good or ill."""
        return self.status == "done"
