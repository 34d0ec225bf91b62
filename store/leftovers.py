"""What is kept only for a time: ended tasks, remains of deleted ones, old statistics. Over all tenants."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import msgspec

from core.task import State
from store import documents, mongo
from store.mongo import Document

Key = tuple[str, str]
"""Tenant and key of a queue."""


class Old(msgspec.Struct, frozen=True, kw_only=True):
    """A task that may go."""

    tenant: str
    id: str
    seq: int
    """Of its last event: those before are numbered from 1."""

    @property
    def key(self) -> str:
        """Its `_id`."""
        return documents.key(self.tenant, self.id)


@mongo.translating
class Leftovers:
    """Finds and removes what is older than somebody wants to keep; at most a batch a call."""

    def __init__(self, database: mongo.Database) -> None:
        self._database = database
        self._tasks = database["tasks"]

    async def ended(self, tenant: str, queue: str, before: datetime, limit: int) -> list[Old]:
        """Tasks of a queue that ended before that moment, the oldest first (index `ended`).

        Steps of a flow that goes on are not among them: it may need their results yet.
        """
        wanted: Document = {"tenant": tenant, "queue": queue, "endedAt": {"$lt": before}, "state": State.DONE.value}
        rows = (
            self._tasks.find(wanted, {"parent.flow": 1, "seq": 1}).sort([("endedAt", 1), ("_id", 1)]).batch_size(limit)
        )
        found: list[Old] = []
        async with rows:
            while len(found) < limit and (batch := await rows.to_list(limit)):
                going_on = await self._open_flows(tenant, {row["parent"]["flow"] for row in batch if "parent" in row})
                found += [_old(row) for row in batch if row.get("parent", {}).get("flow") not in going_on]
        return found[:limit]

    async def _open_flows(self, tenant: str, flows: set[str]) -> set[str]:
        if not flows:
            return set()
        wanted: Document = {"_id": {"$in": [documents.key(tenant, name) for name in flows]}}
        rows = self._database["flows"].find(wanted | {"endedAt": {"$exists": False}}, {"_id": 1})
        return {_split(row["_id"])[1] async for row in rows}

    async def deleted(self, before: datetime, limit: int) -> list[Old]:
        """Tasks that were deleted before that moment (index `deleted`)."""
        rows = self._tasks.find({"deletedAt": {"$lt": before}}, {"seq": 1}).limit(limit)
        return [_old(row) async for row in rows]

    async def erase(self, tasks: Sequence[Old]) -> list[Old]:
        """Remove these tasks for good, except those that were revived meanwhile; answers which are gone."""
        keys = [task.key for task in tasks]
        result = await self._tasks.delete_many({"_id": {"$in": keys}, "state": State.DONE.value})
        gone = list(tasks)
        if result.deleted_count != len(keys):
            revived = {row["_id"] async for row in self._tasks.find({"_id": {"$in": keys}}, {"_id": 1})}
            gone = [task for task in tasks if task.key not in revived]
        await self._erase_comments([task.key for task in gone])
        return gone

    async def _erase_comments(self, keys: list[str]) -> None:
        topics = self._database["commentTopics"]
        # Few tasks are talked about, and a batch may be of hundreds of tenants.
        talked = [row["_id"] async for row in topics.find({"_id": {"$in": keys}}, {"_id": 1})]
        by_tenant: dict[str, list[str]] = {}
        for tenant, name in map(_split, talked):
            by_tenant.setdefault(tenant, []).append(name)
        for tenant, names in by_tenant.items():
            await self._database["comments"].delete_many({"tenant": tenant, "task": {"$in": names}})
        if talked:
            await topics.delete_many({"_id": {"$in": talked}})

    async def queues_with_ended(self) -> list[tuple[str, str]]:
        """(tenant, queue) of everything that has ended tasks, also queues that are no more."""
        return [pair async for pair in self._pairs()]

    async def erase_series(self, collection: str, field: str, before: datetime) -> int:
        """Remove documents of `stats`, `redrives` or `firings` that are older by that field."""
        result = await self._database[collection].delete_many({field: {"$lt": before}})
        return result.deleted_count

    async def _pairs(self) -> AsyncIterator[tuple[str, str]]:
        """Jumps from pair to pair over the index `ended`: one seek each, however many tasks there are."""
        tenant, queue = await self._next({})
        while tenant is not None and queue is not None:
            yield tenant, queue
            following = await self._next({"tenant": tenant, "queue": {"$gt": queue}})
            if following[0] is None:
                following = await self._next({"tenant": {"$gt": tenant}})
            tenant, queue = following

    async def _next(self, behind: Document) -> tuple[str | None, str | None]:
        order = [("tenant", 1), ("queue", 1), ("endedAt", -1), ("_id", -1)]
        fields = {"tenant": 1, "queue": 1}
        row = await self._tasks.find_one({"endedAt": {"$exists": True}} | behind, fields, sort=order, hint="ended")
        return (None, None) if row is None else (row["tenant"], row["queue"])


def _old(row: Document) -> Old:
    tenant, name = _split(row["_id"])
    return Old(tenant=tenant, id=name, seq=row["seq"])


def _split(key: str) -> tuple[str, str]:
    tenant, _, name = key.partition("/")
    return tenant, name
