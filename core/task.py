"""The task record: one piece of work, as MongoDB keeps it and as every layer passes it on."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from core.priority import Priority
from core.retry import Retry

TICKET_REPAIR = timedelta(seconds=5)
"""A ready task whose ticket was not confirmed within this time gets a new one from the relay."""


class State(StrEnum):
    """Where a task is in its life (DESIGN 5)."""

    WAITING = "waiting"
    READY = "ready"
    REQUESTED = "requested"
    IN_PROGRESS = "in-progress"
    DONE = "done"


OPEN = frozenset(State) - {State.DONE}
"""States of an open task. Their names all sort after "done": partial indexes select `state > "done"`."""
HELD = frozenset({State.REQUESTED, State.IN_PROGRESS})


class Outcome(StrEnum):
    """How a task ended; only with `done`, and only once."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"


class DueKind(StrEnum):
    """Which of a task's time limits its one timer stands for."""

    EXECUTE = "execute"
    WAITED = "waited"
    START_TIMEOUT = "start-timeout"
    LEASE = "lease"
    OVERALL = "overall"
    EXPIRY = "expiry"
    CANCEL = "cancel"
    ALARM = "alarm"
    """A reminder, follow-up, due date or escalation (`core/deadlines.py`): it never ends a task."""


class Waits(StrEnum):
    """Where a ready task of a limited definition stands before its slot (`core/places.py`)."""

    PARKED = "parked"
    """Without a ticket, until a seat is free for it."""
    CALLED = "called"
    """It has a ticket: a seat is free, or was when it was called."""


class Actor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who did something: a token's subject with its name, or one of our own parts (`id` "penstock")."""

    id: str
    name: str
    email: str | None = None


PUSHER = Actor(id="penstock-push", name="HTTP push")
"""Holds the tasks that are sent to HTTP targets. Whoever was sent the fence, and may work, may end them."""

ENGINE = Actor(id="penstock", name="Penstock")


class Reason(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why something happened: a kebab-case type, a sentence, optional data."""

    type: str
    message: str
    data: Any = None


class Note(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The event that a transition leaves in the same write (`lastEvent`); its number is the task's `seq`."""

    type: str
    at: datetime
    by: Actor
    reason: Reason | None = None
    data: dict[str, Any] | None = None


class Limits(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A task's own copy of what its queue or definition said when it was submitted; None means no limit."""

    start_timeout_seconds: float | None = 10.0
    lease_seconds: float | None = 120.0
    overall_seconds: float | None = None
    retry: Retry = Retry()


class Progress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a worker last said of how far it is."""

    current: float | None = None
    total: float | None = None
    unit: str | None = None
    message: str | None = None


class Assignment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whom somebody gave the task to; `to` is None after it was taken back."""

    by: Actor
    at: datetime
    to: Actor | None = None


class Attachment(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Something that belongs to a task and is kept elsewhere."""

    name: str
    url: str
    media_type: str | None = None


class ScheduleRef(msgspec.Struct, frozen=True, kw_only=True):
    """Which firing of which schedule submitted it: `at` is its time by the trigger."""

    id: str
    at: datetime


class Parent(msgspec.Struct, frozen=True, kw_only=True):
    """Which child of which flow a task or a flow is; `step` and `index` are what its completion names."""

    flow: str
    step: str
    index: int


class CancelRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A running task's holder was asked to stop; after the grace period the fence is cut."""

    by: Actor
    at: datetime
    message: str | None = None


class Ending(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How a task had ended before it was redriven: what an undo puts back."""

    outcome: Outcome
    ended_at: datetime
    spent: int
    reason: Reason | None = None
    error: Any = None


class Task(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One task. Absent and None are the same. Changed only by the transitions of `core/transitions/`."""

    tenant: str
    id: str
    queue: str
    """`namespace:name`."""
    lane: str
    """The RabbitMQ lane its tickets go to: the id of its queue, or of its definition within it."""
    state: State
    seq: int
    """Number of the last event; it grows with every transition, so it also guards concurrent changes."""
    priority: Priority
    place: str
    """Its place in the worklist: see `core.priority.place`."""
    created_at: datetime
    created_by: Actor
    updated_at: datetime
    limits: Limits
    last_event: Note

    definition: str | None = None
    builtin: str | None = None
    """The part of the platform that carries it out (`core/builtins.py`): it gets no tickets."""
    wait_until: datetime | None = None
    """When a wait that is in progress is over."""
    strict: bool | None = None
    """True when its end is not written blindly: a schema is checked, a seat becomes free, or a payload is sealed."""
    encrypted: bool | None = None
    """True when its payload is kept sealed, as its queue said when it was submitted; never that of a built-in."""
    erased: bool | None = None
    """Never kept: True when its payload cannot be read any more, because the key was erased."""
    slot: str | None = None
    """The slot of a limited definition that it belongs to (`core/places.py`)."""
    waits: Waits | None = None
    """Only while it is ready: where it stands before its slot."""
    seat: int | None = None
    """Only while it is held: its seat in the slot."""
    name: str | None = None
    description: str | None = None
    params: Any = None
    context: dict[str, Any] = {}
    labels: tuple[str, ...] = ()
    record_id: str | None = None
    attachments: tuple[Attachment, ...] = ()

    due_date: datetime | None = None
    """When it should be done (`dueAt` is the timer's)."""
    follow_up_date: datetime | None = None
    alarm_at: datetime | None = None
    """The next moment that its dates and its queue's rules speak of; see `core/deadlines.py`."""
    rung: tuple[str, ...] = ()
    """Keys of the marks that were."""

    execute_at: datetime | None = None
    execute_said: str | None = None
    """When it was to be executed first, in the caller's words."""
    expire_at: datetime | None = None
    overall_at: datetime | None = None
    cancel_by: datetime | None = None
    due_at: datetime | None = None
    due_kind: DueKind | None = None
    ticket_due: datetime | None = None
    """When a ready task without a confirmed ticket gets another; absent once the ticket is confirmed."""

    exec_id: str | None = None
    """The fence: new with every hand-out; kept after the end so that a repeated finish is recognised."""
    holder: Actor | None = None
    worker: str | None = None
    requested_at: datetime | None = None
    started_at: datetime | None = None
    lease_until: datetime | None = None
    attempt: int = 0
    """Attempts that were started, given-back ones included."""
    spent: int = 0
    """Attempts that count against `retry.maxAttempts`: those that failed or lost their lease."""
    progress: Progress | None = None
    cancel_request: CancelRequest | None = None
    assignment: Assignment | None = None

    outcome: Outcome | None = None
    reason: Reason | None = None
    result: Any = None
    error: Any = None
    ended_at: datetime | None = None
    dead: bool | None = None
    """True on a dead letter: a task that failed for good and was not redriven."""
    redrive: str | None = None
    ended_before: Ending | None = None
    deleted_at: datetime | None = None

    schedule: ScheduleRef | None = None
    parent: Parent | None = None
    unreported: bool | None = None
    """True on a flow's child until the flow's record shows its end."""

    trace: str | None = None
    """The `traceparent` under which it was submitted."""
    dedup_key: str | None = None
    fingerprint: str | None = None
    """Digest of the submit that made it: a reuse of its key with another body is refused."""

    @property
    def assignee(self) -> Actor | None:
        """The person it is assigned to now."""
        return self.assignment.to if self.assignment else None


def held_by(task: Task, subject: str) -> bool:
    """Whether the task is in the hands of that caller, or of a push, which handed its fence on."""
    return task.holder is not None and task.holder.id in {subject, PUSHER.id}
