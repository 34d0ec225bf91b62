"""From the records of triggers to what answers show of them."""

from typing import Any

from msgspec import UNSET

from api import scheduled
from api.schemas import trigger_views as views
from api.shown import stamp
from core.schedule import Firing, FlowOrder, TaskOrder
from core.trigger import Trigger


def trigger_view(found: Trigger) -> views.TriggerView:
    """A trigger; its secret stays here."""
    order = found.order
    return views.TriggerView(
        id=found.id,
        display_name=_or_unset(found.display_name),
        description=_or_unset(found.description),
        select_by=tuple(
            views.ComparisonView(get_in=each.get_in, comparator=each.comparator, value=each.value)
            for each in found.select_by
        ),
        task=scheduled.task_order_view(order) if isinstance(order, TaskOrder) else UNSET,
        flow=scheduled.flow_order_view(order) if isinstance(order, FlowOrder) else UNSET,
        paused=found.paused,
        last=UNSET if found.last is None else scheduled.last_view(found.last),
        version=found.version,
        created_at=stamp(found.created_at),
        created_by=found.created_by,
        updated_at=stamp(found.updated_at),
        updated_by=found.updated_by,
    )


def run_view(entry: Firing) -> views.TriggerRunView:
    """An entry of the history."""
    return views.TriggerRunView(
        id=entry.id,
        trigger=entry.schedule.partition("/")[2],
        record=entry.record or "",
        at=stamp(entry.at),
        kind=entry.kind,
        status=entry.status,
        run=scheduled.run_view(entry.run),
        reason=_or_unset(entry.reason),
        recorded_at=stamp(entry.recorded_at),
    )


def _or_unset(value: Any) -> Any:
    return UNSET if value is None else value
