"""ADSP's task service, path by path (contract adsp 1): programs written for it run against this face unchanged."""

from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any, cast

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import context, described, replies, routing
from api.context import Context
from api.faces import adsp_answers as answers
from api.faces import adsp_input as given
from api.faces import adsp_rights as rights
from api.schemas.common import storable
from auth.principal import CORE, Principal
from core import adsp as shapes
from core import errors, ids
from core.priority import Priority
from core.queue import Bindings, Queue
from core.task import OPEN, Actor, State, Task
from store.listing import Query
from store.stats import Bucket, Spread

PREFIX = "/task/v1"
_BODY, _CALLER = "adsp.body", "adsp.caller"
_WEEK, _MINUTE = timedelta(days=7), timedelta(minutes=1)
_ALL_QUEUES = 1000
_NO_TENANT = "Cannot retrieve task without tenant context."

_JSON: dict[str, Any] = {"application/json": {"schema": {}}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "As ADSP's task service answers.", "content": _JSON},
    **{
        status: {"description": text, "content": _JSON}
        for status, text in {
            400: "The request or the state does not allow it (`errorMessage`).",
            403: "Not permitted.",
            404: "No such queue or task.",
            409: "Changed by others at the same moment.",
            422: "The data does not fit the queue's schema.",
            429: "A limit was reached.",
            503: "A store is away.",
        }.items()
    },
    304: {"description": "What the caller has (`If-None-Match`) is as it is now."},
    401: {"description": "No acceptable token.", "content": {"text/plain; charset=utf-8": {}}},
    413: {"description": "The body is too large.", "content": {"application/problem+json": {}}},
}


class Route(routing.Plain):
    """Reads the body, then the caller, then the rest, and answers every refusal in ADSP's shape."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **kwargs: Any) -> None:
        """As FastAPI's, with the answers that every path of this face may give."""
        kwargs["responses"] = _RESPONSES | (kwargs.get("responses") or {})
        kwargs["openapi_extra"] = {"security": [{described.BEARER: []}]}
        super().__init__(path, endpoint, **kwargs)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler between ADSP's order of checks and its error bodies."""
        handle: Callable[[Request], Awaitable[Response]] = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                request.scope[_BODY] = await _read_body(request)
                request.scope[_CALLER] = await _identify(request)
                return answers.tagged(request, await handle(request))
            except errors.PenstockError as error:
                return answers.refusal(error)

        return handler


router = APIRouter(prefix=PREFIX, route_class=Route, tags=["ADSP task service"])


class Asked(msgspec.Struct, frozen=True):
    """A caller in a tenant, at a queue or not, about a task or not."""

    who: Principal
    tenant: str
    parts: Context
    queue: Queue | None = None
    task: Task | None = None

    @property
    def by(self) -> Actor:
        """The caller as records name it."""
        return Actor(id=self.who.subject, name=self.who.name, email=self.who.email)

    @property
    def bindings(self) -> Bindings:
        """The queue's roles; a task whose queue is gone has none, so that only admins and readers reach it."""
        return Bindings() if self.queue is None else self.queue.bindings

    @property
    def known(self) -> Task:
        """The task."""
        assert self.task is not None
        return self.task

    @property
    def home(self) -> Queue:
        """The queue; raises when it was removed."""
        if self.queue is None:
            raise answers.missing("queue", self.known.queue)
        return self.queue

    def need(self, allowed: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence: need(may, "to do")
        """Raise ADSP's 403 unless allowed."""
        if not allowed:
            raise answers.Refused(403, f"User {self.who.name} (ID: {self.who.subject}) not permitted to {what}.")

    def view(self, task: Task) -> Response:
        """The task as the answer."""
        return replies.reply(shapes.task_view(task, has_queue=self.queue is not None))


# --- tasks ---


@router.get("/tasks")
async def adsp_list_tasks(request: Request) -> Response:
    """List all tasks of the tenant, ended ones included."""
    top, after = given.paging(request.query_params)
    query = given.criteria(request.query_params)
    asked = _asked(request)
    asked.need(rights.lists_all(asked.who), "read tasks")
    return await _page(asked, query, top, after)


@router.get("/tasks/{task_id}")
async def adsp_get_task(request: Request, task_id: str) -> Response:
    """Read a task."""
    asked = await _about(request, task_id)
    asked.need(rights.access(asked.who, asked.bindings) or rights.resolves(asked.who), "access task")
    return asked.view(asked.known)


@router.patch("/tasks/{task_id}")
async def adsp_patch_task(request: Request, task_id: str) -> Response:
    """Change what describes a task."""
    return await _patch(request, task_id)


@router.patch("/tasks/{task_id}/data")
async def adsp_patch_data(request: Request, task_id: str) -> Response:
    """Replace the data of a task in progress."""
    return await _patch_data(request, task_id)


@router.post("/tasks/{task_id}")
async def adsp_operate(request: Request, task_id: str) -> Response:
    """Start, complete, cancel, assign or reprioritise a task."""
    return await _operate(request, task_id, None)


@router.delete("/tasks/{task_id}")
async def adsp_delete_task(request: Request, task_id: str) -> Response:
    """Remove a task, whatever its status."""
    asked = await _accessed(request, task_id)
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
    asked = _asked(request)
    queues = asked.parts.parts.record.queues
    found: list[Queue] = []
    while page := await queues.page(asked.tenant, after=found[-1].key if found else None, limit=_ALL_QUEUES):
        found += page
    return replies.reply([answers.queue_view(queue) for queue in found])


@router.get("/queues/{namespace}/{name}")
async def adsp_get_queue(request: Request, namespace: str, name: str) -> Response:
    """Read a queue."""
    asked = await _at(request, namespace, name)
    return replies.reply(answers.queue_view(asked.home))


@router.get("/queues/{namespace}/{name}/metrics")
async def adsp_queue_metrics(request: Request, namespace: str, name: str) -> Response:
    """Count a queue's tasks by status, priority and assignee; with event metrics also durations and rates of a week."""
    open_only = given.boolean(request.query_params, "notEnded")
    with_events = given.boolean(request.query_params, "includeEventMetrics")
    asked = await _at(request, namespace, name)
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
    return await _people(await _at(request, namespace, name), lambda bindings: bindings.assigners)


@router.get("/queues/{namespace}/{name}/workers")
async def adsp_queue_workers(request: Request, namespace: str, name: str) -> Response:
    """List who may work on the queue's tasks, as the identity provider says."""
    return await _people(await _at(request, namespace, name), lambda bindings: bindings.workers)


@router.get("/queues/{namespace}/{name}/tasks")
async def adsp_list_queue_tasks(request: Request, namespace: str, name: str) -> Response:
    """List the tasks of a queue that have not ended."""
    top, after = given.paging(request.query_params)
    asked = await _at(request, namespace, name)
    asked.need(rights.access(asked.who, asked.bindings), "access queued tasks")
    return await _page(asked, Query(queues=(asked.home.key,), states=OPEN), top, after)


@router.post("/queues/{namespace}/{name}/tasks")
async def adsp_create_task(request: Request, namespace: str, name: str) -> Response:
    """Add a task to a queue; the answer is 200."""
    submission = given.creation(request.scope[_BODY])
    asked = await _at(request, namespace, name)
    asked.need(rights.creates(asked.who, asked.bindings), "create task")
    made = await asked.parts.parts.lifecycle.submit_one(asked.home, submission, by=asked.by)
    return asked.view(made.task)


@router.get("/queues/{namespace}/{name}/tasks/{task_id}")
async def adsp_get_queue_task(request: Request, namespace: str, name: str, task_id: str) -> Response:
    """Read a task of a queue."""
    asked = await _accessed(request, task_id, (namespace, name))
    return asked.view(asked.known)


@router.patch("/queues/{namespace}/{name}/tasks/{task_id}")
async def adsp_patch_queue_task(request: Request, namespace: str, name: str, task_id: str) -> Response:
    """Change what describes a task of a queue."""
    return await _patch(request, task_id, (namespace, name))


@router.patch("/queues/{namespace}/{name}/tasks/{task_id}/data")
async def adsp_patch_queue_data(request: Request, namespace: str, name: str, task_id: str) -> Response:
    """Replace the data of a task in progress of a queue."""
    return await _patch_data(request, task_id, (namespace, name))


@router.post("/queues/{namespace}/{name}/tasks/{task_id}")
async def adsp_operate_in_queue(request: Request, namespace: str, name: str, task_id: str) -> Response:
    """Start, complete, cancel, assign or reprioritise a task of a queue."""
    return await _operate(request, task_id, (namespace, name))


# --- what several paths do ---


async def _people(asked: Asked, bound: Callable[[Bindings], tuple[str, ...]]) -> Response:
    """Everybody with a role of the list: also by a group or a composite role, whom upstream misses."""
    asked.need(rights.access(asked.who, asked.bindings), "get queue users")
    tenant = await asked.parts.parts.record.tenants.get(asked.tenant)
    issuer = "" if tenant is None else tenant.issuer
    found = await asked.parts.people.of_roles(asked.tenant, issuer, bound(asked.bindings))
    return replies.reply([{"id": each.id, "name": each.name, "email": each.email} for each in found])


async def _patch(request: Request, task_id: str, at: tuple[str, str] | None = None) -> Response:
    fields, priority = given.changes(request.scope[_BODY])
    asked = await _accessed(request, task_id, at)
    asked.need(rights.updates(asked.who), "update task")
    lifecycle, task = asked.parts.parts.lifecycle, asked.known
    if fields or priority is not None:
        task = await lifecycle.edit(task, fields, queue=asked.home, by=asked.by, to=priority)
    return asked.view(task)


async def _patch_data(request: Request, task_id: str, at: tuple[str, str] | None = None) -> Response:
    data = given.data(request.scope[_BODY])
    asked = await _accessed(request, task_id, at)
    check = _progressing(asked, "update task data", "Can only update tasks that are In Progress.")
    edited = asked.parts.parts.lifecycle.edit(
        check(asked.known), {"params": data}, queue=asked.home, by=asked.by, event="data-updated", check=check
    )
    return asked.view(await edited)


async def _operate(request: Request, task_id: str, at: tuple[str, str] | None) -> Response:
    body = given.operation(request.scope[_BODY], checked=at is not None)
    asked = await _accessed(request, task_id, at)
    operation = _OPERATIONS.get(str(body.get("operation")))
    if operation is None:
        raise answers.Refused(400, "Requested task operation not recognized.")
    return asked.view(await operation(asked, body))


async def _start(asked: Asked, _: given.Body) -> Task:
    task, refused = asked.known, answers.Refused(400, "Can only start tasks that are Pending.")
    asked.need(rights.progresses(asked.who, asked.bindings, task), "start task")
    if task.state is not State.READY:
        raise refused
    try:
        return await asked.parts.parts.lifecycle.start(task, exec_id=None, by=asked.by)
    except errors.WrongState:
        raise refused from None


async def _complete(asked: Asked, _: given.Body) -> Task:
    check = _progressing(asked, "complete task", "Can only complete tasks that are In Progress.")
    return await asked.parts.parts.lifecycle.complete_by_right(
        check(asked.known), result=None, by=asked.by, check=check
    )


async def _cancel(asked: Asked, body: given.Body) -> Task:
    reason, task = body.get("reason"), asked.known
    refused = answers.Refused(400, "Can only cancel tasks that are Pending or In Progress.")
    if not asked.parts.parts.settings.adsp_readers_cancel:
        may = rights.works(asked.who, asked.bindings) or rights.assigns(asked.who, asked.bindings)
        asked.need(may, "cancel task")
    if task.state is State.DONE:
        raise refused
    message = reason if isinstance(reason, str) and reason else None
    try:
        return await asked.parts.parts.lifecycle.cancel(task, by=asked.by, message=message, now=True)
    except errors.WrongState:
        raise refused from None


async def _set_priority(asked: Asked, body: given.Body) -> Task:
    asked.need(rights.sets_priority(asked.who, asked.bindings), "set task priority")
    return await asked.parts.parts.lifecycle.prioritise(asked.known, to=given.priority(body), by=asked.by)


async def _assign(asked: Asked, body: given.Body) -> Task:
    to, task = given.assignee(body), asked.known
    mine = to is not None and to.id == asked.who.subject and rights.works(asked.who, asked.bindings)
    asked.need(mine or rights.assigns(asked.who, asked.bindings), "assign task")
    refused = answers.Refused(400, "Cannot assign Completed or Cancelled task.")
    try:
        return await asked.parts.parts.lifecycle.assign(task, to=to, by=asked.by)
    except errors.WrongState:
        raise refused from None


_OPERATIONS: dict[str, Callable[[Asked, given.Body], Awaitable[Task]]] = {
    "start": _start,
    "complete": _complete,
    "cancel": _cancel,
    "set-priority": _set_priority,
    "assign": _assign,
}
_EVENT_METRICS = ("queue", "completion", "rate")


def _progressing(asked: Asked, what: str, refused: str) -> Callable[[Task], Task]:
    """Asked again at the moment of the change: still the caller's to progress, still In Progress."""

    def check(task: Task) -> Task:
        asked.need(rights.progresses(asked.who, asked.bindings, task), what)
        if task.state is not State.IN_PROGRESS:
            raise answers.Refused(400, refused)
        return task

    return check


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


# --- who, where, what ---


async def _read_body(request: Request) -> Any:
    """The body before anything else, as upstream does; objects and arrays only."""
    raw = await request.body()
    if not raw or request.method not in {"POST", "PATCH"}:
        return None
    try:
        value: object = storable(msgspec.json.decode(raw))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise answers.Refused(400, f"Malformed request body: {error}") from None
    if not isinstance(value, dict | list):
        raise answers.Refused(400, "Malformed request body: an object or an array is needed.")
    return cast("Any", value)


async def _identify(request: Request) -> Principal:
    return await context.of(request).callers.identify(request.scope["headers"], request.method)


def _asked(request: Request) -> Asked:
    """The caller and its tenant: its own, or for a core account the one that `tenantId` names."""
    who = caller(request)
    return Asked(who, tenant_of(who, request.query_params.get("tenantId")), context.of(request))


def body_of(request: Request) -> Any:
    """The JSON that `Route` read."""
    return request.scope[_BODY]


def caller(request: Request) -> Principal:
    """Who `Route` found."""
    return request.scope[_CALLER]


def tenant_of(who: Principal, named: str | None) -> str:
    """The caller's own tenant; for a core account the one that it named."""
    if who.tenant != CORE:
        return who.tenant
    tenant = (named or "").removeprefix(shapes.TENANT_URN)
    if ids.TENANT.fullmatch(tenant) is None or tenant == CORE:
        raise answers.Refused(400, _NO_TENANT)
    return tenant


async def _at(request: Request, namespace: str, name: str) -> Asked:
    key = given.names(namespace, name)
    asked = _asked(request)
    try:
        queue = await asked.parts.parts.directory.queue(asked.tenant, key)
    except errors.NotFound:
        raise answers.missing("queue", key) from None
    return msgspec.structs.replace(asked, queue=queue)


async def _about(request: Request, task_id: str) -> Asked:
    """The task and its queue, if that still is."""
    wanted = given.task_id(task_id)
    asked = _asked(request)
    task = await asked.parts.parts.record.tasks.get(asked.tenant, wanted)
    if task is None:
        raise answers.missing("task", wanted)
    try:
        queue = await asked.parts.parts.directory.queue(asked.tenant, task.queue)
    except errors.NotFound:
        queue = None
    return msgspec.structs.replace(asked, queue=queue, task=task)


async def _accessed(request: Request, task_id: str, at: tuple[str, str] | None = None) -> Asked:
    """The task, to which the caller has access, in the queue of the path where that names one."""
    key = None if at is None else (await _at(request, *at)).home.key
    asked = await _about(request, task_id)
    asked.need(rights.access(asked.who, asked.bindings), "access task")
    if key is not None and asked.known.queue != key:
        raise answers.missing("task", asked.known.id)
    return asked
