"""The tasks collection: the one place that writes a task, always by a transition and only if it still holds.

Every method takes the tenant first. What goes over all tenants (timers, tickets, retention) is in `store/sweeps.py`.
"""

from collections.abc import Sequence, Sized
from datetime import datetime
from typing import Any, cast

import msgspec
from pymongo import ReturnDocument, UpdateMany, UpdateOne
from pymongo import errors as driver

from core import errors
from core.task import OPEN, State, Task
from core.transitions import transition
from core.transitions.transition import Transition
from loop import breath
from store import changes, documents, mongo, payloads, query
from store.mongo import Document
from store.payloads import TASK, Payloads
from store.query import Query

_DUPLICATE = 11000
_SMALL = 200
"""Bytes of JSON up to which results are compared."""

_json = msgspec.json.Encoder()


class Handout(msgspec.Struct, frozen=True, kw_only=True):
    """Who (`me`) is to be given which tasks, each with the priority that its ticket had, and by which change."""

    tenant: str
    tickets: Sequence[tuple[str, int]]
    change: Transition
    me: str


@mongo.translating
class Tasks:
    """Tasks by tenant and id."""

    def __init__(self, database: mongo.Database, kept: Payloads = payloads.PLAIN) -> None:
        """`kept` opens and seals payloads that are encrypted."""
        self._tasks = database["tasks"]
        self._payloads = kept

    async def insert(self, tenant: str, tasks: Sequence[Task]) -> dict[int, Task]:
        """Keep new tasks; answers those that were refused because their id or key is taken: index -> the one there.

        All others are stored (majority, journalled) when this returns. A task whose `_id` is taken by one with the
        same fingerprint and key counts as there already.
        """
        return await self.insert_mixed([(tenant, task) for task in tasks])

    async def insert_mixed(self, tasks: Sequence[tuple[str, Task]]) -> dict[int, Task]:
        """`insert` for tasks of several tenants, each with its own: one call for a whole group commit."""
        rows = [documents.encode_keyed(task, tenant, task.id) async for tenant, task in breath.each(tasks)]
        if any("encrypted" in row for row in rows):
            await self._payloads.close(TASK, rows)
        try:
            if len(rows) == 1:
                await self._tasks.insert_one(rows[0])
            else:
                await self._tasks.insert_many(rows, ordered=False)
        except driver.DuplicateKeyError:
            refused = [0]
        except driver.BulkWriteError as error:
            faults: list[Document] = error.details["writeErrors"]
            if any(fault["code"] != _DUPLICATE for fault in faults):
                raise
            refused = [int(fault["index"]) for fault in faults]
        else:
            return {}
        return {index: await self._rival(*tasks[index]) for index in refused}

    async def _rival(self, tenant: str, task: Task) -> Task:
        """The task that holds this one's dedup key, else its id."""
        if task.dedup_key is not None:
            found = await self._tasks.find_one({"tenant": tenant, "queue": task.queue, "dedupKey": task.dedup_key})
            if found is not None:
                return await self._payloads.task(found)
        found = await self._tasks.find_one({"_id": documents.key(tenant, task.id)})
        return task if found is None else await self._payloads.task(found)

    async def get(self, tenant: str, task_id: str) -> Task | None:
        """The task, or None when this tenant has none of that id (or it was deleted)."""
        found = await self._tasks.find_one({"_id": documents.key(tenant, task_id), "deletedAt": None})
        return None if found is None else await self._payloads.task(found)

    async def get_many(self, tenant: str, task_ids: Sequence[str]) -> dict[str, Task]:
        """Those of the ids that this tenant has."""
        if not task_ids:
            return {}
        keys = documents.keys(tenant, task_ids)
        cursor = self._tasks.find({"_id": {"$in": keys}, "deletedAt": None})
        return {task.id: task for task in await self._payloads.tasks([row async for row in cursor])}

    async def apply(self, tenant: str, task: Task, change: Transition) -> Task | None:
        """Write a change that was built from `task`; None when somebody changed the task since (read it again).

        Raises `WrongState` or `LeaseLost` where the change does not fit what was read, `Changed` where the seat that it
        takes is another's.
        """
        after = transition.apply(change, task)
        found = {"_id": documents.key(tenant, task.id)} | changes.condition(change) | changes.still(task)
        update = changes.known(change, after)
        if task.encrypted:
            await self._payloads.close_fields(TASK, tenant, task.id, update["$set"])
        try:
            result = await self._tasks.update_one(found, update)
        except driver.DuplicateKeyError:
            raise errors.Changed(retry_after=1.0) from None
        return after if result.matched_count == 1 else None

    async def apply_blind(self, tenant: str, task_id: str, change: Transition, **also: object) -> Task | None:
        """Write a blind change to one task and answer it as it is then; None when its state or fence did not fit.

        `also` narrows the condition by document fields given with `__` for the dot (`holder__id="u-1"`).
        """
        found = {"_id": documents.key(tenant, task_id)} | changes.condition(change) | _dotted(also)
        row = await self._tasks.find_one_and_update(found, changes.blind(change), return_document=ReturnDocument.AFTER)
        return None if row is None else await self._payloads.task(row)

    async def claim(self, tenant: str, tickets: Sequence[tuple[str, int]], change: Transition, me: str) -> list[Task]:
        """Hand out those of the tasks (id, the priority its ticket had) that are ready, unassigned or `me`'s.

        One update for each priority among them and one read for all; the order is the worklist's.
        """
        narrowed = changes.condition(change) | changes.hands_out(change, me)
        update = changes.blind(change)
        if len(tickets) == 1:
            task_id, priority = tickets[0]
            row = await self._tasks.find_one_and_update(
                {"_id": documents.key(tenant, task_id), "priority": priority} | narrowed,
                update,
                return_document=ReturnDocument.AFTER,
            )
            return [] if row is None else [await self._payloads.task(row)]
        keys = documents.keys(tenant, [task_id for task_id, _ in tickets])
        for priority, ids in _by_priority(tenant, tickets):
            await self._tasks.update_many({"_id": {"$in": ids}, "priority": priority} | narrowed, update)
        exec_id = change.sets["exec_id"]
        cursor = self._tasks.find({"_id": {"$in": keys}, "execId": exec_id})
        return sorted(await self._payloads.tasks([row async for row in cursor]), key=lambda task: task.place)

    async def claim_all(self, handouts: list[Handout]) -> list[list[Task] | Exception]:
        """`claim` for several at once, each with a fence of its own: one call for all updates, one read for all.

        Where tasks of one of them cannot be read (a key that this process does not have), that one's answer is the
        reason, and nobody else's.
        """
        if len(handouts) == 1:
            (one,) = handouts
            return [await self.claim(one.tenant, one.tickets, one.change, one.me)]
        writes: list[UpdateOne | UpdateMany] = []
        keys: list[str] = []
        for each in handouts:
            narrowed = changes.condition(each.change) | changes.hands_out(each.change, each.me)
            update = changes.blind(each.change)
            for priority, ids in _by_priority(each.tenant, each.tickets):
                keys += ids
                found = {"priority": priority} | narrowed
                if len(ids) == 1:
                    writes.append(UpdateOne({"_id": ids[0]} | found, update))
                else:
                    writes.append(UpdateMany({"_id": {"$in": ids}} | found, update))
        await self._tasks.bulk_write(writes, ordered=False)
        fences = [each.change.sets["exec_id"] for each in handouts]
        cursor = self._tasks.find({"_id": {"$in": keys}, "execId": {"$in": fences}})
        held: dict[str, list[Document]] = {}
        for row in sorted([row async for row in cursor], key=lambda row: str(row["place"])):
            held.setdefault(row["execId"], []).append(row)
        return [await self._read(held.get(fence, [])) for fence in fences]

    async def _read(self, rows: list[Document]) -> list[Task] | Exception:
        """The tasks, or why they cannot be read."""
        try:
            return await self._payloads.tasks(rows)
        except (errors.PenstockError, msgspec.MsgspecError, KeyError) as error:
            return error

    async def finish(self, finishes: Sequence[tuple[str, str, Transition, Document]]) -> bool:
        """Write many ends (tenant, task id, blind change, further condition) at once; True when all of them fitted.

        Equal changes under one fence, with equal small results, go as one update. On False the caller reads the tasks
        to see which did not.
        """
        groups: dict[str, list[tuple[str, Transition, Document]]] = {}
        for number, (tenant, task_id, change, also) in enumerate(finishes):
            result = _alike(change.sets.get("result"))
            same = (tenant, change.exec_id, change.name, change.at, sorted(also.items()), result)
            label = str(number) if result is None else str(same)
            groups.setdefault(label, []).append((documents.key(tenant, task_id), change, also))
        writes: list[UpdateOne | UpdateMany] = []
        for group in groups.values():
            _, change, also = group[0]
            ids = [key for key, _, _ in group]
            found = changes.condition(change) | also
            if len(ids) == 1:
                writes.append(UpdateOne({"_id": ids[0]} | found, changes.blind(change)))
            else:
                writes.append(UpdateMany({"_id": {"$in": ids}} | found, changes.blind(change)))
        result = await self._tasks.bulk_write(writes, ordered=False)
        return result.matched_count == len(finishes)

    async def ticketed(self, tenant_and_ids: Sequence[tuple[str, str]]) -> None:
        """Note that tickets of these tasks were confirmed: the relay leaves them alone."""
        keys = [documents.key(tenant, task_id) for tenant, task_id in tenant_and_ids]
        await self._tasks.update_many(
            {"_id": {"$in": keys}, "state": State.READY.value, "ticketDue": {"$exists": True}},
            {"$unset": {"ticketDue": ""}},
        )

    async def assign_first(self, tenant: str, wanted: Query, change: Transition, me: str) -> Task | None:
        """Write a blind change to the first task, by place, that is asked for and is nobody's or `me`'s."""
        found = {"$and": [query.selector(tenant, wanted), changes.condition(change) | changes.hands_out(change, me)]}
        row = await self._tasks.find_one_and_update(
            found, changes.blind(change), sort=[("place", 1)], return_document=ReturnDocument.AFTER
        )
        return None if row is None else await self._payloads.task(row)

    async def of_builtin(self, tenant: str, name: str, *, after: str, limit: int) -> list[Task]:
        """Tasks of a built-in in progress, in the worklist's order, behind the place `after` (index `builtin`)."""
        found: Document = {"builtin": name, "state": State.IN_PROGRESS.value, "tenant": tenant}
        rows = self._tasks.find(found | {"place": {"$gt": after}}).sort("place", 1).limit(limit)
        return await self._payloads.tasks([row async for row in rows])

    async def counts(self, tenant: str, queue: str) -> list[tuple[State, int]]:
        """Open tasks of a queue by state; read from the worklist index alone."""
        pipeline: list[Document] = [
            {"$match": {"tenant": tenant, "queue": queue, "state": {"$in": sorted(s.value for s in OPEN)}}},
            {"$group": {"_id": "$state", "count": {"$sum": 1}}},
        ]
        cursor = await self._tasks.aggregate(pipeline, hint="worklist")
        return [(State(row["_id"]), int(row["count"])) async for row in cursor]

    async def open_of(self, tenant: str, queue: str, limit: int) -> list[Task]:
        """Some open tasks of a queue, first in the worklist first: what a purge or a forced delete goes through.

        Payloads that are encrypted are left out.
        """
        found: Document = {"tenant": tenant, "queue": queue, "state": {"$in": sorted(s.value for s in OPEN)}}
        # By the places of all tasks it would pass over every one that has ended.
        cursor = self._tasks.find(found | {"deletedAt": None}, hint="worklist").sort("place", 1).limit(limit)
        return [_decode(row) async for row in cursor]

    async def open_of_schedule(self, tenant: str, schedule_id: str, before: datetime, limit: int) -> list[str]:
        """Ids of tasks of a schedule's firings before that moment that have not ended, the oldest first."""
        found: Document = {"tenant": tenant, "schedule.id": schedule_id, "schedule.at": {"$lt": before}}
        found |= {"state": {"$in": sorted(s.value for s in OPEN)}, "deletedAt": None}
        rows = self._tasks.find(found, {"_id": 1}).sort("schedule.at", 1).limit(limit)
        return [documents.name_of(row["_id"]) async for row in rows]


def _by_priority(tenant: str, tickets: Sequence[tuple[str, int]]) -> list[tuple[int, list[str]]]:
    """The `_id`s of tickets' tasks by the priority that the tickets had."""
    found: dict[int, list[str]] = {}
    for task_id, priority in tickets:
        found.setdefault(priority, []).append(documents.key(tenant, task_id))
    return sorted(found.items())


def _alike(result: Any) -> bytes | None:
    """What tells a small result from others; None for one that is not worth comparing."""
    if result is None:
        return b""
    if isinstance(result, dict | list) and len(cast("Sized", result)) > _SMALL:
        return None
    written = _json.encode(result)
    return written if len(written) <= _SMALL else None


def _decode(row: Document) -> Task:
    return documents.decode(row, Task)


def _dotted(fields: dict[str, Any]) -> Document:
    return {name.replace("__", "."): value for name, value in fields.items()}
