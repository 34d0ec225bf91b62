"""The ticket desk: publishes tickets for tasks that became ready, and notes later which were confirmed.

A ticket that is not confirmed costs latency alone: the task keeps its `ticketDue`, and the relay publishes another.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

import structlog

from broker.rabbit import topology
from broker.rabbit.messages import Ticket
from broker.rabbit.publisher import Publisher
from core import errors
from core.task import TICKET_REPAIR, State, Task, Waits
from store.sweeps import Stub
from store.tasks import Tasks

_log = structlog.get_logger(__name__)
_NOTE_EVERY = 0.5
_NOTE_AFTER = 0.4 * TICKET_REPAIR.total_seconds()
"""From a confirm to its note. A task that is claimed by then needs none: its mark went with the claim. Afterwards the
relay would publish another ticket."""


class Desk:
    """Hands tickets to the broker for one process."""

    def __init__(self, publisher: Publisher, tasks: Tasks, *, prefix: str) -> None:
        self._publisher = publisher
        self._tasks = tasks
        self._prefix = prefix
        self._confirmed: deque[tuple[float, tuple[str, str]]] = deque()

    async def offer(self, tasks: Sequence[Task]) -> None:
        """Publish a ticket for each task that is ready, nobody's and not parked; returns when that is settled.

        Never raises.
        """
        ready = [task for task in tasks if _offered(task)]
        if not ready:
            return
        tickets = {ticket(task, self._prefix): (task.tenant, task.id) for task in ready}
        confirmed = await self._publisher.publish(list(tickets))
        now = asyncio.get_running_loop().time()
        self._confirmed.extend((now, tickets[each]) for each in confirmed)

    async def note_confirmed(self) -> None:
        """Write, in batches and for ever, which tickets were confirmed; run it as a task beside the server."""
        while True:
            await asyncio.sleep(_NOTE_EVERY)
            await self._note(until=asyncio.get_running_loop().time() - _NOTE_AFTER)

    async def flush(self) -> None:
        """Write what is not noted yet, at once."""
        await self._note(until=asyncio.get_running_loop().time())

    async def _note(self, *, until: float) -> None:
        """Write what was confirmed by then. What cannot be is dropped, and the relay publishes a ticket too many."""
        noted: list[tuple[str, str]] = []
        while self._confirmed and self._confirmed[0][0] <= until:
            noted.append(self._confirmed.popleft()[1])
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


def ticket(task: Task | Stub, prefix: str) -> Ticket:
    """The hint that this task may be ready."""
    lane = topology.lane(prefix, task.tenant, task.lane)
    return Ticket(lane=lane, ids=(task.id,), priority=int(task.priority), place=task.place)
