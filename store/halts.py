"""The halts collection: tenants all of whose schedules are paused, by whom and since when."""

from datetime import datetime

import msgspec

from core.task import Actor
from store import documents, mongo
from store.mongo import Document


class Halt(msgspec.Struct, frozen=True, kw_only=True):
    """All schedules of a tenant are paused."""

    tenant: str
    at: datetime
    by: Actor


@mongo.translating
class Halts:
    """At most one a tenant. `every` is for the engine."""

    def __init__(self, database: mongo.Database) -> None:
        self._halts = database["halts"]

    async def get(self, tenant: str) -> Halt | None:
        """The tenant's halt, if there is one."""
        row = await self._halts.find_one({"_id": tenant})
        return None if row is None else _decode(row)

    async def put(self, tenant: str, halt: Halt) -> None:
        """Pause all; one that is there stays as it is."""
        fields = documents.encode(halt)
        await self._halts.update_one({"_id": tenant}, {"$setOnInsert": fields}, upsert=True)

    async def remove(self, tenant: str) -> None:
        """Resume all."""
        await self._halts.delete_one({"_id": tenant})

    async def every(self) -> list[str]:
        """Tenants that are paused."""
        return [str(row["_id"]) async for row in self._halts.find({}, {"_id": 1})]


def _decode(row: Document) -> Halt:
    del row["_id"]
    return documents.decode(row, Halt)
