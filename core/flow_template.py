"""The flow template: what a tenant stores under a name, and how its JSON is read (DESIGN 9)."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from core.flow import Driver
from core.priority import Priority
from core.task import Actor, Limits


class Execution(StrEnum):
    """How the members of a group, or the groups of a list, are carried out."""

    SEQUENTIAL = "sequential"
    PARALLEL = "parallel"


class OnFailure(StrEnum):
    """What the failure of a step means for its flow.

    stop: nothing new is started, what runs is canceled, the flow fails.
    continue: the other steps go on and the flow may succeed; what follows on this step says by `runIf` whether it runs.
    compensate: as stop, and then the compensations of the steps that succeeded run, the last completed first.
    """

    STOP = "stop"
    CONTINUE = "continue"
    COMPENSATE = "compensate"


class RunIf(StrEnum):
    """What a step demands of the steps it depends on, all of which have ended; where they fall short it is skipped.

    succeeded: all succeeded, so a skipped or failed step skips what follows. not-failed: none failed, nor was skipped
    because of a failure; a step skipped by its `when` will do. ended: anything.
    """

    SUCCEEDED = "succeeded"
    NOT_FAILED = "not-failed"
    ENDED = "ended"


class OnCancel(StrEnum):
    """What happens to the steps that succeeded when somebody cancels the flow, or its time runs out."""

    STOP = "stop"
    COMPENSATE = "compensate"


class Group(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """One group of a task list (contract xfsc 1.3); `tasks` are names of definitions, one may occur twice."""

    execution: Execution
    tasks: tuple[str, ...]
    finalizer: str | None = None
    """A definition that gets the group's results; the group succeeds when it does (spec IDM.TSA.00042)."""
    final_policy: str | None = None
    """XFSC's field of a group: kept and shown, and never evaluated, as upstream."""


class Compensation(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """The task that undoes one completed task of a step; in its params `result` is that task's result.

    Without `params` it gets the result. In JSON the name of the definition alone will do.
    """

    definition: str
    params: Any | UnsetType = UNSET


class Step(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """One step of a DAG: a task of a definition, or a flow of a template, or one for each item of a list.

    Without `params` it gets the flow's input, and when it fans out the item.
    """

    definition: str | None = None
    template: str | None = None
    description: str | None = None
    depends_on: tuple[str, ...] = ()
    params: Any | UnsetType = UNSET
    when: Any | UnsetType = UNSET
    """A condition (`core.flow_values`); where it does not hold the step is skipped."""
    for_each: Any | UnsetType = UNSET
    """The list to fan out over: in `params`, `item` and `index` are then to be had."""
    chunk: int | None = None
    """With `forEach`: each child gets a list of up to so many items as its `item`."""
    run_if: RunIf = RunIf.SUCCEEDED
    on_failure: OnFailure = OnFailure.STOP
    compensate: Compensation | None = None


class Template(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """What a flow is made by. One version of it never changes, so a flow is planned by it to its end."""

    name: str
    driver: Driver
    queue: str
    description: str | None = None
    params_schema: dict[str, Any] | None = None
    result_schema: dict[str, Any] | None = None
    error_schema: dict[str, Any] | None = None
    priority: Priority | None = None
    context: dict[str, Any] = {}
    """Goes with every flow of it and its children (XFSC's `cacheNamespace` and `cacheScope`, for one)."""
    overall_timeout_seconds: float | None = None

    groups: tuple[Group, ...] = ()
    execution: Execution = Execution.SEQUENTIAL
    """Driver groups: how the groups follow each other."""
    finalizer: str | None = None
    """Driver groups: a definition that gets the results of the groups that succeeded, at the end; its result becomes
    the flow's (spec IDM.TSA.00039)."""
    max_attempts: int = 1
    """Driver groups: how often each task is tried; 1 is what upstream does (contract xfsc 1.7)."""

    steps: dict[str, Step] = {}
    result: Any | UnsetType = UNSET
    """Driver dag: the flow's result, with values by `$from`; without it the flow has none."""
    on_cancel: OnCancel = OnCancel.STOP

    decision: Limits = Limits()
    """Driver decisions: retry and time limits of a decision task."""


class StoredTemplate(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A template as the tenant has it; `version` grows with every change and is its ETag."""

    tenant: str
    name: str
    version: int
    lane: str
    """The lane of its decision tasks' tickets; it never changes."""
    content: Template
    created_at: datetime
    created_by: Actor
    updated_at: datetime
    updated_by: Actor
