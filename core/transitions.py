"""Every change of a task: one constructor a transition, and nothing else builds one (DESIGN 1.2).

A `Transition` names the states it may start from, the fields it sets (None removes), the fence it needs and the
event it leaves. `store/tasks.py` applies it as one conditional update; `apply` does the same to a record in memory.
Hot transitions (claim, start, beat, succeed, wake) are *blind*: they need no reading of the task first, and are fenced
by state and `execId`. The others are built from a task that was read and hold only while its `seq` is the same.
"""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from core import clock, deadlines, errors, priority, retry, timers
from core.task import (
    ENGINE,
    HELD,
    OPEN,
    TICKET_REPAIR,
    Actor,
    Assignment,
    CancelRequest,
    Ending,
    Note,
    Outcome,
    Progress,
    Reason,
    State,
    Task,
    Waits,
)

ANY = frozenset(State)
CANCEL_GRACE = timedelta(seconds=30)
_READY = frozenset({State.READY})
_NO_RULES = deadlines.Deadlines()
_NO_HOLD: dict[str, Any] = {
    "exec_id": None,
    "holder": None,
    "worker": None,
    "requested_at": None,
    "lease_until": None,
    "seat": None,
    "waits": None,
}
_NO_END: dict[str, Any] = {
    "outcome": None,
    "reason": None,
    "result": None,
    "error": None,
    "ended_at": None,
    "dead": None,
}


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """One conditional change. `sets` maps names of `Task` fields to values; None removes the field."""

    name: str
    at: datetime
    sources: frozenset[State]
    target: State | None = None
    """The state it leads to; None leaves the state as it is."""
    sets: Mapping[str, Any]
    note: Note | None = None
    """The event; None for a change that is not one (a heartbeat)."""
    exec_id: str | None = None
    """The fence that must still hold."""
    seq: int | None = None
    """The number the task had when it was read; None for a blind transition."""
    lease: str | None = None
    """The field of `Limits` whose seconds, counted from `at`, become `leaseUntil`; None leaves that to `sets`."""
    starts: bool = False
    """True when it starts an attempt: `attempt` grows by one."""


def apply(change: Transition, task: Task) -> Task:
    """The task after the change; raises `WrongState` or `LeaseLost` where the store would refuse it."""
    if task.state not in change.sources:
        raise errors.WrongState(
            f"Task {task.id} is {task.state}; {change.name} needs {' or '.join(sorted(change.sources))}.",
            extra={"state": task.state.value},
        )
    if change.exec_id is not None and task.exec_id != change.exec_id:
        raise errors.LeaseLost(extra={"state": task.state.value})
    fields = dict(change.sets) | {"updated_at": change.at}
    if change.target is not None:
        fields["state"] = change.target
    if change.starts:
        fields["attempt"] = task.attempt + 1
    if change.lease is not None:
        seconds: float | None = getattr(task.limits, change.lease)
        fields["lease_until"] = None if seconds is None else change.at + clock.span(seconds)
    if change.note is not None:
        fields |= {"last_event": change.note, "seq": task.seq + 1}
    fields = {k: _default(k) if v is None else v for k, v in fields.items()}
    after = msgspec.structs.replace(task, **fields)
    due_at, due_kind = timers.nearest(after)
    return msgspec.structs.replace(after, due_at=due_at, due_kind=due_kind)


def _default(field: str) -> Any:
    defaults: dict[str, Any] = {"context": {}, "labels": (), "attachments": (), "rung": ()}
    return defaults.get(field)


# --- hot and blind ---


def claim(*, at: datetime, by: Actor, worker: str | None, exec_id: str, start: bool) -> Transition:
    """Hand a ready task out: to `in-progress` with a lease, or (start=False) to `requested` with the start timeout."""
    held: dict[str, Any] = {
        "exec_id": exec_id,
        "holder": by,
        "worker": worker,
        "requested_at": at,
        "ticket_due": None,
    }
    held |= {"progress": None, "redrive": None, "ended_before": None, "waits": None}
    if start:
        return Transition(
            name="claim", at=at, sources=_READY, target=State.IN_PROGRESS, starts=True, lease="lease_seconds",
            sets=held | {"started_at": at}, note=Note(type="started", at=at, by=by),
        )  # fmt: skip
    return Transition(
        name="claim", at=at, sources=_READY, target=State.REQUESTED, lease="start_timeout_seconds",
        sets=held, note=Note(type="requested", at=at, by=by),
    )  # fmt: skip


def seated(change: Transition, slot: str, seat: int) -> Transition:
    """The same hand-out of a task of a limited definition, on a seat of its slot."""
    return msgspec.structs.replace(change, sets={**change.sets, "slot": slot, "seat": seat, "strict": True})


def park(*, at: datetime, slot: str) -> Transition:
    """A ready task for which no seat is free waits without a ticket. No event: nothing happened to it."""
    sets: dict[str, Any] = {"slot": slot, "waits": Waits.PARKED, "ticket_due": None}
    return Transition(name="park", at=at, sources=_READY, sets=sets)


def call(*, at: datetime) -> Transition:
    """A seat is free: a parked task gets a ticket. No event either."""
    sets: dict[str, Any] = {"waits": Waits.CALLED, "ticket_due": at + TICKET_REPAIR}
    return Transition(name="call", at=at, sources=_READY, sets=sets)


def start(*, at: datetime, by: Actor, exec_id: str) -> Transition:
    """The holder of a requested task begins: the lease runs from now and the attempt counts."""
    return Transition(
        name="start", at=at, sources=frozenset({State.REQUESTED}), target=State.IN_PROGRESS, starts=True,
        exec_id=exec_id, lease="lease_seconds", sets={"started_at": at}, note=Note(type="started", at=at, by=by),
    )  # fmt: skip


def beat(*, at: datetime, exec_id: str, progress: Progress | None, note: Note | None = None) -> Transition:
    """The holder is alive: the lease runs anew from now. No event, unless the face keeps a log of notifications."""
    sets: dict[str, Any] = {} if progress is None else {"progress": progress}
    return Transition(
        name="heartbeat", at=at, sources=frozenset({State.IN_PROGRESS}), target=State.IN_PROGRESS,
        exec_id=exec_id, lease="lease_seconds", sets=sets, note=note,
    )  # fmt: skip


def succeed(*, at: datetime, by: Actor, exec_id: str, result: Any) -> Transition:
    """The holder finished the work: done, succeeded; for ever."""
    return _end(
        "complete",
        at,
        frozenset({State.IN_PROGRESS}),
        Outcome.SUCCEEDED,
        by,
        exec_id=exec_id,
        sets={"result": result},
    )


def wake(*, at: datetime, assigned: bool = False, limited: bool = False) -> Transition:
    """A waiting task's moment has come: ready, and in need of a ticket, unless it is somebody's already (`assigned`, or
    a built-in's) or must wait for a seat (`limited`).
    """
    return Transition(
        name="wake", at=at, sources=frozenset({State.WAITING}), target=State.READY,
        sets={"execute_at": None, **_queued(at, assigned=assigned, limited=limited)},
        note=Note(type="ready", at=at, by=ENGINE),
    )  # fmt: skip


# --- from a task that was read ---


def take(task: Task, *, at: datetime, by: Actor, exec_id: str) -> Transition:
    """A person starts a ready task by its id: held without a lease, since people hold work for days."""
    sets: dict[str, Any] = {
        "exec_id": exec_id,
        "holder": by,
        "requested_at": at,
        "started_at": at,
        "ticket_due": None,
    }
    sets |= {"progress": None, "redrive": None, "ended_before": None, "worker": None, "lease_until": None}
    sets |= {"waits": None}
    return Transition(
        name="start", at=at, sources=_READY, target=State.IN_PROGRESS, seq=task.seq, starts=True,
        sets=sets, note=Note(type="started", at=at, by=by),
    )  # fmt: skip


def begin(task: Task, *, at: datetime, exec_id: str | None, until: datetime | None = None) -> Transition:
    """The platform starts on a task of its own: under a fence and a lease where it works, else without either.

    `until` is when a wait ends by itself.
    """
    sets: dict[str, Any] = {"exec_id": exec_id, "holder": ENGINE, "requested_at": at, "started_at": at}
    sets |= {"wait_until": until, "lease_until": None, "ticket_due": None, "waits": None}
    sets |= {"progress": None, "redrive": None, "ended_before": None, "worker": None}
    return Transition(
        name="start", at=at, sources=_READY, target=State.IN_PROGRESS, seq=task.seq, starts=True,
        lease=None if exec_id is None else "lease_seconds", sets=sets, note=Note(type="started", at=at, by=ENGINE),
    )  # fmt: skip


def complete(task: Task, *, at: datetime, by: Actor, result: Any) -> Transition:
    """As `succeed`, by somebody whose right was checked against the task that was read."""
    return _end(
        "complete",
        at,
        frozenset({State.IN_PROGRESS}),
        Outcome.SUCCEEDED,
        by,
        seq=task.seq,
        sets={"result": result},
    )


def fail(
    task: Task,
    *,
    at: datetime,
    by: Actor,
    error: Any,
    retryable: bool,
    dice: random.Random,
    not_before: datetime | None = None,
) -> Transition:
    """The attempt failed: another after the backoff, and not before a moment, while any is left; else a dead letter."""
    reason = Reason(type="failed-by-worker", message="The worker reported a failure.")
    change = _failed(task, "fail", at=at, by=by, reason=reason, error=error, retryable=retryable, dice=dice)
    due: datetime | None = change.sets.get("execute_at")
    if not_before is None or due is None or due >= not_before:
        return change
    later = clock.cut(not_before)
    assert change.note is not None
    note = msgspec.structs.replace(change.note, data=(change.note.data or {}) | _builtins({"executeAt": later}))
    return msgspec.structs.replace(change, sets={**change.sets, "execute_at": later}, note=note)


def lose_lease(task: Task, *, at: datetime, dice: random.Random) -> Transition:
    """No heartbeat within the lease: the attempt counts as failed, its holder's fence is cut."""
    reason = Reason(type="lease-lost", message="No heartbeat arrived within the lease.")
    return _failed(task, "lose-lease", at=at, by=ENGINE, reason=reason, error=None, retryable=True, dice=dice)


def miss_start(task: Task, *, at: datetime) -> Transition:
    """Handed out but not started in time: ready again, no attempt spent."""
    note = Note(type="released", at=at, by=ENGINE, reason=Reason(type="start-timeout", message="Not started in time."))
    return _ready(task, "miss-start", at, frozenset({State.REQUESTED}), note)


def release(task: Task, *, at: datetime, by: Actor, exec_id: str | None = None) -> Transition:
    """The holder gives the task back unfinished: ready again in its old place, no attempt spent."""
    if task.cancel_request is not None:
        return cancel(task, at=at, by=task.cancel_request.by, message=task.cancel_request.message)
    return _ready(task, "release", at, HELD, Note(type="released", at=at, by=by), exec_id=exec_id)


def expire(task: Task, *, at: datetime) -> Transition:
    """Its `expireAt` passed before anybody started it: done, expired."""
    reason = Reason(type="expired", message="It was not started before its expireAt.")
    return _end("expire", at, OPEN - {State.IN_PROGRESS}, Outcome.EXPIRED, ENGINE, seq=task.seq, reason=reason)


def run_out(task: Task, *, at: datetime) -> Transition:
    """Its overall time limit passed, in whatever state: done, failed, a dead letter."""
    reason = Reason(type="overall-timeout", message="It did not end within its overall time limit.")
    return _end("run-out", at, OPEN, Outcome.FAILED, ENGINE, seq=task.seq, reason=reason, sets={"dead": True})


def cancel(task: Task, *, at: datetime, by: Actor, message: str | None) -> Transition:
    """End it now, whoever holds it: done, canceled."""
    reason = Reason(type="canceled", message=message or "Canceled.")
    return _end("cancel", at, OPEN, Outcome.CANCELED, by, seq=task.seq, reason=reason)


def ask_cancel(task: Task, *, at: datetime, by: Actor, message: str | None) -> Transition:
    """Ask the holder of a running task to stop; its next heartbeat tells it, and the fence is cut after the grace.

    A task that nobody runs is canceled at once; asking again changes nothing but the event.
    """
    if task.state is not State.IN_PROGRESS:
        return cancel(task, at=at, by=by, message=message)
    request = task.cancel_request or CancelRequest(by=by, at=at, message=message)
    by_when = task.cancel_by or at + CANCEL_GRACE
    reason = Reason(type="canceled", message=message) if message else None
    return _keep(
        task, "cancel", at, {"cancel_request": request, "cancel_by": by_when},
        Note(type="cancel-requested", at=at, by=by, reason=reason), sources=frozenset({State.IN_PROGRESS}),
    )  # fmt: skip


def retry_ended(task: Task, *, at: datetime, by: Actor, redrive: str | None = None) -> Transition:
    """Run an ended task again with all its attempts (a redrive when it was a dead letter); its place stays."""
    if task.state is not State.DONE or task.outcome is Outcome.SUCCEEDED:
        raise errors.WrongState(
            f"Task {task.id} is {_status(task)}; only a failed, canceled or expired task can be retried.",
            extra={"state": task.state.value},
        )
    overall = task.limits.overall_seconds
    before = Ending(
        outcome=task.outcome or Outcome.FAILED, ended_at=task.ended_at or at, spent=task.spent,
        reason=task.reason, error=task.error,
    )  # fmt: skip
    sets: dict[str, Any] = _NO_END | {
        "spent": 0,
        "expire_at": None,
        "ended_before": before,
        "redrive": redrive,
    }
    sets |= {"overall_at": None if overall is None else at + clock.span(overall)}
    note = Note(type="redriven", at=at, by=by)
    return _ready(task, "retry", at, frozenset({State.DONE}), note, sets=sets)


def undo_redrive(task: Task, *, at: datetime, by: Actor) -> Transition:
    """Put a redriven task that nobody has taken since back among the dead letters."""
    before = task.ended_before
    if before is None:
        raise errors.WrongState(
            f"Task {task.id} was not redriven, or was taken since.", extra={"state": task.state.value}
        )
    sets: dict[str, Any] = {
        "outcome": before.outcome,
        "reason": before.reason,
        "error": before.error,
        "spent": before.spent,
    }
    sets |= {"ended_at": before.ended_at, "dead": before.outcome is Outcome.FAILED or None, "redrive": None}
    sets |= {"ended_before": None, "ticket_due": None, "waits": None}
    return Transition(
        name="undo-redrive", at=at, sources=frozenset({State.READY, State.WAITING}), target=State.DONE, seq=task.seq,
        sets=sets, note=Note(type="redrive-undone", at=at, by=by),
    )  # fmt: skip


def assign(task: Task, *, at: datetime, by: Actor, to: Actor | None) -> Transition:
    """Give the task to a person, or (None) to nobody; a ready task gets or loses its ticket with that."""
    if task.state is State.DONE and to is not None:
        raise errors.WrongState(f"Task {task.id} has ended; it cannot be assigned.", extra={"state": task.state.value})
    sets: dict[str, Any] = {"assignment": Assignment(by=by, at=at, to=to)}
    if task.state is State.READY:
        assigned = to is not None or task.builtin is not None
        sets |= _queued(at, assigned=assigned, limited=task.slot is not None)
    data = {"from": _builtins(task.assignment), "to": _builtins(sets["assignment"])}
    return _keep(task, "assign", at, sets, Note(type="assigned", at=at, by=by, data=data))


def reserve(*, at: datetime, by: Actor) -> Transition:
    """A person takes a ready task that is nobody's onto their list, whichever comes first: blind."""
    note = Note(type="assigned", at=at, by=by, data=_builtins({"from": None, "to": Assignment(by=by, at=at, to=by)}))
    return Transition(
        name="assign", at=at, sources=_READY, target=State.READY, note=note,
        sets={"assignment": Assignment(by=by, at=at, to=by), "ticket_due": None, "waits": None},
    )  # fmt: skip


def prioritise(task: Task, *, at: datetime, by: Actor, to: priority.Priority) -> Transition:
    """Change the priority, and with it the place in the worklist; a ready task gets a ticket of the new priority.

    One that was called for a seat is called anew, or another before it.
    """
    data = {"from": task.priority.label, "to": to.label}
    note = Note(type="priority-set", at=at, by=by, data=data)
    return _keep(task, "priority", at, _prioritised(task, at, to), note)


def _prioritised(task: Task, at: datetime, to: priority.Priority) -> dict[str, Any]:
    sets: dict[str, Any] = {"priority": to, "place": priority.place(to, task.created_at, task.id)}
    if task.state is State.READY:
        sets |= _queued(at, assigned=_unticketed(task), limited=task.slot is not None)
    return sets


_DATES = frozenset({"due_date", "follow_up_date"})
EDITABLE = _DATES | {"name", "description", "params", "context", "labels", "record_id", "attachments"}


def edit(
    task: Task,
    *,
    at: datetime,
    by: Actor,
    fields: Mapping[str, Any],
    event: str = "updated",
    to: priority.Priority | None = None,
    rules: deadlines.Deadlines = _NO_RULES,
) -> Transition:
    """Change what describes the task (`EDITABLE`), and the priority with it (`to`); `rules` are its queue's.

    The event carries the new values, and under `before` those that they replace.
    """
    strange = set(fields) - EDITABLE
    if strange:
        raise ValueError(f"not editable: {sorted(strange)}")
    sets = dict(fields)
    data = sets | {"before": {name: getattr(task, name) for name in sets}}
    if to is not None:
        sets |= _prioritised(task, at, to)
        data |= {"priority": to.label}
        data["before"] |= {"priority": task.priority.label}
    if _DATES & set(fields):
        sets |= _redated(task, fields, rules)
    return _keep(task, "edit", at, sets, Note(type=event, at=at, by=by, data=_builtins(data)))


def _redated(task: Task, fields: Mapping[str, Any], rules: deadlines.Deadlines) -> dict[str, Any]:
    """What else new dates set: a date that changed rings anew."""
    changed = {name: name in fields and fields[name] != getattr(task, name) for name in _DATES}
    rung = deadlines.still_rung(task.rung, due_changed=changed["due_date"], follow_up_changed=changed["follow_up_date"])
    dated = {name: fields.get(name, getattr(task, name)) for name in _DATES}
    after = msgspec.structs.replace(task, rung=rung, **dated)
    return {"rung": rung, "alarm_at": deadlines.alarm(after, rules)}


def ring(task: Task, *, at: datetime, rules: deadlines.Deadlines) -> Transition:
    """What the task's next mark says: an event, a higher priority, another person. No event where nothing changes."""
    mark = deadlines.following(task, rules)
    if mark is None or mark.at > at:
        return _silent(task, at, {"alarm_at": None if mark is None else mark.at})
    rung = (*task.rung, mark.key)
    sets: dict[str, Any] = {"rung": rung}
    sets["alarm_at"] = deadlines.alarm(msgspec.structs.replace(task, rung=rung), rules)
    change = _escalated(task, mark, at)
    if change is None:
        return _silent(task, at, sets)
    return msgspec.structs.replace(change, name="ring", sets={**change.sets, **sets}, sources=OPEN)


def _escalated(task: Task, mark: deadlines.Mark, at: datetime) -> Transition | None:
    rule = mark.rule
    if mark.kind is deadlines.MarkKind.RAISE:
        to = None if rule is None else rule.raise_to
        return None if to is None or to <= task.priority else prioritise(task, at=at, by=ENGINE, to=to)
    if mark.kind is deadlines.MarkKind.ASSIGN:
        to = None if rule is None else rule.assign_to
        same = (task.assignee and task.assignee.id) == (to and to.id)
        return None if same else assign(task, at=at, by=ENGINE, to=to)
    data: dict[str, Any] = {"dueDate": task.due_date, "followUpDate": task.follow_up_date, "rule": rule}
    note = Note(
        type=mark.kind.value, at=at, by=ENGINE, data=_builtins({k: v for k, v in data.items() if v is not None})
    )
    return _keep(task, "ring", at, _repaired(task, at), note)


def _silent(task: Task, at: datetime, sets: Mapping[str, Any]) -> Transition:
    """A change of the alarm alone. A claim may have thrown the ticket away meanwhile, so that another is due."""
    return Transition(
        name="ring", at=at, sources=OPEN, target=task.state, seq=task.seq, sets={**sets, **_repaired(task, at)}
    )


def _repaired(task: Task, at: datetime) -> dict[str, Any]:
    if task.state is not State.READY:
        return {}
    return _queued(at, assigned=_unticketed(task), limited=task.slot is not None)


def delete(task: Task, *, at: datetime, by: Actor) -> Transition:
    """Remove the task from every view; an open one is canceled by it. Retention erases what is left."""
    sets: dict[str, Any] = {"deleted_at": at, "ticket_due": None, "dead": None, "seat": None, "waits": None}
    if task.state is not State.DONE:
        sets |= {
            "outcome": Outcome.CANCELED,
            "ended_at": at,
            "reason": Reason(type="deleted", message="Deleted."),
        }
    return Transition(
        name="delete", at=at, sources=frozenset(State), target=State.DONE, seq=task.seq, sets=sets,
        note=Note(type="deleted", at=at, by=by),
    )  # fmt: skip


# --- shared shapes ---


def _end(
    name: str, at: datetime, sources: frozenset[State], outcome: Outcome, by: Actor, *, exec_id: str | None = None,
    seq: int | None = None, reason: Reason | None = None, sets: Mapping[str, Any] | None = None,
) -> Transition:  # fmt: skip
    fields: dict[str, Any] = {
        "outcome": outcome,
        "ended_at": at,
        "reason": reason,
        "ticket_due": None,
        "seat": None,
        "waits": None,
        **(sets or {}),
    }
    return Transition(
        name=name, at=at, sources=sources, target=State.DONE, exec_id=exec_id, seq=seq, sets=fields,
        note=Note(type=outcome.value, at=at, by=by, reason=reason),
    )  # fmt: skip


def _ready(
    task: Task, name: str, at: datetime, sources: frozenset[State], note: Note, *, exec_id: str | None = None,
    sets: Mapping[str, Any] | None = None,
) -> Transition:  # fmt: skip
    fields: dict[str, Any] = _NO_HOLD | {
        **_queued(at, assigned=_unticketed(task), limited=task.slot is not None),
        "cancel_request": None,
        "cancel_by": None,
        **(sets or {}),
    }
    return Transition(
        name=name,
        at=at,
        sources=sources,
        target=State.READY,
        seq=task.seq,
        exec_id=exec_id,
        sets=fields,
        note=note,
    )


def _unticketed(task: Task) -> bool:
    return task.assignee is not None or task.builtin is not None


def _queued(at: datetime, *, assigned: bool, limited: bool) -> dict[str, Any]:
    """How a task that becomes ready stands in its queue: with a ticket, or somebody's already, or before its slot."""
    if limited and not assigned:
        return {"ticket_due": None, "waits": Waits.PARKED}
    return {"ticket_due": None if assigned else at + TICKET_REPAIR, "waits": None}


def adopt(task: Task, *, at: datetime, slot: str, seat: int) -> Transition:
    """A task that was handed out before its definition had a limit counts from now on. No event."""
    sets: dict[str, Any] = {"slot": slot, "seat": seat, "strict": True}
    return Transition(name="adopt", at=at, sources=HELD, target=task.state, seq=task.seq, sets=sets)


def _keep(
    task: Task, name: str, at: datetime, sets: Mapping[str, Any], note: Note, *, sources: frozenset[State] = ANY
) -> Transition:
    """A change that leaves the state; the task's present state is the target so that its timer is worked out anew."""
    return Transition(name=name, at=at, sources=sources, target=task.state, seq=task.seq, sets=sets, note=note)


def _failed(
    task: Task,
    name: str,
    *,
    at: datetime,
    by: Actor,
    reason: Reason,
    error: Any,
    retryable: bool,
    dice: random.Random,
) -> Transition:
    sources = frozenset({State.IN_PROGRESS})
    if task.cancel_request is not None:
        change = cancel(task, at=at, by=task.cancel_request.by, message=task.cancel_request.message)
        return msgspec.structs.replace(change, sources=sources)
    spent = task.spent + 1
    if not retryable or spent >= task.limits.retry.max_attempts:
        sets: dict[str, Any] = {"error": error, "spent": spent, "dead": True}
        return _end(name, at, sources, Outcome.FAILED, by, seq=task.seq, reason=reason, sets=sets)
    rest = retry.delay(task.limits.retry.backoff, spent, dice)
    sets = _NO_HOLD | {
        "error": error,
        "reason": reason,
        "spent": spent,
        "ticket_due": None,
        "execute_at": at + rest,
    }
    data = _builtins({"executeAt": at + rest, "spent": spent})
    note = Note(type="retry-scheduled", at=at, by=by, reason=reason, data=data)
    return Transition(name=name, at=at, sources=sources, target=State.WAITING, seq=task.seq, sets=sets, note=note)


def _status(task: Task) -> str:
    return task.state.value if task.outcome is None else f"{task.state.value}: {task.outcome.value}"


def _builtins(value: Any) -> Any:
    """JSON's own types only: a note is kept as JSON, and must read back as it was written."""
    return msgspec.to_builtins(value, enc_hook=_plain)


def _plain(value: Any) -> int:
    # What MongoDB keeps as a 64-bit integer comes back as a subclass of int, which msgspec does not take for one.
    if isinstance(value, int):
        return int(value)
    raise TypeError(f"no JSON: {type(value)}")
