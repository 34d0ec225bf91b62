"""ADSP's task service, path by path (contract adsp 1): programs written for it run against this face unchanged."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import replies
from api.faces import adsp_answers as answers
from api.faces import adsp_input as given
from api.faces import adsp_operations as operations
from api.faces import adsp_rights as rights
from api.faces.adsp_asked import Asked, Route, about_task, accessed, asked_of, at_queue, body_of
from core import adsp as shapes
from core import errors
from core.priority import Priority
from core.queue import Bindings, Queue
from core.task import OPEN
from store.listing import Query
from store.stats import Bucket, Spread

PREFIX = "/task/v1"
_WEEK, _MINUTE = timedelta(days=7), timedelta(minutes=1)
_ALL_QUEUES = 1000

router = APIRouter(prefix=PREFIX, route_class=Route, tags=["ADSP task service"])


# --- tasks ---


@router.get("/tasks")
async def adsp_list_tasks(request: Request) -> Response:
    """List all tasks of the tenant, ended ones included."""
    top, after = given.paging(request.query_params)
    query = given.criteria(request.query_params)
    asked = asked_of(request)
    asked.need(rights.lists_all(asked.who), "read tasks")
    return await _page(asked, query, top, after)


@router.get("/tasks/{task_id}")
async def adsp_get_task(request: Request, task_id: str) -> Response:
    """Read a task."""
    asked = await about_task(request, task_id)
    asked.need(rights.access(asked.who, asked.bindings) or rights.resolves(asked.who), "access task")
    return asked.view(asked.known)


@router.patch("/tasks/{task_id}")
async def adsp_patch_task(request: Request, task_id: str) -> Response:
    """Change what describes a task."""
    return await operations.patch(request, task_id)


@router.patch("/tasks/{task_id}/data")
async def adsp_patch_data(request: Request, task_id: str) -> Response:
    """Replace the data of a task in progress."""
    return await operations.patch_data(request, task_id)


@router.post("/tasks/{task_id}")
async def adsp_operate(request: Request, task_id: str) -> Response:
    """Start, complete, cancel, assign or reprioritise a task."""
    return await operations.operate(request, task_id, None)


@router.delete("/tasks/{task_id}")
async def adsp_delete_task(request: Request, task_id: str) -> Response:
    """Remove a task, whatever its status."""
    asked = await accessed(request, task_id)
    asked.need(rights.deletes(asked.who), "delete task")
    try:
        await asked.parts.parts.lifecycle.delete(asked.known, by=asked.by)
    except errors.NotFound:
        return replies.reply({"deleted": False})
    return replies.reply({"deleted": True})


# --- queues ---


@router.get("/queues")
async def adsp_list_queues(request: Request) -> Response:
    """List the tenant's queues."""
    asked = asked_of(request)
    queues = asked.parts.parts.record.queues
    found: list[Queue] = []
    while page := await queues.page(asked.tenant, after=found[-1].key if found else None, limit=_ALL_QUEUES):
        found += page
    return replies.reply([answers.queue_view(queue) for queue in found])


@router.get("/queues/{namespace}/{name}")
async def adsp_get_queue(request: Request, namespace: str, name: str) -> Response:
    """Read a queue."""
    asked = await at_queue(request, namespace, name)
    return replies.reply(answers.queue_view(asked.home))


@router.get("/queues/{namespace}/{name}/metrics")
async def adsp_queue_metrics(request: Request, namespace: str, name: str) -> Response:
    """Count a queue's tasks by status, priority and assignee; with event metrics also durations and rates of a week."""
    open_only = given.boolean(request.query_params, "notEnded")
    with_events = given.boolean(request.query_params, "includeEventMetrics")
    asked = await at_queue(request, namespace, name)
    asked.need(rights.access(asked.who, asked.bindings), "get queue metrics")
    queue = asked.home
    counted = await asked.parts.overviews.census(asked.tenant, queue.key, open_only=open_only)
    status: dict[str, int] = dict.fromkeys(shapes.STATUSES, 0)
    priority: dict[str, int] = dict.fromkeys(shapes.PRIORITIES, 0)
    for (state, outcome, urgency), count in counted.kinds.items():
        status[shapes.status_name(state, outcome)] += count
        priority[max(urgency, Priority.NORMAL).label.capitalize()] += count
    view: dict[str, Any] = {
        "namespace": queue.namespace,
        "name": queue.name,
        "status": status,
        "priority": priority,
        "assignedTo": {
            share.to.id: {"id": share.to.id, "name": share.to.name, "count": share.count} for share in counted.people
        },
    }
    return replies.reply(view | (await _event_metrics(asked, queue) if with_events else dict.fromkeys(_EVENT_METRICS)))


@router.get("/queues/{namespace}/{name}/assigners")
async def adsp_queue_assigners(request: Request, namespace: str, name: str) -> Response:
    """List who may assign the queue's tasks, as the identity provider says."""
    return await _people(await at_queue(request, namespace, name), lambda bindings: bindings.assigners)


@router.get("/queues/{namespace}/{name}/workers")
async def adsp_queue_workers(request: Request, namespace: str, name: str) -> Response:
    """List who may work on the queue's tasks, as the identity provider says."""
    return await _people(await at_queue(request, namespace, name), lambda bindings: bindings.workers)


@router.get("/queues/{namespace}/{name}/tasks")
async def adsp_list_queue_tasks(request: Request, namespace: str, name: str) -> Response:
    """List the tasks of a queue that have not ended."""
    top, after = given.paging(request.query_params)
    asked = await at_queue(request, namespace, name)
    asked.need(rights.access(asked.who, asked.bindings), "access queued tasks")
    return await _page(asked, Query(queues=(asked.home.key,), states=OPEN), top, after)


@router.post("/queues/{namespace}/{name}/tasks")
async def adsp_create_task(request: Request, namespace: str, name: str) -> Response:
    """Add a task to a queue; the answer is 200."""
    submission = given.creation(body_of(request))
    asked = await at_queue(request, namespace, name)
    asked.need(rights.creates(asked.who, asked.bindings), "create task")
    made = await asked.parts.parts.lifecycle.submit_one(asked.home, submission, by=asked.by)
    return asked.view(made.task)


@router.get("/queues/{namespace}/{name}/tasks/{task_id}")
async def adsp_get_queue_task(request: Request, namespace: str, name: str, task_id: str) -> Response:
    """Read a task of a queue."""
    asked = await accessed(request, task_id, (namespace, name))
    return asked.view(asked.known)


@router.patch("/queues/{namespace}/{name}/tasks/{task_id}")
async def adsp_patch_queue_task(request: Request, namespace: str, name: str, task_id: str) -> Response:
    """Change what describes a task of a queue."""
    return await operations.patch(request, task_id, (namespace, name))


@router.patch("/queues/{namespace}/{name}/tasks/{task_id}/data")
async def adsp_patch_queue_data(request: Request, namespace: str, name: str, task_id: str) -> Response:
    """Replace the data of a task in progress of a queue."""
    return await operations.patch_data(request, task_id, (namespace, name))


@router.post("/queues/{namespace}/{name}/tasks/{task_id}")
async def adsp_operate_in_queue(request: Request, namespace: str, name: str, task_id: str) -> Response:
    """Start, complete, cancel, assign or reprioritise a task of a queue."""
    return await operations.operate(request, task_id, (namespace, name))


# --- what several paths do ---


async def _people(asked: Asked, bound: Callable[[Bindings], tuple[str, ...]]) -> Response:
    """Everybody with a role of the list: also by a group or a composite role, whom upstream misses."""
    asked.need(rights.access(asked.who, asked.bindings), "get queue users")
    tenant = await asked.parts.parts.record.tenants.get(asked.tenant)
    issuer = "" if tenant is None else tenant.issuer
    found = await asked.parts.people.of_roles(asked.tenant, issuer, bound(asked.bindings))
    return replies.reply([{"id": each.id, "name": each.name, "email": each.email} for each in found])


_EVENT_METRICS = ("queue", "completion", "rate")


async def _event_metrics(asked: Asked, queue: Queue) -> dict[str, Any]:
    """Wait and work durations in seconds, and event counts, of the last seven days and the present minute."""
    now = asked.parts.parts.clock()
    week: Bucket = await asked.parts.stats.total(asked.tenant, queue.key, now - _WEEK, now + _MINUTE)
    rate = {"since": shapes.when(now - _WEEK)}
    counts = {"created": "created", "completed": "succeeded", "cancelled": "canceled"}
    return {
        "queue": _interval(week.wait),
        "completion": _interval(week.work),
        "rate": rate | {name: week.events.get(kind, 0) for name, kind in counts.items()},
    }


def _interval(spread: Spread) -> dict[str, Any] | None:
    if not spread.count:
        return None
    average = spread.sum / spread.count
    values = {"sum": spread.sum, "avg": average, "min": spread.min, "max": spread.max, "count": spread.count}
    return {"interval": "weekly"} | values


async def _page(asked: Asked, query: Query, top: int, after: str | None) -> Response:
    record = asked.parts.parts.record
    try:
        page = await record.listing.page(asked.tenant, query, after=after, limit=top)
    except errors.BadCursor:
        raise answers.invalid([("after", "query")]) from None
    gone: set[str] = set()
    for key in {task.queue for task in page.tasks}:
        try:
            await asked.parts.parts.directory.queue(asked.tenant, key)
        except errors.NotFound:
            gone.add(key)
    views = [shapes.task_view(task, has_queue=task.queue not in gone) for task in page.tasks]
    return replies.reply(answers.page_view(views, after=after, following=page.next))
