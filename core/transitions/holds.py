"""A task in somebody's hands: handed out, started, kept alive by heartbeats, given back."""

from datetime import datetime
from typing import Any

import msgspec

from core.task import ENGINE, HELD, Actor, Note, Progress, Reason, State, Task
from core.transitions import ends, tickets
from core.transitions.transition import Transition

_READY = frozenset({State.READY})


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


def adopt(task: Task, *, at: datetime, slot: str, seat: int) -> Transition:
    """A task that was handed out before its definition had a limit counts from now on. No event."""
    sets: dict[str, Any] = {"slot": slot, "seat": seat, "strict": True}
    return Transition(name="adopt", at=at, sources=HELD, target=task.state, seq=task.seq, sets=sets)


def start(*, at: datetime, by: Actor, exec_id: str) -> Transition:
    """The holder of a requested task begins: the lease runs from now and the attempt counts."""
    return Transition(
        name="start", at=at, sources=frozenset({State.REQUESTED}), target=State.IN_PROGRESS, starts=True,
        exec_id=exec_id, lease="lease_seconds", sets={"started_at": at}, note=Note(type="started", at=at, by=by),
    )  # fmt: skip


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


def beat(*, at: datetime, exec_id: str, progress: Progress | None, note: Note | None = None) -> Transition:
    """The holder is alive: the lease runs anew from now. No event, unless the face keeps a log of notifications."""
    sets: dict[str, Any] = {} if progress is None else {"progress": progress}
    return Transition(
        name="heartbeat", at=at, sources=frozenset({State.IN_PROGRESS}), target=State.IN_PROGRESS,
        exec_id=exec_id, lease="lease_seconds", sets=sets, note=note,
    )  # fmt: skip


def release(task: Task, *, at: datetime, by: Actor, exec_id: str | None = None) -> Transition:
    """The holder gives the task back unfinished: ready again in its old place, no attempt spent."""
    if task.cancel_request is not None:
        return ends.cancel(task, at=at, by=task.cancel_request.by, message=task.cancel_request.message)
    return tickets.back(task, "release", at, HELD, Note(type="released", at=at, by=by), exec_id=exec_id)


def miss_start(task: Task, *, at: datetime) -> Transition:
    """Handed out but not started in time: ready again, no attempt spent."""
    note = Note(type="released", at=at, by=ENGINE, reason=Reason(type="start-timeout", message="Not started in time."))
    return tickets.back(task, "miss-start", at, frozenset({State.REQUESTED}), note)
