"""What a tenant has taken of the platform: counts, and its share of the rates, in buckets for all replicas."""

from datetime import datetime
from typing import Any

import msgspec

from core import quota
from store import documents, mongo
from store.mongo import Document

_OPEN = {"$gt": "done"}
_HELD = ("requested", "in-progress")


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Open tasks, and those of them that somebody holds."""

    open_tasks: int
    held: int


@mongo.translating
class Usage:
    """Counts by tenant."""

    def __init__(self, database: mongo.Database) -> None:
        self._tasks = database["tasks"]
        self._queues = database["queues"]
        self._buckets = database["quotaBuckets"]

    async def counts(self, tenant: str, queue: str | None = None) -> Counts:
        """Open and held tasks, of one queue alone where it is named: an index scan, a second a million."""
        match: Document = {"tenant": tenant, "state": _OPEN} | ({} if queue is None else {"queue": queue})
        stages: list[Document] = [{"$match": match}, {"$group": {"_id": "$state", "count": {"$sum": 1}}}]
        how: dict[str, Any] = {} if queue is None else {"hint": "worklist"}
        found = {str(row["_id"]): int(row["count"]) async for row in await self._tasks.aggregate(stages, **how)}
        return Counts(open_tasks=sum(found.values()), held=sum(found.get(state, 0) for state in _HELD))

    async def stored_bytes(self, tenant: str) -> int:
        """Bytes of all tasks: each is read, so ask seldom."""
        stages: list[Document] = [
            {"$match": {"tenant": tenant}},
            {"$group": {"_id": None, "bytes": {"$sum": {"$bsonSize": "$$ROOT"}}}},
        ]
        found = [row async for row in await self._tasks.aggregate(stages)]
        return int(found[0]["bytes"]) if found else 0

    async def queues(self, tenant: str) -> int:
        """How many queues there are."""
        return await self._queues.count_documents({"tenant": tenant})

    async def take(self, tenant: str, name: str, *, wanted: float, rate: float, now: datetime) -> float:
        """Take up to `wanted` tokens out of a bucket that gains `rate` a second; answers how many."""
        gained = {"$multiply": [{"$divide": [{"$subtract": [now, {"$ifNull": ["$at", now]}]}, 1000]}, rate]}
        held = {"$ifNull": ["$tokens", quota.capacity(rate)]}
        full = {"$min": [quota.capacity(rate), {"$add": [held, {"$max": [gained, 0]}]}]}
        stages: list[Document] = [
            {"$set": {"tenant": tenant, "full": full, "at": {"$max": [now, "$at"]}}},
            {"$set": {"granted": {"$max": [{"$min": ["$full", wanted]}, 0]}}},
            {"$set": {"tokens": {"$subtract": ["$full", "$granted"]}}},
            {"$unset": ["full"]},
        ]
        row = await self._buckets.find_one_and_update(
            {"_id": documents.key(tenant, name)}, stages, upsert=True, return_document=True
        )
        return 0.0 if row is None else float(row["granted"])
