"""DAGs: a step begins when all steps it depends on have ended, once for the flow or once for each item of a list.

- A step is `skipped` when its `when` does not hold, or when the steps it depends on fall short of its `runIf`.
- A step that fans out has failed when any of its children has; under `continue` all of them run to their end first.
  Over an empty list it succeeds at once. What `forEach` leads to must be a list, or the step fails.
- A child that was canceled or expired by itself counts as failed.
- The flow succeeds when all steps have ended and none failed but under `continue`.

`$from` finds: `input`; `flow.id`, `flow.label`; in params of a fan-out `item` and `index`; and of each step before
`result` (of a fan-out the list of its children's, in the order of the items, null for those that did not succeed),
`results` (always a list), `error` (likewise), `outcome` (succeeded, failed, skipped), and of its children `count` and
`failed`.
"""

import graphlib
from collections.abc import Callable, Iterable
from typing import Any, cast

from msgspec import UNSET

from core import flow_bits, flow_steps, flow_values
from core.flow import MAX_DEPTH, MAX_ITEMS, Child, ChildKind, Completion, StepState, StepStatus
from core.flow_template import OnFailure, RunIf, Step, Template
from core.flow_values import MISSING, Path
from core.flow_work import Wanting, Work
from core.task import Outcome, Reason

CONDITION = Reason(type="condition", message="Its condition did not hold.")
_NOTHING: dict[str, Any] = {}


def keys(template: Template) -> list[str]:
    """The steps that every flow of the template has, each after those it depends on."""
    depends = {name: step.depends_on for name, step in template.steps.items()}
    return list(graphlib.TopologicalSorter(depends).static_order())


def advance(work: Work) -> None:
    """Begin what may begin, close what has ended, end the flow on a failure or when all steps have ended."""
    order = keys(work.template)
    through = True
    for name in order:
        step = work.template.steps[name]
        if name not in work.steps:
            _try_begin(work, name, step)
        through = work.over(name) and through
        state = work.steps.get(name)
        if state is not None and state.failures and step.on_failure is not OnFailure.CONTINUE:
            work.end(Outcome.FAILED, _failure(work, name, state), compensate=step.on_failure is OnFailure.COMPENSATE)
            work.take_back()
            return
    if through and not work.needs:
        _finish(work)


def _finish(work: Work) -> None:
    try:
        result = None if work.template.result is UNSET else value(work, work.template.result)
    except Wanting:
        return
    work.end(Outcome.SUCCEEDED, result=result)


def _failure(work: Work, name: str, state: StepState) -> Reason:
    data: dict[str, Any] = {"step": name}
    if state.faults:
        first = state.faults[0]
        data |= {"child": work.id_of(name, first.index), "index": first.index, "outcome": first.outcome.value}
    why = state.faults[0].reason if state.faults else state.reason
    if why is not None:
        data["reason"] = {"type": why.type, "message": why.message}
    return Reason(type="step-failed", message=f"Step '{name}' failed.", data=data)


# --- the beginning of a step -----------------------------------------------------------------------------


def _try_begin(work: Work, name: str, step: Step) -> None:
    """The step begins or is skipped, if all it depends on has ended and every result it needs is at hand."""
    before = [work.steps.get(other) for other in step.depends_on]
    if any(state is None or state.status is StepStatus.RUNNING for state in before):
        return
    hindrance = _hindrance(step, work.steps)
    if hindrance is not None:
        work.steps[name] = flow_steps.never(StepStatus.SKIPPED, at=work.at, reason=hindrance)
        return
    try:
        work.steps[name] = _begin(work, name, step)
    except Wanting:
        return


def _hindrance(step: Step, states: dict[str, StepState]) -> Reason | None:
    """Why the steps it depends on keep it from running."""
    if step.run_if is RunIf.ENDED:
        return None
    for other in step.depends_on:
        state = states[other]
        failed = state.status is StepStatus.FAILED or _after_failure(state)
        if failed:
            return Reason(type="dependency-failed", message=f"Step '{other}' did not succeed.")
        if state.status is StepStatus.SKIPPED and step.run_if is RunIf.SUCCEEDED:
            return Reason(type="dependency-skipped", message=f"Step '{other}' was skipped.")
    return None


def _after_failure(state: StepState) -> bool:
    return state.status is StepStatus.SKIPPED and state.reason is not None and state.reason.type == "dependency-failed"


def _begin(work: Work, name: str, step: Step) -> StepState:
    if step.when is not UNSET and not flow_values.holds(step.when, lookup(work)):
        return flow_steps.never(StepStatus.SKIPPED, at=work.at, reason=CONDITION)
    if step.template is not None and work.flow.depth >= MAX_DEPTH:
        return _failed(work, "too-deep", f"Flows start flows at most {MAX_DEPTH} deep.")
    if step.for_each is UNSET:
        return flow_steps.begin(1, at=work.at)
    items = _items(work, name, step)
    if items is None:
        return _failed(work, "not-a-list", "What forEach leads to is not a list.")
    if len(items) > MAX_ITEMS:
        return _failed(work, "too-many-items", f"A step fans out to at most {MAX_ITEMS} children; use 'chunk'.")
    return flow_steps.begin(len(items), at=work.at, fan=True)


def _failed(work: Work, kind: str, message: str) -> StepState:
    return flow_steps.never(StepStatus.FAILED, at=work.at, reason=Reason(type=kind, message=message))


def _items(work: Work, name: str, step: Step) -> list[Any] | None:
    """What the step fans out over; None where that is no list. Worked out once in a planning."""
    memo = f"items {name}"
    if memo not in work.memo:
        found = value(work, step.for_each)
        if isinstance(found, list) and step.chunk is not None:
            items = cast("list[Any]", found)
            found = [items[start : start + step.chunk] for start in range(0, len(items), step.chunk)]
        work.memo[memo] = found if isinstance(found, list) else None
    return work.memo[memo]


# --- children --------------------------------------------------------------------------------------------


def target(work: Work, step: str, index: int) -> tuple[ChildKind, str]:
    """What a child of a step is: a task of a definition, or a flow of a template."""
    del index
    rule = work.template.steps[step]
    if rule.template is not None:
        return ChildKind.FLOW, rule.template
    return ChildKind.TASK, rule.definition or ""


def children(work: Work, step: str, indexes: Iterable[int]) -> list[Child]:
    """These children of a step with their params; raises `Wanting` where a result is needed for that."""
    rule = work.template.steps[step]
    kind, definition = target(work, step, 0)
    if rule.for_each is UNSET:
        params = work.flow.params if rule.params is UNSET else value(work, rule.params)
        return [work.child(step, index, kind, definition, params, label=step) for index in indexes]
    items = _items(work, step, rule) or []
    local: dict[str, Any] = {}
    look = lookup(work, local)
    made: list[Child] = []
    for index in indexes:
        local["item"], local["index"] = items[index], index
        params = items[index] if rule.params is UNSET else flow_values.resolve(rule.params, look)
        made.append(work.child(step, index, kind, definition, params, label=f"{step}[{index}]"))
    return made


def local_of(work: Work, name: str, index: int) -> dict[str, Any]:
    """`item` and `index` of one child of a step; empty where the step does not fan out."""
    step = work.template.steps[name]
    if step.for_each is UNSET:
        return {}
    items = _items(work, name, step) or []
    return {"item": items[index], "index": index}


# --- values ----------------------------------------------------------------------------------------------


def value(work: Work, written: Any) -> Any:
    """A written value with every `$from` in it replaced; raises `Wanting` where a result is needed for that."""
    return flow_values.resolve(written, lookup(work))


def lookup(work: Work, local: dict[str, Any] = _NOTHING) -> Callable[[Path], Any]:
    """What finds the value at a path; `local` holds what is to be had in this place only."""

    def look(path: Path) -> Any:
        root, rest = path[0], path[1:]
        if root == "input":
            return flow_values.dig(work.flow.params, rest)
        if root == "steps" and len(rest) > 1:
            return _of_step(work, rest[0], rest[1], rest[2:])
        if root == "flow":
            return flow_values.dig({"id": work.flow.id, "label": work.flow.label}, rest)
        return flow_values.dig(local.get(root, MISSING), rest)

    return look


def _of_step(work: Work, name: str, field: str, rest: Path) -> Any:
    state = work.steps.get(name)
    if state is None:
        return MISSING
    if field == "outcome":
        return state.status.value
    if field in {"count", "failed"}:
        return state.total if field == "count" else state.failures
    pick = _error if field == "error" else _result
    if state.fan or field == "results":
        return _of_list(work, name, field, rest, pick)
    if not state.total or flow_bits.has(state.failed, 0) != (field == "error"):
        return MISSING
    return flow_values.dig(pick(work.completion(name, 0)), rest)


def _of_list(work: Work, name: str, field: str, rest: Path, pick: Callable[[Completion], Any]) -> Any:
    """A value of every child, null where there is none; of one child alone where the path says which."""
    state = work.steps[name]
    wanted = [index for index in range(state.total) if flow_bits.has(state.failed, index) == (field == "error")]
    if rest and rest[0].isascii() and rest[0].isdecimal():
        index = int(rest[0][:9])
        if not flow_bits.has(state.ended, index) or flow_bits.has(state.failed, index) != (field == "error"):
            return MISSING
        return flow_values.dig(pick(work.completion(name, index)), rest[1:])
    memo = f"{field} {name}"
    if memo not in work.memo:
        values: list[Any] = [None] * state.total
        for completion in work.of_children(name, wanted):
            values[completion.index] = pick(completion)
        work.memo[memo] = values
    return flow_values.dig(work.memo[memo], rest)


def _result(completion: Completion) -> Any:
    return completion.result


def _error(completion: Completion) -> Any:
    return completion.error
