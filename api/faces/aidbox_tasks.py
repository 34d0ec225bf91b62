"""The ten task methods of Aidbox's RPC (contract aidbox 2.1, 2.2), each a thin translation onto the lifecycle."""

from datetime import timedelta
from typing import Any

import msgspec
from starlette.requests import Request

from api import context, handing, worklists
from api.faces import aidbox_input as asked
from api.faces import aidbox_shown as shown
from api.faces.aidbox_wire import RpcError
from api.guards import InTenant
from auth import policy
from auth.policy import Action, Reach
from broker.dispatch import MOST_WAIT, Claim
from broker.finishing import Finish
from core import errors
from core.creation import Submission
from core.definition import Definition
from core.errors import Fault
from core.queue import Bindings, Queue
from core.task import Outcome, Progress, State, Task, held_by
from store import listing

_LOG = 1000
_STATES = {"waiting": State.WAITING, "ready": State.READY, "requested": State.REQUESTED, "done": State.DONE}
_STATES["in-progress"] = State.IN_PROGRESS
_OUTCOMES = {
    "succeeded": frozenset({Outcome.SUCCEEDED}),
    "failed": frozenset({Outcome.FAILED, Outcome.EXPIRED}),
    "canceled": frozenset({Outcome.CANCELED}),
}


async def create(request: Request, at: InTenant, params: asked.Create) -> dict[str, Any]:
    """`awf.task/create-and-execute`."""
    parts = context.of(request).parts
    definition = await _definition(request, at, params.definition, "params.definition")
    queue = await parts.directory.queue(at.tenant, definition.queue)
    policy.require(at.who, Action.SUBMIT, queue.bindings)
    submission = Submission(
        id=params.id,
        definition=definition.name,
        name=params.label,
        params=params.params,
        execute_at=params.execute_at,
        execute_said=params.execute_said,
        administrative=policy.allowed(at.who, Action.MANAGE),
    )
    try:
        done = await parts.lifecycle.submit_one(queue, submission, by=at.by)
    except errors.AlreadyExists:
        raise RpcError("task-already-exists", f"Task id:'{params.id}' exists already.") from None
    return {"resource": shown.task(done.task)}


async def status(request: Request, at: InTenant, params: asked.TaskStatus) -> dict[str, Any]:
    """`awf.task/status`."""
    found = await task_of(request, at, params.id, Action.READ)
    said: dict[str, Any] = {"resource": shown.task(found)}
    here = context.of(request)
    if params.include_settings:
        definition = None
        if found.definition is not None:
            definition = await here.parts.record.definitions.get(at.tenant, found.definition)
        said["settings"] = shown.settings(found.limits, definition)
    if params.include_log:
        said["log"] = list(shown.log(await here.feed.events.history(at.tenant, found.id, limit=_LOG), found.limits))
    return said


async def cancel(request: Request, at: InTenant, params: asked.ById) -> dict[str, Any]:
    """`awf.task/cancel`: at once, also what runs."""
    found = await task_of(request, at, params.id, Action.CANCEL)
    try:
        ended = await context.of(request).parts.lifecycle.cancel(found, by=at.by, message=None, now=True)
    except errors.WrongState:
        message = f"Task id:'{found.id}' has already been done. Couldn't cancel it."
        raise RpcError("task-has-been-done", message) from None
    return {"resource": shown.task(ended)}


async def list_tasks(request: Request, at: InTenant, params: asked.List) -> dict[str, Any]:
    """`awf.task/list`; with `next` where there is more, for `after`."""
    query = await selected(request, at, params)
    if query is None:
        return {"resources": []}
    page = await context.of(request).parts.record.listing.page(at.tenant, query, after=params.after, limit=params.limit)
    said: dict[str, Any] = {"resources": [shown.task(each) for each in page.tasks]}
    return said if page.next is None else said | {"next": page.next}


async def selected(request: Request, at: InTenant, params: asked.List) -> listing.Query | None:
    """Which tasks of those that the caller may read are asked for; None where there cannot be any."""
    queues, mine = None, None
    if policy.reach(at.who) is not Reach.ALL:
        readable, owned = await worklists.reachable(context.of(request).parts.record.queues, at, frozenset())
        queues, mine = tuple(sorted(readable or owned)), None if readable else at.who.subject
        if not queues:
            return None
    wanted = params.filter
    if wanted.status == "created":
        return None
    query = listing.Query(
        queues=queues,
        created_by=mine,
        states=None if wanted.status is None else frozenset({_STATES[wanted.status]}),
        outcomes=None if wanted.outcome is None else _OUTCOMES[wanted.outcome],
        definitions=None if wanted.include is None else tuple(wanted.include),
        without_definitions=tuple(wanted.exclude or ()),
        decisions=None if wanted.include is None or shown.DECISION not in wanted.include else True,
        text=wanted.ilike,
        parent=wanted.requester,
        sort=_sort(params.sort),
    )
    if query.decisions:
        return msgspec.structs.replace(query, definitions=None)
    return query


async def poll(request: Request, at: InTenant, params: asked.Poll) -> dict[str, Any]:
    """`awf.task/poll`, and with a timeout `awf.task/long-poll`; what is handed out must be started in time."""
    here = context.of(request)
    queues, definitions, workflows = await _wanted(request, at, params)
    wait = timedelta(milliseconds=params.timeout) if isinstance(params, asked.LongPoll) else timedelta(0)
    claim = Claim(
        by=at.by,
        count=params.most,
        wait=min(wait, MOST_WAIT),
        start=False,
        definitions=definitions,
        decisions=False,
        deciding=workflows,
    )
    lifecycle = here.parts.lifecycle
    tasks = await handing.to_caller(
        request, at.tenant, queues, claim, lambda some, gone: lifecycle.claim_among(some, claim, gone)
    )
    return {"resources": [shown.task(each, fenced=True) for each in tasks]}


async def start(request: Request, at: InTenant, params: asked.Fenced) -> dict[str, Any]:
    """`awf.task/start`."""
    found = await _held(request, at, params)
    started = await context.of(request).parts.lifecycle.start(found, exec_id=params.exec_id, by=at.by)
    return {"resource": shown.task(started, fenced=True)}


async def notify(request: Request, at: InTenant, params: asked.Notify) -> dict[str, Any]:
    """`awf.task/notify`: the time runs anew; `cancelRequested` is ours."""
    await _held(request, at, params)
    progress = None
    if params.notification == "progress":
        progress = Progress(current=params.current, total=params.total, unit=params.unit, message=params.message)
    said = {"notification": params.notification} | params.model_dump(
        by_alias=True, exclude_none=True, include={"message", "current", "total", "unit"}
    )
    beat = await context.of(request).parts.lifecycle.heartbeat(
        at.tenant, params.id, exec_id=params.exec_id, progress=progress, by=at.by, said=said
    )
    until = None if beat.lease_until is None else shown.instant(beat.lease_until)
    return {"inProgressTimeoutAt": until, "cancelRequested": beat.cancel_requested}


async def success(request: Request, at: InTenant, params: asked.Success) -> dict[str, Any]:
    """`awf.task/success`."""
    found = await _held(request, at, params)
    parts = context.of(request).parts
    finish = Finish(tenant=at.tenant, task_id=found.id, exec_id=params.exec_id, result=params.result)
    (answer,) = await parts.lifecycle.complete([finish], by=at.by)
    if isinstance(answer, errors.PenstockError):
        raise answer
    ended = await parts.record.tasks.get(at.tenant, found.id)
    return {"resource": shown.task(ended or found, fenced=True)}


async def fail(request: Request, at: InTenant, params: asked.Fail) -> dict[str, Any]:
    """`awf.task/fail`: waiting again while attempts are left."""
    found = await _held(request, at, params)
    failed = await context.of(request).parts.lifecycle.fail(
        found, exec_id=params.exec_id, error=params.error, retryable=True, by=at.by
    )
    return {"resource": shown.task(failed)}


# --- shared ---


async def task_of(request: Request, at: InTenant, task_id: str, action: Action) -> Task:
    """A task on which the caller may do this; raises `NotFound`, `Forbidden`."""
    parts = context.of(request).parts
    found = await parts.record.tasks.get(at.tenant, task_id)
    if found is None:
        raise errors.NotFound("Resource not found")
    policy.require(at.who, action, await _bindings(request, found), policy.ties_of(found))
    return found


async def _held(request: Request, at: InTenant, params: asked.Fenced) -> Task:
    """A task that the caller holds by the fence it gives; raises `NotFound`, `LeaseLost`, `Forbidden`."""
    found = await context.of(request).parts.record.tasks.get(at.tenant, params.id)
    if found is None:
        raise errors.NotFound("Resource not found")
    if found.exec_id != params.exec_id:
        policy.require(at.who, Action.READ, await _bindings(request, found), policy.ties_of(found))
        raise errors.LeaseLost(
            f"Task id:'{found.id}' is not held by this execId (any more).", extra={"status": found.state.value}
        )
    if found.holder is not None and not held_by(found, at.who.subject):
        raise errors.Forbidden(f"Task id:'{found.id}' is held by {found.holder.name}.")
    return found


async def _bindings(request: Request, found: Task) -> Bindings | None:
    try:
        return (await context.of(request).parts.directory.queue(found.tenant, found.queue)).bindings
    except errors.NotFound:
        return None


async def _definition(request: Request, at: InTenant, name: str, place: str) -> Definition:
    try:
        return await context.of(request).parts.directory.definition(at.tenant, name)
    except errors.NotFound as error:
        raise RpcError("definition-not-found", error.detail, [Fault(field=place, message=error.detail)]) from None


async def _wanted(
    request: Request, at: InTenant, params: asked.Poll
) -> tuple[list[Queue], tuple[str, ...] | None, tuple[str, ...] | None]:
    """The queues to draw from, and the definitions and workflows there; without any named, every definition."""
    directory = context.of(request).parts.directory
    keys: dict[str, None] = {}
    for number, name in enumerate(params.tasks or ()):
        keys[(await _definition(request, at, name, f"params.taskDefinitions.{number}")).queue] = None
    for number, name in enumerate(params.workflows or ()):
        keys[await _workflow_queue(request, at, name, f"params.workflowDefinitions.{number}")] = None
    if params.tasks is None and params.workflows is None:
        return await _all_worked(request, at), None, None
    queues = [await directory.queue(at.tenant, key) for key in keys]
    for queue in queues:
        policy.require(at.who, Action.WORK, queue.bindings)
    return queues, tuple(params.tasks or ()), tuple(params.workflows or ())


async def _all_worked(request: Request, at: InTenant) -> list[Queue]:
    record = context.of(request).parts.record
    found = await record.queues.page(at.tenant, after=None, limit=1000)
    return [queue for queue in found if policy.allowed(at.who, Action.WORK, queue.bindings)]


async def _workflow_queue(request: Request, at: InTenant, name: str, place: str) -> str:
    try:
        return (await context.of(request).parts.directory.template(at.tenant, name)).content.queue
    except errors.NotFound as error:
        raise RpcError("definition-not-found", error.detail, [Fault(field=place, message=error.detail)]) from None


def _sort(order: asked.Order) -> listing.Sort:
    if order.last_updated is not None:
        return listing.Sort.UPDATED if order.last_updated == "asc" else listing.Sort.UPDATED_DESC
    return listing.Sort.CREATED if order.created_at == "asc" else listing.Sort.CREATED_DESC
