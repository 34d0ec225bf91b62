"""What the XFSC face answers: upstream's JSON, with a newline at its end, its errors and its codes of list states."""

import secrets
import string
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import UNSET, UnsetType
from starlette.responses import Response

from api import described, replies
from api.schemas.views import View
from core import errors, flow_view
from core.flow import Flow, Status, StepStatus, child_id
from core.flow_template import Template
from core.task import Outcome, State
from store.flows import ChildTask

_KINDS = {400: 1, 401: 2, 403: 3, 404: 5, 408: 6, 409: 4, 503: 8}
_LETTERS = string.ascii_letters + string.digits
_CODES = {"created": 201, "pending": 202, "done": 200, "failed": 207}

UP = {"service": "task", "status": "up", "version": "0.1.0"}

StateName = Literal["created", "pending", "done", "failed"]


class XfscTaskStateView(View, frozen=True, kw_only=True):
    """A task of a list."""

    id: str
    status: StateName


class XfscGroupView(View, frozen=True, kw_only=True):
    """A group of a list."""

    id: str
    type: Literal["sequential", "parallel"]
    status: StateName
    tasks: tuple[XfscTaskStateView, ...]


class XfscListView(View, frozen=True, kw_only=True):
    """How far a list is."""

    id: str
    status: StateName
    groups: tuple[XfscGroupView, ...]


class XfscErrorView(View, frozen=True, kw_only=True):
    """A refusal: kinds are 1 bad request, 2 unauthenticated, 3 forbidden, 4 exists, 5 not found, 7 internal, 8 away."""

    id: str
    kind: int
    message: str | UnsetType = UNSET


def _all_of(view: type[View], *texts: tuple[int, str]) -> described.Responses:
    found: described.Responses = {}
    for status, text in texts:
        found |= described.answers(view, text, status=status)
    return found


RESPONSES = _all_of(
    XfscErrorView,
    (400, "Bad request."),
    (401, "The caller is not known."),
    (403, "The caller may not do this."),
    (404, "There is no such thing."),
    (409, "It exists, or is used."),
    (413, "The body is too large."),
    (429, "A limit was reached."),
    (503, "A store is away."),
)
STATUSES = _all_of(XfscListView, (200, "Done."), (201, "Created."), (202, "Pending."), (207, "Failed."))


class XfscError(errors.PenstockError):
    """A refusal in upstream's words."""

    def __init__(self, http: int, kind: int, message: str) -> None:
        super().__init__(message)
        self.http = http
        self.kind = kind


def ok(text: str) -> described.Responses:
    """What a call answers whose body is upstream's own JSON."""
    return {200: {"description": text, "content": {replies.JSON: {"schema": {}}}}}


def reply(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer; upstream ends JSON with a newline."""
    return Response(replies.encode(value) + b"\n", status_code=status, headers=headers, media_type=replies.JSON)


def refusal(error: errors.PenstockError) -> Response:
    """A refusal as upstream writes it."""
    if isinstance(error, XfscError):
        status, kind = error.http, error.kind
    else:
        status = 400 if error.status in {412, 422} else error.status
        kind = _KINDS.get(status, 7 if status >= 500 else 1)
    message = error.detail
    if error.faults and not isinstance(error, XfscError):
        message = "; ".join(f"{fault.field}: {fault.message}" for fault in error.faults)
    number = "".join(secrets.choice(_LETTERS) for _ in range(16))
    headers = {} if error.retry_after is None else {"Retry-After": str(max(1, round(error.retry_after)))}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="penstock"'
    return reply(XfscErrorView(id=number, kind=kind, message=message), status=status, headers=headers)


# --- lists ---


def children(template: Template, flow: Flow) -> list[str]:
    """The ids of all tasks of a list."""
    return [
        child_id(flow.id, str(n), place) for n, group in enumerate(template.groups) for place in range(len(group.tasks))
    ]


def list_status(template: Template, flow: Flow, tasks: Mapping[str, ChildTask]) -> Response:
    """The state of a list, its groups and its tasks, live."""
    groups = tuple(_group(template, flow, number, tasks) for number in range(len(template.groups)))
    status = _of_list(flow, groups)
    return reply(XfscListView(id=flow.id, status=status, groups=groups), status=_CODES[status])


def _group(template: Template, flow: Flow, number: int, tasks: Mapping[str, ChildTask]) -> XfscGroupView:
    group, name = template.groups[number], str(number)
    items = flow_view.items(template, flow, name)
    shown = tuple(XfscTaskStateView(id=item.id, status=_of_task(item, tasks.get(item.id))) for item in items)
    state = flow.steps.get(name)
    status: StateName = "created"
    if state is not None and state.status is StepStatus.RUNNING:
        status = "created" if all(each.status == "created" for each in shown) else "pending"
    elif state is not None and state.status is not StepStatus.WAITING:
        status = "done" if state.status is StepStatus.SUCCEEDED else "failed"
    return XfscGroupView(
        id=child_id(flow.id, f"group {number}", 0), type=group.execution.value, status=status, tasks=shown
    )


def _of_list(flow: Flow, groups: tuple[XfscGroupView, ...]) -> StateName:
    """Created until the first of its tasks is claimed, as upstream's list until it is."""
    if flow.status is Status.DONE:
        return "done" if flow.outcome is Outcome.SUCCEEDED else "failed"
    return "created" if all(group.status == "created" for group in groups) else "pending"


def _of_task(item: flow_view.ItemView, task: ChildTask | None) -> StateName:
    if item.status is StepStatus.SUCCEEDED:
        return "done"
    if item.status is StepStatus.FAILED:
        return "failed"
    if task is None or task.state in {State.WAITING, State.READY}:
        return "created"
    if task.state is State.DONE:
        return "done" if task.outcome is Outcome.SUCCEEDED else "failed"
    return "pending"
