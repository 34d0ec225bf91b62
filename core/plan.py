"""How a schedule begins and is changed: what people settle about it, checked, and the record that follows from it."""

from datetime import datetime, timedelta

import msgspec

from core import clock, cron, firing, ids, timing
from core.errors import Fault, Invalid
from core.schedule import Cron, Date, Interval, Misfire, Order, Overlap, Schedule, Timing, Trigger
from core.task import Actor

_BEFORE = timedelta(milliseconds=1)
_LENIENCE = timedelta(seconds=60)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All that people settle about a schedule; `paused` None leaves that as it is."""

    trigger: Trigger
    order: Order
    start_at: datetime | None = None
    end_at: datetime | None = None
    jitter_seconds: float = 0.0
    misfire: Misfire = Misfire()
    overlap: Overlap = Overlap()
    display_name: str | None = None
    description: str | None = None
    run_on_create: bool = False
    paused: bool | None = None


def plan_of(schedule: Schedule) -> Plan:
    """What is settled about it now."""
    return Plan(
        trigger=schedule.timing.trigger,
        order=schedule.order,
        start_at=schedule.timing.start_at,
        end_at=schedule.timing.end_at,
        jitter_seconds=schedule.timing.jitter_seconds,
        misfire=schedule.misfire,
        overlap=schedule.overlap,
        display_name=schedule.display_name,
        description=schedule.description,
        run_on_create=schedule.run_on_create,
        paused=schedule.paused,
    )


def begin(plan: Plan, *, tenant: str, schedule_id: str, at: datetime, by: Actor) -> Schedule:
    """The first record; raises `Invalid` where the plan cannot be, or would never fire."""
    made = Schedule(
        tenant=tenant,
        id=schedule_id,
        secret=ids.new_secret(),
        version=1,
        seq=1,
        created_at=at,
        created_by=by,
        updated_at=at,
        updated_by=by,
        timing=timed(plan, at),
        order=plan.order,
        cursor=_begin_of(plan.trigger, at),
        setup_at=at if plan.run_on_create else None,
    )
    return _with(made, plan)


def change(schedule: Schedule, plan: Plan, *, at: datetime, by: Actor) -> Schedule:
    """The schedule by another plan. What is unchanged about its timing goes on; a new one begins now."""
    changed = msgspec.structs.replace(
        schedule, version=schedule.version + 1, seq=schedule.seq + 1, updated_at=at, updated_by=by, order=plan.order
    )
    was = schedule.timing
    settled = Timing(
        trigger=_plain(plan.trigger), anchor=was.anchor, start_at=plan.start_at, end_at=plan.end_at,
        jitter_seconds=plan.jitter_seconds,
    )  # fmt: skip
    if settled != was:
        fresh = timed(plan, at)
        if (fresh.trigger, fresh.start_at) == (was.trigger, was.start_at):
            changed = msgspec.structs.replace(changed, timing=msgspec.structs.replace(fresh, anchor=was.anchor))
        else:
            changed = msgspec.structs.replace(changed, timing=fresh, cursor=_begin_of(plan.trigger, at))
    return _with(changed, plan)


def timed(plan: Plan, at: datetime) -> Timing:
    """The timing of a plan that is made now; raises `Invalid` where it cannot be, or would never fire."""
    trigger = _plain(plan.trigger)
    if isinstance(trigger, Date):
        _check_date(trigger, plan, at)
    if plan.start_at is not None and plan.end_at is not None and plan.end_at < plan.start_at:
        raise _invalid("endAt", f"It lies before startAt; for example {_example(plan.start_at + timedelta(days=1))}")
    made = Timing(
        trigger=trigger, anchor=at, start_at=plan.start_at, end_at=plan.end_at, jitter_seconds=plan.jitter_seconds
    )
    if timing.next_after(made, _begin_of(trigger, at)) is None:
        raise _invalid("endAt", f"It would never fire before that; for example {_example(at + timedelta(days=30))}")
    return made


def _plain(trigger: Trigger) -> Trigger:
    """The trigger as it is kept; raises `Invalid` where it says nothing that can be."""
    match trigger:
        case Cron():
            return Cron(
                expression=cron.check_expression(trigger.expression, "trigger.expression"),
                time_zone=cron.check_zone(trigger.time_zone, "trigger.timeZone"),
            )
        case Interval():
            if trigger.seconds < 1:
                raise _invalid("trigger.seconds", "It must be 1 or more; for example 60")
        case Date():
            pass
    return trigger


def _check_date(date: Date, plan: Plan, at: datetime) -> None:
    if plan.start_at is not None or plan.end_at is not None:
        raise _invalid("trigger", "A date has no startAt and endAt; for example only trigger.at")
    grace = plan.misfire.grace_seconds
    if date.at < at - (_LENIENCE if grace is None else clock.span(grace)):
        raise _invalid("trigger.at", f"It has passed; for example {_example(at + timedelta(days=1))}")


def _with(schedule: Schedule, plan: Plan) -> Schedule:
    settled = msgspec.structs.replace(
        schedule,
        misfire=plan.misfire,
        overlap=plan.overlap,
        display_name=plan.display_name,
        description=plan.description,
        run_on_create=plan.run_on_create,
    )
    stays = schedule.paused if plan.paused is None else plan.paused
    return firing.paused(settled, paused=stays, at=schedule.updated_at)


def _begin_of(trigger: Trigger, at: datetime) -> datetime:
    """The cursor of a trigger that is set now: a firing at this very moment counts, and a date that just passed."""
    return (min(at, trigger.at) if isinstance(trigger, Date) else at) - _BEFORE


def _example(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(f"{field}: {message}", faults=[Fault(field=field, message=message)])
