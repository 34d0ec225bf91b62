"""Triggers: which records start a task or a flow; make, read, change, remove, pause, run now, look back."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from api import conditions, described, guards, idempotency, ordering, replies, routing, schedule_guards, triggered
from api import trigger_guards as mine
from api.context import Directories, Now, Reads, Recording, Triggering
from api.schemas import trigger_views as views
from api.schemas.schedules import Cursor, PageSize
from api.schemas.triggers import NewTriggerBody, TriggerBody, TriggerParams, TriggerPatch, TriggerRunBody
from core import errors, ids
from core.schedule import RunKind, TaskOrder
from core.trigger import Plan, Trigger
from store.records import Record

router = routing.router("triggers")

_PATH = "/triggers/{trigger_id}"
_TRIGGER = described.answers(views.TriggerView, "The trigger.", headers=("ETag",))
_NEW = described.answers(views.TriggerView, "The trigger is new.", status=201, headers=("ETag", "Location"))
_CHANGES = described.refusals(errors.PreconditionFailed, errors.Changed, errors.Conflict, errors.PayloadMismatch)
_SEGMENTS: dict[RunKind, str] = {"task": "tasks", "flow": "flows"}


@router.get("/triggers", responses=described.answers(views.TriggerPageView, "A page of triggers, by id."))
async def list_triggers(at: guards.Member, asked: Annotated[TriggerParams, Query()], record: Reads) -> Response:
    """List the triggers into the queues that the caller may read."""
    queues = await schedule_guards.readable(record.queues, at, asked.queue)
    found = await record.triggers.page(at.tenant, after=asked.after, limit=asked.limit + 1, queues=queues)
    items, more = found[: asked.limit], len(found) > asked.limit
    shown = tuple(triggered.trigger_view(each) for each in items)
    return replies.reply(views.TriggerPageView(items=shown, next=items[-1].id if more else None))


@router.post("/triggers", status_code=201, responses=_NEW | _CHANGES | described.refusals(errors.AlreadyExists))
async def create_trigger(
    at: mine.Founding, body: NewTriggerBody, triggers: Triggering, directory: Directories
) -> Response:
    """Make a trigger: each record that is reported from now on and fits `selectBy` starts its task or flow once.

    In the params, `{"$from": "record.x"}` is the record's x. A value that is not there equals null, and is neither more
    nor less than anything; numbers compare with numbers, texts with texts.
    """
    plan = await _planned(body, at.tenant, directory)
    made, _ = await triggers.put(at.tenant, body.id or ids.new_id(), plan, by=at.by, match=None, new=True)
    return _trigger(made, status=201)


@router.put(_PATH, responses=_TRIGGER | _NEW | _CHANGES)
async def put_trigger(
    *,
    at: mine.Founding,
    trigger_id: mine.TriggerId,
    body: TriggerBody,
    triggers: Triggering,
    directory: Directories,
    record: Reads,
    if_match: conditions.IfMatch = None,
) -> Response:
    """Make a trigger, or give it exactly these settings; whether it is paused stays unless that is said."""
    match = None
    if if_match is not None:
        there = await record.triggers.get(at.tenant, trigger_id)
        match = conditions.matched(if_match, there.version if there else None, f"Trigger {trigger_id}")
    plan = await _planned(body, at.tenant, directory)
    found, created = await triggers.put(at.tenant, trigger_id, plan, by=at.by, match=match)
    return _trigger(found, status=201 if created else 200)


@router.get(_PATH, responses=_TRIGGER | described.empty(304, "The caller has this version already."))
async def get_trigger(at: mine.Reading, if_none_match: conditions.IfNoneMatch = None) -> Response:
    """Read a trigger. Its ETag is that of its settings, and stays when it runs."""
    if conditions.unchanged(if_none_match, at.trigger.version):
        return replies.nothing(status=304, headers={"ETag": conditions.etag(at.trigger.version)})
    return _trigger(at.trigger)


@router.patch(_PATH, responses=_TRIGGER | _CHANGES)
async def patch_trigger(
    at: mine.Managing,
    body: TriggerPatch,
    triggers: Triggering,
    directory: Directories,
    if_match: conditions.IfMatch = None,
) -> Response:
    """Change some settings of a trigger (RFC 7396); `task` and `flow` are merged one level deep."""
    was = at.trigger
    conditions.matched(if_match, was.version, f"Trigger {was.id}")
    base = Plan(select_by=was.select_by, order=was.order, display_name=was.display_name, description=was.description)
    plan = body.plan(base, await ordering.order_of(body, was.order, at.tenant, directory))
    try:
        changed, _ = await triggers.put(at.tenant, was.id, plan, by=at.by, match=was.version)
    except errors.PreconditionFailed:
        if if_match is not None:
            raise
        raise errors.Changed(f"Trigger {was.id} was changed at the same moment; try again.", retry_after=1.0) from None
    return _trigger(changed)


@router.delete(
    _PATH,
    status_code=204,
    responses=described.empty(204, "The trigger is gone.")
    | described.refusals(errors.PreconditionFailed, errors.Changed),
)
async def delete_trigger(at: mine.Managing, triggers: Triggering, if_match: conditions.IfMatch = None) -> Response:
    """Remove a trigger; what it started stays."""
    match = conditions.matched(if_match, at.trigger.version, f"Trigger {at.trigger.id}")
    await triggers.remove(at.tenant, at.trigger.id, match=match)
    return replies.nothing()


@router.post(f"{_PATH}/pause", responses=_TRIGGER | described.refusals(errors.Changed))
async def pause_trigger(at: mine.Managing, triggers: Triggering) -> Response:
    """Start nothing until it is resumed; records that come meanwhile are not made up for."""
    return _trigger(await triggers.pause(at.tenant, at.trigger.id, paused=True, by=at.by))


@router.post(f"{_PATH}/resume", responses=_TRIGGER | described.refusals(errors.Changed))
async def resume_trigger(at: mine.Managing, triggers: Triggering) -> Response:
    """Run again for records that come from now on."""
    return _trigger(await triggers.pause(at.tenant, at.trigger.id, paused=False, by=at.by))


@router.post(
    f"{_PATH}/run",
    status_code=201,
    responses=described.answers(views.TriggerRunView, "It was started.", status=201, headers=("Location",))
    | described.answers(views.TriggerRunView, "It was started before under the same key.", headers=("Location",))
    | described.refusals(errors.Conflict, errors.PayloadMismatch),
)
async def run_trigger(
    *,
    at: mine.Managing,
    body: TriggerRunBody,
    triggers: Triggering,
    records: Recording,
    now: Now,
    idempotency_key: idempotency.IdempotencyKey = None,
) -> Response:
    """Run now for a record, whether it fits or not, and whether the trigger is paused."""
    if body.record_id is not None:
        record = await records.get(at.tenant, body.record_id)
        if record is None:
            fault = errors.Fault(field="recordId", message="there is no such record")
            raise errors.Invalid(f"There is no record {body.record_id}.", faults=[fault])
    else:
        record = Record(tenant=at.tenant, id=ids.new_id(), body=body.record or {}, received_at=now(), received_by=at.by)
    entry, new = await triggers.run(at.tenant, at.trigger.id, record, by=at.by, key=idempotency_key)
    assert entry.run is not None
    location = routing.path(_SEGMENTS[entry.run.kind], entry.run.id)
    return replies.reply(triggered.run_view(entry), status=201 if new else 200, headers={"Location": location})


@router.get(
    f"{_PATH}/runs",
    responses=described.answers(views.TriggerRunPageView, "A page of its history.")
    | described.refusals(errors.BadCursor),
)
async def list_trigger_runs(
    at: mine.Reading,
    record: Reads,
    after: Annotated[Cursor | None, Query()] = None,
    limit: Annotated[PageSize, Query()] = 50,
) -> Response:
    """List what it started, and what was refused, the newest first."""
    found = await record.firings.page(at.tenant, at.trigger.series, after=after, limit=limit + 1)
    items, more = found[:limit], len(found) > limit
    shown = tuple(triggered.run_view(entry) for entry in items)
    return replies.reply(views.TriggerRunPageView(items=shown, next=items[-1].id if more else None))


async def _planned(body: TriggerBody, tenant: str, directory: Directories) -> Plan:
    order = await ordering.order_of(body, None, tenant, directory)
    return body.plan(Plan(select_by=(), order=TaskOrder()), order)


def _trigger(found: Trigger, *, status: int = 200) -> Response:
    headers = {"ETag": conditions.etag(found.version)}
    if status == 201:
        headers["Location"] = routing.path("triggers", found.id)
    return replies.reply(triggered.trigger_view(found), status=status, headers=headers)
