"""What people change of a task: whose it is, its priority, and what describes it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from core import deadlines, errors, priority
from core.task import Actor, Assignment, Note, State, Task
from core.transitions import tickets, transition
from core.transitions.transition import Transition

_NO_RULES = deadlines.Deadlines()
_DATES = frozenset({"due_date", "follow_up_date"})
EDITABLE = _DATES | {"name", "description", "params", "context", "labels", "record_id", "attachments"}


def assign(task: Task, *, at: datetime, by: Actor, to: Actor | None) -> Transition:
    """Give the task to a person, or (None) to nobody; a ready task gets or loses its ticket with that."""
    if task.state is State.DONE and to is not None:
        raise errors.WrongState(f"Task {task.id} has ended; it cannot be assigned.", extra={"state": task.state.value})
    sets: dict[str, Any] = {"assignment": Assignment(by=by, at=at, to=to)}
    if task.state is State.READY:
        assigned = to is not None or task.builtin is not None
        sets |= tickets.queued(at, assigned=assigned, limited=task.slot is not None)
    data = {"from": transition.plain(task.assignment), "to": transition.plain(sets["assignment"])}
    return transition.keep(task, "assign", at, sets, Note(type="assigned", at=at, by=by, data=data))


def reserve(*, at: datetime, by: Actor) -> Transition:
    """A person takes a ready task that is nobody's onto their list, whichever comes first: blind."""
    note = Note(
        type="assigned", at=at, by=by, data=transition.plain({"from": None, "to": Assignment(by=by, at=at, to=by)})
    )
    return Transition(
        name="assign", at=at, sources=frozenset({State.READY}), target=State.READY, note=note,
        sets={"assignment": Assignment(by=by, at=at, to=by), "ticket_due": None, "waits": None},
    )  # fmt: skip


def prioritise(task: Task, *, at: datetime, by: Actor, to: priority.Priority) -> Transition:
    """Change the priority, and with it the place in the worklist; a ready task gets a ticket of the new priority.

    One that was called for a seat is called anew, or another before it.
    """
    data = {"from": task.priority.label, "to": to.label}
    note = Note(type="priority-set", at=at, by=by, data=data)
    return transition.keep(task, "priority", at, _prioritised(task, at, to), note)


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
    return transition.keep(task, "edit", at, sets, Note(type=event, at=at, by=by, data=transition.plain(data)))


def _prioritised(task: Task, at: datetime, to: priority.Priority) -> dict[str, Any]:
    return {"priority": to, "place": priority.place(to, task.created_at, task.id), **tickets.anew(task, at)}


def _redated(task: Task, fields: Mapping[str, Any], rules: deadlines.Deadlines) -> dict[str, Any]:
    """What else new dates set: a date that changed rings anew."""
    changed = {name: name in fields and fields[name] != getattr(task, name) for name in _DATES}
    rung = deadlines.still_rung(task.rung, due_changed=changed["due_date"], follow_up_changed=changed["follow_up_date"])
    dated = {name: fields.get(name, getattr(task, name)) for name in _DATES}
    after = msgspec.structs.replace(task, rung=rung, **dated)
    return {"rung": rung, "alarm_at": deadlines.alarm(after, rules)}
