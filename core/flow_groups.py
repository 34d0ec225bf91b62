"""Task lists, with upstream's exact semantics (contract xfsc 1.7), and the finalizers that its specification asks for.

Groups run one after another, and a failed group does not stop later ones. Every group starts from the flow's input.
In a sequential group each task gets the result of the one before; after a failure the others count as failed without
having run. Members of a parallel group do not touch each other. The list fails if any of its groups failed.

Only where the template asks for it: `execution: parallel` runs all groups at once; a group's `finalizer` is a task that
gets the last result of a sequential group that succeeded, or the list of results of a parallel group that did so; the
template's `finalizer` gets the list of the results of the groups that succeeded, and makes the flow's result. A group
whose finalizer fails has failed. (XFSC's own `finalPolicy` of a group is kept and never run, as upstream.)

Steps: "0", "1", .. are the groups, "0-final" and "final" their finalizers.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from core import flow_steps
from core.flow import Child, ChildKind, StepStatus
from core.flow_template import Execution, Template
from core.flow_work import Wanting, Work
from core.task import Outcome, Reason

FINAL = "final"


def keys(template: Template) -> list[str]:
    """The steps that every flow of the template has."""
    return [str(number) for number in range(len(template.groups))]


def advance(work: Work) -> None:
    """Begin what may begin, close what has ended, end the flow when all groups are through."""
    through = True
    for number in range(len(work.template.groups)):
        through = _group(work, number) and through
        if not through and work.template.execution is Execution.SEQUENTIAL:
            return
    if through and _final(work):
        _finish(work)


def _group(work: Work, number: int) -> bool:
    """Move one group on; True when it is through, its finalizer included."""
    group, key = work.template.groups[number], str(number)
    one_by_one = group.execution is Execution.SEQUENTIAL
    state = work.steps.get(key)
    if state is None:
        state = flow_steps.begin(len(group.tasks), at=work.at, planned=1 if one_by_one else None)
    elif one_by_one and state.done == state.planned < state.total:
        if state.failures:
            reason = Reason(type="not-executed", message="A task before it in the group failed.")
            state = flow_steps.give_up(state, at=work.at, reason=reason)
        else:
            state = msgspec.structs.replace(state, planned=state.planned + 1)
    work.steps[key] = state
    if not work.over(key):
        return False
    if group.finalizer is None or not _inputs(work, number):
        return True
    return _finalizer(work, f"{key}-{FINAL}")


def _final(work: Work) -> bool:
    if work.template.finalizer is None:
        return True
    return _finalizer(work, FINAL)


def _finalizer(work: Work, key: str) -> bool:
    if key not in work.steps:
        work.steps[key] = flow_steps.begin(1, at=work.at)
    return work.over(key)


def _finish(work: Work) -> None:
    failed = [number for number in range(len(work.template.groups)) if not _succeeded(work, number)]
    final = work.steps.get(FINAL)
    try:
        result = None
        if final is not None and final.status is StepStatus.SUCCEEDED:
            result = work.completion(FINAL, 0).result
    except Wanting:
        return
    if failed:
        message = f"{len(failed)} of {len(work.template.groups)} groups failed."
        reason = Reason(type="group-failed", message=message, data={"groups": failed})
        work.end(Outcome.FAILED, reason, result=result)
    elif final is not None and final.status is not StepStatus.SUCCEEDED:
        reason = Reason(type="finalizer-failed", message="The finalizer of the list failed.")
        work.end(Outcome.FAILED, reason)
    else:
        work.end(Outcome.SUCCEEDED, result=result)


def _succeeded(work: Work, number: int) -> bool:
    final = work.steps.get(f"{number}-{FINAL}")
    whole = work.steps[str(number)].status is StepStatus.SUCCEEDED
    return whole and (final is None or final.status is StepStatus.SUCCEEDED)


def _inputs(work: Work, number: int) -> list[int]:
    """The members whose results a group's finalizer gets; none, and it does not run at all."""
    state = work.steps[str(number)]
    if work.template.groups[number].execution is Execution.PARALLEL:
        return flow_steps.succeeded(state)
    return [state.total - 1] if not state.failures else []


# --- children --------------------------------------------------------------------------------------------


def target(work: Work, step: str, index: int) -> tuple[ChildKind, str]:
    """What a child is: a task of a definition."""
    if step == FINAL:
        return ChildKind.TASK, work.template.finalizer or ""
    number, _, final = step.partition("-")
    group = work.template.groups[int(number)]
    return ChildKind.TASK, (group.finalizer or "") if final else group.tasks[index]


def children(work: Work, step: str, indexes: Iterable[int]) -> list[Child]:
    """These children of a step with their input; raises `Wanting` where a result is needed for that."""
    return [_child(work, step, index) for index in indexes]


def _child(work: Work, step: str, index: int) -> Child:
    kind, definition = target(work, step, index)
    attempts = work.template.max_attempts if kind is ChildKind.TASK else None
    return work.child(step, index, kind, definition, _params(work, step, index), label=definition, attempts=attempts)


def _params(work: Work, step: str, index: int) -> Any:
    if step == FINAL:
        numbers = [number for number in range(len(work.template.groups)) if _succeeded(work, number)]
        return [_result(work, number) for number in numbers]
    number, _, final = step.partition("-")
    if final:
        return _collected(work, int(number))
    if index and work.template.groups[int(number)].execution is Execution.SEQUENTIAL:
        return work.completion(step, index - 1).result
    return work.flow.params


def _result(work: Work, number: int) -> Any:
    key = f"{number}-{FINAL}"
    return work.completion(key, 0).result if key in work.steps else _collected(work, number)


def _collected(work: Work, number: int) -> Any:
    ends = work.of_children(str(number), _inputs(work, number))
    if work.template.groups[number].execution is Execution.SEQUENTIAL:
        return ends[0].result
    return [end.result for end in ends]
