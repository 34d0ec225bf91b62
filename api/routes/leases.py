"""A worker's calls: claim, start, heartbeat, complete, fail, release, and many ends at once."""

from datetime import timedelta

from fastapi import Request
from starlette.responses import Response

from api import described, guards, handing, lean, replies, settling, shown
from api.context import Lives, Reads
from api.schemas import views
from api.schemas.tasks import (
    ClaimBody,
    CompleteBody,
    FailBody,
    HeartbeatBody,
    ReleaseBody,
    SettleBody,
    StartBody,
)
from broker.dispatch import Claim
from broker.finishing import Finish
from core import errors
from loop import breath

router = lean.router("work")

_TASK = described.answers(views.TaskView, "The task as it is now.")
_FENCED = described.refusals(errors.LeaseLost, errors.WrongState, errors.Changed)
_CLAIM, _START = ClaimBody(), StartBody()


@router.post(
    "/queues/{namespace}/{name}/claims",
    responses=described.answers(views.ClaimsView, "What was handed out; empty when there was nothing in time."),
)
async def claim_tasks(at: guards.Working, request: Request, lifecycle: Lives, body: ClaimBody = _CLAIM) -> Response:
    """Claim tasks: urgent before high before normal before low, then the oldest first.

    Waits up to `waitSeconds` for the first one; whoever hangs up meanwhile is given nothing. With `start: false` the
    tasks are only reserved, and go back unless they are started within their start timeout. While RabbitMQ is away it
    answers 503 with Retry-After.
    """
    claim = Claim(
        by=at.by,
        count=body.max,
        wait=timedelta(seconds=body.wait_seconds),
        worker=body.worker,
        start=body.start,
        definitions=None if body.definitions is None else tuple(body.definitions),
    )
    tasks = await handing.to_caller(
        request, at.tenant, (at.queue,), claim, lambda some, gone: lifecycle.claim(some[0], claim, gone)
    )
    return replies.reply(views.ClaimsView(tasks=tuple([shown.claimed_view(task) async for task in breath.each(tasks)])))


@router.post(
    "/tasks/{task_id}/start",
    responses=described.answers(views.ClaimedView, "The task, started, with its fence.") | _FENCED,
)
async def start_task(at: guards.WorkingOn, lifecycle: Lives, body: StartBody = _START) -> Response:
    """Begin a task: a reserved one by its `execId`, or without it a ready one that the caller picked.

    A task that was picked has no lease: people hold work for days.
    """
    task = await lifecycle.start(at.task, exec_id=body.exec_id, by=at.by)
    return replies.reply(shown.claimed_view(task))


@router.post(
    "/tasks/{task_id}/heartbeat",
    responses=described.answers(views.BeatView, "The lease runs anew.") | _FENCED,
)
async def beat_task(at: guards.Finishing, body: HeartbeatBody, lifecycle: Lives) -> Response:
    """Say that the work goes on, and how far it is."""
    beat = await lifecycle.heartbeat(at.tenant, at.task_id, exec_id=body.exec_id, progress=body.reported, by=at.by)
    until = None if beat.lease_until is None else shown.stamp(beat.lease_until)
    return replies.reply(views.BeatView(lease_until=until, cancel_requested=beat.cancel_requested))


@router.post(
    "/tasks/{task_id}/complete",
    responses=described.answers(views.EndedView, "Done. A repeat answers the same.")
    | _FENCED
    | described.refusals(errors.PayloadMismatch),
)
async def complete_task(at: guards.Finishing, body: CompleteBody, lifecycle: Lives) -> Response:
    """Report that the work is done."""
    finish = Finish(tenant=at.tenant, task_id=at.task_id, exec_id=body.exec_id, result=body.result)
    (ended,) = await lifecycle.complete([finish], by=at.by)
    if isinstance(ended, errors.PenstockError):
        raise ended
    return replies.reply(views.EndedView(id=ended.task_id, ended_at=shown.stamp(ended.ended_at)))


@router.post("/tasks/{task_id}/fail", responses=_TASK | _FENCED | described.refusals(errors.PayloadMismatch))
async def fail_task(at: guards.Holding, body: FailBody, lifecycle: Lives) -> Response:
    """Report that the attempt failed.

    The task is tried again after its backoff while attempts are left; then, or with `retryable: false`, it becomes a
    dead letter.
    """
    held = at.holding(body.exec_id)
    task = await lifecycle.fail(held, exec_id=body.exec_id, error=body.error, retryable=body.retryable, by=at.by)
    return replies.reply(shown.task_view(task))


@router.post("/tasks/{task_id}/release", responses=_TASK | _FENCED)
async def release_task(at: guards.Holding, body: ReleaseBody, lifecycle: Lives) -> Response:
    """Give a task back unfinished; no attempt is spent."""
    task = await lifecycle.release(at.holding(body.exec_id), exec_id=body.exec_id, by=at.by)
    return replies.reply(shown.task_view(task))


@router.post("/tasks/settle", responses=described.answers(views.SettlementView, "One result for each item."))
async def settle_tasks(at: guards.Member, body: SettleBody, lifecycle: Lives, record: Reads) -> Response:
    """Report up to 1,000 ends at once, each taken or refused alone."""
    results = await settling.settle(body.each, at, lifecycle, record.tasks)
    return replies.reply(views.SettlementView(results=results))
