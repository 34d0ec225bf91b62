"""ADSP's operations on a task (contract adsp 1.5): change, start, complete, cancel, set priority, assign."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from api.faces import adsp_answers as answers
from api.faces import adsp_input as given
from api.faces import adsp_rights as rights
from api.faces.adsp_asked import Asked, accessed, body_of
from core import errors
from core.task import State, Task


async def patch(request: Request, task_id: str, at: tuple[str, str] | None = None) -> Response:
    """Change what a task says and how urgent it is; `at` is the queue of the path."""
    fields, priority = given.changes(body_of(request))
    asked = await accessed(request, task_id, at)
    asked.need(rights.updates(asked.who), "update task")
    lifecycle, task = asked.parts.parts.lifecycle, asked.known
    if fields or priority is not None:
        task = await lifecycle.edit(task, fields, queue=asked.home, by=asked.by, to=priority)
    return asked.view(task)


async def patch_data(request: Request, task_id: str, at: tuple[str, str] | None = None) -> Response:
    """Put other data in place of a running task's."""
    data = given.data(body_of(request))
    asked = await accessed(request, task_id, at)
    check = _progressing(asked, "update task data", "Can only update tasks that are In Progress.")
    edited = asked.parts.parts.lifecycle.edit(
        check(asked.known), {"params": data}, queue=asked.home, by=asked.by, event="data-updated", check=check
    )
    return asked.view(await edited)


async def operate(request: Request, task_id: str, at: tuple[str, str] | None) -> Response:
    """Carry out the operation that the body names."""
    body = given.operation(body_of(request), checked=at is not None)
    asked = await accessed(request, task_id, at)
    operation = _OPERATIONS.get(str(body.get("operation")))
    if operation is None:
        raise answers.Refused(400, "Requested task operation not recognized.")
    return asked.view(await operation(asked, body))


async def _start(asked: Asked, _: given.Body) -> Task:
    task, refused = asked.known, answers.Refused(400, "Can only start tasks that are Pending.")
    asked.need(rights.progresses(asked.who, asked.bindings, task), "start task")
    if task.state is not State.READY:
        raise refused
    try:
        return await asked.parts.parts.lifecycle.start(task, exec_id=None, by=asked.by)
    except errors.WrongState:
        raise refused from None


async def _complete(asked: Asked, _: given.Body) -> Task:
    check = _progressing(asked, "complete task", "Can only complete tasks that are In Progress.")
    return await asked.parts.parts.lifecycle.complete_by_right(
        check(asked.known), result=None, by=asked.by, check=check
    )


async def _cancel(asked: Asked, body: given.Body) -> Task:
    reason, task = body.get("reason"), asked.known
    refused = answers.Refused(400, "Can only cancel tasks that are Pending or In Progress.")
    if not asked.parts.parts.settings.adsp_readers_cancel:
        may = rights.works(asked.who, asked.bindings) or rights.assigns(asked.who, asked.bindings)
        asked.need(may, "cancel task")
    if task.state is State.DONE:
        raise refused
    message = reason if isinstance(reason, str) and reason else None
    try:
        return await asked.parts.parts.lifecycle.cancel(task, by=asked.by, message=message, now=True)
    except errors.WrongState:
        raise refused from None


async def _set_priority(asked: Asked, body: given.Body) -> Task:
    asked.need(rights.sets_priority(asked.who, asked.bindings), "set task priority")
    return await asked.parts.parts.lifecycle.prioritise(asked.known, to=given.priority(body), by=asked.by)


async def _assign(asked: Asked, body: given.Body) -> Task:
    to, task = given.assignee(body), asked.known
    mine = to is not None and to.id == asked.who.subject and rights.works(asked.who, asked.bindings)
    asked.need(mine or rights.assigns(asked.who, asked.bindings), "assign task")
    refused = answers.Refused(400, "Cannot assign Completed or Cancelled task.")
    try:
        return await asked.parts.parts.lifecycle.assign(task, to=to, by=asked.by)
    except errors.WrongState:
        raise refused from None


_OPERATIONS: dict[str, Callable[[Asked, given.Body], Awaitable[Task]]] = {
    "start": _start,
    "complete": _complete,
    "cancel": _cancel,
    "set-priority": _set_priority,
    "assign": _assign,
}


def _progressing(asked: Asked, what: str, refused: str) -> Callable[[Task], Task]:
    """Asked again at the moment of the change: still the caller's to progress, still In Progress."""

    def check(task: Task) -> Task:
        asked.need(rights.progresses(asked.who, asked.bindings, task), what)
        if task.state is not State.IN_PROGRESS:
            raise answers.Refused(400, refused)
        return task

    return check
