"""Looking at tasks: one, a page, all that fit, one until it has ended, what happened to one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Literal, TypedDict, Unpack

from penstock.calls import paths
from penstock.faces import Calls, operation, stream
from penstock.models.base import Page, Priority
from penstock.models.platform import Event
from penstock.models.queue import Queue
from penstock.models.task import Outcome, State, Task
from penstock.transport import Call, Query, Transport

Sort = Literal[
    "place", "createdAt", "-createdAt", "updatedAt", "-updatedAt", "endedAt", "-endedAt", "dueDate", "followUpDate"
]
_PAGE = 200
_FIRST_LOOK_SECONDS, _LAST_LOOK_SECONDS = 0.05, 2.0


class Filters(TypedDict, total=False):
    """What narrows a listing; without any it shows open tasks in the worklist's order."""

    state: State | Sequence[State]
    outcome: Outcome | Sequence[Outcome]
    priority: Priority | Sequence[Priority]
    assignee: str
    """A person's id, `me` or `none`."""
    created_by: str
    label: str
    record_id: str
    definition: str
    text: str
    dead: bool
    created_from: datetime
    created_to: datetime
    ended_from: datetime
    ended_to: datetime
    due_from: datetime
    due_to: datetime
    follow_up_from: datetime
    follow_up_to: datetime
    redrive: str
    """Tasks that this redrive runs again."""
    filter: str
    """Id of a saved filter, over several queues: what is named beside it counts instead."""
    sort: Sort


class Looking(Calls):
    """Calls that change nothing."""

    @operation
    async def get(self, task: paths.TaskRef) -> Task:
        """A task as it is now. Raises NotFound."""
        return await self._transport.answer(_get(paths.task(task)), Task)

    @operation
    async def page(
        self,
        queue: paths.QueueRef | Sequence[str] | None = None,
        *,
        after: str | None = None,
        limit: int = 50,
        **filters: Unpack[Filters],
    ) -> Page[Task]:
        """One page of a queue's tasks, of several queues' or of all that may be read; `after` is a page's `next`."""
        return await _page(self._transport, queue, after, limit, filters)

    @stream
    async def list(
        self,
        queue: paths.QueueRef | Sequence[str] | None = None,
        *,
        limit: int | None = None,
        **filters: Unpack[Filters],
    ) -> AsyncIterator[Task]:
        """All tasks that fit, page after page, at most `limit`."""
        left = limit
        after: str | None = None
        while left is None or left > 0:
            page = await _page(self._transport, queue, after, min(_PAGE, left or _PAGE), filters)
            for task in page.items:
                yield task
            left = None if left is None else left - len(page.items)
            if (after := page.next) is None:
                return

    @operation
    async def wait(self, task: paths.TaskRef, *, timeout: paths.Seconds | None = None) -> Task:  # noqa: ASYNC109 - of both faces
        """Return the task when it has ended. Raises TimeoutError when it has not in time."""
        async with asyncio.timeout(paths.seconds(timeout)):
            rest = _FIRST_LOOK_SECONDS
            while not (now := await self._transport.answer(_get(paths.task(task)), Task)).ended:
                await asyncio.sleep(rest)
                rest = min(rest * 1.5, _LAST_LOOK_SECONDS)
            return now

    @stream
    async def history(self, task: paths.TaskRef) -> AsyncIterator[Event]:
        """Everything that happened to it, from the beginning."""
        after: str | None = None
        while True:
            query: Query = {"after": after, "limit": _PAGE}
            page = await self._transport.answer(_get(f"{paths.task(task)}/history", query), Page[Event])
            for event in page.items:
                yield event
            if (after := page.next) is None:
                return


def wire(queue: paths.QueueRef | Sequence[str] | None, filters: Filters) -> dict[str, Any]:
    """What a listing asks for, named as on the wire: what saved filters and bulk actions hold."""
    query: dict[str, Any] = {_camel(name): _word(value) for name, value in filters.items()}
    if queue is not None:
        query["queue"] = [paths.key(queue)] if isinstance(queue, str | Queue) else list(queue)
    return query


async def _page(
    transport: Transport,
    queue: paths.QueueRef | Sequence[str] | None,
    after: str | None,
    limit: int,
    filters: Filters,
) -> Page[Task]:
    query = wire(queue, filters) | {"after": after, "limit": limit}
    path = f"{paths.ROOT}/tasks"
    if isinstance(queue, str | Queue) and "filter" not in filters:
        path = f"{paths.queue(queue)}/tasks"
        del query["queue"]
    return await transport.answer(_get(path, query), Page[Task])


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(each.title() for each in rest)


def _word(value: object) -> object:
    return paths.moment(value) if isinstance(value, datetime) else value


def _get(path: str, query: Query | None = None) -> Call:
    return Call(method="GET", path=path, query=query or {}, repeatable=True)
