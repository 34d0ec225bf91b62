"""The jobs API's scheduler (contract xfsc-and-jobs 4): jobs as Flask-APScheduler has them; each is a schedule."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api import described, guards, replies, schedule_guards
from api.context import Now, Reads, Timetables
from api.faces import jobs_answers as answers
from api.faces import jobs_routing
from api.faces import jobs_triggers as triggers
from api.schemas import job_views as views
from api.schemas.jobs import JobBody, JobPatch
from auth.policy import Action
from core import cron, errors, ids, plan
from core.plan import Plan
from core.schedule import (
    Cron,
    Date,
    Interval,
    Misfire,
    MisfirePolicy,
    Overlap,
    OverlapPolicy,
    Schedule,
    TaskOrder,
    Trigger,
)
from store.schedules import Wanted

router = jobs_routing.router()

_JOB = described.answers(views.JobView, "The job.")
_CHUNK = 500
_FIELDS = {"cron": triggers.CRON_FIELDS, "interval": tuple(triggers.UNITS), "date": ("run_date",)}
_EXAMPLES = {
    "cron": '{"hour": 8, "minute": 30}',
    "interval": '{"minutes": 5}',
    "date": '{"run_date": "2026-01-31T12:00:00Z"}',
}


@router.get("/scheduler", responses=described.answers(views.JobSchedulerView, "Whether jobs run."))
async def jobs_get_scheduler(at: guards.Member, timetable: Timetables) -> Response:
    """Say whether the tenant's jobs run."""
    return replies.reply(answers.scheduler_view(await timetable.halt(at.tenant)))


@router.post("/scheduler/pause", status_code=204, responses=described.empty(204, "No job runs any more."))
async def jobs_pause_scheduler(at: guards.Founding, timetable: Timetables) -> Response:
    """Pause all jobs of the tenant."""
    await timetable.pause_all(at.tenant, by=at.by)
    return replies.nothing()


@router.post("/scheduler/resume", status_code=204, responses=described.empty(204, "Jobs run."))
async def jobs_resume_scheduler(at: guards.Founding, timetable: Timetables) -> Response:
    """Resume all jobs of the tenant; what was missed meanwhile runs within its misfire_grace_time."""
    await timetable.resume_all(at.tenant)
    return replies.nothing()


@router.get("/scheduler/jobs", responses=described.lists(views.JobView, "All jobs."))
async def jobs_list_jobs(at: guards.Member, record: Reads) -> Response:
    """List the jobs whose queues the caller may read: all schedules that submit tasks of a type."""
    queues = await schedule_guards.readable(record.queues, at)
    wanted = Wanted(queues=queues, of_definitions=True)
    found: list[Schedule] = []
    while page := await record.schedules.page(at.tenant, wanted, after=found[-1].id if found else None, limit=_CHUNK):
        found += page
    return replies.reply([answers.job_view(each) for each in found])


@router.post(
    "/scheduler/jobs",
    status_code=201,
    responses=described.answers(views.JobView, "The job is made.", status=201, headers=("Location",)),
)
async def jobs_make_job(at: guards.Founding, body: JobBody, timetable: Timetables, now: Now) -> Response:
    """Make a job: a task of a registered type, submitted at each time of its trigger."""
    order = TaskOrder(definition=body.type, params=body.params)
    wanted = _planned(body, Plan(trigger=Interval(seconds=1), order=order), now(), new=True)
    made, _ = await timetable.put(at.tenant, body.id or ids.new_id(), wanted, by=at.by, match=None, new=True)
    return replies.reply(answers.job_view(made), status=201, headers={"Location": f"/scheduler/jobs/{made.id}"})


@router.get("/scheduler/jobs/{job_id}", responses=_JOB)
async def jobs_get_job(request: Request, at: guards.Member, job_id: str) -> Response:
    """Read a job."""
    return _job(await _found(request, at, job_id, Action.READ))


@router.patch("/scheduler/jobs/{job_id}", responses=_JOB)
async def jobs_change_job(
    *, request: Request, at: guards.Member, job_id: str, body: JobPatch, timetable: Timetables, now: Now
) -> Response:
    """Change a job; fields of a trigger give it a new one."""
    was = await _found(request, at, job_id, Action.MANAGE)
    wanted = _planned(body, plan.plan_of(was), now(), new=False)
    try:
        changed, _ = await timetable.put(at.tenant, was.id, wanted, by=at.by, match=was.version)
    except errors.PreconditionFailed:
        raise errors.Changed(f"Job {was.id} was changed at the same moment; try again.", retry_after=1.0) from None
    return _job(changed)


@router.delete("/scheduler/jobs/{job_id}", status_code=204, responses=described.empty(204, "The job is gone."))
async def jobs_delete_job(request: Request, at: guards.Member, job_id: str, timetable: Timetables) -> Response:
    """Remove a job; its tasks stay."""
    await timetable.remove(at.tenant, (await _found(request, at, job_id, Action.MANAGE)).id, match=None)
    return replies.nothing()


@router.post("/scheduler/jobs/{job_id}/pause", responses=_JOB)
async def jobs_pause_job(request: Request, at: guards.Member, job_id: str, timetable: Timetables) -> Response:
    """Pause a job."""
    was = await _found(request, at, job_id, Action.MANAGE)
    return _job(await timetable.pause(at.tenant, was.id, paused=True, by=at.by))


@router.post("/scheduler/jobs/{job_id}/resume", responses=_JOB)
async def jobs_resume_job(request: Request, at: guards.Member, job_id: str, timetable: Timetables) -> Response:
    """Resume a job; what was missed meanwhile is gone."""
    was = await _found(request, at, job_id, Action.MANAGE)
    return _job(await timetable.pause(at.tenant, was.id, paused=False, by=at.by))


@router.post("/scheduler/jobs/{job_id}/run", responses=_JOB)
async def jobs_run_job(request: Request, at: guards.Member, job_id: str, timetable: Timetables) -> Response:
    """Submit its task now, once."""
    was = await _found(request, at, job_id, Action.MANAGE)
    await timetable.run(at.tenant, was.id, by=at.by)
    return _job(await _found(request, at, job_id, Action.MANAGE))


async def _found(request: Request, at: guards.InTenant, job_id: str, action: Action) -> Schedule:
    """The schedule that is this job; one that is none is not there."""
    schedule = (await schedule_guards.found(request, at, job_id, action)).schedule
    if not isinstance(schedule.order, TaskOrder) or schedule.order.definition is None:
        raise errors.NotFound(f"There is no job {job_id}.")
    return schedule


def _job(schedule: Schedule) -> Response:
    return replies.reply(answers.job_view(schedule))


def _planned(body: JobPatch, base: Plan, now: datetime, *, new: bool) -> Plan:
    """The plan that a body makes of another one."""
    given = body.model_fields_set
    zone = _zone(body, base)
    trigger = _trigger(body, None if new else base.trigger, zone, now)
    changed = msgspec.structs.replace(base, trigger=trigger, order=_order(body, base))
    if "start_date" in given or "end_date" in given or isinstance(trigger, Date):
        changed = msgspec.structs.replace(
            changed,
            start_at=_moment(body.start_date, zone) if "start_date" in given else _unless_date(base.start_at, trigger),
            end_at=_moment(body.end_date, zone) if "end_date" in given else _unless_date(base.end_at, trigger),
        )
    if "name" in given:
        changed = msgspec.structs.replace(changed, display_name=body.name)
    if "coalesce" in given or "misfire_grace_time" in given:
        changed = msgspec.structs.replace(changed, misfire=_misfire(body, base.misfire))
    if "max_instances" in given:
        policy = OverlapPolicy.ALLOW if body.max_instances is None else OverlapPolicy.SKIP
        changed = msgspec.structs.replace(changed, overlap=Overlap(policy=policy, max_open=body.max_instances or 1))
    return changed


def _order(body: JobPatch, base: Plan) -> TaskOrder:
    order = base.order
    assert isinstance(order, TaskOrder)
    if body.type is not None:
        order = msgspec.structs.replace(order, definition=body.type, queue=None)
    if "params" in body.model_fields_set:
        order = msgspec.structs.replace(order, params=body.params)
    return order


def _trigger(body: JobPatch, base: Trigger | None, zone: str, now: datetime) -> Trigger:
    """The trigger that a body names, or the one of before."""
    kind = body.trigger or triggers.fields_of(base or Date(at=now))["trigger"]
    for other, names in _FIELDS.items():
        stray = body.given(names) if other != kind else {}
        for name in stray:
            raise _invalid(name, f"It goes with trigger {other!r}, not with {kind!r}; for example {_EXAMPLES[kind]}")
    fields = body.given(_FIELDS[kind])
    match kind, base:
        case "cron", Cron() if not fields:
            return Cron(expression=base.expression, time_zone=zone)
        case "cron", _:
            return triggers.cron_of(fields, zone)
        case "interval", Interval() if not fields:
            return base
        case "interval", _:
            return triggers.interval_of(fields)
        case _, Date() if not fields:
            return base
        case _:
            return Date(at=_moment(body.run_date, zone) or now)


def _zone(body: JobPatch, base: Plan) -> str:
    kept = base.trigger.time_zone if isinstance(base.trigger, Cron) else "UTC"
    return kept if body.timezone is None else cron.check_zone(body.timezone, "timezone")


def _moment(given: datetime | None, zone: str) -> datetime | None:
    """A time of the body in UTC; where it leaves its offset out, it is the zone's."""
    if given is None:
        return None
    return (given if given.tzinfo else given.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def _unless_date(kept: datetime | None, trigger: Trigger) -> datetime | None:
    return None if isinstance(trigger, Date) else kept


def _misfire(body: JobPatch, base: Misfire) -> Misfire:
    given = body.model_fields_set
    grace = None if base.policy is MisfirePolicy.ALL else base.grace_seconds
    grace = body.misfire_grace_time if "misfire_grace_time" in given else grace
    coalesce = base.policy in {MisfirePolicy.ONE, MisfirePolicy.LATEST} if body.coalesce is None else body.coalesce
    return Misfire(policy=MisfirePolicy.LATEST if coalesce else MisfirePolicy.SKIP, grace_seconds=grace)


def _invalid(field: str, message: str) -> errors.Invalid:
    return errors.Invalid(f"{field}: {message}", faults=[errors.Fault(field=field, message=message)])
