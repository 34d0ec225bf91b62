"""The relay: a ready task whose ticket was not confirmed in time gets another one."""

from datetime import datetime, timedelta

from broker.desk import ticket
from broker.rabbit.connection import Link
from broker.rabbit.publisher import Publisher
from core.clock import Clock
from core.task import TICKET_REPAIR
from store.sweeps import Sweeps
from store.tasks import Tasks

BATCH = 1000
TICK_SECONDS = 0.5
_TICK = timedelta(milliseconds=1)


class Relay:
    """Publishes what is overdue, in the order of the worklist; while the broker is away it waits."""

    def __init__(
        self, sweeps: Sweeps, tasks: Tasks, publisher: Publisher, link: Link, *, clock: Clock, prefix: str
    ) -> None:
        """`link` is the publisher's."""
        self._sweeps = sweeps
        self._tasks = tasks
        self._publisher = publisher
        self._link = link
        self._clock = clock
        self._prefix = prefix
        self._away = False
        self._certain: datetime | None = None

    async def step(self) -> float:
        """Publish a batch of tickets; answers the seconds until there may be more."""
        if not self._link.connected or self._link.blocked:
            self._away = True
            return TICK_SECONDS
        now = self._clock()
        if self._away:
            # What was marked before the broker was back has no ticket there, and need not wait any longer.
            self._away, self._certain = False, now + TICKET_REPAIR - _TICK
        overdue = await self._sweeps.unticketed(max(now, self._certain or now), BATCH)
        if not overdue:
            return TICK_SECONDS
        tickets = {ticket(task, self._prefix): task for task in overdue}
        confirmed = await self._publisher.publish(list(tickets))
        sure = [tickets.pop(each) for each in confirmed]
        if sure:
            await self._tasks.ticketed([(task.tenant, task.id) for task in sure])
        if tickets:
            await self._sweeps.postpone_tickets(list(tickets.values()), self._clock())
        return 0.0 if len(overdue) == BATCH and sure else TICK_SECONDS
