"""How a task ends, once: succeeded, expired, canceled, out of time, deleted. What failed is in `failures.py`."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from core.task import ENGINE, OPEN, Actor, CancelRequest, Note, Outcome, Reason, State, Task
from core.transitions import transition
from core.transitions.transition import Transition

CANCEL_GRACE = timedelta(seconds=30)


def succeed(*, at: datetime, by: Actor, exec_id: str, result: Any) -> Transition:
    """The holder finished the work: done, succeeded; for ever."""
    return end(
        "complete",
        at,
        frozenset({State.IN_PROGRESS}),
        Outcome.SUCCEEDED,
        by,
        exec_id=exec_id,
        sets={"result": result},
    )


def complete(task: Task, *, at: datetime, by: Actor, result: Any) -> Transition:
    """As `succeed`, by somebody whose right was checked against the task that was read."""
    return end(
        "complete",
        at,
        frozenset({State.IN_PROGRESS}),
        Outcome.SUCCEEDED,
        by,
        seq=task.seq,
        sets={"result": result},
    )


def cancel(task: Task, *, at: datetime, by: Actor, message: str | None) -> Transition:
    """End it now, whoever holds it: done, canceled."""
    reason = Reason(type="canceled", message=message or "Canceled.")
    return end("cancel", at, OPEN, Outcome.CANCELED, by, seq=task.seq, reason=reason)


def ask_cancel(task: Task, *, at: datetime, by: Actor, message: str | None) -> Transition:
    """Ask the holder of a running task to stop; its next heartbeat tells it, and the fence is cut after the grace.

    A task that nobody runs is canceled at once; asking again changes nothing but the event.
    """
    if task.state is not State.IN_PROGRESS:
        return cancel(task, at=at, by=by, message=message)
    request = task.cancel_request or CancelRequest(by=by, at=at, message=message)
    by_when = task.cancel_by or at + CANCEL_GRACE
    reason = Reason(type="canceled", message=message) if message else None
    return transition.keep(
        task, "cancel", at, {"cancel_request": request, "cancel_by": by_when},
        Note(type="cancel-requested", at=at, by=by, reason=reason), sources=frozenset({State.IN_PROGRESS}),
    )  # fmt: skip


def expire(task: Task, *, at: datetime) -> Transition:
    """Its `expireAt` passed before anybody started it: done, expired."""
    reason = Reason(type="expired", message="It was not started before its expireAt.")
    return end("expire", at, OPEN - {State.IN_PROGRESS}, Outcome.EXPIRED, ENGINE, seq=task.seq, reason=reason)


def run_out(task: Task, *, at: datetime) -> Transition:
    """Its overall time limit passed, in whatever state: done, failed, a dead letter."""
    reason = Reason(type="overall-timeout", message="It did not end within its overall time limit.")
    return end("run-out", at, OPEN, Outcome.FAILED, ENGINE, seq=task.seq, reason=reason, sets={"dead": True})


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


def end(
    name: str, at: datetime, sources: frozenset[State], outcome: Outcome, by: Actor, *, exec_id: str | None = None,
    seq: int | None = None, reason: Reason | None = None, sets: Mapping[str, Any] | None = None,
) -> Transition:  # fmt: skip
    """The shape of every end: the outcome is its event, and the task leaves its seat and its queue."""
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
