"""A queue's metrics, put together from its open tasks and its statistics."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import reduce

from api import shown
from api.schemas import queue_views
from core.priority import Priority
from core.task import State
from store.overview import Overview, Overviews
from store.stats import Bucket, Spread, Stats, Unit

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)


async def of_queue(
    overviews: Overviews, stats: Stats, tenant: str, queue: str, now: datetime
) -> queue_views.MetricsView:
    """The numbers of this moment. Rates lag behind by a second or two, as the events do that they are counted from."""
    seen = await overviews.of_queue(tenant, queue)
    minute = Unit.MINUTE.floor(now)
    minutes = await stats.series(tenant, queue, Unit.MINUTE, minute - _HOUR, minute + _MINUTE)
    hour = reduce(Bucket.plus, minutes, Bucket(at=minute - _HOUR))
    by_start = {bucket.at: bucket for bucket in minutes}
    this, last = (by_start.get(at, Bucket(at=at)) for at in (minute, minute - _MINUTE))
    oldest = seen.oldest_ready
    return queue_views.MetricsView(
        open=sum(seen.by_state.values()),
        by_state=_by_state(seen.by_state),
        by_priority=_by_priority(seen.by_priority),
        by_assignee=_by_assignee(seen),
        dead_letters=seen.dead,
        oldest_ready_at=None if oldest is None else shown.stamp(oldest),
        oldest_age_seconds=None if oldest is None else max(0.0, (now - oldest).total_seconds()),
        rates=queue_views.PaceView(
            last_minute=_rates(_sliding(last, this, now - minute)), last_hour=_rates(hour.events)
        ),
        wait_seconds=_spread(hour.wait),
        work_seconds=_spread(hour.work),
    )


async def series(
    stats: Stats, tenant: str, queue: str, unit: Unit, *, count: int, now: datetime
) -> queue_views.SeriesView:
    """The last `count` minutes or hours, the present one included; those in which nothing happened are zeros."""
    end = unit.floor(now) + unit.span
    begin = end - count * unit.span
    found = {bucket.at: bucket for bucket in await stats.series(tenant, queue, unit, begin, end)}
    times = (begin + n * unit.span for n in range(count))
    moments = tuple(_moment(found.get(at, Bucket(at=at))) for at in times)
    return queue_views.SeriesView(unit=unit.value, items=moments)


def _moment(bucket: Bucket) -> queue_views.MomentView:
    rates = _rates(bucket.events)
    return queue_views.MomentView(
        at=shown.stamp(bucket.at),
        submitted=rates.submitted,
        started=rates.started,
        succeeded=rates.succeeded,
        failed=rates.failed,
        canceled=rates.canceled,
        expired=rates.expired,
        wait_seconds=_spread(bucket.wait),
        work_seconds=_spread(bucket.work),
    )


def _sliding(last: Bucket, this: Bucket, passed: timedelta) -> dict[str, int]:
    """The last 60 seconds: this minute so far, and of the last one the share that is not over 60 seconds ago."""
    share = max(0.0, 1.0 - passed / _MINUTE)
    kinds = {*last.events, *this.events}
    return {kind: this.events.get(kind, 0) + round(share * last.events.get(kind, 0)) for kind in kinds}


def _rates(events: Mapping[str, int]) -> queue_views.RatesView:
    return queue_views.RatesView(
        submitted=events.get("created", 0),
        started=events.get("started", 0),
        succeeded=events.get("succeeded", 0),
        failed=events.get("failed", 0),
        canceled=events.get("canceled", 0),
        expired=events.get("expired", 0),
    )


def _spread(spread: Spread) -> queue_views.SpreadView | None:
    if not spread.count:
        return None
    return queue_views.SpreadView(
        count=spread.count, average=spread.sum / spread.count, min=spread.min or 0.0, max=spread.max or 0.0
    )


def _by_state(counts: Mapping[State, int]) -> queue_views.StateCountsView:
    return queue_views.StateCountsView(
        waiting=counts[State.WAITING],
        ready=counts[State.READY],
        requested=counts[State.REQUESTED],
        in_progress=counts[State.IN_PROGRESS],
    )


def _by_priority(counts: Mapping[Priority, int]) -> queue_views.PriorityCountsView:
    return queue_views.PriorityCountsView(
        low=counts[Priority.LOW],
        normal=counts[Priority.NORMAL],
        high=counts[Priority.HIGH],
        urgent=counts[Priority.URGENT],
    )


def _by_assignee(seen: Overview) -> tuple[queue_views.AssigneeCountView, ...]:
    people = [
        queue_views.AssigneeCountView(id=share.to.id, name=share.to.name, count=share.count)
        for share in seen.by_assignee
    ]
    nobody = sum(seen.by_state.values()) - seen.assigned
    return (*people, queue_views.AssigneeCountView(count=max(0, nobody)))
