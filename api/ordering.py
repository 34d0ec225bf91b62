"""From a schedule's request body to its plan: what it leaves open comes from the schedule, its definition or queue."""

from contextlib import suppress

from api.schemas.schedules import ScheduleBody, SchedulePatch, TaskOrderFields
from broker.directory import Directory
from core import errors, plan
from core.errors import Fault
from core.plan import Plan
from core.schedule import FlowOrder, Order, Schedule, TaskOrder
from core.task import Limits


async def planned(body: ScheduleBody, tenant: str, directory: Directory) -> Plan:
    """The plan that a body alone makes."""
    order = await _order(body, None, tenant, directory)
    return body.plan(Plan(trigger=body.trigger.trigger, order=order), order)


async def merged(body: SchedulePatch, was: Schedule, directory: Directory) -> Plan:
    """The plan of a schedule with what the body names."""
    base = plan.plan_of(was)
    return body.plan(base, await _order(body, was.order, was.tenant, directory))


async def _order(body: SchedulePatch, base: Order | None, tenant: str, directory: Directory) -> Order:
    if body.flow is not None:
        if not isinstance(base, FlowOrder) and body.flow.template is None:
            message = 'is missing; for example {"flow": {"template": "nightly"}}'
            raise errors.Invalid(f"flow.template {message}", faults=[Fault(field="flow.template", message=message)])
        return body.flow.order(base if isinstance(base, FlowOrder) else FlowOrder(template=""))
    if body.task is None:
        assert base is not None
        return base
    task = base if isinstance(base, TaskOrder) else TaskOrder()
    return body.task.order(task, await _usual(body.task, task, tenant, directory))


async def _usual(fields: TaskOrderFields, base: TaskOrder, tenant: str, directory: Directory) -> Limits:
    """The limits that the task would have; a definition or queue that is not there is the timetable's to refuse."""
    if not fields.names_limits:
        return Limits()
    definition, queue = fields.definition or base.definition, fields.queue or base.queue
    with suppress(errors.NotFound):
        if definition is not None:
            return (await directory.definition(tenant, definition)).limits
        if queue is not None:
            return (await directory.queue(tenant, queue)).defaults.limits
    return Limits()
