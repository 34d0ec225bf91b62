"""Tasks: list, read, change, remove, cancel, retry, assign."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from api import conditions, described, guards, replies, routing, shown, worklists
from api.context import Filtering, Lives, Reads
from api.schemas import views
from api.schemas.common import priority
from api.schemas.listing import AllListParams, ListParams
from api.schemas.tasks import AssignBody, CancelBody, PatchBody, PriorityBody
from auth.policy import Action
from core import errors
from core.task import State, Task
from store.listing import Page

router = routing.router("tasks")

_TASK = described.answers(views.TaskView, "The task as it is now.", headers=("ETag",))
_CANCEL = CancelBody()
_PAGE = described.answers(views.TaskPageView, "A page of tasks.")
_CONFLICTS = described.refusals(errors.WrongState, errors.Changed)


@router.get("/queues/{namespace}/{name}/tasks", responses=_PAGE | described.refusals(errors.BadCursor))
async def list_queue_tasks(at: guards.Listing, asked: Annotated[ListParams, Query()], record: Reads) -> Response:
    """List a queue's tasks: by default the open ones, urgent and old first.

    A page never skips or repeats a task because others come, end or move meanwhile. Who may only submit sees what it
    submitted.
    """
    return _page(await worklists.of_queue(record.listing, at, asked))


@router.get("/tasks", responses=_PAGE | described.refusals(errors.BadCursor))
async def list_tasks(
    at: guards.Member, asked: Annotated[AllListParams, Query()], record: Reads, filters: Filtering
) -> Response:
    """List tasks of all queues that the caller may read, or of some of them (`queue`, repeatable).

    With `createdBy=me` also those that it submitted to other queues.
    """
    asked = await worklists.with_filter(filters, at, asked)
    return _page(await worklists.of_tenant(record.listing, record.queues, at, asked))


@router.get(
    "/tasks/{task_id}",
    responses=described.answers(views.ReadTaskView, "The task as it is now.", headers=("ETag",)),
)
async def get_task(at: guards.ReadingTask) -> Response:
    """Read a task.

    Its holder finds its `execId` in it: work that was begun on one device is finished on another.
    """
    return replies.reply(shown.read_task_view(at.task, at.who), headers={"ETag": conditions.etag(at.task.seq)})


@router.patch(
    "/tasks/{task_id}",
    responses=_TASK | _CONFLICTS | described.refusals(errors.PreconditionFailed, errors.PayloadMismatch),
)
async def patch_task(
    at: guards.Patching, body: PatchBody, lifecycle: Lives, if_match: conditions.IfMatch = None
) -> Response:
    """Change what describes a task; null takes a value away.

    A new `priority` needs the right to prioritize, too.
    """

    def matched(now: Task) -> Task:
        conditions.matched(if_match, now.seq, f"Task {now.id}")
        return now

    if body.priority is not None:
        at.require(Action.PRIORITIZE)
    task, fields = matched(at.task), body.fields()
    if fields:
        task = await lifecycle.edit(task, fields, queue=at.home, by=at.by, check=matched)
    if body.priority is not None:
        check = at.still(Action.PRIORITIZE) if fields else matched
        task = await lifecycle.prioritise(task, to=priority(body.priority), by=at.by, check=check)
    return _task(task)


@router.delete("/tasks/{task_id}", status_code=204, responses=_CONFLICTS | described.empty(204, "The task is gone."))
async def delete_task(at: guards.Deleting, lifecycle: Lives) -> Response:
    """Remove a task from every view; an open one is canceled by that."""
    await lifecycle.delete(at.task, by=at.by)
    return replies.nothing()


@router.post(
    "/tasks/{task_id}/cancel",
    responses=_TASK
    | _CONFLICTS
    | described.answers(views.TaskView, "Its holder is asked to stop.", status=202, headers=("ETag",)),
)
async def cancel_task(at: guards.Cancelling, lifecycle: Lives, body: CancelBody = _CANCEL) -> Response:
    """End a task.

    A running one is ended by its holder, whose next heartbeat says `cancelRequested`, or after a grace period of 30
    seconds; with `mode: now` at once.
    """
    task = await lifecycle.cancel(at.task, by=at.by, message=body.reason, now=body.mode == "now")
    return _task(task, status=200 if task.state is State.DONE else 202)


@router.post("/tasks/{task_id}/retry", responses=_TASK | _CONFLICTS)
async def retry_task(at: guards.Retrying, lifecycle: Lives) -> Response:
    """Run an ended task again with all its attempts; one that succeeded cannot be."""
    return _task(await lifecycle.retry(at.task, by=at.by))


@router.post("/tasks/{task_id}/assign", responses=_TASK | _CONFLICTS)
async def assign_task(at: guards.Taking, body: AssignBody, lifecycle: Lives) -> Response:
    """Give a task to somebody, to oneself (`me`), or back to everybody (null).

    Workers may take what is nobody's and give back their own; all else needs the right to assign.
    """
    to = body.actor(at.by)
    needed = Action.TAKE if to is None or to.id == at.who.subject else Action.ASSIGN
    at.require(needed)
    return _task(await lifecycle.assign(at.task, to=to, by=at.by, check=at.still(needed)))


@router.post("/tasks/{task_id}/priority", responses=_TASK | _CONFLICTS)
async def prioritise_task(at: guards.Prioritising, body: PriorityBody, lifecycle: Lives) -> Response:
    """Change a task's priority, and with it its place in the worklist."""
    return _task(await lifecycle.prioritise(at.task, to=priority(body.priority), by=at.by))


def _page(page: Page) -> Response:
    return replies.reply(views.TaskPageView(items=tuple(shown.task_view(task) for task in page.tasks), next=page.next))


def _task(task: Task, *, status: int = 200) -> Response:
    return replies.reply(shown.task_view(task), status=status, headers={"ETag": conditions.etag(task.seq)})
