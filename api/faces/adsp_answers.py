"""How ADSP's task service looks from outside: task, queue, page and error bodies (contract adsp 1.1-1.3)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, cast

from starlette.responses import PlainTextResponse, Response

from api import replies
from core import errors
from core.priority import Priority
from core.queue import Queue
from core.task import Actor, Assignment, Outcome, State, Task

URN = "urn:ads:platform:task-service:v1:/tasks/"

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


class Refused(errors.PenstockError):
    """The request cannot be carried out."""

    def __init__(self, status: int, detail: str) -> None:
        """`status` and the text of `errorMessage`."""
        super().__init__(detail)
        self.answered = status


def invalid(faults: Iterable[tuple[str, str]]) -> Refused:
    """The refusal of a request whose (field, location) pairs failed a check each, in the order of the checks."""
    listed = ", ".join(f"{field} ({location}) - Invalid value" for field, location in faults)
    return Refused(400, f"Validation failed with error(s): {listed}")


def missing(kind: str, name: str) -> Refused:
    """There is no such queue or task for this caller."""
    return Refused(404, f"{kind} with ID '{name}' could not be found.")


def refusal(error: errors.PenstockError) -> Response:
    """Any refusal in ADSP's shape; 401 is bare text there."""
    status = error.answered if isinstance(error, Refused) else error.status
    if status == 401:
        return PlainTextResponse("Unauthorized", status_code=401)
    headers = {} if error.retry_after is None else {"Retry-After": str(max(1, round(error.retry_after)))}
    return replies.reply({"errorMessage": error.detail}, status=status, headers=headers)


def status_name(state: State, outcome: Outcome | None) -> str:
    """ADSP's name of where a task is (DESIGN 5)."""
    if outcome is not None:
        return _OUTCOMES[outcome]
    return IN_PROGRESS if state is State.IN_PROGRESS else PENDING


def priority_of(task: Task) -> str:
    """ADSP has no low priority: it shows as Normal."""
    return max(task.priority, Priority.NORMAL).label.capitalize()


def task_view(task: Task, *, has_queue: bool = True) -> dict[str, Any]:
    """A task (contract 1.2); `recordId` is left out when there is none, all else is null then."""
    view: dict[str, Any] = {
        "urn": URN + task.id,
        "id": task.id,
        "name": task.name or task.definition or task.id,
        "description": task.description,
        "context": task.context,
        "definition": _definition(task.definition),
        "queue": _split(task.queue, ":") if has_queue else None,
        "data": _object(task.params),
        "status": status_name(task.state, task.outcome),
        "priority": priority_of(task),
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


def queue_view(queue: Queue) -> dict[str, Any]:
    """A queue (contract 1.5)."""
    view: dict[str, Any] = {"namespace": queue.namespace, "name": queue.name}
    if queue.display_name is not None:
        view["displayName"] = queue.display_name
    return view | {
        "context": queue.context,
        "assignerRoles": queue.bindings.assigners,
        "workerRoles": queue.bindings.workers,
    }


def page_view(tasks: list[dict[str, Any]], *, after: str | None, following: str | None) -> dict[str, Any]:
    """A page (contract 1.3): `after` echoes the request, `next` is left out on the last page."""
    page: dict[str, Any] = {"size": len(tasks)}
    if after is not None:
        page["after"] = after
    if following is not None:
        page["next"] = following
    return {"page": page, "results": tasks}


def when(at: datetime | None) -> str | None:
    """ISO 8601 in UTC with milliseconds."""
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def _object(value: object) -> Any:
    return cast("Any", value) if isinstance(value, dict) else {}


def _definition(name: str | None) -> dict[str, str] | None:
    return None if name is None else _split(name, "/")


def _split(name: str, mark: str) -> dict[str, str]:
    namespace, found, rest = name.partition(mark)
    return {"namespace": namespace, "name": rest} if found else {"namespace": "", "name": name}
