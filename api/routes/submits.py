"""Submitting tasks: one, or many with one result each."""

from contextlib import suppress

import msgspec
from starlette.responses import Response

from api import described, guards, idempotency, lean, problems, replies, routing, shown
from api.context import Directories, Lives
from api.schemas import views
from api.schemas.tasks import BatchBody, Refused, TaskBody
from auth import policy
from auth.policy import Action
from broker.admission import Submitted
from broker.directory import Directory
from core import errors
from core.creation import Submission
from core.task import Limits
from loop import breath

router = lean.router("tasks")

_PATH = "/queues/{namespace}/{name}/tasks"


@router.post(
    _PATH,
    responses=described.answers(views.TaskView, "The task is kept for good.", status=201, headers=("Location",))
    | described.answers(views.TaskView, "It was submitted before under the same key; the task of then.")
    | described.refusals(errors.PayloadMismatch, errors.KeyReused, errors.Conflict),
)
async def submit_task(
    at: guards.Submitting,
    body: TaskBody,
    lifecycle: Lives,
    directory: Directories,
    idempotency_key: idempotency.IdempotencyKey = None,
) -> Response:
    """Submit a task.

    When this answers, the task is on record (majority, journalled). With `Idempotency-Key` (or `dedupKey`) a repeat
    answers the task of then; another request under the same key is refused.
    """
    key = idempotency.one_key(idempotency_key, body.dedup_key)
    submission = await _submission(body, key, at, directory)
    done = await lifecycle.submit_one(at.queue, submission, by=at.by)
    headers = {"Location": routing.path("tasks", done.task.id)}
    return replies.reply(shown.task_view(done.task), status=201 if done.created else 200, headers=headers)


@router.post(f"{_PATH}/batch", responses=described.answers(views.BatchView, "One result for each task."))
async def submit_tasks(
    at: guards.Submitting,
    body: BatchBody,
    lifecycle: Lives,
    directory: Directories,
    idempotency_key: idempotency.IdempotencyKey = None,
) -> Response:
    """Submit up to 1,000 tasks, each accepted or refused alone.

    With `Idempotency-Key: K` the task number i (from 0) has the key `K/i` unless it has a `dedupKey` of its own.
    """
    items = body.items
    good = [
        await _submission(item, idempotency.key_in_batch(idempotency_key, item.dedup_key, index), at, directory)
        async for index, item in breath.each(enumerate(items))
        if isinstance(item, TaskBody)
    ]
    done = iter(await lifecycle.submit(at.queue, good, by=at.by))
    results = tuple(
        [
            _result(problems.invalid(item.faults) if isinstance(item, Refused) else next(done))
            async for item in breath.each(items)
        ]
    )
    accepted = sum(result.status < 300 for result in results)
    return replies.reply(views.BatchView(results=results, accepted=accepted, refused=len(results) - accepted))


async def _submission(body: TaskBody, key: str | None, at: guards.AtQueue, directory: Directory) -> Submission:
    limits = None
    if body.names_limits:
        limits = body.over(await _usual(body, at, directory))
    submission = idempotency.fingerprinted(body.submission(limits, key))
    if submission.definition is None:
        return submission
    return msgspec.structs.replace(submission, administrative=policy.allowed(at.who, Action.MANAGE))


async def _usual(body: TaskBody, at: guards.AtQueue, directory: Directory) -> Limits:
    """The limits that the task would have; a definition that is not there is the lifecycle's to refuse."""
    if body.definition is not None:
        with suppress(errors.NotFound):
            return (await directory.definition(at.tenant, body.definition)).limits
    return at.queue.defaults.limits


def _result(done: Submitted | errors.PenstockError) -> views.BatchItemView:
    if isinstance(done, errors.PenstockError):
        return views.BatchItemView(status=done.status, problem=problems.body(done))
    return views.BatchItemView(status=201 if done.created else 200, task=shown.brief_view(done.task))
