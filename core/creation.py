"""How a task begins: from what a caller submitted and what its queue says to the first record."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from core import builtins, clock, deadlines, ids, places, timers
from core.definition import Definition
from core.priority import Priority, place
from core.queue import Queue
from core.task import TICKET_REPAIR, Actor, Attachment, Limits, Note, Parent, ScheduleRef, State, Task, Waits


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller asks for. Times are aware; `delay` is counted from the submit and excludes `execute_at`."""

    id: str | None = None
    definition: str | None = None
    name: str | None = None
    description: str | None = None
    params: Any = None
    context: dict[str, Any] = {}
    labels: tuple[str, ...] = ()
    record_id: str | None = None
    attachments: tuple[Attachment, ...] = ()
    due_date: datetime | None = None
    follow_up_date: datetime | None = None
    priority: Priority | None = None
    execute_at: datetime | None = None
    execute_said: str | None = None
    """`execute_at` in the caller's words, for a face that echoes them."""
    delay: timedelta | None = None
    expire_at: datetime | None = None
    limits: Limits | None = None
    schedule: ScheduleRef | None = None
    parent: Parent | None = None
    attempts: int | None = None
    """How often it is tried in all, whatever its definition says."""
    administrative: bool = False
    """The caller manages the tenant's queues: only then a clean-up is made."""
    dedup_key: str | None = None
    fingerprint: str | None = None


def create(
    submission: Submission,
    *,
    queue: Queue,
    at: datetime,
    by: Actor,
    definition: Definition | None = None,
    trace: str | None = None,
    encrypted: bool = False,
) -> Task:
    """The first record of a task: `waiting` until its time has come, else `ready` and in need of a ticket, or, where
    its definition has a limit, of a seat first.

    What the submission leaves open comes from its definition, else from the queue. `encrypted`: it is part of something
    that is, whatever its queue says.
    """
    task_id = submission.id or ids.new_id()
    execute_at = submission.execute_at if submission.delay is None else at + submission.delay
    execute_at = None if execute_at is None else clock.cut(execute_at)
    waits = execute_at is not None and execute_at > at
    limits = submission.limits or (definition.limits if definition else queue.defaults.limits)
    if submission.attempts is not None:
        retry = msgspec.structs.replace(limits.retry, max_attempts=submission.attempts)
        limits = msgspec.structs.replace(limits, retry=retry)
    usual = queue.defaults.priority if definition is None or definition.priority is None else definition.priority
    urgency = usual if submission.priority is None else submission.priority
    begin = execute_at if waits and execute_at is not None else at
    overall = limits.overall_seconds
    builtin = None if definition is None else builtins.of(definition)
    hidden = (queue.encrypt_payloads or encrypted) and builtin is None
    limited = definition is not None and builtin is None
    slot = places.slot(definition, submission.params, hidden=hidden) if limited and definition is not None else None
    task = Task(
        tenant=queue.tenant,
        id=task_id,
        queue=queue.key,
        lane=definition.lane if definition else queue.lane,
        state=State.WAITING if waits else State.READY,
        seq=1,
        priority=urgency,
        place=place(urgency, at, task_id),
        created_at=at,
        created_by=by,
        updated_at=at,
        limits=limits,
        last_event=Note(type="created", at=at, by=by),
        definition=definition.name if definition else None,
        strict=True if hidden or (definition and definition.strict) else None,
        encrypted=hidden or None,
        builtin=builtin,
        slot=slot,
        waits=None if slot is None or waits else Waits.PARKED,
        name=submission.name,
        description=submission.description,
        params=submission.params,
        context=submission.context,
        labels=submission.labels,
        record_id=submission.record_id,
        attachments=submission.attachments,
        due_date=_due(submission, queue, begin),
        follow_up_date=submission.follow_up_date,
        execute_at=execute_at if waits else None,
        execute_said=submission.execute_said,
        expire_at=None if submission.expire_at is None else clock.cut(submission.expire_at),
        overall_at=None if overall is None else begin + clock.span(overall),
        ticket_due=None if waits or slot is not None or builtin is not None else at + TICKET_REPAIR,
        schedule=submission.schedule,
        parent=submission.parent,
        unreported=None if submission.parent is None else True,
        trace=trace,
        dedup_key=submission.dedup_key,
        fingerprint=submission.fingerprint,
    )
    if task.due_date is not None or task.follow_up_date is not None:
        task = msgspec.structs.replace(task, alarm_at=deadlines.alarm(task, queue.deadlines))
    due_at, due_kind = timers.nearest(task)
    return msgspec.structs.replace(task, due_at=due_at, due_kind=due_kind) if due_at else task


def _due(submission: Submission, queue: Queue, begin: datetime) -> datetime | None:
    """When it should be done: as it says, else as its queue does."""
    usual = queue.deadlines.due_in_seconds
    if submission.due_date is not None or usual is None:
        return submission.due_date
    return begin + clock.span(usual)
