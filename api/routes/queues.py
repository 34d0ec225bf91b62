"""Queues: create, read, change, remove, pause, purge."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from api import conditions, context, described, guards, numbers, replies, routing, shown
from api.context import Administers, Reads
from api.schemas import queue_views
from api.schemas.queues import QueueBody
from core import errors
from core.queue import Queue
from store.queues import Queues

router = routing.router("queues")

_PATH = "/queues/{namespace}/{name}"
_QUEUE = described.answers(queue_views.QueueView, "The queue.", headers=("ETag",))
_CHANGES = described.refusals(errors.PreconditionFailed, errors.Changed)
_CHUNK = 200

Namespace = Annotated[str | None, Query(max_length=50)]
After = Annotated[str | None, Query(max_length=101, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=1000)]
Force = Annotated[bool, Query(description="Cancel the open tasks with it.")]


@router.get("/queues", responses=described.answers(queue_views.QueuePageView, "A page of queues, by key."))
async def list_queues(
    at: guards.Member, record: Reads, namespace: Namespace = None, after: After = None, limit: Limit = 100
) -> Response:
    """List the queues that the caller has any right in."""
    items, following = await _page(record.queues, at, namespace, after, limit)
    return replies.reply(queue_views.QueuePageView(items=tuple(items), next=following))


async def _page(
    queues: Queues, at: guards.InTenant, namespace: str | None, after: str | None, limit: int
) -> tuple[list[queue_views.QueueView], str | None]:
    """One page of what concerns the caller; the cursor is the key of its last queue."""
    items: list[queue_views.QueueView] = []
    while chunk := await queues.page(at.tenant, after=after, limit=_CHUNK, namespace=namespace):
        for queue in chunk:
            if guards.concerns(at.who, queue):
                if len(items) == limit:
                    return items, items[-1].key
                items.append(shown.queue_view(queue, at.who))
        after = chunk[-1].key
    return items, None


@router.put(
    _PATH,
    responses=_QUEUE
    | described.answers(queue_views.QueueView, "The queue is new.", status=201, headers=("ETag", "Location"))
    | _CHANGES,
)
async def put_queue(
    *,
    at: guards.Founding,
    namespace: guards.NamePart,
    name: guards.NamePart,
    body: QueueBody,
    administration: Administers,
    record: Reads,
    if_match: conditions.IfMatch = None,
    if_none_match: conditions.IfNoneMatch = None,
) -> Response:
    """Create a queue, or give it exactly these settings.

    `If-Match` changes only the version that was read, `If-None-Match: *` only creates; both answer 412 otherwise.
    """
    key = f"{namespace}:{name}"
    match = None
    if if_match is not None or conditions.must_be_new(if_none_match):
        there = await record.queues.get(at.tenant, key)
        if if_match is None and there is not None:
            raise errors.PreconditionFailed(f"Queue {key} exists already.")
        match = conditions.matched(if_match, there.version if there else None, f"Queue {key}")
    queue, created = await administration.put(at.tenant, namespace, name, body.fields(), by=at.by, match=match)
    location = {"Location": routing.path("queues", namespace, name)} if created else {}
    return _queue(queue, at, status=201 if created else 200, headers=location)


@router.get(_PATH, responses=_QUEUE | described.empty(304, "The caller has this version already."))
async def get_queue(at: guards.Knowing, if_none_match: conditions.IfNoneMatch = None) -> Response:
    """Read a queue; everybody may who has any right there."""
    if conditions.unchanged(if_none_match, at.queue.version):
        return replies.nothing(status=304, headers={"ETag": conditions.etag(at.queue.version)})
    return _queue(at.queue, at)


@router.patch(_PATH, responses=_QUEUE | _CHANGES)
async def patch_queue(
    at: guards.Managing, body: QueueBody, administration: Administers, if_match: conditions.IfMatch = None
) -> Response:
    """Change some settings of a queue (RFC 7396).

    `bindings` and `defaults` are merged one level deep; null takes a setting away.
    """
    was = at.queue
    conditions.matched(if_match, was.version, f"Queue {was.key}")
    try:
        queue = await administration.change(at.tenant, was.key, body.merged(was), by=at.by, match=was.version)
    except errors.PreconditionFailed:
        if if_match is not None:
            raise
        raise errors.Changed(f"Queue {was.key} was changed at the same moment; try again.", retry_after=1.0) from None
    return _queue(queue, at)


@router.delete(
    _PATH,
    responses=described.answers(queue_views.CanceledView, "The queue is gone.")
    | described.refusals(errors.QueueNotEmpty, errors.PreconditionFailed),
)
async def delete_queue(
    *, at: guards.Managing, administration: Administers, if_match: conditions.IfMatch = None, force: Force = False
) -> Response:
    """Delete a queue.

    Open tasks refuse that with 409; with `force=true` they are canceled.
    """
    match = conditions.matched(if_match, at.queue.version, f"Queue {at.queue.key}")
    canceled = await administration.remove(at.tenant, at.queue.key, by=at.by, match=match, force=force)
    return replies.reply(queue_views.CanceledView(canceled=canceled))


@router.post(f"{_PATH}/pause", responses=_QUEUE)
async def pause_queue(at: guards.Managing, administration: Administers) -> Response:
    """Hand nothing out any more; submits go on."""
    queue = await administration.change(at.tenant, at.queue.key, {"paused": True}, by=at.by)
    return _queue(queue, at)


@router.post(f"{_PATH}/resume", responses=_QUEUE)
async def resume_queue(at: guards.Managing, administration: Administers) -> Response:
    """Hand tasks out again."""
    queue = await administration.change(at.tenant, at.queue.key, {"paused": False}, by=at.by)
    return _queue(queue, at)


@router.post(f"{_PATH}/purge", responses=described.answers(queue_views.CanceledView, "What was open is canceled."))
async def purge_queue(at: guards.Purging, administration: Administers) -> Response:
    """Cancel every open task of a queue."""
    return replies.reply(
        queue_views.CanceledView(canceled=await administration.purge(at.tenant, at.queue.key, by=at.by))
    )


@router.get(f"{_PATH}/metrics", responses=described.answers(queue_views.MetricsView, "The queue in numbers."))
async def get_metrics(at: guards.Reading, request: Request) -> Response:
    """Count a queue: open tasks by state, priority and person, dead letters, ages, rates."""
    here = context.of(request)
    seen = await numbers.of_queue(here.overviews, here.stats, at.tenant, at.queue.key, here.parts.clock())
    return replies.reply(seen)


def _queue(
    queue: Queue, at: guards.InTenant, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    tagged = {"ETag": conditions.etag(queue.version), **(headers or {})}
    return replies.reply(shown.queue_view(queue, at.who), status=status, headers=tagged)
