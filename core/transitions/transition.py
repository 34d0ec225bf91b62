"""What a transition is, and what a task is after it. Nobody but the constructors of this folder makes one (DESIGN 1.2).

A `Transition` names the states it may start from, the fields it sets (None removes), the fence it needs and the
event it leaves. `store/tasks.py` applies it as one conditional update; `apply` does the same to a record in memory.
Hot transitions (claim, start, beat, succeed, wake) are *blind*: they need no reading of the task first, and are fenced
by state and `execId`. The others are built from a task that was read and hold only while its `seq` is the same.

In the order of a life: `tickets` (ready, in the queue), `holds` (in somebody's hands), `ends`, `failures`, `redrives`
(run again); at any time `edits` (by people) and `alarms` (by a task's dates).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from core import clock, errors, timers
from core.task import Note, State, Task

ANY = frozenset(State)
UNHELD: dict[str, Any] = {
    "exec_id": None,
    "holder": None,
    "worker": None,
    "requested_at": None,
    "lease_until": None,
    "seat": None,
    "waits": None,
}
"""What is set where a hand-out is over."""


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


def keep(
    task: Task, name: str, at: datetime, sets: Mapping[str, Any], note: Note, *, sources: frozenset[State] = ANY
) -> Transition:
    """A change that leaves the state; the task's present state is the target so that its timer is worked out anew."""
    return Transition(name=name, at=at, sources=sources, target=task.state, seq=task.seq, sets=sets, note=note)


def plain(value: Any) -> Any:
    """JSON's own types only: a note is kept as JSON, and must read back as it was written."""
    return msgspec.to_builtins(value)
