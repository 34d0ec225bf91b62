"""Schedules: make, read, change, remove, pause, run now, look ahead and back; and pausing all of a tenant."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from api import conditions, described, guards, idempotency, ordering, replies, routing, schedule_guards, scheduled
from api.context import Directories, Now, Reads, Timetables
from api.schemas import schedule_views as views
from api.schemas.schedules import (
    Cursor,
    NewScheduleBody,
    PageSize,
    PreviewBody,
    ScheduleBody,
    ScheduleParams,
    SchedulePatch,
    Upcoming,
)
from core import errors, ids, plan, timing
from core.schedule import RunKind, Schedule
from store.schedules import Wanted

router = routing.router("schedules")

_PATH = "/schedules/{schedule_id}"
_SCHEDULE = described.answers(views.ScheduleView, "The schedule.", headers=("ETag",))
_NEW = described.answers(views.ScheduleView, "The schedule is new.", status=201, headers=("ETag", "Location"))
_CHANGES = described.refusals(errors.PreconditionFailed, errors.Changed, errors.PayloadMismatch)
_SCHEDULER = described.answers(views.SchedulerView, "Whether all schedules are paused.")
_MOMENT = timedelta(milliseconds=1)
_SEGMENTS: Mapping[RunKind, str] = {"task": "tasks", "flow": "flows"}


@router.get("/schedules", responses=described.answers(views.SchedulePageView, "A page of schedules, by id."))
async def list_schedules(at: guards.Member, asked: Annotated[ScheduleParams, Query()], record: Reads) -> Response:
    """List the schedules of the queues that the caller may read."""
    queues = await schedule_guards.readable(record.queues, at, asked.queue)
    wanted = Wanted(queues=queues, definition=asked.definition, paused=asked.paused)
    found = await record.schedules.page(at.tenant, wanted, after=asked.after, limit=asked.limit + 1)
    items, more = found[: asked.limit], len(found) > asked.limit
    shown = tuple(scheduled.schedule_view(each) for each in items)
    return replies.reply(views.SchedulePageView(items=shown, next=items[-1].id if more else None))


@router.post(
    "/schedules",
    status_code=201,
    responses=_NEW | described.refusals(errors.AlreadyExists, errors.Changed, errors.PayloadMismatch),
)
async def create_schedule(
    at: schedule_guards.Founding, body: NewScheduleBody, timetable: Timetables, directory: Directories
) -> Response:
    """Make a schedule.

    A cron expression whose minute or hour begins with `*` follows the wall clock as it runs: an hour that daylight
    saving skips brings nothing, one that comes twice is gone through twice. Any other names times of day and fires once
    for each: a skipped one is made up for after the gap, of a doubled one the first counts.
    """
    wanted = await ordering.planned(body, at.tenant, directory)
    made, _ = await timetable.put(at.tenant, body.id or ids.new_id(), wanted, by=at.by, match=None, new=True)
    return _schedule(made, status=201)


@router.post("/schedules/preview", responses=described.answers(views.PreviewView, "What it would do."))
async def preview_schedule(_: guards.Member, body: PreviewBody, now: Now) -> Response:
    """Say when a trigger would fire; nothing is kept."""
    at = now()
    tried = plan.timed(body.plan(), at)
    return replies.reply(scheduled.preview_view(tried, timing.upcoming(tried, at - _MOMENT, body.count)))


@router.put(_PATH, responses=_SCHEDULE | _NEW | _CHANGES)
async def put_schedule(
    *,
    at: schedule_guards.Founding,
    schedule_id: schedule_guards.ScheduleId,
    body: ScheduleBody,
    timetable: Timetables,
    directory: Directories,
    record: Reads,
    if_match: conditions.IfMatch = None,
    if_none_match: conditions.IfNoneMatch = None,
) -> Response:
    """Make a schedule, or give it exactly these settings; whether it is paused stays unless that is said.

    What is unchanged of its timing goes on as it was. `If-Match` and `If-None-Match: *` as with queues.
    """
    match = None
    if if_match is not None or conditions.must_be_new(if_none_match):
        there = await record.schedules.get(at.tenant, schedule_id)
        if if_match is None and there is not None:
            raise errors.PreconditionFailed(f"Schedule {schedule_id} exists already.")
        match = conditions.matched(if_match, there.version if there else None, f"Schedule {schedule_id}")
    wanted = await ordering.planned(body, at.tenant, directory)
    found, created = await timetable.put(at.tenant, schedule_id, wanted, by=at.by, match=match)
    return _schedule(found, status=201 if created else 200)


@router.get(_PATH, responses=_SCHEDULE | described.empty(304, "The caller has this version already."))
async def get_schedule(at: schedule_guards.Reading, if_none_match: conditions.IfNoneMatch = None) -> Response:
    """Read a schedule. Its ETag is that of its settings, and stays when it fires."""
    if conditions.unchanged(if_none_match, at.schedule.version):
        return replies.nothing(status=304, headers={"ETag": conditions.etag(at.schedule.version)})
    return _schedule(at.schedule)


@router.patch(_PATH, responses=_SCHEDULE | _CHANGES)
async def patch_schedule(
    at: schedule_guards.Managing,
    body: SchedulePatch,
    timetable: Timetables,
    directory: Directories,
    if_match: conditions.IfMatch = None,
) -> Response:
    """Change some settings of a schedule (RFC 7396).

    `task`, `flow`, `misfire` and `overlap` are merged one level deep, a trigger is replaced as a whole.
    """
    was = at.schedule
    conditions.matched(if_match, was.version, f"Schedule {was.id}")
    wanted = await ordering.merged(body, was, directory)
    try:
        changed, _ = await timetable.put(at.tenant, was.id, wanted, by=at.by, match=was.version)
    except errors.PreconditionFailed:
        if if_match is not None:
            raise
        raise errors.Changed(f"Schedule {was.id} was changed at the same moment; try again.", retry_after=1.0) from None
    return _schedule(changed)


@router.delete(
    _PATH,
    status_code=204,
    responses=described.empty(204, "The schedule is gone.")
    | described.refusals(errors.PreconditionFailed, errors.Changed),
)
async def delete_schedule(
    at: schedule_guards.Managing, timetable: Timetables, if_match: conditions.IfMatch = None
) -> Response:
    """Remove a schedule; what it submitted stays."""
    match = conditions.matched(if_match, at.schedule.version, f"Schedule {at.schedule.id}")
    await timetable.remove(at.tenant, at.schedule.id, match=match)
    return replies.nothing()


@router.post(f"{_PATH}/pause", responses=_SCHEDULE | described.refusals(errors.Changed))
async def pause_schedule(at: schedule_guards.Managing, timetable: Timetables) -> Response:
    """Fire no more until it is resumed; what falls into the pause is not made up for."""
    return _schedule(await timetable.pause(at.tenant, at.schedule.id, paused=True, by=at.by))


@router.post(f"{_PATH}/resume", responses=_SCHEDULE | described.refusals(errors.Changed))
async def resume_schedule(at: schedule_guards.Managing, timetable: Timetables) -> Response:
    """Fire again from now on."""
    return _schedule(await timetable.pause(at.tenant, at.schedule.id, paused=False, by=at.by))


@router.post(
    f"{_PATH}/run",
    status_code=201,
    responses=described.answers(views.FiringView, "It was submitted.", status=201, headers=("Location",))
    | described.answers(views.FiringView, "It was submitted before under the same key.", headers=("Location",))
    | described.refusals(errors.Conflict, errors.PayloadMismatch),
)
async def run_schedule(
    at: schedule_guards.Managing, timetable: Timetables, idempotency_key: idempotency.IdempotencyKey = None
) -> Response:
    """Fire now, whether it is paused or others of it run; its next firing stays as it is."""
    fired, new = await timetable.run(at.tenant, at.schedule.id, by=at.by, key=idempotency_key)
    assert fired.run is not None
    location = routing.path(_SEGMENTS[fired.run.kind], fired.run.id)
    return replies.reply(scheduled.firing_view(fired), status=201 if new else 200, headers={"Location": location})


@router.get(f"{_PATH}/upcoming", responses=described.answers(views.UpcomingsView, "The next firings."))
async def list_upcoming(at: schedule_guards.Reading, now: Now, count: Annotated[Upcoming, Query()] = 10) -> Response:
    """List the next firings; of a paused schedule, those it would have."""
    schedule = at.schedule
    after = max(schedule.cursor, now()) if schedule.paused else schedule.cursor
    return replies.reply(scheduled.upcoming_view(schedule, timing.upcoming(schedule.timing, after, count)))


@router.get(
    f"{_PATH}/firings",
    responses=described.answers(views.FiringPageView, "A page of its history.") | described.refusals(errors.BadCursor),
)
async def list_firings(
    at: schedule_guards.Reading,
    record: Reads,
    after: Annotated[Cursor | None, Query()] = None,
    limit: Annotated[PageSize, Query()] = 50,
) -> Response:
    """List what became of its firings, the newest first."""
    found = await record.firings.page(at.tenant, at.schedule.id, after=after, limit=limit + 1)
    items, more = found[:limit], len(found) > limit
    shown = tuple(scheduled.firing_view(each) for each in items)
    return replies.reply(views.FiringPageView(items=shown, next=items[-1].id if more else None))


@router.get("/scheduler", responses=_SCHEDULER)
async def get_scheduler(at: guards.Member, timetable: Timetables) -> Response:
    """Say whether all schedules of the tenant are paused."""
    return replies.reply(scheduled.scheduler_view(await timetable.halt(at.tenant)))


@router.post("/scheduler/pause", responses=_SCHEDULER)
async def pause_scheduler(at: schedule_guards.Founding, timetable: Timetables) -> Response:
    """Pause all schedules of the tenant."""
    return replies.reply(scheduled.scheduler_view(await timetable.pause_all(at.tenant, by=at.by)))


@router.post("/scheduler/resume", responses=_SCHEDULER)
async def resume_scheduler(at: schedule_guards.Founding, timetable: Timetables) -> Response:
    """Resume all schedules of the tenant; what fell into the pause is for each schedule's misfire policy."""
    await timetable.resume_all(at.tenant)
    return replies.reply(scheduled.scheduler_view(None))


def _schedule(schedule: Schedule, *, status: int = 200) -> Response:
    headers = {"ETag": conditions.etag(schedule.version)}
    if status == 201:
        headers["Location"] = routing.path("schedules", schedule.id)
    return replies.reply(scheduled.schedule_view(schedule), status=status, headers=headers)
