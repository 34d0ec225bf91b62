"""What the engine reads and writes of tasks over all tenants: due timers and missing tickets.

Unscoped like this file are only `leftovers`, `headers`, `stream` and `eventlog`: the engine's own, no caller's.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec
import structlog
from pymongo import UpdateMany, UpdateOne

from core.priority import Priority
from core.task import TICKET_REPAIR, DueKind, State, Task, Waits
from core.transitions import tickets, transition
from core.transitions.transition import Transition
from store import changes, documents, mongo, payloads
from store.mongo import Document
from store.payloads import TASK, Payloads

_log = structlog.get_logger(__name__)

T = TypeVar("T")

_WRONG = timedelta(minutes=1)
"""No two processes' clocks differ by so much once they have looked at MongoDB's."""


class Stub(msgspec.Struct, frozen=True, kw_only=True):
    """A task as far as its ticket needs it: a page of tasks with large payloads is not to fill the memory."""

    tenant: str
    id: str
    queue: str
    lane: str
    priority: Priority
    place: str
    updated_at: datetime

    def changed_since(self, moment: datetime, now: datetime) -> bool:
        """Whether it changed since; a change that is yet to come was written by a clock that was wrong."""
        return moment < self.updated_at <= now + _WRONG


_STUB = {"queue": 1, "lane": 1, "priority": 1, "place": 1, "updatedAt": 1}


@mongo.translating
class Sweeps:
    """Batches of tasks of any tenant that need the engine's attention."""

    def __init__(self, database: mongo.Database, kept: Payloads = payloads.PLAIN) -> None:
        """`kept` seals payloads that are encrypted; timers and tickets do without them."""
        self._tasks = database["tasks"]
        self._payloads = kept
        self._unreadable: set[str] = set()

    async def due(self, now: datetime, limit: int) -> list[Task]:
        """Tasks whose timer has run out, the longest overdue first (index `timer`)."""
        cursor = self._tasks.find({"dueAt": {"$lte": now}}).sort("dueAt", 1).limit(limit)
        return self._readable([row async for row in cursor])

    async def next_due(self) -> datetime | None:
        """When the next timer runs out; None when there is none."""
        row = await self._tasks.find_one({"dueAt": {"$exists": True}}, {"dueAt": 1}, sort=[("dueAt", 1)])
        return None if row is None else row["dueAt"]

    async def wake(self, tasks: Sequence[Task], at: datetime) -> int:
        """Make waiting tasks ready whose moment (`execute`) has come; answers how many still fitted."""
        woken = 0
        groups: dict[tuple[bool, bool, bool], list[str]] = {}
        for task in tasks:
            sort = (task.assignee is not None, task.builtin is not None, task.slot is not None)
            groups.setdefault(sort, []).append(documents.key(task.tenant, task.id))
        for (assigned, builtin, limited), keys in groups.items():
            change = tickets.wake(at=at, assigned=assigned or builtin, limited=limited)
            found: Document = {"_id": {"$in": keys}, "dueKind": DueKind.EXECUTE.value, "dueAt": {"$lte": at}}
            found |= {"assignment.to.id": {"$ne": None} if assigned else None} | changes.condition(change)
            woken += (await self._tasks.update_many(found, changes.blind(change))).modified_count
        return woken

    async def settle(self, pairs: Sequence[tuple[Task, Transition]]) -> list[Task]:
        """Write changes built from tasks that were read; answers the tasks as they are where the change still fitted.

        Changes that came too late are dropped: somebody else changed the task, and its timer with it.
        """
        afters = [transition.apply(change, task) for task, change in pairs]
        writes: list[UpdateOne | UpdateMany] = []
        for (task, change), after in zip(pairs, afters, strict=True):
            found: Document = {"_id": documents.key(task.tenant, task.id)} | changes.condition(change)
            update = changes.known(change, after)
            if task.encrypted:
                await self._payloads.close_fields(TASK, task.tenant, task.id, update["$set"])
            writes.append(UpdateOne(found | changes.still(task), update))
        if not writes:
            return []
        result = await self._tasks.bulk_write(writes, ordered=False)
        if result.matched_count == len(writes):
            return afters
        keys = [documents.key(after.tenant, after.id) for after in afters]
        rows = self._tasks.find({"_id": {"$in": keys}}, {"seq": 1, "updatedAt": 1})
        now = {str(row["_id"]): (row["seq"], row["updatedAt"]) async for row in rows}
        return [a for a in afters if now.get(documents.key(a.tenant, a.id)) == (a.seq, a.updated_at)]

    async def unticketed(self, now: datetime, limit: int) -> list[Stub]:
        """Ready tasks whose ticket was not confirmed in time (index `tickets`), in the order of the worklist.

        A mark that lies farther ahead than anybody sets it was made by a clock that was wrong, and is not waited for.
        """
        rows: list[Document] = []
        for due in ({"$lte": now}, {"$gt": now + TICKET_REPAIR + _WRONG}):
            found: Document = {"ticketDue": due, "state": State.READY.value, "assignment.to.id": None}
            if left := limit - len(rows):
                rows += [row async for row in self._tasks.find(found, _STUB).sort("ticketDue", 1).limit(left)]
        return sorted(self._stubs(rows), key=lambda stub: stub.place)

    async def postpone_tickets(self, tasks: Sequence[Task | Stub], now: datetime) -> None:
        """Give the broker more time for these tasks' tickets: it did not confirm them."""
        keys = [documents.key(task.tenant, task.id) for task in tasks]
        await self._tasks.update_many(
            {"_id": {"$in": keys}, "ticketDue": {"$exists": True}},
            {"$set": {"ticketDue": now + TICKET_REPAIR}},
        )

    async def ready_by_lane(self, queues: Collection[tuple[str, str]]) -> dict[tuple[str, str, str], int]:
        """Ready tasks of these queues (tenant, name) by tenant, queue and lane, those of a person included.

        Read from the worklist index alone; neighbours in the order of that share what there is to read.
        """
        tenants, names = sorted({tenant for tenant, _ in queues}), sorted({name for _, name in queues})
        found: Document = {"tenant": {"$in": tenants}, "queue": {"$in": names}, "state": State.READY.value}
        group: Document = {"_id": {"t": "$tenant", "q": "$queue", "l": "$lane"}, "count": {"$sum": 1}}
        cursor = await self._tasks.aggregate([{"$match": found}, {"$group": group}], hint="worklist")
        counts = {tuple(map(str, (row["_id"][n] for n in "tql"))): int(row["count"]) async for row in cursor}
        wanted = set(queues)
        # Tenants have queues of the same names, of which not all may be asked for.
        return {(tenant, queue, lane): n for (tenant, queue, lane), n in counts.items() if (tenant, queue) in wanted}

    async def parked_in_lane(self, tenant: str, lane: str) -> int:
        """How many ready tasks of a lane wait for a seat, without tickets; read from the index `waits` alone."""
        found: Document = {
            "slot": {"$gte": f"{lane}.", "$lt": f"{lane}/"},
            "waits": Waits.PARKED.value,
            "tenant": tenant,
        }
        return await self._tasks.count_documents(found, hint="waits")

    async def ticketed_in_lane(self, tenant: str, queue: str, lane: str) -> int:
        """How many ready tasks of a lane should have a ticket in the broker: nobody's, and confirmed before."""
        return await self._tasks.count_documents(_ticketed(tenant, queue, lane), hint="worklist")

    async def ticketed_page(
        self, tenant: str, queue: str, lane: str, *, now: datetime, unchanged_since: datetime, after: str, limit: int
    ) -> list[Stub]:
        """Ready tasks of a lane that should have a ticket, behind the place `after`, in the order of the worklist.

        Only those that have not changed since that moment: a later change brought its own ticket; one that is yet to
        come was written by a clock that was wrong.
        """
        changed: Document = {"updatedAt": {"$not": {"$gt": unchanged_since, "$lte": now + _WRONG}}}
        found = _ticketed(tenant, queue, lane) | changed | {"place": {"$gt": after}}
        cursor = self._tasks.find(found, _STUB, hint="worklist").sort("place", 1).limit(limit)
        return self._stubs([row async for row in cursor])

    async def ticketed_in_lanes(self, lanes: Collection[tuple[str, str, str]]) -> list[Stub]:
        """Ready tasks of all these lanes (tenant, queue, lane) that should have a ticket: for lanes that hold few."""
        tenants, queues, names = (sorted(set(each)) for each in zip(*lanes, strict=True))
        found = _wanted() | {"tenant": {"$in": tenants}, "queue": {"$in": queues}, "lane": {"$in": names}}
        rows = [row async for row in self._tasks.find(found, _STUB, hint="worklist")]
        stubs = sorted(self._stubs(rows), key=lambda stub: stub.place)
        wanted = set(lanes)
        return [stub for stub in stubs if (stub.tenant, stub.queue, stub.lane) in wanted]

    async def waited_for(self) -> list[tuple[str, str]]:
        """The slots (tenant, name) before which tasks are parked: one look at the index `waits` for each."""
        pipeline: list[Document] = [
            {"$match": {"slot": {"$gt": ""}, "waits": Waits.PARKED.value}},
            {"$sort": {"slot": 1, "waits": 1, "place": 1}},
            {"$group": {"_id": "$slot", "tenant": {"$first": "$tenant"}}},
        ]
        cursor = await self._tasks.aggregate(pipeline, hint="waits")
        return [(str(row["tenant"]), str(row["_id"])) async for row in cursor]

    async def unbegun(self, names: Sequence[str], limit: int) -> list[Task]:
        """Ready tasks of these built-ins (index `builtin`)."""
        found: Document = {"builtin": {"$in": list(names)}, "state": State.READY.value, "deletedAt": None}
        return self._readable([row async for row in self._tasks.find(found).limit(limit)])

    async def waiting_on(self, name: str) -> list[tuple[str, datetime]]:
        """The tenants with tasks of a built-in in progress, and since when the first of each is (index `builtin`)."""
        found: Document = {"builtin": name, "state": State.IN_PROGRESS.value}
        pipeline: list[Document] = [{"$match": found}, {"$group": {"_id": "$tenant", "at": {"$min": "$startedAt"}}}]
        cursor = await self._tasks.aggregate(pipeline, hint="builtin")
        return [(str(row["_id"]), row["at"]) async for row in cursor]

    async def is_waited_on(self, name: str) -> bool:
        """Whether any task of a built-in is in progress (index `builtin`)."""
        found: Document = {"builtin": name, "state": State.IN_PROGRESS.value}
        return await self._tasks.find_one(found, {"_id": 1}, hint="builtin") is not None

    def _stubs(self, rows: list[Document]) -> list[Stub]:
        return self._good(rows, _stub)

    def _readable(self, rows: list[Document]) -> list[Task]:
        return self._good(rows, _task)

    def _good(self, rows: list[Document], decode: Callable[[Document], T]) -> list[T]:
        """The tasks; a document that is none is reported once and left out: it must not stop all the others."""
        tasks: list[T] = []
        for row in rows:
            key = str(row["_id"])
            try:
                tasks.append(decode(row))
            except (msgspec.MsgspecError, KeyError, ValueError) as error:
                if key not in self._unreadable:
                    self._unreadable.add(key)
                    _log.error("unreadable task", key=key, error=str(error))
        return tasks


def _task(row: Document) -> Task:
    return documents.decode(row, Task)


def _stub(row: Document) -> Stub:
    tenant, _, task_id = str(row["_id"]).partition("/")
    return Stub(
        tenant=tenant, id=task_id, queue=str(row["queue"]), lane=str(row["lane"]),
        priority=Priority(row["priority"]), place=str(row["place"]), updated_at=row["updatedAt"],
    )  # fmt: skip


def _ticketed(tenant: str, queue: str, lane: str) -> Document:
    return {"tenant": tenant, "queue": queue, "lane": lane} | _wanted()


def _wanted() -> Document:
    found: Document = {"state": State.READY.value, "assignment.to.id": None, "ticketDue": None, "builtin": None}
    return found | {"waits": {"$ne": Waits.PARKED.value}}
