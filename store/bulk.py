"""The bulk actions: one action on many tasks, first shown, then done; and how far each has come.

What is done is what was shown: the ids are kept in parts, and each part is done and counted as a whole.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from core.priority import Priority
from core.task import Actor
from store import documents, mongo
from store.mongo import Document
from store.query import Query

PART = 500
"""Tasks that are changed at once."""


class Kind(StrEnum):
    """What is done to each task."""

    ASSIGN = "assign"
    PRIORITY = "priority"
    CANCEL = "cancel"


class Act(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The action with what it needs."""

    kind: Kind
    to: Actor | None = None
    priority: Priority | None = None
    message: str | None = None
    now: bool = False


class BulkState(StrEnum):
    """Where it is. What is only previewed is forgotten after a while."""

    PREVIEWED = "previewed"
    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"


class Bulk(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One action on many tasks."""

    tenant: str
    id: str
    """Cannot be guessed: whoever has it was shown the preview."""
    act: Act
    query: Query
    """A task that does not fit it any more is left alone."""
    total: int
    state: BulkState
    by: Actor
    created_at: datetime
    forget_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the tasks."""

    number: int
    ids: tuple[str, ...]


@mongo.translating
class Bulks:
    """Bulk actions by tenant and id; `open` is for the engine."""

    def __init__(self, database: mongo.Database) -> None:
        self._bulks = database["bulks"]
        self._parts = database["bulkParts"]

    async def create(self, tenant: str, bulk: Bulk, ids: Sequence[str]) -> None:
        """Keep a previewed one with its tasks."""
        parts = [
            {
                "_id": documents.key(tenant, f"{bulk.id}/{number:05}"),
                "tenant": tenant,
                "bulk": bulk.id,
                "number": number,
                "ids": list(ids[begin : begin + PART]),
                "forgetAt": bulk.forget_at,
            }
            for number, begin in enumerate(range(0, len(ids), PART))
        ]
        if parts:
            await self._parts.insert_many(parts)
        await self._bulks.insert_one(documents.encode_keyed(bulk, tenant, bulk.id))

    async def get(self, tenant: str, bulk_id: str) -> Bulk | None:
        """The action, or None."""
        row = await self._bulks.find_one({"_id": documents.key(tenant, bulk_id)})
        return None if row is None else _decode(row)

    async def begin(self, tenant: str, bulk_id: str, *, at: datetime, forget_at: datetime) -> bool:
        """Let it run; False when it was not only previewed, or is forgotten."""
        found: Document = {"_id": documents.key(tenant, bulk_id), "state": BulkState.PREVIEWED.value}
        change = {"state": BulkState.RUNNING.value, "startedAt": at, "forgetAt": forget_at}
        # Parts first: they must be there as long as it is.
        await self._parts.update_many({"tenant": tenant, "bulk": bulk_id}, {"$set": {"forgetAt": forget_at}})
        result = await self._bulks.update_one(found | {"forgetAt": {"$gt": at}}, {"$set": change})
        return result.matched_count == 1

    async def end(self, tenant: str, bulk_id: str, state: BulkState, *, at: datetime) -> None:
        """It is done or stopped, if it was running."""
        found: Document = {"_id": documents.key(tenant, bulk_id), "state": BulkState.RUNNING.value}
        await self._bulks.update_one(found, {"$set": {"state": state.value, "endedAt": at}})

    async def part(self, tenant: str, bulk_id: str) -> Part | None:
        """The first part that is not done; None when all are."""
        row = await self._parts.find_one(
            {"tenant": tenant, "bulk": bulk_id, "doneAt": {"$exists": False}}, sort=[("number", 1)]
        )
        return None if row is None else Part(number=int(row["number"]), ids=tuple(row["ids"]))

    async def settle(self, tenant: str, bulk_id: str, number: int, *, done: int, skipped: int, at: datetime) -> None:
        """A part is done; counted once."""
        found: Document = {"_id": documents.key(tenant, f"{bulk_id}/{number:05}"), "doneAt": {"$exists": False}}
        await self._parts.update_one(found, {"$set": {"doneAt": at, "done": done, "skipped": skipped}})

    async def progress(self, tenant: str, bulk_id: str) -> tuple[int, int]:
        """How many tasks were changed, and how many were left alone, so far."""
        pipeline: list[Document] = [
            {"$match": {"tenant": tenant, "bulk": bulk_id, "doneAt": {"$exists": True}}},
            {"$group": {"_id": None, "done": {"$sum": "$done"}, "skipped": {"$sum": "$skipped"}}},
        ]
        async for row in await self._parts.aggregate(pipeline):
            return int(row["done"]), int(row["skipped"])
        return 0, 0

    async def open(self, limit: int) -> Sequence[Bulk]:
        """Those of all tenants that run, the oldest first."""
        rows = self._bulks.find({"state": BulkState.RUNNING.value}).sort("startedAt", 1).limit(limit)
        return [_decode(row) async for row in rows]


def _decode(row: Document) -> Bulk:
    return documents.decode(row, Bulk)
