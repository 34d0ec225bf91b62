"""Whether somebody holds a task under a fence, and why a blind change did not fit it."""

from core import errors
from core.task import Actor, State, Task, held_by
from core.transitions.transition import Transition


def held(task: Task, exec_id: str) -> Task:
    """The task, if this `execId` is its present one; raises `LeaseLost`."""
    if task.exec_id != exec_id:
        raise errors.LeaseLost(extra={"state": task.state.value})
    return task


def fitting(task: Task, exec_id: str, by: Actor, change: Transition) -> Transition:
    """The blind change, if it fits the task as it is now; raises what `refusal` says."""
    if task.exec_id != exec_id or task.state not in change.sources or not held_by(task, by.id):
        raise refusal(task, exec_id, by, change)
    return change


def refusal(task: Task, exec_id: str, by: Actor, change: Transition) -> errors.PenstockError:
    """Why a blind change did not fit the task as it is now."""
    state = {"state": task.state.value}
    if task.exec_id != exec_id:
        return errors.LeaseLost(extra=state)
    if task.holder is not None and not held_by(task, by.id):
        return errors.Forbidden(f"Task {task.id} is held by {task.holder.name}; only its holder may {change.name} it.")
    if task.state is State.DONE:
        how = "" if task.outcome is None else f": {task.outcome.value}"
        why = "" if task.reason is None else f" ({task.reason.message.rstrip('.')})"
        return errors.WrongState(f"Task {task.id} has ended already{how}{why}. Nothing was changed.", extra=state)
    if task.state not in change.sources:
        return errors.WrongState(
            f"Task {task.id} is {task.state.value}: it cannot be made to {change.name}.", extra=state
        )
    return errors.Changed(f"Task {task.id} was changed at the same moment; try again.", retry_after=1.0)
