"""The flow record: one run of several tasks, as MongoDB keeps it, and what its planner is told and answers.

Nothing here grows with the size of a result: a fan-out is two bitmaps, results and errors stay with the children.
"""

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec

from core.priority import Priority
from core.task import Actor, CancelRequest, Note, Outcome, Parent, Reason, ScheduleRef

PLAN_REPAIR = timedelta(seconds=10)
"""A flow whose last plan is not known to have been carried out within this time is planned again."""
MAX_DEPTH = 16
"""How deep flows may start flows: a template that starts itself ends there."""
MAX_ITEMS = 100_000
"""How many children one step may fan out to."""
MAX_FAULTS = 10
"""How many of a step's failed items are described in the flow; all are described by their tasks."""


class Driver(StrEnum):
    """What decides the next step of a flow."""

    GROUPS = "groups"
    DAG = "dag"
    DECISIONS = "decisions"


class Status(StrEnum):
    """Where a flow is in its life."""

    CREATED = "created"
    IN_PROGRESS = "in-progress"
    DONE = "done"


class StepStatus(StrEnum):
    """Where a step is; a step that the flow has no state of is waiting."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELED = "canceled"


class ChildKind(StrEnum):
    """What a child is: a task of a definition, a flow of a template, a decision task."""

    TASK = "task"
    FLOW = "flow"
    DECISION = "decision"


class ItemFault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why one child of a step did not succeed."""

    index: int
    outcome: Outcome
    reason: Reason | None = None


class StepState(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How far one step is. Its children are numbered from 0; of `total`, the first `planned` are to exist."""

    status: StepStatus = StepStatus.RUNNING
    fan: bool = False
    """True when it fans out: its result is the list of its children's results in the order of the items."""
    total: int = 0
    planned: int = 0
    created: int = 0
    """Those of the planned children that are known to exist; the others are created again, which is harmless."""
    done: int = 0
    ended: bytes = b""
    """Bitmap of the children that ended (see `core.flow_bits`)."""
    failed: bytes = b""
    """Bitmap of those of them that did not succeed."""
    failures: int = 0
    cancels: int = 0
    """Children that did not succeed: by themselves, and because the flow was ending."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    reason: Reason | None = None
    faults: tuple[ItemFault, ...] = ()


class Activity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a decision scheduled: `action` number of the result of decision number `decision` has its params."""

    decision: int
    action: int
    kind: ChildKind
    definition: str
    label: str | None = None


class Decisions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The memory of the decisions driver. An event is the number of the activity that ended, or `INIT`."""

    events: tuple[int, ...] = ()
    """Events that no decision was asked about yet, oldest first."""
    asked: tuple[int, ...] = ()
    """The event of every decision so far; at most the last of them is open."""
    applied: int = 0
    """How many decisions were carried out."""
    activities: tuple[Activity, ...] = ()


class Ending(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a flow will end as soon as nothing of it runs any more; decided once."""

    outcome: Outcome
    reason: Reason | None = None
    result: Any = None
    error: Any = None
    compensate: bool = False
    told: bool = False
    """The open children are known to have been asked to stop."""


class Flow(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One flow. Changed only by `core.flows`; `seq` grows with every change and guards the save."""

    tenant: str
    id: str
    template: str
    version: int
    """The version of the template it was started with, and is planned by to its end."""
    driver: Driver
    queue: str
    created_at: datetime
    created_by: Actor
    params: Any = None
    encrypted: bool | None = None
    """True when its payload is kept sealed, because a queue of its template asks for that."""
    label: str | None = None
    context: dict[str, Any] = {}
    priority: Priority | None = None
    schedule: ScheduleRef | None = None
    parent: Parent | None = None
    unreported: bool | None = None
    """True on a child flow until its parent's record shows its end."""
    depth: int = 0
    execute_at: datetime | None = None
    execute_said: str | None = None
    """`execute_at` in the caller's words, for a face that echoes them."""
    overall_at: datetime | None = None

    seq: int
    status: Status
    updated_at: datetime
    last_event: Note
    plan_due: datetime | None = None
    """When it is planned again unasked; absent once its last plan is known to have been carried out."""
    due_at: datetime | None = None
    """The nearest of its moments: start, `plan_due`, `overall_at`."""
    started_at: datetime | None = None
    steps: dict[str, StepState] = {}
    decisions: Decisions | None = None
    undo: tuple[str, ...] | None = None
    """Steps to compensate, in the order in which that happens; None until compensation begins."""
    ending: Ending | None = None
    cancel_request: CancelRequest | None = None
    cancel_now: bool = False
    outcome: Outcome | None = None
    reason: Reason | None = None
    result: Any = None
    error: Any = None
    ended_at: datetime | None = None


BORN_WITH = frozenset(
    {
        "tenant", "id", "template", "version", "driver", "queue", "created_at", "created_by", "params", "label",
        "encrypted", "context", "priority", "schedule", "parent", "depth", "execute_at",
        "execute_said", "overall_at",
    }
)  # fmt: skip
"""Fields that never change: a save need not write them again (the params of a flow may be megabytes)."""


class Child(msgspec.Struct, frozen=True, kw_only=True):
    """A child that is to exist. Its id follows from flow, step and index, so creating it twice is harmless."""

    id: str
    step: str
    index: int
    kind: ChildKind
    definition: str
    """Of a task its definition, of a flow its template, of a decision its flow's template, of a policy its name."""
    params: Any
    label: str | None = None
    execute_at: datetime | None = None
    attempts: int | None = None
    """How often it is tried in all; None leaves that to its definition."""


class Cancel(msgspec.Struct, frozen=True, kw_only=True):
    """A child that is to stop. Canceling it twice is harmless."""

    id: str
    step: str
    index: int
    kind: ChildKind
    definition: str
    now: bool
    """End it at once; else its holder is asked first."""
    unborn: bool
    """It may not exist yet: where it does not, a canceled one takes its id, so that a late create finds it taken."""


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a child: what `absorb` records, and where `plan` finds the child's result and error.

    A child whose creation was refused (its params do not fit, its definition is gone) ends as failed with that reason.
    """

    id: str
    step: str
    index: int
    outcome: Outcome
    at: datetime
    reason: Reason | None = None
    result: Any = None
    error: Any = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to do next, in this order: save `flow` (if its `seq` grew), create, cancel, then note it as settled.

    With `needs` there is nothing else in it: `plan` wants to be called again with the completions of these children.
    """

    flow: Flow
    create: tuple[Child, ...] = ()
    cancel: tuple[Cancel, ...] = ()
    needs: tuple[str, ...] = ()


def child_id(flow_id: str, step: str, index: int) -> str:
    """The id of a child: a UUID of version 8 (RFC 9562), the same whenever it is worked out.

    A step's ids sort in the order of its items, which lets them be handed out in that order and keeps inserts together.
    """
    return f"{_prefix(flow_id, step)}-{index:012x}"


@lru_cache(maxsize=4096)
def _prefix(flow_id: str, step: str) -> str:
    d = hashlib.sha256(f"{flow_id}\0{step}".encode()).hexdigest()
    return f"{d[:8]}-{d[8:12]}-8{d[12:15]}-{'89ab'[int(d[15], 16) & 3]}{d[16:19]}"
