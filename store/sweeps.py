"""What the engine reads and writes over all tenants: due timers, missing tickets, leftovers. Only this is unscoped."""

from collections.abc import Sequence
from datetime import datetime

from pymongo import UpdateMany, UpdateOne

from core import transitions
from core.task import TICKET_REPAIR, DueKind, State, Task
from core.transitions import Transition
from store import changes, documents, mongo
from store.mongo import Document


@mongo.translating
class Sweeps:
    """Batches of tasks of any tenant that need the engine's attention."""

    def __init__(self, database: mongo.Database) -> None:
        self._tasks = database["tasks"]

    async def due(self, now: datetime, limit: int) -> list[Task]:
        """Tasks whose timer has run out, the longest overdue first (index `timer`)."""
        cursor = self._tasks.find({"dueAt": {"$lte": now}}).sort("dueAt", 1).limit(limit)
        return [documents.decode(row, Task) async for row in cursor]

    async def next_due(self) -> datetime | None:
        """When the next timer runs out; None when there is none."""
        row = await self._tasks.find_one({"dueAt": {"$type": "date"}}, {"dueAt": 1}, sort=[("dueAt", 1)])
        return None if row is None else row["dueAt"]

    async def wake(self, tasks: Sequence[Task], at: datetime) -> int:
        """Make waiting tasks ready whose moment (`execute`) has come; answers how many still fitted."""
        woken = 0
        for assigned, owner in ((False, None), (True, {"$ne": None})):
            keys = [documents.key(t.tenant, t.id) for t in tasks if (t.assignee is not None) is assigned]
            if not keys:
                continue
            change = transitions.wake(at=at, assigned=assigned)
            found: Document = {"_id": {"$in": keys}, "dueKind": DueKind.EXECUTE.value, "dueAt": {"$lte": at}}
            found |= {"assignment.to.id": owner} | changes.condition(change)
            woken += (await self._tasks.update_many(found, changes.blind(change))).modified_count
        return woken

    async def settle(self, pairs: Sequence[tuple[Task, Transition]]) -> list[Task]:
        """Write changes built from tasks that were read; answers the tasks as they are where the change still fitted.

        Changes that came too late are dropped: somebody else changed the task, and its timer with it.
        """
        afters = [transitions.apply(change, task) for task, change in pairs]
        writes: list[UpdateOne | UpdateMany] = [
            UpdateOne(
                {"_id": documents.key(task.tenant, task.id)} | changes.condition(change),
                changes.known(change, after),
            )
            for (task, change), after in zip(pairs, afters, strict=True)
        ]
        if not writes:
            return []
        result = await self._tasks.bulk_write(writes, ordered=False)
        if result.matched_count == len(writes):
            return afters
        keys = [documents.key(after.tenant, after.id) for after in afters]
        rows = self._tasks.find({"_id": {"$in": keys}}, {"seq": 1, "updatedAt": 1})
        now = {str(row["_id"]): (row["seq"], row["updatedAt"]) async for row in rows}
        return [a for a in afters if now.get(documents.key(a.tenant, a.id)) == (a.seq, a.updated_at)]

    async def unticketed(self, now: datetime, limit: int) -> list[Task]:
        """Ready tasks whose ticket was not confirmed in time (index `tickets`)."""
        found: Document = {"ticketDue": {"$lte": now}, "state": State.READY.value, "assignment.to.id": None}
        cursor = self._tasks.find(found).sort("ticketDue", 1).limit(limit)
        return [documents.decode(row, Task) async for row in cursor]

    async def postpone_tickets(self, tasks: Sequence[Task], now: datetime) -> None:
        """Give the broker more time for these tasks' tickets: it did not confirm them."""
        keys = [documents.key(task.tenant, task.id) for task in tasks]
        await self._tasks.update_many(
            {"_id": {"$in": keys}, "ticketDue": {"$exists": True}},
            {"$set": {"ticketDue": now + TICKET_REPAIR}},
        )

    async def ready_by_lane(self) -> dict[tuple[str, str, str], int]:
        """Ready tasks that should have a ticket in the broker: (tenant, queue, lane) to count."""
        pipeline: list[Document] = [
            {"$match": {"state": State.READY.value, "assignment.to.id": None, "ticketDue": None}},
            {"$group": {"_id": {"t": "$tenant", "q": "$queue", "l": "$lane"}, "count": {"$sum": 1}}},
        ]
        cursor = await self._tasks.aggregate(pipeline)
        return {(row["_id"]["t"], row["_id"]["q"], row["_id"]["l"]): int(row["count"]) async for row in cursor}

    async def request_tickets(self, tenant: str, queue: str, lane: str, now: datetime) -> int:
        """Mark every ready task of a lane as in need of a ticket: the relay publishes them; answers how many."""
        found: Document = {"tenant": tenant, "queue": queue, "state": State.READY.value, "lane": lane}
        result = await self._tasks.update_many(
            found | {"assignment.to.id": None, "ticketDue": None}, {"$set": {"ticketDue": now}}
        )
        return result.modified_count

    async def erase_ended(self, tenant: str, queue: str, before: datetime, limit: int) -> int:
        """Remove tasks of a queue that ended before that moment, at most `limit` (index `ended`)."""
        found: Document = {
            "tenant": tenant,
            "queue": queue,
            "endedAt": {"$lt": before},
            "state": State.DONE.value,
        }
        cursor = self._tasks.find(found, {"_id": 1}).sort("endedAt", 1).limit(limit)
        return await self._erase([row["_id"] async for row in cursor])

    async def erase_deleted(self, before: datetime, limit: int) -> int:
        """Remove what is left of tasks that were deleted before that moment (index `deleted`)."""
        cursor = self._tasks.find({"deletedAt": {"$lt": before}}, {"_id": 1}).limit(limit)
        return await self._erase([row["_id"] async for row in cursor])

    async def _erase(self, keys: list[str]) -> int:
        if not keys:
            return 0
        result = await self._tasks.delete_many({"_id": {"$in": keys}, "state": State.DONE.value})
        return result.deleted_count
