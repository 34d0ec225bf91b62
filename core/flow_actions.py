"""What a decision answers: actions by the names of contract aidbox 6.1, read and checked before the answer is accepted.

Names without their `awf.workflow.action/` are understood as well, and a single action instead of an array. No answer at
all is the empty array: nothing to do yet. An action that ends the flow stands alone (beside do-nothing): what was
scheduled with it could never be decided about.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NoReturn, cast

import msgspec

from core import errors, schemas
from core.errors import Fault
from core.flow import MAX_DEPTH, ChildKind, Flow
from core.flow_check import Names
from core.flow_template import Template

PREFIX = "awf.workflow.action/"
MAX_ACTIVITIES = 10_000
MAX_LABEL = 200


class ActionKind(StrEnum):
    """What may be decided."""

    SCHEDULE_TASK = "schedule-task"
    SCHEDULE_WORKFLOW = "schedule-workflow"
    DO_NOTHING = "do-nothing"
    COMPLETE = "complete-workflow"
    FAIL = "fail"
    UNKNOWN_ERROR = "unknown-error"


ENDS = frozenset({ActionKind.COMPLETE, ActionKind.FAIL, ActionKind.UNKNOWN_ERROR})
SCHEDULES = {ActionKind.SCHEDULE_TASK: ChildKind.TASK, ActionKind.SCHEDULE_WORKFLOW: ChildKind.FLOW}


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One action; `place` is where it stood in the answer (`result.0`)."""

    kind: ActionKind
    place: str
    definition: str = ""
    params: Any = None
    label: str | None = None
    execute_at: datetime | None = None
    result: Any = None
    error: Any = None


def read(answer: Any) -> tuple[Action, ...]:
    """The actions of a decision's result; raises `PayloadMismatch` naming every place that is wrong in itself."""
    faults: list[Fault] = []
    actions = tuple(_read_all(answer, faults))
    ends = [action for action in actions if action.kind in ENDS]
    if ends and any(action is not ends[0] and action.kind is not ActionKind.DO_NOTHING for action in actions):
        faults.append(Fault(field=ends[0].place, message=f"'{ends[0].kind}' ends the workflow and stands alone"))
    if faults:
        _refuse(faults)
    return actions


def mentions(actions: tuple[Action, ...]) -> Names:
    """The names whose existence `check` wants to know."""
    return Names(
        definitions=frozenset(a.definition for a in actions if a.kind is ActionKind.SCHEDULE_TASK),
        templates=frozenset(a.definition for a in actions if a.kind is ActionKind.SCHEDULE_WORKFLOW),
    )


def check(template: Template, flow: Flow, actions: tuple[Action, ...], known: Names) -> None:
    """Raise `PayloadMismatch` where the actions do not fit the flow: what must hold before a decision is accepted.

    Labels are unique within the flow, what is scheduled exists, result and error fit the template's schemas. Since a
    flow has one decision at a time, what was checked here still holds when the actions are carried out.
    """
    scheduled = flow.decisions.activities if flow.decisions else ()
    labels = {activity.label for activity in scheduled if activity.label is not None}
    faults: list[Fault] = []
    for action in actions:
        if action.kind in SCHEDULES:
            faults += _faults_of_request(flow, action, labels, known)
            labels |= {action.label} if action.label is not None else set()
    fresh = sum(action.kind in SCHEDULES for action in actions)
    if len(scheduled) + fresh > MAX_ACTIVITIES:
        faults.append(Fault(field="result", message=f"a workflow has at most {MAX_ACTIVITIES} activities"))
    if faults:
        _refuse(faults)
    for action in actions:
        if action.kind is ActionKind.COMPLETE:
            schemas.check(template.result_schema, action.result, f"{action.place}.result")
        elif action.kind is ActionKind.FAIL:
            schemas.check(template.error_schema, action.error, f"{action.place}.error")


def _faults_of_request(flow: Flow, action: Action, labels: set[str], known: Names) -> Iterator[Fault]:
    place = f"{action.place}.task-request"
    tasks = action.kind is ActionKind.SCHEDULE_TASK
    if action.definition not in (known.definitions if tasks else known.templates):
        kind = "definition" if tasks else "flow template"
        yield Fault(field=f"{place}.definition", message=f"there is no {kind} '{action.definition}'")
    if not tasks and flow.depth >= MAX_DEPTH:
        yield Fault(field=f"{place}.definition", message=f"workflows start workflows at most {MAX_DEPTH} deep")
    if action.label in labels:
        yield Fault(
            field=f"{place}.label", message=f"'{action.label}' is the label of another activity of the workflow"
        )


# --- reading ---------------------------------------------------------------------------------------------


def _read_all(answer: Any, faults: list[Fault]) -> Iterator[Action]:
    if answer is None:
        return
    if isinstance(answer, list):
        placed = [(f"result.{number}", raw) for number, raw in enumerate(cast("list[object]", answer))]
    else:
        placed = [("result", answer)]
    for place, raw in placed:
        action = _read(raw, place, faults)
        if action is not None:
            yield action


def _read(raw: object, place: str, faults: list[Fault]) -> Action | None:
    if not isinstance(raw, dict):
        faults.append(Fault(field=place, message="must be an action, an object"))
        return None
    fields = cast("dict[str, Any]", raw)
    name = fields.get("action")
    try:
        kind = ActionKind(str(name).removeprefix(PREFIX))
    except ValueError:
        known = ", ".join(PREFIX + kind for kind in ActionKind)
        faults.append(Fault(field=f"{place}.action", message=f"unknown action {name!r}; there are {known}"))
        return None
    if kind not in SCHEDULES:
        return Action(kind=kind, place=place, result=fields.get("result"), error=fields.get("error"))
    return _request(fields.get("task-request"), kind, place, faults)


def _request(raw: object, kind: ActionKind, place: str, faults: list[Fault]) -> Action | None:
    inner = f"{place}.task-request"
    if not isinstance(raw, dict):
        faults.append(Fault(field=inner, message="must be an object with 'definition' and 'params'"))
        return None
    fields = cast("dict[str, Any]", raw)
    before = len(faults)
    definition = fields.get("definition")
    if not isinstance(definition, str) or not definition:
        faults.append(Fault(field=f"{inner}.definition", message="must be a name"))
    label = fields.get("label")
    if label is not None and (not isinstance(label, str) or not 0 < len(label) <= MAX_LABEL):
        faults.append(Fault(field=f"{inner}.label", message=f"must be a string of 1 to {MAX_LABEL} characters"))
    execute_at = _moment(fields.get("executeAt"), f"{inner}.executeAt", faults)
    if len(faults) > before:
        return None
    return Action(
        kind=kind, place=place, definition=str(definition), params=fields.get("params"),
        label=cast("str | None", label), execute_at=execute_at,
    )  # fmt: skip


def _moment(raw: object, place: str, faults: list[Fault]) -> datetime | None:
    found = moment(raw)
    if raw is not None and found is None:
        faults.append(Fault(field=place, message="must be a date or datetime in ISO form"))
    return found


def moment(raw: object) -> datetime | None:
    """A date or datetime in ISO form, in UTC where it has no zone; None for anything else."""
    try:
        found = datetime.fromisoformat(raw) if isinstance(raw, str) else None
    except ValueError:
        return None
    if found is None:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _refuse(faults: list[Fault]) -> NoReturn:
    raise errors.PayloadMismatch("The decision cannot be carried out.", faults=faults)
