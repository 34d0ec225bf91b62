"""Changing tasks from outside: by whoever watches over the work, not by who does it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from penstock import errors
from penstock.calls import paths
from penstock.faces import Calls, operation
from penstock.models.base import Priority
from penstock.models.queue import Redrive
from penstock.models.task import Task
from penstock.transport import Call


class Managing(Calls):
    """Calls of whoever watches over the work."""

    @operation
    async def update(self, task: paths.TaskRef, fields: Mapping[str, Any], *, seq: int | None = None) -> Task:
        """Change `name`, `description`, `params`, `context`, `labels`, `recordId`, `dueDate`, `followUpDate`,
        `attachments`, `priority` (as the wire names them); None takes one away.

        With `seq` only if nothing happened to the task since it had that number, else PreconditionFailed.
        """
        headers = {} if seq is None else {"if-match": f'"{seq}"'}
        repeatable = seq is None
        call = Call(method="PATCH", path=paths.task(task), body=dict(fields), headers=headers, repeatable=repeatable)
        return await self._transport.answer(call, Task)

    @operation
    async def delete(self, task: paths.TaskRef) -> None:
        """Remove it from every view; an open task is canceled by that. Raises NotFound."""
        await self._transport.send(Call(method="DELETE", path=paths.task(task)))

    @operation
    async def cancel(
        self, task: paths.TaskRef, reason: str | None = None, *, mode: Literal["ask", "now"] = "ask"
    ) -> Task:
        """End it: `ask` lets a running one stop by itself within the server's grace, `now` cuts it off."""
        return await self._transport.answer(_post(task, "cancel", paths.given(reason=reason, mode=mode)), Task)

    @operation
    async def retry(self, task: paths.TaskRef) -> Task:
        """Run an ended task again with all its attempts."""
        return await self._transport.answer(_post(task, "retry", {}), Task)

    @operation
    async def assign(self, task: paths.TaskRef, to: Mapping[str, str] | Literal["me"] | None) -> Task:
        """Give it to a person (`{id, name, email}`), to the caller (`me`), or back to nobody (None)."""
        body = {"to": to if to is None or isinstance(to, str) else dict(to)}
        return await self._transport.answer(_post(task, "assign", body, repeatable=True), Task)

    @operation
    async def set_priority(self, task: paths.TaskRef, priority: Priority) -> Task:
        """Change its priority and with it its place."""
        return await self._transport.answer(_post(task, "priority", {"priority": priority}, repeatable=True), Task)

    @operation
    async def set_due(self, task: paths.TaskRef, at: datetime | None) -> Task:
        """Say until when it should be done; None takes the date away. Reminders and escalations ring anew."""
        return await self._transport.answer(_patch(task, {"dueDate": paths.moment(at)}), Task)

    @operation
    async def set_follow_up(self, task: paths.TaskRef, at: datetime | None) -> Task:
        """Say when somebody should look at it again; None takes the date away."""
        return await self._transport.answer(_patch(task, {"followUpDate": paths.moment(at)}), Task)

    @operation
    async def redrive(
        self,
        queue: paths.QueueRef,
        *,
        ids: Sequence[str] | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the member's name on the wire
        rate_per_second: float | None = None,
    ) -> Redrive:
        """Run dead letters again: those named, those that fit the filter, or all; goes on in the background."""
        if ids is not None and not ids:
            raise errors.UsageError("No task is named; leave `ids` out to redrive all dead letters.")
        body = paths.given(ids=None if ids is None else list(ids), filter=filter, ratePerSecond=rate_per_second)
        return await self._transport.answer(
            Call(method="POST", path=f"{paths.queue(queue)}/redrive", body=body), Redrive
        )

    @operation
    async def get_redrive(self, queue: paths.QueueRef, redrive_id: str) -> Redrive:
        """How far a redrive is."""
        path = f"{paths.queue(queue)}/redrives/{redrive_id}"
        return await self._transport.answer(Call(method="GET", path=path, repeatable=True), Redrive)

    @operation
    async def undo_redrive(self, queue: paths.QueueRef, redrive_id: str) -> Redrive:
        """Put back among the dead letters what nobody has taken since."""
        path = f"{paths.queue(queue)}/redrives/{redrive_id}/undo"
        return await self._transport.answer(Call(method="POST", path=path, body={}), Redrive)


def _patch(task: paths.TaskRef, body: Any) -> Call:
    return Call(method="PATCH", path=paths.task(task), body=body, repeatable=True)


def _post(task: paths.TaskRef, verb: str, body: Any, *, repeatable: bool = False) -> Call:
    return Call(method="POST", path=f"{paths.task(task)}/{verb}", body=body, repeatable=repeatable)
