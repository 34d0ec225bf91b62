"""From the records of flows and their templates to what answers show of them."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from msgspec import UNSET

from api.schemas import flow_views as views
from api.shown import limits_view, maybe_stamp, priority_name, schedule_view, stamp
from core import flow_view
from core.flow import Driver, Flow
from core.flow_template import StoredTemplate, Template
from core.task import Assignment
from store.flows import ChildTask

SHOWN = 100
"""Children of a step that are shown with the flow; the others are paged through."""


def template_view(template: StoredTemplate) -> views.FlowTemplateView:
    """A template."""
    content = template.content
    return views.FlowTemplateView(
        name=template.name,
        driver=content.driver.value,
        queue=content.queue,
        description=_or_unset(content.description),
        params_schema=content.params_schema,
        result_schema=content.result_schema,
        error_schema=content.error_schema,
        priority=None if content.priority is None else priority_name(content.priority),
        context=content.context,
        overall_timeout_seconds=content.overall_timeout_seconds,
        **_of_driver(content),
        version=template.version,
        created_at=stamp(template.created_at),
        created_by=template.created_by,
        updated_at=stamp(template.updated_at),
        updated_by=template.updated_by,
    )


def _of_driver(content: Template) -> dict[str, Any]:
    if content.driver is Driver.GROUPS:
        return {
            "groups": content.groups,
            "execution": content.execution.value,
            "finalizer": _or_unset(content.finalizer),
            "max_attempts": content.max_attempts,
        }
    if content.driver is Driver.DAG:
        return {"steps": content.steps, "result": content.result, "on_cancel": content.on_cancel.value}
    return {"decision": limits_view(content.decision)}


def brief_view(flow: Flow) -> views.FlowBriefView:
    """A flow in a list."""
    return views.FlowBriefView(**_brief(flow))


def flow_as_view(template: StoredTemplate, flow: Flow, tasks: Mapping[str, ChildTask]) -> views.FlowView:
    """A flow with every step; `tasks` are those children of `shown` that exist, by id."""
    steps = flow_view.steps(template.content, flow)
    return views.FlowView(
        **_brief(flow),
        params=_or_unset(flow.params),
        context=flow.context,
        result=_or_unset(flow.result),
        error=_or_unset(flow.error),
        steps=tuple(_step(template, flow, step, tasks) for step in steps),
        mermaid=flow_view.mermaid(template.content, flow),
    )


def shown(template: StoredTemplate, flow: Flow) -> list[str]:
    """The ids of the children that a flow is shown with."""
    names = [step.name for step in flow_view.steps(template.content, flow)]
    return [item.id for name in names for item in islice(flow_view.items(template.content, flow, name), SHOWN)]


def item_view(item: flow_view.ItemView, task: ChildTask | None) -> views.FlowItemView:
    """One child of a step."""
    return views.FlowItemView(
        id=item.id,
        index=item.index,
        status=item.status.value,
        name=UNSET if task is None else _or_unset(task.name or task.definition),
        task=UNSET if task is None else _task(task),
    )


def _brief(flow: Flow) -> dict[str, Any]:
    return {
        "id": flow.id,
        "template": flow.template,
        "version": flow.version,
        "driver": flow.driver.value,
        "queue": flow.queue,
        "label": _or_unset(flow.label),
        "priority": UNSET if flow.priority is None else priority_name(flow.priority),
        "status": flow.status.value,
        "outcome": _or_unset(flow.outcome),
        "reason": _or_unset(flow.reason),
        "cancel_requested": flow.cancel_request is not None,
        "parent": _or_unset(flow.parent),
        "schedule": UNSET if flow.schedule is None else schedule_view(flow.schedule),
        "execute_at": maybe_stamp(flow.execute_at),
        "created_at": stamp(flow.created_at),
        "created_by": flow.created_by,
        "updated_at": stamp(flow.updated_at),
        "started_at": maybe_stamp(flow.started_at),
        "ended_at": maybe_stamp(flow.ended_at),
    }


def _step(
    template: StoredTemplate, flow: Flow, step: flow_view.StepView, tasks: Mapping[str, ChildTask]
) -> views.FlowStepView:
    items = islice(flow_view.items(template.content, flow, step.name), SHOWN)
    return views.FlowStepView(
        name=step.name,
        status=step.status.value,
        runs=step.runs,
        after=step.after,
        fan=step.fan,
        count=step.count,
        done=step.done,
        failed=step.failed,
        started_at=maybe_stamp(step.started_at),
        ended_at=maybe_stamp(step.ended_at),
        reason=_or_unset(step.reason),
        faults=step.faults,
        items=tuple(item_view(item, tasks.get(item.id)) for item in items),
    )


def _task(task: ChildTask) -> views.FlowTaskView:
    return views.FlowTaskView(
        state=task.state,
        outcome=_or_unset(task.outcome),
        reason=_or_unset(task.reason),
        result=_or_unset(task.result),
        error=_or_unset(task.error),
        attempt=task.attempt,
        created_at=stamp(task.created_at),
        started_at=maybe_stamp(task.started_at),
        ended_at=maybe_stamp(task.ended_at),
        holder=_or_unset(task.holder),
        assignment=UNSET if task.assignment is None else _assignment(task.assignment),
        progress=_or_unset(task.progress),
    )


def _assignment(assignment: Assignment) -> views.AssignmentView:
    return views.AssignmentView(to=_or_unset(assignment.to), by=assignment.by, at=stamp(assignment.at))


def _or_unset(value: Any) -> Any:
    return UNSET if value is None else value
