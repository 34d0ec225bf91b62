"""How a task becomes ready and stands in its queue: with a ticket, somebody's already, or parked before its slot."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.task import ENGINE, TICKET_REPAIR, Note, State, Task, Waits
from core.transitions import transition
from core.transitions.transition import Transition

_READY = frozenset({State.READY})


def wake(*, at: datetime, assigned: bool = False, limited: bool = False) -> Transition:
    """A waiting task's moment has come: ready, and in need of a ticket, unless it is somebody's already (`assigned`, or
    a built-in's) or must wait for a seat (`limited`).
    """
    return Transition(
        name="wake", at=at, sources=frozenset({State.WAITING}), target=State.READY,
        sets={"execute_at": None, **queued(at, assigned=assigned, limited=limited)},
        note=Note(type="ready", at=at, by=ENGINE),
    )  # fmt: skip


def park(*, at: datetime, slot: str) -> Transition:
    """A ready task for which no seat is free waits without a ticket. No event: nothing happened to it."""
    sets: dict[str, Any] = {"slot": slot, "waits": Waits.PARKED, "ticket_due": None}
    return Transition(name="park", at=at, sources=_READY, sets=sets)


def call(*, at: datetime) -> Transition:
    """A seat is free: a parked task gets a ticket. No event either."""
    sets: dict[str, Any] = {"waits": Waits.CALLED, "ticket_due": at + TICKET_REPAIR}
    return Transition(name="call", at=at, sources=_READY, sets=sets)


def back(
    task: Task, name: str, at: datetime, sources: frozenset[State], note: Note, *, exec_id: str | None = None,
    sets: Mapping[str, Any] | None = None,
) -> Transition:  # fmt: skip
    """The shape of every way back to ready: out of all hands, in its old place."""
    fields: dict[str, Any] = transition.UNHELD | {
        **_standing(task, at),
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


def queued(at: datetime, *, assigned: bool, limited: bool) -> dict[str, Any]:
    """How a task that becomes ready stands in its queue: with a ticket, or somebody's already, or before its slot."""
    if limited and not assigned:
        return {"ticket_due": None, "waits": Waits.PARKED}
    return {"ticket_due": None if assigned else at + TICKET_REPAIR, "waits": None}


def anew(task: Task, at: datetime) -> dict[str, Any]:
    """What a ready task is set to so that it stands in its queue again, whoever threw its ticket away; else nothing."""
    return _standing(task, at) if task.state is State.READY else {}


def _standing(task: Task, at: datetime) -> dict[str, Any]:
    assigned = task.assignee is not None or task.builtin is not None
    return queued(at, assigned=assigned, limited=task.slot is not None)
