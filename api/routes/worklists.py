"""Worklists of people: the next task, saved filters, one action on many tasks."""

from typing import Annotated

import msgspec
from fastapi import Path
from starlette.responses import Response

from api import described, guards, listed, replies, routing, shown, worklists
from api.context import Bulking, Filtering, Now, Reads, Worklists
from api.schemas import worklist_views as views
from api.schemas.listing import SavedParams
from api.schemas.worklists import BulkBody, FilterBody, NextBody
from auth import policy
from auth.policy import Action
from core import errors, ids
from core.task import OPEN
from store.bulk import Kind
from store.filters import Filter
from store.query import Query

router = routing.router("worklists")

_NEXT = NextBody()
_FILTER, _BULK = "/filters/{filter_id}", "/bulk-actions/{token}"
_SHOWN = 1000
_MOST = 200
_NEEDED = {Kind.ASSIGN: Action.ASSIGN, Kind.PRIORITY: Action.PRIORITIZE, Kind.CANCEL: Action.CANCEL}

Id = Annotated[str, Path(min_length=1, max_length=100)]


@router.post(
    "/worklist/next", responses=described.answers(views.NextView, "The most urgent task, or null where there is none.")
)
async def next_task(at: guards.Member, record: Reads, worklist: Worklists, body: NextBody = _NEXT) -> Response:
    """Take the most urgent task that the caller may work on, the oldest first.

    It is assigned to the caller and begun, without a lease: people hold work for days. With `start: false` it is only
    assigned. Of several callers at once each gets another.
    """
    queues = await worklists.where(record.queues, at, Action.WORK, body.queues)
    task = await worklist.next(at.tenant, queues, body.query, by=at.by, start=body.start)
    return replies.reply(views.NextView(task=None if task is None else shown.next_view(task)))


# --- saved filters ---


@router.get("/filters", responses=described.answers(views.FiltersView, "At most 1,000."))
async def list_filters(at: guards.Member, filters: Filtering) -> Response:
    """List the caller's saved filters and those that others share, by name."""
    found = await filters.of(at.tenant, at.who.subject, limit=_SHOWN)
    return replies.reply(views.FiltersView(items=tuple(listed.filter_view(each, at.who.subject) for each in found)))


@router.post(
    "/filters",
    status_code=201,
    responses=described.answers(views.SavedFilterView, "The filter.", status=201, headers=("Location",))
    | described.refusals(errors.Conflict),
)
async def create_filter(at: guards.Member, body: FilterBody, filters: Filtering, now: Now) -> Response:
    """Save a filter: `GET /tasks?filter=` lists by it, and `me` in it is whoever asks."""
    if await filters.count(at.tenant, at.who.subject) >= _MOST:
        raise errors.Conflict(f"You have {_MOST} saved filters: remove one first.")
    made = Filter(
        tenant=at.tenant, id=ids.new_id(), name=body.name, owner=at.by, wanted=body.params, shared=body.shared,
        created_at=now(), updated_at=now(),
    )  # fmt: skip
    await filters.put(at.tenant, made)
    view = listed.filter_view(made, at.who.subject)
    return replies.reply(view, status=201, headers={"Location": routing.path("filters", made.id)})


@router.get(_FILTER, responses=described.answers(views.SavedFilterView, "The filter."))
async def get_filter(at: guards.Member, filter_id: Id, filters: Filtering) -> Response:
    """Read a saved filter."""
    found = await worklists.saved(filters, at, filter_id)
    return replies.reply(listed.filter_view(found, at.who.subject))


@router.put(_FILTER, responses=described.answers(views.SavedFilterView, "The filter as it is now."))
async def put_filter(at: guards.Member, filter_id: Id, body: FilterBody, filters: Filtering, now: Now) -> Response:
    """Change a saved filter: one's own, or as task-admin a shared one."""
    found = _changeable(await worklists.saved(filters, at, filter_id), at)
    changed = msgspec.structs.replace(found, name=body.name, wanted=body.params, shared=body.shared, updated_at=now())
    await filters.put(at.tenant, changed)
    return replies.reply(listed.filter_view(changed, at.who.subject))


@router.delete(_FILTER, status_code=204, responses=described.empty(204, "The filter is gone."))
async def delete_filter(at: guards.Member, filter_id: Id, filters: Filtering) -> Response:
    """Remove a saved filter: one's own, or as task-admin a shared one."""
    found = _changeable(await worklists.saved(filters, at, filter_id), at)
    await filters.remove(at.tenant, found.id)
    return replies.nothing()


def _changeable(found: Filter, at: guards.InTenant) -> Filter:
    if found.owner.id != at.who.subject:
        policy.require(at.who, Action.MANAGE)
    return found


# --- bulk actions ---


@router.post(
    "/bulk-actions",
    status_code=201,
    responses=described.answers(views.BulkPreviewView, "What would be done; nothing is yet.", status=201),
)
async def preview_bulk_action(at: guards.Member, body: BulkBody, record: Reads, actions: Bulking) -> Response:
    """Show what an action would do to many open tasks: assign them, change their priority, cancel them.

    Queues that are named must all allow it; without, those are meant where the caller may do it. Ended tasks are never
    meant. `POST /bulk-actions/{token}/run` then does it to these tasks and to no others, within 15 minutes.
    """
    asked = body.filter or SavedParams()
    queues = await worklists.where(record.queues, at, _NEEDED[body.action], asked.queue)
    wanted = asked.query(me=at.who.subject, queues=tuple(queue.key for queue in queues), own=False)
    wanted = _open(wanted, None if body.ids is None else tuple(dict.fromkeys(body.ids)))
    preview = await actions.preview(at.tenant, body.act(at.by), wanted, by=at.by)
    return replies.reply(listed.preview_view(preview), status=201)


def _open(wanted: Query, task_ids: tuple[str, ...] | None) -> Query:
    states = OPEN if wanted.states is None else wanted.states & OPEN
    if not states:
        raise errors.Invalid(
            "A bulk action is for open tasks.",
            faults=[errors.Fault(field="filter", message="selects ended tasks alone")],
        )
    return msgspec.structs.replace(wanted, states=states, ids=task_ids)


@router.post(
    f"{_BULK}/run",
    status_code=202,
    responses=described.answers(views.BulkView, "How far it is; small ones are done.", status=202)
    | described.refusals(errors.Conflict),
)
async def run_bulk_action(at: guards.Member, token: Id, actions: Bulking) -> Response:
    """Do what was previewed, as whoever previewed it. A task that does not fit any more is left alone."""
    return replies.reply(listed.bulk_view(await actions.run(at.tenant, token, by=at.by)), status=202)


@router.get(_BULK, responses=described.answers(views.BulkView, "The action."))
async def get_bulk_action(at: guards.Member, token: Id, actions: Bulking) -> Response:
    """Say how far a bulk action is; kept for a week."""
    return replies.reply(listed.bulk_view(await actions.get(at.tenant, token, by=at.by)))


@router.post(f"{_BULK}/stop", responses=described.answers(views.BulkView, "The action; what was done stays."))
async def stop_bulk_action(at: guards.Member, token: Id, actions: Bulking) -> Response:
    """Do no more of a bulk action."""
    return replies.reply(listed.bulk_view(await actions.stop(at.tenant, token, by=at.by)))
