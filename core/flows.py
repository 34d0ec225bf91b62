"""The planner of flows: what to do next, worked out from the template, the input and the state of the steps alone.

    flow = flow_life.begin(...)                 insert it
    flow = flow_life.absorb(flow, *ends)        children ended; once, twice, in any order
    flow = flow_life.request_cancel(flow, ...)
    plan = flows.plan(template, flow, ...)      1. save plan.flow if nobody changed the flow since, 2. create, 3. cancel
    flow = flow_life.settle(plan.flow)          4. note that this was done

Intents are saved before they are carried out, and every child has an id that follows from its place: so a crash
between any two of these, or two engines at the same flow, costs a repetition and nothing else. Until a plan is settled,
planning again repeats what it asked for. A flow ends only when none of its children runs any more.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, cast

import msgspec

from core import flow_dag, flow_decisions, flow_groups, flow_life, flow_steps, flow_undo
from core.flow import (
    PLAN_REPAIR,
    Cancel,
    Child,
    ChildKind,
    Completion,
    Driver,
    Flow,
    Plan,
    Status,
    StepStatus,
)
from core.flow_template import OnCancel, Template
from core.flow_work import Wanting, Work
from core.task import ENGINE, Note, Outcome, Reason

_NEVER: Mapping[str, Completion] = {}
_LEFT_OUT = Reason(type="flow-ended", message="The flow ended before it began.")
MAX_RESULT_BYTES = 8 * 1024 * 1024
"""A flow's own result is part of its record, which MongoDB limits to 16 MB."""


class Rules(NamedTuple):
    """What a driver brings: the steps known beforehand, the next move, what a child is, children in full."""

    keys: Callable[[Template], list[str]]
    advance: Callable[[Work], None]
    target: Callable[[Work, str, int], tuple[ChildKind, str]]
    children: Callable[[Work, str, Iterable[int]], list[Child]]


RULES = {
    Driver.GROUPS: Rules(flow_groups.keys, flow_groups.advance, flow_groups.target, flow_groups.children),
    Driver.DAG: Rules(flow_dag.keys, flow_dag.advance, flow_dag.target, flow_dag.children),
    Driver.DECISIONS: Rules(
        flow_decisions.keys, flow_decisions.advance, flow_decisions.target, flow_decisions.children
    ),
}


def plan(template: Template, flow: Flow, *, at: datetime, completions: Mapping[str, Completion] = _NEVER) -> Plan:
    """What to do next, given the completions (by the child's id) whose results are at hand.

    With `needs` in the answer it is nothing but the wish to be called again with those added (one whose record is gone
    counts as ended without a result). Otherwise save its flow if `seq` grew, and carry out the rest. Planning the same
    flow twice gives the same answer.
    """
    starts_later = flow.execute_at is not None and flow.execute_at > at and flow.cancel_request is None
    if flow.status is Status.DONE or (flow.status is Status.CREATED and starts_later):
        return Plan(flow=flow)
    before = flow_life.settle(flow) if flow.plan_due is None else flow
    work = Work(template, before, at=at, completions=completions)
    rules = RULES[flow.driver]
    _wishes(work)
    if work.ending is None:
        rules.advance(work)
    over = work.ending is not None and _wind_up(work, rules)
    create = _creates(work, rules)
    if work.needs:
        return Plan(flow=flow, needs=tuple(work.needs))
    cancel = _cancels(work, rules)
    if over:
        return Plan(flow=_ended(work))
    return Plan(flow=_saved(work, repair=bool(create or cancel)), create=create, cancel=cancel)


def _wishes(work: Work) -> None:
    """A wish to cancel and the overall time limit end a flow before its driver is asked."""
    flow = work.flow
    if flow.cancel_request is not None:
        reason = Reason(type="canceled", message=flow.cancel_request.message or "Canceled.")
        work.end(Outcome.CANCELED, reason, compensate=work.template.on_cancel is OnCancel.COMPENSATE)
    elif flow.overall_at is not None and flow.overall_at <= work.at:
        reason = Reason(type="overall-timeout", message="It did not end within its overall time limit.")
        work.end(Outcome.FAILED, reason, compensate=work.template.on_cancel is OnCancel.COMPENSATE)


def _wind_up(work: Work, rules: Rules) -> bool:
    """Close what ended since the end was decided; True when nothing runs any more and nothing is left to undo."""
    if work.undo is None:
        if any(flow_steps.has_open(state) for state in work.steps.values()):
            return False
        for name, state in work.steps.items():
            if state.status is StepStatus.RUNNING:
                work.steps[name] = flow_steps.close(state, flow_steps.verdict(state), at=work.at)
        for name in rules.keys(work.template):
            if name not in work.steps:
                work.steps[name] = flow_steps.never(StepStatus.SKIPPED, at=work.at, reason=_LEFT_OUT)
    if work.ending is not None and work.ending.compensate:
        return flow_undo.advance(work)
    return True


def _creates(work: Work, rules: Rules) -> tuple[Child, ...]:
    """Every planned child that is not known to exist; of a flow that is ending only the compensations."""
    made: list[Child] = []
    for name, state in work.steps.items():
        undoing = name.startswith(flow_undo.MARK)
        if state.created >= state.planned or (work.ending is not None and not undoing):
            continue
        children = flow_undo.children if undoing else rules.children
        try:
            made += children(work, name, flow_steps.open_children(state, state.created))
        except Wanting:
            continue
    return tuple(made)


def _cancels(work: Work, rules: Rules) -> tuple[Cancel, ...]:
    """Every open child of a flow that is ending, until they are known to have been told."""
    if work.ending is None or work.ending.told or work.undo is not None:
        return ()
    now = work.flow.cancel_now or work.flow.driver is Driver.DECISIONS
    found: list[Cancel] = []
    for name, state in work.steps.items():
        for index in flow_steps.open_children(state):
            kind, definition = rules.target(work, name, index)
            found.append(
                Cancel(
                    id=work.id_of(name, index), step=name, index=index, kind=kind, definition=definition,
                    now=now, unborn=index >= state.created,
                )
            )  # fmt: skip
    return tuple(found)


# --- the record after it ---------------------------------------------------------------------------------


def _saved(work: Work, *, repair: bool) -> Flow:
    """The flow as it goes on; the same one, with the same `seq`, where nothing changed."""
    flow = work.flow
    fields: dict[str, Any] = {
        "steps": work.steps,
        "decisions": work.decisions,
        "undo": work.undo,
        "ending": work.ending,
        "status": Status.IN_PROGRESS,
    }
    changed = any(getattr(flow, name) != value for name, value in fields.items())
    if not changed and repair == (flow.plan_due is not None):
        return flow
    if flow.status is Status.CREATED:
        fields |= {"started_at": work.at, "last_event": Note(type="started", at=work.at, by=ENGINE)}
    fields |= {"plan_due": work.at + PLAN_REPAIR if repair else None, "updated_at": work.at, "seq": flow.seq + 1}
    return flow_life.timed(msgspec.structs.replace(flow, **fields))


def _ended(work: Work) -> Flow:
    ending = work.ending
    assert ending is not None
    outcome, reason, result = ending.outcome, ending.reason, ending.result
    undone = flow_undo.failed(work)
    if undone and reason is not None:
        told = cast("dict[str, Any]", reason.data or {})
        reason = msgspec.structs.replace(reason, data={**told, "compensationFailed": undone})
    if result is not None and len(msgspec.json.encode(result)) > MAX_RESULT_BYTES:
        outcome, result = Outcome.FAILED, None
        reason = Reason(type="result-too-large", message=f"Its result is larger than {MAX_RESULT_BYTES} bytes.")
    by = work.flow.cancel_request.by if outcome is Outcome.CANCELED and work.flow.cancel_request else ENGINE
    return flow_life.timed(
        msgspec.structs.replace(
            work.flow,
            status=Status.DONE,
            outcome=outcome,
            reason=reason,
            result=result,
            error=ending.error,
            ending=None,
            steps=work.steps,
            decisions=work.decisions,
            undo=work.undo,
            started_at=work.flow.started_at or (None if outcome is Outcome.CANCELED else work.at),
            ended_at=work.at,
            updated_at=work.at,
            plan_due=None,
            seq=work.flow.seq + 1,
            last_event=Note(type=outcome.value, at=work.at, by=by, reason=reason),
        )
    )
