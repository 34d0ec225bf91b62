"""Records as Aidbox's resources: AidboxTask, AidboxTaskLog, AidboxWorkflow (contract aidbox 3)."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from core.definition import Definition
from core.events import Event
from core.flow import Flow, Status
from core.flow_decisions import is_decision
from core.task import ENGINE, Actor, Limits, Outcome, Reason, State, Task

DECISION = "awf.workflow/decision-task"
_REASONS = {
    "failed-by-worker": "awf.task/failed-by-executor",
    "lease-lost": "awf.task/failed-due-to-in-progress-timeout",
    "overall-timeout": "awf.task/failed-due-to-overall-timeout",
    "expired": "awf.task/failed-due-to-expiry",
}
_MESSAGES = {"awf.task/failed-by-executor": "Failed by executor"}
_FLOW_REASONS = {
    "failed-by-decision": "awf.workflow/failed-by-executor",
    "decision-failed": "awf.task/failed-due-to-in-progress-timeout",
    "overall-timeout": "awf.workflow/failed-due-to-overall-timeout",
}
_UNKNOWN = "awf.executor/unknown-error"
_TIMERS = {
    "requested": ("awf.task/requested-to-start-timeout", "scheduled"),
    "started": ("awf.task/in-progress-timeout", "scheduled"),
    "notified": ("awf.task/in-progress-timeout", "re-scheduled"),
    "retry-scheduled": ("awf.task/ready", "scheduled"),
}
"""Which timer an event sets, by our own names: upstream's are not documented."""
_ACTIONS = {
    "created": "awf.task/create-and-execute",
    "requested": "awf.task/poll",
    "started": "awf.task/start",
    "notified": "awf.task/notify",
    "succeeded": "awf.task/success",
    "canceled": "awf.task/cancel",
}


def instant(moment: datetime) -> str:
    """A moment as upstream writes it: microseconds, and Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def task(found: Task, *, fenced: bool = False) -> dict[str, Any]:
    """An AidboxTask; with its `execId` only for whoever holds it."""
    shown: dict[str, Any] = {"id": found.id, "resourceType": "AidboxTask"}
    shown["definition"] = found.definition or found.queue
    if is_decision(found):
        shown |= {"definition": DECISION, "workflow-definition": found.definition}
    shown |= {"params": {} if found.params is None else found.params, "status": found.state.value}
    shown |= _absent_or(
        label=found.name,
        executeAt=_execute_at(found),
        execId=found.exec_id if fenced else None,
        retryCount=found.attempt or None,
        result=found.result,
        error=found.error,
    )
    if found.state is State.DONE:
        shown |= _ended(found.outcome, found.reason, _REASONS)
    shown["requester"] = _requester(found)
    shown["meta"] = _meta(found.created_at, found.updated_at, found.seq)
    return shown


def settings(limits: Limits, definition: Definition | None) -> dict[str, Any]:
    """The limits that hold for a task, in milliseconds as definitions have them."""
    limited = definition.concurrency if definition is not None else None
    return _absent_or(
        requestedToStartTimeout=_milliseconds(limits.start_timeout_seconds),
        inProgressTimeout=_milliseconds(limits.lease_seconds),
        retryDelay=_milliseconds(limits.retry.backoff.initial_seconds),
        allowedRetryCount=limits.retry.max_attempts,
        overallTimeout=_milliseconds(limits.overall_seconds),
        concurrencyLimit=None if limited is None else limited.limit,
        concurrencyPath=None if limited is None else ["params", *limited.key],
    )


def log(events: Sequence[Event], limits: Limits) -> Iterator[dict[str, Any]]:
    """AidboxTaskLog: a row for each transition and each notification, oldest first, with the timers that they set."""
    before = "created"
    for event in events:
        after = event.state.value
        row: dict[str, Any] = {
            "id": f"{event.task}.{event.seq}",
            "resourceType": "AidboxTaskLog",
            "subject": {"id": event.task, "resourceType": "AidboxTask"},
            "action": _action(event),
            "action-params": event.data or {},
            "status-before": before,
            "status-after": after,
            "meta": _meta(event.at, event.at, event.seq),
        }
        row |= _timer(event, limits)
        if event.reason is not None:
            kind = _REASONS.get(event.reason.type, event.reason.type)
            row["reason"] = {"type": kind, "message": event.reason.message}
        yield row
        before = after


def flow(found: Flow) -> dict[str, Any]:
    """An AidboxWorkflow."""
    shown: dict[str, Any] = {"id": found.id, "resourceType": "AidboxWorkflow", "definition": found.template}
    shown |= {"params": {} if found.params is None else found.params, "status": found.status.value}
    shown |= _absent_or(
        label=found.label,
        executeAt=found.execute_said or (found.execute_at and instant(found.execute_at)),
        result=found.result,
        error=found.error,
    )
    if found.status is Status.DONE:
        shown |= _ended(found.outcome, found.reason, _FLOW_REASONS)
    if found.parent is not None:
        shown["requester"] = {"id": found.parent.flow, "resourceType": "AidboxWorkflow"}
    else:
        shown["requester"] = _caller(found.created_by)
    shown["meta"] = _meta(found.created_at, found.updated_at, found.seq)
    return shown


def _execute_at(found: Task) -> str | None:
    """In the caller's own words, until a retry has a moment of its own."""
    if found.execute_said is not None and not found.spent:
        return found.execute_said
    return None if found.execute_at is None else instant(found.execute_at)


def _action(event: Event) -> str:
    if event.type in _ACTIONS:
        return _ACTIONS[event.type]
    if event.reason is not None and event.reason.type == "failed-by-worker":
        return "awf.task/fail"
    return f"awf.task/{event.type}"


def _timer(event: Event, limits: Limits) -> dict[str, Any]:
    """The timer that an event set (`scheduled`) or moved (`re-scheduled`); the delay is in milliseconds."""
    seconds = {
        "requested": limits.start_timeout_seconds,
        "started": limits.lease_seconds,
        "notified": limits.lease_seconds,
    }.get(event.type)
    action, member = _TIMERS.get(event.type, ("", ""))
    told: dict[str, Any] = {"action": action, "id": f"{event.task}.{event.seq}"}
    if seconds is not None:
        told |= {"delay": _milliseconds(seconds), "at": instant(event.at + timedelta(seconds=seconds))}
    elif event.type == "retry-scheduled" and event.data:
        told |= {"at": event.data["executeAt"]}
    return {member: told} if "at" in told else {}


def _ended(outcome: Outcome | None, reason: Reason | None, names: dict[str, str]) -> dict[str, Any]:
    said: dict[str, Any] = {"outcome": "failed" if outcome is Outcome.EXPIRED else outcome and outcome.value}
    if said["outcome"] == "failed" and reason is not None:
        kind = names.get(reason.type) or (reason.type if "/" in reason.type else _UNKNOWN)
        if kind == _UNKNOWN and reason.type != "unknown-error":
            said["outcomeReason"] = {"type": kind, "message": reason.message, "data": {"reason": reason.type}}
        else:
            said["outcomeReason"] = {"type": kind, "message": _MESSAGES.get(kind, reason.message)}
        if reason.data is not None:
            said["outcomeReason"]["data"] = reason.data
    return said


def _requester(found: Task) -> dict[str, Any]:
    if found.parent is not None:
        return {"id": found.parent.flow, "resourceType": "AidboxWorkflow"}
    if found.schedule is not None:
        return {"service": "awf.scheduler/task-scheduler-service-engine", "rule": found.schedule.id}
    return _caller(found.created_by)


def _caller(by: Actor) -> dict[str, Any]:
    kind = "Service" if by.id == ENGINE.id else "User" if by.email is not None else "Client"
    return {"id": by.id, "resourceType": kind, "display": by.name}


def _meta(created: datetime, updated: datetime, version: int) -> dict[str, str]:
    return {"createdAt": instant(created), "lastUpdated": instant(updated), "versionId": str(version)}


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _absent_or(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
