"""Concurrency limits: a task of a limited definition is handed out on a seat of its slot, or parked until one is free.

The seat is part of the hand-out itself and goes with it (`store/seats.py`), so the limit holds whoever dies when. What
is left to do here is to call the next: whoever ends a hand-out calls one for its seat, and what a crash or a change of
the limit leaves uncalled, the engine's `Ushers` call.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog

from broker.desk import Desk
from broker.directory import Directory
from core import errors, places
from core.clock import Clock
from core.definition import Definition
from core.task import State, Task, Waits
from core.transitions import holds, tickets
from core.transitions.transition import Transition
from store.definition_sweeps import DefinitionSweeps
from store.seats import Seats, Wanted
from store.sweeps import Sweeps
from store.tasks import Tasks

_log = structlog.get_logger(__name__)
_TRIES = 5
_MOST_CALLED = 100
_AT_ONCE = 8
_BATCH = 500
TICK_SECONDS = 1.0
_IDLE_SHARE = 5
_NEW = timedelta(minutes=1)
"""So long after a change of a definition, hand-outs without a seat are looked for: other replicas learn it later."""

Seated = Callable[[Transition], Transition]
"""Makes a hand-out one on a seat; where there is no limit it leaves it as it is."""
Ticketed = tuple[str, int]
"""A task's id and the priority that its ticket had."""


class Places:
    """Gives seats and calls the next, for one process."""

    def __init__(
        self, seats: Seats, tasks: Tasks, directory: Directory, desk: Desk, *, clock: Clock, dice: random.Random
    ) -> None:
        self._seats = seats
        self._tasks = tasks
        self._directory = directory
        self._desk = desk
        self._clock = clock
        self._dice = dice

    # --- hand out ---

    async def claim(
        self, definition: Definition, tickets: Sequence[Ticketed], change: Transition, me: str
    ) -> list[Task]:
        """As `Tasks.claim`, for tasks of one limited definition: those for which no seat is free are parked."""
        tenant = definition.tenant
        found = await self._tasks.get_many(tenant, [task_id for task_id, _ in tickets])
        wanted: dict[str, list[tuple[Task, int]]] = {}
        for task_id, priority in dict.fromkeys(tickets):
            task = found.get(task_id)
            if task is not None and _fits(task, change, priority, me):
                wanted.setdefault(places.slot(definition, task.params, hidden=bool(task.encrypted)) or "", []).append(
                    (task, priority)
                )
        elsewhere = {task.slot for task in found.values() if task.slot is not None} - wanted.keys()
        held: list[Task] = []
        for _ in range(_TRIES):
            chosen = await self._chosen(definition, wanted, change)
            if not chosen:
                break
            got, late = await self._seats.claim(tenant, chosen, me)
            held += got
            over = {each.task_id for each in chosen} - late
            wanted = {slot: [pair for pair in pairs if pair[0].id not in over] for slot, pairs in wanted.items()}
            if not late:
                break
        await self._park(tenant, {slot: [task for task, _ in pairs] for slot, pairs in wanted.items() if pairs})
        # Called for one slot and handed out in another: its params, or the key path, were changed since.
        await self.call(tenant, sorted(elsewhere))
        return sorted(held, key=lambda task: task.place)

    async def _chosen(
        self, definition: Definition, wanted: Mapping[str, Sequence[tuple[Task, int]]], change: Transition
    ) -> list[Wanted]:
        """A free seat for the first of each slot; which one is left to chance, as others choose at the same moment."""
        open_slots = [slot for slot, pairs in wanted.items() if pairs]
        if not open_slots:
            return []
        taken = await self._seats.taken(definition.tenant, open_slots)
        chosen: list[Wanted] = []
        for slot in open_slots:
            free = places.free(_limit(definition), taken[slot])
            self._dice.shuffle(free)
            first = sorted(wanted[slot], key=lambda pair: pair[0].place)
            chosen += [
                Wanted(task_id=task.id, priority=priority, change=holds.seated(change, slot, seat))
                for (task, priority), seat in zip(first, free, strict=False)
            ]
        return chosen

    async def _park(self, tenant: str, full: Mapping[str, Sequence[Task]]) -> None:
        for slot, tasks in full.items():
            change = tickets.park(at=self._clock(), slot=slot)
            await self._seats.park(tenant, [task.id for task in tasks], change)
        # A seat may have become free before these were parked: whoever gave it back did not see them.
        await self.call(tenant, list(full))

    async def take(self, task: Task, write: Callable[[Seated], Awaitable[Task]]) -> Task:
        """Write the hand-out of a task that a person picked, on a seat if its definition has a limit.

        Raises `LimitReached`.
        """
        definition = (await self._directory.limited(task.tenant)).get(task.lane)
        limited = definition is not None and task.state is State.READY
        slot = (
            places.slot(definition, task.params, hidden=bool(task.encrypted))
            if limited and definition is not None
            else None
        )
        if definition is None or slot is None:
            return await write(lambda change: change)
        for _ in range(_TRIES):
            taken = await self._seats.taken(task.tenant, [slot])
            free = places.free(_limit(definition), taken[slot])
            if not free:
                break
            try:
                return await write(partial(holds.seated, slot=slot, seat=self._dice.choice(free)))
            except errors.Changed:
                continue
        limit = _limit(definition)
        raise errors.LimitReached(
            f"{definition.name} allows {limit} tasks at once, and so many are held; one of them must end first.",
            extra={"limit": limit},
        )

    # --- the next ---

    async def moved(self, changed: Iterable[tuple[Task, Task]]) -> None:
        """Tasks were changed (before, after): call the next where a seat became free or a task was parked.

        Never raises.
        """
        slots: dict[str, set[str]] = {}
        for before, after in changed:
            slots.setdefault(after.tenant, set()).update(_slots(before, after))
        for tenant, names in slots.items():
            await self.call(tenant, sorted(names))

    async def call(self, tenant: str, slots: Sequence[str]) -> None:
        """Give tickets to the first that wait for these slots, as many as seats are free. Never raises."""
        if not slots:
            return
        try:
            limited = await self._directory.limited(tenant)
            standing = await self._seats.standing(tenant, slots)
            room: dict[str, int] = {}
            for slot, stands in standing.items():
                definition = limited.get(places.lane_of(slot))
                most = _MOST_CALLED if definition is None else _limit(definition) - stands.held - stands.called
                if most > 0:
                    room[slot] = min(most, _MOST_CALLED)
            await self._called(tenant, room)
        except errors.Unavailable as error:
            _log.warning("the next are called later", tenant=tenant, slots=len(slots), error=error.detail)

    async def _called(self, tenant: str, room: Mapping[str, int]) -> None:
        for some in _batches(list(room), _AT_ONCE):
            found = await asyncio.gather(*(self._seats.parked(tenant, slot, room[slot]) for slot in some))
            first = [task for tasks in found for task in tasks]
            if first:
                change = tickets.call(at=self._clock())
                await self._desk.offer(await self._seats.call(tenant, first, change))

    # --- a limit that is new ---

    async def adopt(self, definition: Definition) -> int:
        """Give seats to tasks that were handed out before the definition had its limit; answers how many."""
        if definition.concurrency is None:
            return 0
        found = await self._seats.unseated(definition.tenant, definition.queue, definition.lane, _BATCH)
        adopted = 0
        for task in found:
            slot = places.slot(definition, task.params, hidden=bool(task.encrypted)) or ""
            taken = await self._seats.taken(task.tenant, [slot])
            change = holds.adopt(task, at=self._clock(), slot=slot, seat=places.beyond(taken[slot]))
            adopted += await self._seats.adopt(task.tenant, task, change)
        return adopted


class Ushers:
    """The engine's part: nobody waits before a free seat for longer than a moment, and no hand-out is uncounted."""

    def __init__(self, sweeps: Sweeps, definitions: DefinitionSweeps, places: Places, *, clock: Clock) -> None:
        self._sweeps = sweeps
        self._definitions = definitions
        self._places = places
        self._clock = clock

    async def step(self) -> float:
        """Look over all slots that somebody waits for; answers the seconds until the next time."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        by_tenant: dict[str, list[str]] = {}
        for tenant, slot in await self._sweeps.waited_for():
            by_tenant.setdefault(tenant, []).append(slot)
        for tenant, slots in by_tenant.items():
            for some in _batches(slots, _BATCH):
                await self._places.call(tenant, some)
        await self._adopt(self._clock() - _NEW)
        return max(TICK_SECONDS, (loop.time() - began) * _IDLE_SHARE)

    async def _adopt(self, since: datetime) -> None:
        for definition in await self._definitions.limited(since):
            if adopted := await self._places.adopt(definition):
                _log.info("held tasks count towards a new limit", definition=definition.name, tasks=adopted)


def _limit(definition: Definition) -> int:
    return 0 if definition.concurrency is None else definition.concurrency.limit


def _fits(task: Task, change: Transition, priority: int, me: str) -> bool:
    mine = task.assignee is None or task.assignee.id == me
    return task.state in change.sources and int(task.priority) == priority and mine


def _slots(before: Task, after: Task) -> set[str]:
    """The slots in which this change may have freed a seat or a call, or parked the task.

    A ready task may have been called since it was read: that leaves its number as it was.
    """
    stood = before.seat is not None or before.state is State.READY
    left = after.seat is None and after.waits is not Waits.CALLED
    slots = {before.slot if stood and left else None, after.slot if after.waits is Waits.PARKED else None}
    return {slot for slot in slots if slot is not None}


def _batches(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (names[begin : begin + size] for begin in range(0, len(names), size))
