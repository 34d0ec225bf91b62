"""Flows of all tenants that need the engine's attention; it serves no caller."""

from datetime import datetime

from store import mongo
from store.mongo import Document


@mongo.translating
class FlowSweeps:
    """Batches of flows of any tenant."""

    def __init__(self, database: mongo.Database) -> None:
        self._flows = database["flows"]
        self._tasks = database["tasks"]

    async def due(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """Tenant and id of flows whose timer has run out, the longest overdue first (index `timer`)."""
        rows = self._flows.find({"dueAt": {"$lte": now}}, {"_id": 1}).sort("dueAt", 1).limit(limit)
        return [_parts(row["_id"]) async for row in rows]

    async def next_due(self) -> datetime | None:
        """When the next timer runs out; None when there is none."""
        row = await self._flows.find_one({"dueAt": {"$exists": True}}, {"dueAt": 1}, sort=[("dueAt", 1)])
        return None if row is None else row["dueAt"]

    async def reporting(self, limit: int) -> list[tuple[str, str]]:
        """Tenant and id of flows with children whose end they do not show yet (indexes `unreported`)."""
        found: dict[tuple[str, str], None] = {}
        ended: Document = {"unreported": True, "endedAt": {"$exists": True}}
        for children in (self._tasks, self._flows):
            rows = children.find(ended, {"tenant": 1, "parent.flow": 1}, hint="unreported").limit(limit)
            found |= {(str(row["tenant"]), str(row["parent"]["flow"])): None async for row in rows}
        return list(found)


def _parts(document_key: str) -> tuple[str, str]:
    tenant, _, flow_id = document_key.partition("/")
    return tenant, flow_id
