"""From the body of a schedule or trigger to what it orders: what is left open comes from before, or the definition."""

from contextlib import suppress
from typing import Protocol

from api.schemas.schedules import FlowOrderFields, ScheduleBody, SchedulePatch, TaskOrderFields
from broker.directory import Directory
from core import errors, plan
from core.errors import Fault
from core.plan import Plan
from core.schedule import FlowOrder, Order, Schedule, TaskOrder
from core.task import Limits


async def planned(body: ScheduleBody, tenant: str, directory: Directory) -> Plan:
    """The plan that a body alone makes."""
    order = await order_of(body, None, tenant, directory)
    return body.plan(Plan(trigger=body.trigger.trigger, order=order), order)


async def merged(body: SchedulePatch, was: Schedule, directory: Directory) -> Plan:
    """The plan of a schedule with what the body names."""
    base = plan.plan_of(was)
    return body.plan(base, await order_of(body, was.order, was.tenant, directory))


class Ordering(Protocol):
    """A body that may name a task or a flow."""

    @property
    def task(self) -> TaskOrderFields | None:
        """The task."""
        ...

    @property
    def flow(self) -> FlowOrderFields | None:
        """The flow."""
        ...


async def order_of(body: Ordering, base: Order | None, tenant: str, directory: Directory) -> Order:
    """What the body orders, and else `base`; raises `Invalid`."""
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
