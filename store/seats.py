"""Seats of limited definitions: who holds them, who waits for one. The tasks themselves say so; there is no count.

The unique index `seats` over (tenant, slot, seat) is what holds a limit: a hand-out takes its seat in the same write,
and the write that ends it gives the seat back. So nothing is left over by a crash that the task's lease does not end.
"""

from collections.abc import Mapping, Sequence

import msgspec
from pymongo import UpdateOne
from pymongo import errors as driver

from core.task import HELD, Task, Waits
from core.transitions import transition
from core.transitions.transition import Transition
from store import changes, documents, mongo, payloads
from store.mongo import Document
from store.payloads import Payloads

_DUPLICATE = 11000


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One hand-out that is to be written: a blind claim with its seat, if the task has the priority of its ticket."""

    task_id: str
    priority: int
    change: Transition


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a slot stands."""

    slot: str
    held: int = 0
    called: int = 0
    parked: int = 0


@mongo.translating
class Seats:
    """Seats by tenant and slot."""

    def __init__(self, database: mongo.Database, kept: Payloads = payloads.PLAIN) -> None:
        """`kept` opens payloads that are encrypted."""
        self._tasks = database["tasks"]
        self._payloads = kept

    async def taken(self, tenant: str, slots: Sequence[str]) -> dict[str, list[int]]:
        """The seats that are held in each of these slots (index `seats`, nothing else is read)."""
        found: dict[str, list[int]] = {slot: [] for slot in slots}
        rows = self._tasks.find(
            {"tenant": tenant, "slot": {"$in": list(slots)}, "seat": {"$gte": 0}}, {"_id": 0, "slot": 1, "seat": 1}
        )
        async for row in rows:
            found[row["slot"]].append(int(row["seat"]))
        return found

    async def claim(self, tenant: str, wanted: Sequence[Wanted], me: str) -> tuple[list[Task], frozenset[str]]:
        """Hand out those of the tasks that are ready, unassigned or `me`'s, each on its seat, in the worklist's order.

        All have the same fence. Answers beside them the ids of those whose seat somebody else took first.
        """
        writes = [
            UpdateOne(
                {"_id": documents.key(tenant, each.task_id), "priority": each.priority}
                | changes.condition(each.change)
                | changes.hands_out(each.change, me),
                changes.blind(each.change),
            )
            for each in wanted
        ]
        late: set[str] = set()
        try:
            await self._tasks.bulk_write(writes, ordered=False)
        except driver.BulkWriteError as error:
            faults: list[Document] = error.details["writeErrors"]
            if any(fault["code"] != _DUPLICATE for fault in faults):
                raise
            late = {wanted[int(fault["index"])].task_id for fault in faults}
        keys = documents.keys(tenant, [each.task_id for each in wanted])
        rows = self._tasks.find({"_id": {"$in": keys}, "execId": wanted[0].change.sets["exec_id"]})
        held = await self._payloads.tasks([row async for row in rows])
        return sorted(held, key=lambda task: task.place), frozenset(late - {task.id for task in held})

    async def park(self, tenant: str, task_ids: Sequence[str], change: Transition) -> None:
        """Leave ready tasks, nobody's, without tickets until a seat is free for them."""
        found = {"_id": {"$in": documents.keys(tenant, task_ids)}, "assignment.to.id": None}
        await self._tasks.update_many(found | changes.condition(change), changes.blind(change))

    async def parked(self, tenant: str, slot: str, limit: int) -> list[Task]:
        """The first in the worklist that wait for a seat of a slot (index `waits`)."""
        found: Document = {"tenant": tenant, "slot": slot, "waits": Waits.PARKED.value}
        rows = self._tasks.find(found).sort("place", 1).limit(limit)
        return await self._payloads.tasks([row async for row in rows])

    async def call(self, tenant: str, tasks: Sequence[Task], change: Transition) -> list[Task]:
        """Give tickets to parked tasks; answers them as they are then. Those that others called first count too."""
        found: Document = {"_id": {"$in": documents.keys(tenant, [task.id for task in tasks])}}
        found |= {"waits": Waits.PARKED.value, "assignment.to.id": None}
        await self._tasks.update_many(found | changes.condition(change), changes.blind(change))
        return [transition.apply(change, task) for task in tasks]

    async def standing(self, tenant: str, slots: Sequence[str]) -> dict[str, Standing]:
        """How many hold a seat and how many were called, for each of these slots; read from the indexes alone."""
        match: Document = {"tenant": tenant, "slot": {"$in": list(slots)}}
        held = await self._counts(match | {"seat": {"$gte": 0}}, "seats")
        called = await self._counts(match | {"waits": Waits.CALLED.value}, "waits")
        return {
            slot: Standing(slot=slot, held=held.get(slot, 0), called=called.get(slot, 0))
            for slot in dict.fromkeys(slots)
        }

    async def of_lane(self, tenant: str, lane: str) -> list[Standing]:
        """Every slot of a definition in which a task holds a seat or waits for one, by name."""
        match: Document = {"tenant": tenant, "slot": {"$gte": f"{lane}.", "$lt": f"{lane}/"}}
        held = await self._counts(match | {"seat": {"$gte": 0}}, "seats")
        called = await self._counts(match | {"waits": Waits.CALLED.value}, "waits")
        parked = await self._counts(match | {"waits": Waits.PARKED.value}, "waits")
        return [
            Standing(slot=slot, held=held.get(slot, 0), called=called.get(slot, 0), parked=parked.get(slot, 0))
            for slot in sorted({*held, *called, *parked})
        ]

    async def unseated(self, tenant: str, queue: str, lane: str, limit: int) -> list[Task]:
        """Held tasks of a lane without a seat: handed out before its definition had a limit."""
        found: Document = {"tenant": tenant, "queue": queue, "state": {"$in": sorted(s.value for s in HELD)}}
        found |= {"lane": lane, "seat": None, "deletedAt": None}
        rows = self._tasks.find(found, hint="worklist").limit(limit)
        return await self._payloads.tasks([row async for row in rows])

    async def adopt(self, tenant: str, task: Task, change: Transition) -> bool:
        """Give a held task its seat; False when it was changed meanwhile, or the seat was taken."""
        after = transition.apply(change, task)
        found = {"_id": documents.key(tenant, task.id), "seat": None} | changes.condition(change)
        try:
            return (await self._tasks.update_one(found, changes.known(change, after))).matched_count == 1
        except driver.DuplicateKeyError:
            return False

    async def _counts(self, match: Mapping[str, object], index: str) -> dict[str, int]:
        pipeline: list[Document] = [{"$match": match}, {"$group": {"_id": "$slot", "count": {"$sum": 1}}}]
        cursor = await self._tasks.aggregate(pipeline, hint=index)
        return {str(row["_id"]): int(row["count"]) async for row in cursor}
