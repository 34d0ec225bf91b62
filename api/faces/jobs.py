"""The jobs API's tasks (contract xfsc-and-jobs 4): of registered types, at once or later, listed, cancelled, retried.

A thin translation: a task's `type` is a definition, and every right is that of the native API.
"""

from datetime import timedelta
from typing import Annotated
from urllib.parse import quote

import msgspec
from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from api import described, guards, idempotency, replies, waiting, worklists
from api.context import Directories, Lives, Reads
from api.faces import jobs_answers as answers
from api.faces import jobs_routing
from api.schemas import job_views as views
from api.schemas.jobs import MOST_OFFSET, MOST_WAIT, SubmitBody, TaskParams
from auth import policy
from auth.policy import Action, Reach
from broker.assembly import Record
from broker.directory import Directory
from core import errors
from core.creation import Submission
from core.definition import Definition
from core.task import OPEN, Limits, Outcome, State
from store import listing
from store.recent import Wanted, check_cursor

router = jobs_routing.router()

_FEW_QUEUES = 50
_TASK = described.answers(views.JobTaskView, "The task.")
Wait = Annotated[float, Query(ge=0, le=3600, description="Seconds to wait for its end; at most 60 at a time")]


@router.post(
    "/tasks",
    status_code=202,
    responses=described.answers(views.JobTaskView, "Accepted.", status=202, headers=("Location",))
    | described.answers(views.JobTaskView, "It was submitted before under the same key.", headers=("Location",)),
)
async def jobs_submit_task(
    at: guards.Member,
    body: SubmitBody,
    lifecycle: Lives,
    directory: Directories,
    idempotency_key: idempotency.IdempotencyKey = None,
) -> Response:
    """Submit a task of a registered type.

    `timeout` is how long an attempt may go without a sign of life; a heartbeat begins it anew.
    """
    key = idempotency.one_key(idempotency_key, body.idempotency_key)
    definition = await _definition(directory, at.tenant, body)
    queue = await directory.queue(at.tenant, definition.queue)
    policy.require(at.who, Action.SUBMIT, queue.bindings)
    submission = idempotency.fingerprinted(_submission(body, definition, key))
    done = await lifecycle.submit_one(queue, submission, by=at.by)
    headers = {"Location": f"/tasks/{quote(done.task.id)}"}
    return replies.reply(answers.task_view(done.task), status=202 if done.created else 200, headers=headers)


@router.get("/tasks", responses=described.answers(views.JobTaskPageView, "A page of tasks."))
async def jobs_list_tasks(at: guards.Member, asked: Annotated[TaskParams, Query()], record: Reads) -> Response:
    """List tasks of the queues that the caller may read, the newest first."""
    wanted = await _wanted(at, asked, record)
    after = None if asked.cursor is None else check_cursor(asked.cursor)
    total: int | None = None
    if asked.offset is not None:
        total = await record.recent.count(at.tenant, wanted, at_most=MOST_OFFSET)
        after = await record.recent.cursor(at.tenant, wanted, asked.offset) if asked.offset else None
    if asked.offset and after is None:
        return replies.reply(views.JobTaskPageView(items=(), total=total or 0, next_cursor=None))
    page = await record.recent.page(at.tenant, wanted, after=after, limit=asked.limit)
    view = views.JobTaskPageView(items=tuple(answers.task_view(task) for task in page.tasks), next_cursor=page.next)
    return replies.reply(view if total is None else msgspec.structs.replace(view, total=total))


@router.get("/tasks/{task_id}", responses=_TASK)
async def jobs_get_task(request: Request, task_id: str, wait: Wait = 0) -> Response:
    """Read a task, its result or error; with `wait` as soon as it has ended, or then."""
    at = await guards.on_task(request, task_id)
    at.require(Action.READ)
    return replies.reply(answers.task_view(await waiting.until_done(request, at.task, min(wait, MOST_WAIT))))


@router.delete(
    "/tasks/{task_id}",
    responses=_TASK | described.answers(views.JobTaskView, "It is asked to stop.", status=202),
)
async def jobs_cancel_task(request: Request, task_id: str, lifecycle: Lives) -> Response:
    """Cancel a task: one that runs is asked to, and ended after 30 seconds; again changes nothing."""
    at = await guards.on_task(request, task_id)
    at.require(Action.CANCEL)
    task = at.task
    if task.outcome is not Outcome.CANCELED:
        task = await lifecycle.cancel(task, by=at.by, message=None, now=False)
    return replies.reply(answers.task_view(task), status=200 if task.state is State.DONE else 202)


@router.post(
    "/tasks/{task_id}/retry",
    status_code=202,
    responses=described.answers(views.JobTaskView, "It runs again.", status=202),
)
async def jobs_retry_task(request: Request, task_id: str, lifecycle: Lives) -> Response:
    """Run a task again that failed or was cancelled, with all its attempts."""
    at = await guards.on_task(request, task_id)
    at.require(Action.RETRY)
    return replies.reply(answers.task_view(await lifecycle.retry(at.task, by=at.by)), status=202)


async def _definition(directory: Directory, tenant: str, body: SubmitBody) -> Definition:
    try:
        found = await directory.definition(tenant, body.type)
    except errors.NotFound:
        raise _invalid("type", f"There is no type {body.type}; make a definition of that name first") from None
    if body.queue is not None and body.queue != found.queue:
        raise _invalid("queue", f"Tasks of the type {found.name} go to the queue {found.queue}")
    return found


def _submission(body: SubmitBody, definition: Definition, key: str | None) -> Submission:
    return Submission(
        definition=definition.name,
        params=body.params,
        labels=tuple(body.tags or ()),
        priority=None if body.priority is None else answers.priority_of(body.priority),
        execute_at=body.run_at,
        delay=None if body.delay is None else timedelta(seconds=body.delay),
        limits=_limits(body, definition.limits),
        dedup_key=key,
    )


def _limits(body: SubmitBody, usual: Limits) -> Limits | None:
    """The definition's limits with what the body says; None where it says nothing."""
    if body.max_retries is None and body.retry_delay is None and body.timeout is None:
        return None
    retry = usual.retry
    if body.max_retries is not None:
        retry = msgspec.structs.replace(retry, max_attempts=body.max_retries + 1)
    if body.retry_delay is not None:
        longest = max(retry.backoff.max_seconds, body.retry_delay)
        backoff = msgspec.structs.replace(retry.backoff, initial_seconds=body.retry_delay, max_seconds=longest)
        retry = msgspec.structs.replace(retry, backoff=backoff)
    lease = usual.lease_seconds if body.timeout is None else body.timeout
    return msgspec.structs.replace(usual, retry=retry, lease_seconds=lease)


async def _wanted(at: guards.InTenant, asked: TaskParams, record: Record) -> Wanted:
    """What to list: of the queues that the caller may read, or where there is none, of its own making."""
    queues, mine = tuple(asked.queue) or None, None
    if policy.reach(at.who) is not Reach.ALL:
        readable, owned = await worklists.reachable(record.queues, at, frozenset(asked.queue))
        queues, mine = tuple(sorted(readable or owned)), None if readable else at.who.subject
    cases = tuple(answers.CASES[answers.ALIASES[each]] for each in asked.status)
    if queues is None and cases and all(case.states <= OPEN for case in cases):
        queues = await _all_queues(record, at.tenant)
    return Wanted(
        query=listing.Query(
            queues=queues,
            created_by=mine,
            definitions=tuple(asked.type) or None,
            priorities=frozenset(answers.priority_of(each) for each in asked.priority) or None,
            label=asked.tag,
            created_from=asked.created_after,
            created_to=asked.created_before,
            ended_from=asked.finished_after,
            ended_to=asked.finished_before,
        ),
        cases=cases,
        execute_from=asked.scheduled_after,
        execute_to=asked.scheduled_before,
        newest_first=asked.sort == "-created_at",
    )


async def _all_queues(record: Record, tenant: str) -> tuple[str, ...] | None:
    """The tenant's queues if they are few: named, they let the index of open tasks be used, however many have ended."""
    found = await record.queues.page(tenant, after=None, limit=_FEW_QUEUES + 1)
    return tuple(queue.key for queue in found) if len(found) <= _FEW_QUEUES else None


def _invalid(field: str, message: str) -> errors.Invalid:
    return errors.Invalid(f"{field}: {message}.", faults=[errors.Fault(field=field, message=message)])
