"""What happens to a flow: it begins, children of it end, somebody wants it canceled, a plan of it was carried out."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from core import errors, flow_decisions, flow_steps, ids
from core.flow import Completion, Flow, Status, StepState, child_id
from core.flow_template import Template
from core.priority import Priority
from core.task import Actor, CancelRequest, Note, Outcome, Parent, ScheduleRef


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller asks for when starting a flow; a child flow has `parent`, and is one deeper than its flow."""

    id: str | None = None
    params: Any = None
    label: str | None = None
    context: dict[str, Any] = {}
    priority: Priority | None = None
    execute_at: datetime | None = None
    execute_said: str | None = None
    schedule: ScheduleRef | None = None
    parent: Parent | None = None
    depth: int = 0


def begin(
    launch: Launch, *, template: Template, version: int, tenant: str, at: datetime, by: Actor, encrypted: bool = False
) -> Flow:
    """The first record of a flow; it is due at once, or at its `executeAt`."""
    start = max(launch.execute_at or at, at)
    overall = template.overall_timeout_seconds
    return timed(
        Flow(
            tenant=tenant,
            id=launch.id or ids.new_id(),
            template=template.name,
            version=version,
            driver=template.driver,
            queue=template.queue,
            created_at=at,
            created_by=by,
            seq=1,
            status=Status.CREATED,
            params=launch.params,
            encrypted=encrypted or None,
            label=launch.label,
            context=template.context | launch.context,
            priority=template.priority if launch.priority is None else launch.priority,
            schedule=launch.schedule,
            parent=launch.parent,
            unreported=None if launch.parent is None else True,
            depth=launch.depth,
            execute_at=launch.execute_at,
            execute_said=launch.execute_said,
            overall_at=None if overall is None else start + timedelta(seconds=overall),
            updated_at=at,
            last_event=Note(type="created", at=at, by=by),
            plan_due=start,
        )
    )


def absorb(flow: Flow, *completions: Completion) -> Flow:
    """The flow with the ends of these children recorded.

    A repeated one changes nothing, nor does one of a child that is none of the flow's, or that comes after the flow's
    end. `seq` grows if anything changed.
    """
    steps, decisions = dict(flow.steps), flow.decisions
    changed = False
    for completion in completions if flow.status is Status.IN_PROGRESS else ():
        name, index = completion.step, completion.index
        state = steps.get(name)
        if state is None or not flow_steps.is_open(state, index):
            continue
        if completion.id != child_id(flow.id, name, index):
            continue
        steps[name] = flow_steps.mark(
            state,
            index,
            outcome=completion.outcome,
            at=completion.at,
            reason=completion.reason,
            canceled=flow.ending is not None and completion.outcome is Outcome.CANCELED,
        )
        if decisions is not None and name == flow_decisions.ACTIVITIES:
            decisions = flow_decisions.happened(decisions, index)
        changed = True
    if not changed:
        return flow
    return msgspec.structs.replace(flow, steps=steps, decisions=decisions, seq=flow.seq + 1)


def request_cancel(flow: Flow, *, at: datetime, by: Actor, message: str | None, now: bool) -> Flow:
    """The flow with the wish to end it; planning carries it out. `now` ends its tasks at once instead of asking first.

    Asked again it changes nothing but to `now`. Raises `WrongState` when the flow has ended.
    """
    if flow.status is Status.DONE:
        raise errors.WrongState(f"Flow {flow.id} has ended.", extra={"state": flow.status.value})
    if flow.cancel_request is not None and (flow.cancel_now or not now):
        return flow
    if flow.plan_due is None:
        flow = settle(flow)
    ending = None if flow.ending is None else msgspec.structs.replace(flow.ending, told=False)
    return timed(
        msgspec.structs.replace(
            flow,
            cancel_request=flow.cancel_request or CancelRequest(by=by, at=at, message=message),
            cancel_now=now,
            ending=ending,
            plan_due=at,
            updated_at=at,
            seq=flow.seq + 1,
            last_event=Note(type="cancel-requested", at=at, by=by),
        )
    )


def settle(flow: Flow) -> Flow:
    """The flow once the plan it came from was carried out: nothing of it is repeated. `seq` stays.

    The store may note it later, and by `planDue` and `dueAt` alone: a record without `planDue` reads as settled.
    """
    steps = {name: _all_created(state) for name, state in flow.steps.items()}
    ending = None if flow.ending is None else msgspec.structs.replace(flow.ending, told=True)
    return timed(msgspec.structs.replace(flow, steps=steps, ending=ending, plan_due=None))


def _all_created(state: StepState) -> StepState:
    if state.created == state.planned:
        return state
    return msgspec.structs.replace(state, created=state.planned)


def timed(flow: Flow) -> Flow:
    """The flow with its one timer set to the nearest of its moments."""
    if flow.status is Status.DONE:
        due = None
    else:
        overall = flow.overall_at if flow.ending is None else None
        start = flow.execute_at if flow.status is Status.CREATED else None
        due = min((moment for moment in (start, flow.plan_due, overall) if moment is not None), default=None)
    return flow if flow.due_at == due else msgspec.structs.replace(flow, due_at=due)
