"""Flows as the runs of schedules: see `broker.runs.Runs`."""

from collections.abc import Sequence

from broker.flows import Flows
from broker.templates import Templates
from core import errors, schemas
from core.errors import Fault, PenstockError
from core.firing import Due
from core.flow_life import Launch
from core.schedule import FlowOrder, Order, Schedule
from core.task import ENGINE, Actor, ScheduleRef
from store.flows import Flows as Record

_MOST_STOPPED = 100


class FlowRuns:
    """Starts flows for schedules."""

    def __init__(self, flows: Flows, templates: Templates, record: Record) -> None:
        self._flows = flows
        self._templates = templates
        self._record = record

    async def check(self, tenant: str, order: Order) -> Order:
        """See `Runs`: the template is there, and the params fit it."""
        assert isinstance(order, FlowOrder)
        try:
            template = await self._templates.get(tenant, order.template)
        except errors.NotFound as error:
            fault = Fault(field="flow.template", message=error.detail)
            raise errors.Invalid(f"flow.template: {error.detail}", faults=[fault]) from None
        schemas.check(template.content.params_schema, order.params, "flow.params")
        return order

    async def begin(self, schedule: Schedule, dues: Sequence[Due], *, by: Actor) -> list[PenstockError | None]:
        """See `Runs`."""
        return [await self._begin(schedule, due, by) for due in dues]

    async def _begin(self, schedule: Schedule, due: Due, by: Actor) -> PenstockError | None:
        order = schedule.order
        assert isinstance(order, FlowOrder)
        launch = Launch(
            id=due.id,
            params=order.params,
            label=order.label,
            context=order.context,
            priority=order.priority,
            schedule=ScheduleRef(id=schedule.id, at=due.at),
        )
        try:
            template = await self._templates.get(schedule.tenant, order.template)
            await self._flows.start(template, launch, by=by)
        except errors.Unavailable:
            raise
        except PenstockError as refusal:
            return refusal
        return None

    async def open_before(self, schedule: Schedule, due: Due) -> list[str]:
        """See `Runs`."""
        limit = schedule.overlap.max_open + _MOST_STOPPED
        return await self._record.open_of_schedule(schedule.tenant, schedule.id, due.at, limit)

    async def stop(self, schedule: Schedule, run_ids: Sequence[str]) -> None:
        """See `Runs`."""
        message = f"Schedule {schedule.id} fired again."
        for flow in (await self._record.get_many(schedule.tenant, run_ids)).values():
            try:
                await self._flows.cancel(flow, by=ENGINE, message=message, now=True)
            except (errors.WrongState, errors.NotFound):
                continue
