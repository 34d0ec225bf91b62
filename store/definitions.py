"""The definitions collection: a tenant's kinds of task by name, each change conditional on its version."""

from pymongo import errors as driver

from core import errors
from core.definition import Definition
from store import documents, mongo
from store.mongo import Document


@mongo.translating
class Definitions:
    """Definitions by tenant and name."""

    def __init__(self, database: mongo.Database) -> None:
        self._definitions = database["definitions"]

    async def get(self, tenant: str, name: str) -> Definition | None:
        """The definition of that name, or None."""
        row = await self._definitions.find_one({"_id": documents.key(tenant, name)})
        return None if row is None else _decode(row)

    async def of_queue(self, tenant: str, queue: str) -> list[Definition]:
        """The definitions bound to a queue, by name."""
        cursor = self._definitions.find({"tenant": tenant, "queue": queue}).sort("_id", 1)
        return [_decode(row) async for row in cursor]

    async def page(self, tenant: str, *, after: str | None, limit: int) -> list[Definition]:
        """Definitions in the order of their names, those behind `after`."""
        found: Document = {"tenant": tenant}
        if after is not None:
            found["_id"] = {"$gt": documents.key(tenant, after)}
        return [_decode(row) async for row in self._definitions.find(found).sort("_id", 1).limit(limit)]

    async def insert(self, tenant: str, definition: Definition) -> None:
        """Keep a new definition; raises `AlreadyExists`."""
        try:
            await self._definitions.insert_one(documents.encode_keyed(definition, tenant, definition.name))
        except driver.DuplicateKeyError as error:
            raise errors.AlreadyExists(f"Definition {definition.name} exists already.") from error

    async def replace(self, tenant: str, definition: Definition, *, was: int) -> bool:
        """Write a changed definition if its version is still `was`."""
        found: Document = {"_id": documents.key(tenant, definition.name), "version": was}
        changed = documents.encode_keyed(definition, tenant, definition.name)
        return (await self._definitions.replace_one(found, changed)).matched_count == 1

    async def remove(self, tenant: str, name: str, *, was: int) -> bool:
        """Remove the definition if its version is still `was`; its tasks keep what they took from it."""
        result = await self._definitions.delete_one({"_id": documents.key(tenant, name), "version": was})
        return result.deleted_count == 1


def _decode(row: Document) -> Definition:
    return documents.decode(row, Definition)
