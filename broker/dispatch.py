"""Handing tasks out: tickets are taken on demand only, then one conditional update decides (DESIGN 6, Claim).

A ticket is held for the length of that update, never for the length of a task. What was not ready has a stale ticket,
which is thrown away, and the next one is taken.
"""

import asyncio
import contextlib
from collections.abc import Generator, Sequence
from datetime import timedelta

import msgspec

from broker.directory import Directory
from broker.fair import LIGHT, Fair
from broker.gather import Gather
from broker.places import Places, Ticketed
from broker.rabbit import topology
from broker.rabbit.consumer import Consumer
from broker.rabbit.drawing import Drawn
from broker.rabbit.waiting import Waiter
from core import ids
from core.clock import Clock
from core.queue import Queue
from core.task import Actor, Task
from core.transitions import holds
from core.transitions.transition import Transition
from store.tasks import Handout, Tasks

MOST_WAIT = timedelta(seconds=60)
_FEW = 4
"""So many claims go in one call. Each may be of many tasks, and all who are in a call wait for all of them."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker asks for: at most `count` tasks, waiting up to `wait` for the first one."""

    by: Actor
    count: int = 1
    wait: timedelta = timedelta(0)
    worker: str | None = None
    start: bool = True
    definitions: tuple[str, ...] | None = None
    """Only tasks of these, and decisions of the flow templates among them; None takes whatever the queue holds."""
    deciding: tuple[str, ...] | None = None
    """Beside them, decisions of these flow templates."""
    tasks: bool = True
    decisions: bool = True


class Dispatch:
    """Answers claims of one process."""

    def __init__(
        self,
        consumer: Consumer,
        tasks: Tasks,
        directory: Directory,
        places: Places,
        fair: Fair,
        *,
        clock: Clock,
        prefix: str,
    ) -> None:
        self._consumer = consumer
        self._tasks = tasks
        self._places = places
        self._fair = fair
        self._directory = directory
        self._clock = clock
        self._prefix = prefix
        self._handouts: Gather[Handout, list[Task] | Exception] = Gather(tasks.claim_all, in_flight=4, few=_FEW)

    async def claim(self, queues: Sequence[Queue], claim: Claim, gone: asyncio.Event) -> list[Task]:
        """Up to `claim.count` tasks of these queues of one tenant, urgent and old first; [] when none come in time.

        `gone` is set when the caller hung up: it is then given nothing. Raises `Unavailable` when the broker is away.
        """
        open_ones = [queue for queue in queues if not queue.paused]
        lanes = [lane for queue in open_ones for lane in await self._lanes(queue, claim)]
        if not lanes:
            await _pass(claim.wait, gone)
            return []
        return await self._claim(open_ones[0].tenant, lanes, claim, gone)

    async def claim_lane(self, tenant: str, lane: str, claim: Claim, gone: asyncio.Event) -> list[Task]:
        """The same from one lane."""
        return await self._claim(tenant, [topology.lane(self._prefix, tenant, lane)], claim, gone)

    async def _claim(self, tenant: str, lanes: Sequence[str], claim: Claim, gone: asyncio.Event) -> list[Task]:
        if not claim.wait or not self._consumer.drained(lanes):
            tasks = await self._at_once(tenant, lanes, claim)
            if tasks or not claim.wait:
                return tasks
        return await self._after_waiting(tenant, lanes, claim, gone)

    async def _lanes(self, queue: Queue, claim: Claim) -> list[str]:
        found = await self._directory.lanes(queue, claim.definitions, tasks=claim.tasks, decisions=claim.decisions)
        if claim.deciding is not None:
            found += await self._directory.lanes(queue, claim.deciding, tasks=False)
        return [topology.lane(self._prefix, queue.tenant, lane) for lane in found]

    async def _at_once(self, tenant: str, lanes: Sequence[str], claim: Claim) -> list[Task]:
        """What is there now: drawn and handed out in one round, and in further ones as far as tickets were stale.

        Tasks that come meanwhile are not waited for: those at hand would be late by as many writes.
        """
        tasks: list[Task] = []
        async with self._fair.heavy(tenant, claim.count):
            while (wanted := claim.count - len(tasks)) > 0:
                drawn = await self._consumer.draw(lanes, wanted)
                if drawn:
                    tasks += await self._take(tenant, drawn, claim)
                if len(drawn) < wanted:
                    break
        return tasks

    async def _after_waiting(self, tenant: str, lanes: Sequence[str], claim: Claim, gone: asyncio.Event) -> list[Task]:
        """Wait as a consumer for the first tickets that are good, and take along what else is there by then."""
        loop = asyncio.get_running_loop()
        until = loop.time() + min(claim.wait, MOST_WAIT).total_seconds()
        tasks: list[Task] = []
        async with self._consumer.waiting(lanes, claim.count) as waiter:
            with _called_off(waiter, gone):
                while not tasks and (left := until - loop.time()) > 0:
                    drawn = await waiter.next(left)
                    if not drawn or gone.is_set():
                        return []
                    more = 0 if self._consumer.drained(lanes) else claim.count - len(drawn)
                    if more or len(drawn) > LIGHT:
                        waiter.part()
                    async with self._fair.heavy(tenant, len(drawn) + more):
                        along = await self._consumer.draw(lanes, more)
                        tasks = await self._take(tenant, [*drawn, *along], claim)
        return tasks

    async def _take(self, tenant: str, drawn: Sequence[Drawn], claim: Claim) -> list[Task]:
        """One conditional update for these tickets, then their acks; if MongoDB fails they go back to the broker."""
        change = holds.claim(
            at=self._clock(), by=claim.by, worker=claim.worker, exec_id=ids.new_secret(), start=claim.start
        )
        try:
            tasks = await self._written(tenant, drawn, change, claim.by.id)
        except BaseException:
            await self._consumer.settle(drawn, back=True)
            raise
        await self._consumer.settle(drawn)
        return tasks

    async def _written(self, tenant: str, drawn: Sequence[Drawn], change: Transition, me: str) -> list[Task]:
        """The hand-out of these tickets' tasks: those of limited definitions on seats, all others in one update."""
        limited = await self._directory.limited(tenant)
        by_lane = {topology.lane(self._prefix, tenant, lane): each for lane, each in limited.items()}
        found = {each.ticket.lane for each in drawn} & by_lane.keys()
        if not found:
            return await self._free(tenant, _tickets(drawn), change, me)
        free = [each for each in drawn if each.ticket.lane not in found]
        tasks = await self._free(tenant, _tickets(free), change, me) if free else []
        for lane in found:
            tickets = _tickets([each for each in drawn if each.ticket.lane == lane])
            tasks += await self._places.claim(by_lane[lane], tickets, change, me)
        return sorted(tasks, key=lambda task: task.place)

    async def _free(self, tenant: str, tickets: Sequence[Ticketed], change: Transition, me: str) -> list[Task]:
        """The hand-out of tasks without a limit, together with those of all who claim at this moment."""
        (tasks,) = await self._handouts.add([Handout(tenant=tenant, tickets=tickets, change=change, me=me)])
        if isinstance(tasks, Exception):
            raise tasks
        return tasks


def _tickets(drawn: Sequence[Drawn]) -> list[Ticketed]:
    return [(task_id, each.ticket.priority) for each in drawn for task_id in each.ticket.ids]


async def _pass(wait: timedelta, gone: asyncio.Event) -> None:
    """Let a long poll's time pass, so that its caller does not ask again at once."""
    if wait:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(wait, MOST_WAIT).total_seconds()):
                await gone.wait()


@contextlib.contextmanager
def _called_off(waiter: Waiter, gone: asyncio.Event) -> Generator[None]:
    """Wake the waiter when its caller is gone; a task of its own, so that a ticket's way leads through none."""

    async def tell() -> None:
        await gone.wait()
        waiter.call_off()

    watching = asyncio.create_task(tell())
    try:
        yield
    finally:
        watching.cancel()
