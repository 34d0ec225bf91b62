"""From the records of schedules to what answers show of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec import UNSET, UnsetType

from api.schemas import schedule_views as views
from api.schemas.views import PriorityName
from api.shown import maybe_stamp, priority_name, stamp
from core import timing
from core.priority import Priority
from core.schedule import Cron, Date, Firing, FlowOrder, Interval, Last, Run, Schedule, TaskOrder, Timing, Trigger
from store.halts import Halt


def schedule_view(schedule: Schedule) -> views.ScheduleView:
    """A schedule; its secret stays here."""
    order, settled = schedule.order, schedule.timing
    return views.ScheduleView(
        id=schedule.id,
        display_name=_or_unset(schedule.display_name),
        description=_or_unset(schedule.description),
        trigger=_trigger(settled.trigger),
        words=timing.words(settled.trigger),
        start_at=maybe_stamp(settled.start_at),
        end_at=maybe_stamp(settled.end_at),
        jitter_seconds=settled.jitter_seconds,
        misfire=views.MisfireView(policy=schedule.misfire.policy, grace_seconds=schedule.misfire.grace_seconds),
        overlap=views.OverlapView(policy=schedule.overlap.policy, max_open=schedule.overlap.max_open),
        run_on_create=schedule.run_on_create,
        paused=schedule.paused,
        status=_status(schedule),
        next_at=None if schedule.next_at is None else stamp(schedule.next_at),
        last=UNSET if schedule.last is None else last_view(schedule.last),
        task=task_order_view(order) if isinstance(order, TaskOrder) else UNSET,
        flow=flow_order_view(order) if isinstance(order, FlowOrder) else UNSET,
        version=schedule.version,
        created_at=stamp(schedule.created_at),
        created_by=schedule.created_by,
        updated_at=stamp(schedule.updated_at),
        updated_by=schedule.updated_by,
    )


def upcoming_view(schedule: Schedule, moments: Sequence[datetime]) -> views.UpcomingsView:
    """Firings of a schedule to come."""
    return views.UpcomingsView(
        items=tuple(
            views.UpcomingView(at=stamp(at), runs_at=stamp(timing.runs_at(schedule.timing, schedule.secret, at)))
            for at in moments
        )
    )


def preview_view(tried: Timing, moments: Sequence[datetime]) -> views.PreviewView:
    """What a trigger would do."""
    items = tuple(views.UpcomingView(at=stamp(at)) for at in moments)
    return views.PreviewView(words=timing.words(tried.trigger), items=items)


def firing_view(firing: Firing) -> views.FiringView:
    """An entry of the history."""
    return views.FiringView(
        id=firing.id,
        schedule=firing.schedule,
        at=stamp(firing.at),
        kind=firing.kind,
        status=firing.status,
        run=run_view(firing.run),
        reason=_or_unset(firing.reason),
        until=maybe_stamp(firing.until),
        count=UNSET if firing.until is None else firing.count,
        recorded_at=stamp(firing.recorded_at),
    )


def scheduler_view(halt: Halt | None) -> views.SchedulerView:
    """Whether all of a tenant's schedules are paused."""
    if halt is None:
        return views.SchedulerView(paused=False)
    return views.SchedulerView(paused=True, paused_at=stamp(halt.at), paused_by=halt.by)


def _trigger(trigger: Trigger) -> views.CronView | views.IntervalView | views.DateView:
    match trigger:
        case Cron():
            return views.CronView(expression=trigger.expression, time_zone=trigger.time_zone)
        case Interval():
            return views.IntervalView(seconds=trigger.seconds)
        case Date():
            return views.DateView(at=stamp(trigger.at))


def _status(schedule: Schedule) -> Literal["active", "paused", "finished"]:
    if schedule.paused:
        return "paused"
    return "finished" if schedule.next_at is None else "active"


def task_order_view(order: TaskOrder) -> views.TaskOrderView:
    """The task that is submitted."""
    own = order.limits
    return views.TaskOrderView(
        queue=order.queue,
        definition=_or_unset(order.definition),
        name=_or_unset(order.name),
        description=_or_unset(order.description),
        params=_or_unset(order.params),
        context=order.context,
        labels=order.labels,
        record_id=_or_unset(order.record_id),
        priority=_priority(order.priority),
        expire_after_seconds=_or_unset(order.expire_after_seconds),
        lease_seconds=UNSET if own is None else own.lease_seconds,
        start_timeout_seconds=UNSET if own is None else own.start_timeout_seconds,
        overall_timeout_seconds=UNSET if own is None else own.overall_seconds,
        retry=UNSET if own is None else own.retry,
    )


def flow_order_view(order: FlowOrder) -> views.FlowOrderView:
    """The flow that is started."""
    return views.FlowOrderView(
        template=order.template,
        params=_or_unset(order.params),
        label=_or_unset(order.label),
        context=order.context,
        priority=_priority(order.priority),
    )


def _priority(urgency: Priority | None) -> PriorityName | UnsetType:
    return UNSET if urgency is None else priority_name(urgency)


def last_view(last: Last) -> views.LastView:
    """The last firing."""
    return views.LastView(at=stamp(last.at), status=last.status, run=run_view(last.run))


def run_view(run: Run | None) -> views.RunView | UnsetType:
    """What a firing submitted."""
    return UNSET if run is None else views.RunView(kind=run.kind, id=run.id)


def _or_unset(value: Any) -> Any:
    return UNSET if value is None else value
