"""How tasks, schedules and refusals look through the jobs API, and how what it asks for looks to us."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import Any, cast

import msgspec
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from api import replies
from api.faces import jobs_triggers
from api.schemas import job_views as views
from api.shown import stamp
from core import errors
from core.priority import Priority
from core.schedule import MisfirePolicy, OverlapPolicy, Schedule, TaskOrder
from core.task import Outcome, State, Task
from store.halts import Halt
from store.recent import Case

_ENDS: Mapping[Outcome, views.Status] = {
    Outcome.SUCCEEDED: "completed",
    Outcome.FAILED: "failed",
    Outcome.EXPIRED: "failed",
    Outcome.CANCELED: "cancelled",
}
_WAITING, _RUNNING, _DONE = frozenset({State.WAITING}), frozenset({State.IN_PROGRESS}), frozenset({State.DONE})
CASES: Mapping[views.Status, Case] = {
    "scheduled": Case(states=_WAITING, attempted=False),
    "retrying": Case(states=_WAITING, attempted=True),
    "pending": Case(states=frozenset({State.READY, State.REQUESTED})),
    "in_progress": Case(states=_RUNNING, asked_to_stop=False),
    "cancelling": Case(states=_RUNNING, asked_to_stop=True),
    "completed": Case(states=_DONE, outcomes=frozenset({Outcome.SUCCEEDED})),
    "failed": Case(states=_DONE, outcomes=frozenset({Outcome.FAILED, Outcome.EXPIRED})),
    "cancelled": Case(states=_DONE, outcomes=frozenset({Outcome.CANCELED})),
}
ALIASES: Mapping[str, views.Status] = {
    "in-progress": "in_progress",
    "running": "in_progress",
    "canceled": "cancelled",
    **{name: name for name in CASES},
}
_NUMBERS: Mapping[Priority, int] = {Priority.LOW: -1, Priority.NORMAL: 0, Priority.HIGH: 1, Priority.URGENT: 2}
_FIELDS: Mapping[str, str] = {
    "task.definition": "type",
    "definition": "type",
    "task.params": "params",
    "task.queue": "queue",
    "trigger.at": "run_date",
    "trigger.timeZone": "timezone",
    "endAt": "end_date",
    "startAt": "start_date",
}


def priority_of(number: int) -> Priority:
    """Our priority of any number: below 0 low, 1 high, above urgent."""
    return {0: Priority.NORMAL, 1: Priority.HIGH}.get(number, Priority.LOW if number < 0 else Priority.URGENT)


def status_of(task: Task) -> views.Status:
    """Where a task is, in the jobs API's words (DESIGN 5)."""
    if task.outcome is not None:
        return _ENDS[task.outcome]
    match task.state:
        case State.WAITING:
            return "retrying" if task.attempt else "scheduled"
        case State.IN_PROGRESS:
            return "cancelling" if task.cancel_request else "in_progress"
        case _:
            return "pending"


def task_view(task: Task) -> views.JobTaskView:
    """A task."""
    return views.JobTaskView(
        id=task.id,
        type=task.definition,
        params=task.params,
        status=status_of(task),
        priority=_NUMBERS[task.priority],
        queue=task.queue,
        attempts=task.attempt,
        max_retries=task.limits.retry.max_attempts - 1,
        retry_delay=task.limits.retry.backoff.initial_seconds,
        timeout=task.limits.lease_seconds,
        scheduled_at=_when(task.execute_at),
        created_at=stamp(task.created_at),
        started_at=_when(task.started_at),
        finished_at=_when(task.ended_at),
        result=task.result,
        error=_error(task),
        progress=task.progress,
        idempotency_key=task.dedup_key,
        tags=task.labels,
        job_id=None if task.schedule is None else task.schedule.id,
    )


def job_view(schedule: Schedule) -> views.JobView:
    """A job."""
    order, misfire, overlap = schedule.order, schedule.misfire, schedule.overlap
    assert isinstance(order, TaskOrder)
    last = schedule.last_run
    return views.JobView(
        id=schedule.id,
        name=schedule.display_name,
        type=order.definition,
        params=order.params,
        **jobs_triggers.fields_of(schedule.timing.trigger),
        start_date=_when(schedule.timing.start_at),
        end_date=_when(schedule.timing.end_at),
        next_run_time=_when(schedule.next_at),
        misfire_grace_time=None if misfire.policy is MisfirePolicy.ALL else misfire.grace_seconds,
        coalesce=misfire.policy in {MisfirePolicy.ONE, MisfirePolicy.LATEST},
        max_instances=None if overlap.policy is OverlapPolicy.ALLOW else overlap.max_open,
        last_run_time=None if last is None else stamp(last.at),
        last_task_id=None if last is None or last.run is None else last.run.id,
    )


def scheduler_view(halt: Halt | None) -> views.JobSchedulerView:
    """Whether the tenant's jobs run."""
    if halt is None:
        return views.JobSchedulerView(running=True, paused_at=None, paused_by=None)
    return views.JobSchedulerView(running=False, paused_at=stamp(halt.at), paused_by=halt.by.name)


def refusal(error: errors.PenstockError) -> Response:
    """Any refusal in FastAPI's shape: a text, or with 422 a list of what is wrong where."""
    headers: dict[str, str] = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, ceil(error.retry_after)))
    if isinstance(error, errors.Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if not isinstance(error, errors.Invalid):
        return replies.reply({"detail": error.detail}, status=error.status, headers=headers)
    faults = error.faults or (errors.Fault(field="", message=error.detail),)
    found = [{"type": error.code, "loc": _place(fault.field), "msg": fault.message} for fault in faults]
    return replies.reply({"detail": found}, status=422, headers=headers)


def malformed(error: RequestValidationError) -> Response:
    """The refusal of a request that does not have the right shape."""
    found = cast("Sequence[dict[str, Any]]", error.errors())
    faults = [{"type": each["type"], "loc": list(each["loc"]), "msg": each["msg"]} for each in found]
    return replies.reply({"detail": faults}, status=422)


def _place(field: str) -> list[str]:
    if field in {"after", "cursor"}:
        return ["query", "cursor"]
    known = _FIELDS.get(field, field)
    if known.startswith("task.params"):
        known = known.removeprefix("task.")
    return ["body", *known.split(".")] if known else ["body"]


def _error(task: Task) -> views.JobErrorView | None:
    """What a worker said went wrong, else why we ended it; of an attempt that is being retried, too."""
    if task.outcome in {Outcome.SUCCEEDED, Outcome.CANCELED} or (task.error is None and task.reason is None):
        return None
    said = task.error
    kind = task.reason.type if task.reason else "error"
    message = task.reason.message if task.reason else ""
    if isinstance(said, dict):
        given = cast("dict[str, Any]", said)
        kind, message = str(given.get("type", kind)), str(given.get("message", message))
    elif said is not None:
        message = said if isinstance(said, str) else msgspec.json.encode(said).decode()
    return views.JobErrorView(type=kind, message=message)


def _when(at: datetime | None) -> str | None:
    return None if at is None else stamp(at)
