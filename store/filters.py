"""The filters collection: worklists that people saved, for themselves or for everybody of the tenant."""

from datetime import datetime
from typing import Any

import msgspec

from core.task import Actor
from store import documents, mongo
from store.mongo import Document


class Filter(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One saved filter; `wanted` is what a listing takes as parameters."""

    tenant: str
    id: str
    name: str
    owner: Actor
    wanted: dict[str, Any]
    shared: bool = False
    created_at: datetime
    updated_at: datetime


@mongo.translating
class Filters:
    """Filters by tenant and id."""

    def __init__(self, database: mongo.Database) -> None:
        self._filters = database["filters"]

    async def put(self, tenant: str, made: Filter) -> None:
        """Keep a filter, in place of an earlier one of its id."""
        row = documents.encode_keyed(made, tenant, made.id)
        await self._filters.replace_one({"_id": documents.key(tenant, made.id)}, row, upsert=True)

    async def get(self, tenant: str, filter_id: str) -> Filter | None:
        """The filter, or None."""
        row = await self._filters.find_one({"_id": documents.key(tenant, filter_id)})
        return None if row is None else _decode(row)

    async def of(self, tenant: str, person: str, *, limit: int) -> list[Filter]:
        """A person's own and all shared ones, by name."""
        found: Document = {"tenant": tenant, "$or": [{"owner.id": person}, {"shared": True}]}
        return [_decode(row) async for row in self._filters.find(found).sort([("name", 1), ("_id", 1)]).limit(limit)]

    async def count(self, tenant: str, person: str) -> int:
        """How many a person has."""
        return await self._filters.count_documents({"tenant": tenant, "owner.id": person})

    async def remove(self, tenant: str, filter_id: str) -> None:
        """Remove it."""
        await self._filters.delete_one({"_id": documents.key(tenant, filter_id)})


def _decode(row: Document) -> Filter:
    return documents.decode(row, Filter)
