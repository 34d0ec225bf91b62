"""ADSP's words for our tasks (contract adsp 1.2): the task as its face answers it and as its events carry it."""

from datetime import datetime
from typing import Any, cast

from core.priority import Priority
from core.task import Actor, Assignment, Outcome, State, Task

URN = "urn:ads:platform:task-service:v1:/tasks/"
TENANT_URN = "urn:ads:platform:tenant-service:v2:/tenants/"

PENDING, IN_PROGRESS, STOPPED, CANCELLED, COMPLETED = "Pending", "In Progress", "Stopped", "Cancelled", "Completed"
STATUSES = (PENDING, IN_PROGRESS, STOPPED, CANCELLED, COMPLETED)
_OUTCOMES = {
    Outcome.SUCCEEDED: COMPLETED,
    Outcome.CANCELED: CANCELLED,
    Outcome.FAILED: STOPPED,
    Outcome.EXPIRED: STOPPED,
}

PRIORITIES = {"Normal": Priority.NORMAL, "High": Priority.HIGH, "Urgent": Priority.URGENT}
NUMBERS = {1: Priority.NORMAL, 2: Priority.HIGH, 3: Priority.URGENT}
"""ADSP's stored numbers, which its admin console sends in a PATCH."""


def status_name(state: State, outcome: Outcome | None) -> str:
    """ADSP's name of where a task is (DESIGN 5)."""
    if outcome is not None:
        return _OUTCOMES[outcome]
    return IN_PROGRESS if state is State.IN_PROGRESS else PENDING


def priority_name(priority: Priority) -> str:
    """ADSP has no low priority: it shows as Normal."""
    return max(priority, Priority.NORMAL).label.capitalize()


def task_view(task: Task, *, has_queue: bool = True) -> dict[str, Any]:
    """A task (contract 1.2); `recordId` is left out when there is none, all else is null then."""
    view: dict[str, Any] = {
        "urn": URN + task.id,
        "id": task.id,
        "name": task.name or task.definition or task.id,
        "description": task.description,
        "context": task.context,
        "definition": definition_name(task.definition),
        "queue": queue_name(task.queue) if has_queue else None,
        "data": _object(task.params),
        "status": status_name(task.state, task.outcome),
        "priority": priority_name(task.priority),
        "createdOn": when(task.created_at),
        "startedOn": when(task.started_at),
        "endedOn": when(task.ended_at),
        "assignment": assignment_view(task.assignment),
    }
    return view if task.record_id is None else view | {"recordId": task.record_id}


def assignment_view(assignment: Assignment | None) -> dict[str, Any] | None:
    """Null only if it never was assigned; after an un-assign `assignedTo` is null and the rest stays."""
    if assignment is None:
        return None
    to = assignment.to
    return {
        "assignedBy": actor_view(assignment.by),
        "assignedTo": None if to is None else {"id": to.id, "name": to.name, "email": to.email},
        "assignedOn": when(assignment.at),
    }


def actor_view(actor: Actor) -> dict[str, Any]:
    """Who did something."""
    return {"id": actor.id, "name": actor.name}


def when(at: datetime | None) -> str | None:
    """ISO 8601 in UTC with milliseconds."""
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def queue_name(key: str) -> dict[str, str]:
    """Namespace and name of a queue."""
    return _split(key, ":")


def definition_name(name: str | None) -> dict[str, str] | None:
    """Namespace and name of a definition; a name without a slash has an empty namespace."""
    return None if name is None else _split(name, "/")


def _object(value: object) -> Any:
    return cast("Any", value) if isinstance(value, dict) else {}


def _split(name: str, mark: str) -> dict[str, str]:
    namespace, found, rest = name.partition(mark)
    return {"namespace": namespace, "name": rest} if found else {"namespace": "", "name": name}
