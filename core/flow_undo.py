"""Compensation of a DAG that failed: what succeeded is undone, the last completed first, one step after another.

It begins when nothing of the flow runs any more. Every task of a step that succeeded has its compensation, those of a
fan-out all at once; a step that was cut short has them for the tasks that did succeed. A compensation that fails for
good does not stop the others; the flow's reason names its step. Once begun it is not canceled.

The compensation of step "a" is step "~a"; its children have the numbers of those they undo.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec import UNSET

from core import flow_dag, flow_steps, flow_values
from core.flow import Child, ChildKind, StepStatus
from core.flow_work import Work

MARK = "~"


def advance(work: Work) -> bool:
    """Begin the next compensation when the one before is over; True when there is none left."""
    if work.undo is None:
        work.undo = _order(work)
    for name in work.undo:
        key = MARK + name
        if key not in work.steps:
            done = work.steps[name]
            kept = set(flow_steps.succeeded(done))
            state = flow_steps.begin(done.planned, at=work.at, fan=done.fan)
            work.steps[key] = flow_steps.without(state, [i for i in range(done.planned) if i not in kept])
        if not work.over(key):
            return False
    return True


def failed(work: Work) -> list[str]:
    """The steps whose compensation failed."""
    return [name for name in work.undo or () if work.steps[MARK + name].status is not StepStatus.SUCCEEDED]


def _order(work: Work) -> tuple[str, ...]:
    """The steps to compensate, the last completed first.

    A step never counts as completed before one it depends on, whatever the clocks said; equal moments go by the order
    of the steps.
    """
    moments: dict[str, datetime] = {}
    found: list[tuple[datetime, int, str]] = []
    for number, name in enumerate(flow_dag.keys(work.template)):
        step, state = work.template.steps[name], work.steps.get(name)
        if state is None:
            continue
        before = [moments[other] for other in step.depends_on if other in moments]
        moments[name] = max([state.ended_at or work.at, *before])
        if step.compensate is not None and flow_steps.succeeded(state):
            found.append((moments[name], number, name))
    return tuple(name for _, _, name in sorted(found, reverse=True))


def target(work: Work, step: str, index: int) -> tuple[ChildKind, str]:
    """A compensation is always a task."""
    del index
    rule = work.template.steps[step.removeprefix(MARK)].compensate
    return ChildKind.TASK, rule.definition if rule else ""


def children(work: Work, step: str, indexes: Iterable[int]) -> list[Child]:
    """These compensations with their params; raises `Wanting` where a result is needed for that."""
    name = step.removeprefix(MARK)
    rule = work.template.steps[name].compensate
    wanted = list(indexes)
    if rule is None:
        return []
    made: list[Child] = []
    for completion in work.of_children(name, wanted):
        params: Any = completion.result
        if rule.params is not UNSET:
            local = flow_dag.local_of(work, name, completion.index) | {"result": completion.result}
            params = flow_values.resolve(rule.params, flow_dag.lookup(work, local))
        label = f"undo {name}[{completion.index}]" if work.steps[name].fan else f"undo {name}"
        made.append(work.child(step, completion.index, ChildKind.TASK, rule.definition, params, label=label))
    return made
