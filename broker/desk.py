"""The ticket desk: publishes tickets for tasks that became ready, and notes later which were confirmed.

A ticket that is not confirmed costs latency alone: the task keeps its `ticketDue`, and the relay publishes another.
"""

import asyncio
from collections.abc import Sequence

import structlog

from broker.rabbit import topology
from broker.rabbit.messages import Ticket
from broker.rabbit.publisher import Publisher
from core import errors
from core.task import State, Task, Waits
from store.tasks import Tasks

_log = structlog.get_logger(__name__)
_NOTE_EVERY = 0.5


class Desk:
    """Hands tickets to the broker for one process."""

    def __init__(self, publisher: Publisher, tasks: Tasks, *, prefix: str) -> None:
        self._publisher = publisher
        self._tasks = tasks
        self._prefix = prefix
        self._confirmed: list[tuple[str, str]] = []

    async def offer(self, tasks: Sequence[Task]) -> None:
        """Publish a ticket for each task that is ready, nobody's and not parked; returns when that is settled.

        Never raises.
        """
        ready = [task for task in tasks if _offered(task)]
        if not ready:
            return
        tickets = {ticket(task, self._prefix): (task.tenant, task.id) for task in ready}
        self._confirmed += [tickets[each] for each in await self._publisher.publish(list(tickets))]

    async def note_confirmed(self) -> None:
        """Write, in batches and for ever, which tickets were confirmed; run it as a task beside the server.

        The rest in between is what makes it cheap: tasks that are claimed meanwhile lost their mark by that already.
        """
        while True:
            await asyncio.sleep(_NOTE_EVERY)
            await self.flush()

    async def flush(self) -> None:
        """Write what is noted so far; what cannot be written is dropped, and the relay publishes a ticket too many."""
        noted, self._confirmed = self._confirmed, []
        if not noted:
            return
        try:
            await self._tasks.ticketed(noted)
        except errors.Unavailable as error:
            _log.warning("confirmed tickets not noted", tasks=len(noted), error=error.detail)


def _offered(task: Task) -> bool:
    return (
        task.state is State.READY and task.assignee is None and task.builtin is None and task.waits is not Waits.PARKED
    )


def ticket(task: Task, prefix: str) -> Ticket:
    """The hint that this task may be ready."""
    lane = topology.lane(prefix, task.tenant, task.lane)
    return Ticket(lane=lane, ids=(task.id,), priority=int(task.priority), place=task.place)
