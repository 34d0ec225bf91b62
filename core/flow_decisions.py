"""Flows whose steps a worker decides: each event becomes a decision task, one at a time (contract aidbox 6.1).

The first event is the start of the flow, the others are the ends of its activities, whatever their outcome. While a
decision is open, later events wait in the flow's record in the order of their arrival. What a decision answers is
carried out whole, or refused before it is accepted (`core.flow_actions.check`). A decision that failed for good fails
the flow, and so does one after which nothing could ever happen again (`stalled`).

Steps: "decisions" and "activities"; both grow. Params of a decision task: `event` with `task-id` or `workflow-id`, as
documented, and beside them `workflow` {id, definition, label, params} and `activity` {id, definition, label, outcome,
result, error, reason}.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from core import errors, flow_actions, flow_bits, flow_steps
from core.flow import Activity, Child, ChildKind, Completion, Decisions, StepState
from core.flow_actions import Action, ActionKind
from core.flow_template import Template
from core.flow_work import Wanting, Work
from core.task import Outcome, Reason, Task

DECISIONS = "decisions"
ACTIVITIES = "activities"
INIT = -1
EVENT = "awf.workflow.event/"


def is_decision(task: Task) -> bool:
    """Whether it is the task of a worker who decides for a flow."""
    return task.parent is not None and task.parent.step == DECISIONS and task.definition is not None


def keys(template: Template) -> list[str]:
    """No step is known beforehand."""
    del template
    return []


def happened(decisions: Decisions, index: int) -> Decisions:
    """The end of an activity waits for a decision."""
    return msgspec.structs.replace(decisions, events=(*decisions.events, index))


def advance(work: Work) -> None:
    """Carry out the answer of the open decision if it has ended, then ask about the next event."""
    memory = work.decisions or Decisions(events=(INIT,))
    work.decisions = memory
    if len(memory.asked) > memory.applied:
        if not flow_bits.has(work.steps[DECISIONS].ended, memory.applied):
            return
        try:
            _carry_out(work, memory, memory.applied)
        except Wanting:
            return
    if work.ending is None:
        _ask(work, work.decisions)


def _ask(work: Work, memory: Decisions) -> None:
    if memory.events:
        event, *rest = memory.events
        work.decisions = msgspec.structs.replace(memory, events=tuple(rest), asked=(*memory.asked, event))
        work.steps[DECISIONS] = flow_steps.grow(_state(work, DECISIONS), 1)
        return
    if not flow_steps.has_open(_state(work, ACTIVITIES)):
        message = "No activity is open and no event is left: the last decision should have scheduled or completed."
        work.end(Outcome.FAILED, Reason(type="stalled", message=message))


def _carry_out(work: Work, memory: Decisions, number: int) -> None:
    work.decisions = msgspec.structs.replace(memory, applied=number + 1)
    state = work.steps[DECISIONS]
    if flow_bits.has(state.failed, number):
        work.end(Outcome.FAILED, _undecided(work, state, number))
        return
    try:
        actions = _actions(work, number)
    except errors.Invalid as error:
        data = {"task": work.id_of(DECISIONS, number), "faults": [f"{f.field}: {f.message}" for f in error.faults]}
        work.end(Outcome.FAILED, Reason(type="bad-decision", message=error.detail, data=data))
        return
    for action in actions:
        _end_by(work, action)
    _schedule(work, work.decisions, number, actions)


def _end_by(work: Work, action: Action) -> None:
    if action.kind is ActionKind.COMPLETE:
        work.end(Outcome.SUCCEEDED, result=action.result)
    elif action.kind is ActionKind.FAIL:
        reason = Reason(type="failed-by-decision", message="A decision ended the flow as failed.")
        work.end(Outcome.FAILED, reason, error=action.error)
    elif action.kind is ActionKind.UNKNOWN_ERROR:
        reason = Reason(type="unknown-error", message="A decision reported an unknown error.")
        work.end(Outcome.FAILED, reason, error=action.error)


def _schedule(work: Work, memory: Decisions, number: int, actions: tuple[Action, ...]) -> None:
    fresh = [
        Activity(decision=number, action=place, kind=kind, definition=action.definition, label=action.label)
        for place, action in enumerate(actions)
        if (kind := flow_actions.SCHEDULES.get(action.kind)) is not None
    ]
    if fresh:
        work.decisions = msgspec.structs.replace(memory, activities=(*memory.activities, *fresh))
        work.steps[ACTIVITIES] = flow_steps.grow(_state(work, ACTIVITIES), len(fresh))


def _undecided(work: Work, state: StepState, number: int) -> Reason:
    data: dict[str, Any] = {"task": work.id_of(DECISIONS, number)}
    for fault in state.faults:
        if fault.index == number:
            data["outcome"] = fault.outcome.value
            if fault.reason is not None:
                data["reason"] = {"type": fault.reason.type, "message": fault.reason.message}
    return Reason(type="decision-failed", message="A decision was not taken: its task failed for good.", data=data)


def _state(work: Work, step: str) -> StepState:
    return work.steps.get(step) or StepState(started_at=work.at)


def _actions(work: Work, number: int) -> tuple[Action, ...]:
    memo = f"actions {number}"
    if memo not in work.memo:
        work.memo[memo] = flow_actions.read(work.completion(DECISIONS, number).result)
    return work.memo[memo]


# --- children --------------------------------------------------------------------------------------------


def target(work: Work, step: str, index: int) -> tuple[ChildKind, str]:
    """What a child is: a decision about this flow's template, or the activity that was scheduled."""
    if step == DECISIONS:
        return ChildKind.DECISION, work.template.name
    activity = _activity(work, index)
    return activity.kind, activity.definition


def children(work: Work, step: str, indexes: Iterable[int]) -> list[Child]:
    """These children with their params; raises `Wanting` where a decision's or an activity's result is needed."""
    wanted = list(indexes)
    if step == DECISIONS:
        return [_decision(work, index) for index in wanted]
    work.of_children(DECISIONS, dict.fromkeys(_activity(work, index).decision for index in wanted))
    return [_scheduled(work, index) for index in wanted]


def _decision(work: Work, number: int) -> Child:
    memory = work.decisions or Decisions()
    flow = work.flow
    event = memory.asked[number]
    about = {"id": flow.id, "definition": flow.template, "label": flow.label, "params": flow.params}
    params: dict[str, Any] = {"event": f"{EVENT}workflow-init", "workflow": about}
    if event != INIT:
        activity = _activity(work, event)
        kind = "workflow" if activity.kind is ChildKind.FLOW else "task"
        completion = _as_marked(_state(work, ACTIVITIES), work.completion(ACTIVITIES, event), event)
        params |= {"event": f"{EVENT}{kind}-completed", f"{kind}-id": completion.id}
        params["activity"] = _described(activity, completion)
    return work.child(DECISIONS, number, ChildKind.DECISION, work.template.name, params)


def _as_marked(state: StepState, completion: Completion, index: int) -> Completion:
    """The end as the flow noted it: an activity that could never begin has left nothing to read."""
    if completion.outcome is not Outcome.SUCCEEDED or not flow_bits.has(state.failed, index):
        return completion
    fault = next((fault for fault in state.faults if fault.index == index), None)
    outcome, reason = (Outcome.FAILED, None) if fault is None else (fault.outcome, fault.reason)
    return msgspec.structs.replace(completion, outcome=outcome, reason=reason)


def _described(activity: Activity, completion: Completion) -> dict[str, Any]:
    fields = {
        "id": completion.id,
        "definition": activity.definition,
        "label": activity.label,
        "outcome": completion.outcome.value,
        "result": completion.result,
        "error": completion.error,
        "reason": msgspec.to_builtins(completion.reason),
    }
    return {name: field for name, field in fields.items() if field is not None}


def _scheduled(work: Work, index: int) -> Child:
    activity = _activity(work, index)
    action = _actions(work, activity.decision)[activity.action]
    return work.child(
        ACTIVITIES, index, activity.kind, activity.definition, action.params, label=activity.label,
        execute_at=action.execute_at,
    )  # fmt: skip


def _activity(work: Work, index: int) -> Activity:
    memory = work.decisions or Decisions()
    return memory.activities[index]
