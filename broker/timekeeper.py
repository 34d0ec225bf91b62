"""The timekeeper: what is due happens. Retries and delayed tasks become ready, late ones lose their lease or end.

Each task has one timer (`dueAt`, `dueKind`), so one index tells what is due; nothing sleeps in memory for a task.
"""

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime

import structlog

from broker.desk import Desk
from broker.directory import Directory
from broker.places import Places
from core import errors, logs
from core.clock import Clock
from core.deadlines import Deadlines
from core.task import ENGINE, DueKind, Task
from core.tenant import TenantState
from core.transitions import alarms, ends, failures, holds, tickets, transition
from core.transitions.transition import Transition
from store.sweeps import Sweeps

_log = structlog.get_logger(__name__)

BATCH = 500
TICK_SECONDS = 0.5
_GATHER_SECONDS = 0.05
"""Between rounds while timers keep running out one by one: so that they are taken together."""
_MOST_OFFERS = 8


class Timekeeper:
    """Runs timers in batches; safe beside another one, since every write fits only once."""

    def __init__(
        self, sweeps: Sweeps, desk: Desk, directory: Directory, places: Places, *, clock: Clock, dice: random.Random
    ) -> None:
        self._sweeps = sweeps
        self._desk = desk
        self._directory = directory
        self._places = places
        self._clock = clock
        self._dice = dice
        self._offers: set[asyncio.Task[None]] = set()

    async def step(self) -> float:
        """Run what is due, at most a batch; answers the seconds until there may be more."""
        now = self._clock()
        next_due = await self._sweeps.next_due()
        if next_due is None or next_due > now:
            return TICK_SECONDS if next_due is None else min(TICK_SECONDS, (next_due - now).total_seconds())
        due = await self._sweeps.due(now, BATCH)
        changed = await self._run(due, now)
        self._follow_up(due, changed)
        if len(due) == BATCH and changed:
            return 0.0
        return _GATHER_SECONDS if changed else TICK_SECONDS

    async def close(self) -> None:
        """Wait for tickets that are on their way."""
        if self._offers:
            await asyncio.wait(self._offers)

    async def _run(self, due: Sequence[Task], now: datetime) -> list[Task]:
        """Write what these tasks' timers say; answers the tasks as they are then."""
        waiting = [task for task in due if task.due_kind is DueKind.EXECUTE]
        others = [task for task in due if task.due_kind is not DueKind.EXECUTE]
        woken, settled = await asyncio.gather(self._wake(waiting, now), self._settle(others, now))
        return woken + settled

    async def _wake(self, tasks: Sequence[Task], now: datetime) -> list[Task]:
        if not tasks:
            return []
        # One that somebody else changed meanwhile gets a stale ticket, which costs its claimer one look.
        await self._sweeps.wake(tasks, now)
        return [transition.apply(_wake(task, now), task) for task in tasks]

    async def _settle(self, tasks: Sequence[Task], now: datetime) -> list[Task]:
        pairs: list[tuple[Task, Transition]] = []
        late = {task.tenant for task in tasks if task.due_kind is DueKind.LEASE}
        states = {tenant: await self._directory.tenant_state(tenant) for tenant in late}
        for task in tasks:
            change = await self._change(task, now, states.get(task.tenant, TenantState.ACTIVE))
            try:
                transition.apply(change, task)
            except errors.Conflict as error:
                _log.error("timer does not fit its task", **logs.of(task), error=error.detail)
            else:
                pairs.append((task, change))
        half = len(pairs) // 2
        first, second = await asyncio.gather(self._sweeps.settle(pairs[:half]), self._sweeps.settle(pairs[half:]))
        return first + second

    async def _change(self, task: Task, now: datetime, tenant: TenantState) -> Transition:
        """What a timer of this kind means for the task of a tenant in this state."""
        match task.due_kind:
            case DueKind.START_TIMEOUT:
                return holds.miss_start(task, at=now)
            case DueKind.LEASE:
                return failures.lose_lease(task, at=now, dice=self._dice, tenant=tenant)
            case DueKind.WAITED:
                return ends.complete(task, at=now, by=ENGINE, result=None)
            case DueKind.EXPIRY:
                return ends.expire(task, at=now)
            case DueKind.CANCEL:
                asked = task.cancel_request
                by, message = (asked.by, asked.message) if asked is not None else (ENGINE, None)
                return ends.cancel(task, at=now, by=by, message=message)
            case DueKind.ALARM:
                return alarms.ring(task, at=now, rules=await self._rules(task))
            case _:
                return ends.run_out(task, at=now)

    async def _rules(self, task: Task) -> Deadlines:
        """What the task's queue says of deadlines now; nothing when it was deleted."""
        try:
            return (await self._directory.queue(task.tenant, task.queue)).deadlines
        except errors.NotFound:
            return Deadlines()

    def _follow_up(self, due: Sequence[Task], changed: list[Task]) -> None:
        """Publish tickets for what is ready, and call the next where a seat became free, behind us.

        While too many of these are on their way, they are left to the relay and the ushers.
        """
        if changed and len(self._offers) < _MOST_OFFERS:
            before = {(task.tenant, task.id): task for task in due if task.slot is not None}
            pairs = [(before[task.tenant, task.id], task) for task in changed if (task.tenant, task.id) in before]
            offer = asyncio.create_task(self._offer(changed, pairs))
            self._offers.add(offer)
            offer.add_done_callback(self._offers.discard)

    async def _offer(self, changed: Sequence[Task], pairs: Sequence[tuple[Task, Task]]) -> None:
        await self._desk.offer(changed)
        await self._places.moved(pairs)


def _wake(task: Task, now: datetime) -> Transition:
    return tickets.wake(
        at=now, assigned=task.assignee is not None or task.builtin is not None, limited=task.slot is not None
    )
