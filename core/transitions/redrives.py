"""An ended task is run again, a dead letter by a redrive; and put back where it was, while nobody has taken it."""

from datetime import datetime
from typing import Any

from core import clock, errors
from core.task import Actor, Ending, Note, Outcome, State, Task
from core.transitions import tickets
from core.transitions.transition import Transition

_NO_END: dict[str, Any] = {
    "outcome": None,
    "reason": None,
    "result": None,
    "error": None,
    "ended_at": None,
    "dead": None,
}


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
    return tickets.back(task, "retry", at, frozenset({State.DONE}), note, sets=sets)


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


def _status(task: Task) -> str:
    return task.state.value if task.outcome is None else f"{task.state.value}: {task.outcome.value}"
