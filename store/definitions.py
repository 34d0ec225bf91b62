"""The definitions collection: a tenant's kinds of task by name, each change conditional on its version."""

from core.definition import Definition
from store import documents, mongo
from store.mongo import Document
from store.versioned import Versioned


@mongo.translating
class Definitions:
    """Definitions by tenant and name."""

    def __init__(self, database: mongo.Database) -> None:
        self._definitions = database["definitions"]
        self._versions = database["definitionVersions"]
        self._tasks = database["tasks"]
        self._written = Versioned(database, "definitions")

    async def get(self, tenant: str, name: str) -> Definition | None:
        """The definition of that name, or None."""
        row = await self._definitions.find_one({"_id": documents.key(tenant, name)})
        return None if row is None else _decode(row)

    async def of_queue(self, tenant: str, queue: str) -> list[Definition]:
        """The definitions bound to a queue, by name."""
        cursor = self._definitions.find({"tenant": tenant, "queue": queue}).sort("_id", 1)
        return [_decode(row) async for row in cursor]

    async def limited(self, tenant: str) -> dict[str, Definition]:
        """The definitions with a concurrency limit, by lane (index `limited`)."""
        cursor = self._definitions.find({"tenant": tenant, "concurrency.limit": {"$gt": 0}})
        return {each.lane: each for each in [_decode(row) async for row in cursor]}

    async def page(self, tenant: str, *, after: str | None, limit: int, queue: str | None = None) -> list[Definition]:
        """Definitions in the order of their names, those behind `after`; of one queue or of all."""
        # "0" is what follows "/": one range of `_id` holds all of a tenant.
        found: Document = {"tenant": tenant, "_id": {"$gt": documents.key(tenant, after or ""), "$lt": f"{tenant}0"}}
        if queue is not None:
            found["queue"] = queue
        return [_decode(row) async for row in self._definitions.find(found).sort("_id", 1).limit(limit)]

    async def insert(self, tenant: str, definition: Definition) -> None:
        """Keep a new definition; raises `AlreadyExists`."""
        row = documents.encode_keyed(definition, tenant, definition.name)
        await self._written.insert(row, taken=f"Definition {definition.name} exists already.")

    async def replace(self, tenant: str, definition: Definition, *, was: Definition) -> bool:
        """Write a changed definition if it still is at the version of `was`, which stays readable."""
        await self._keep(tenant, was)
        row = documents.encode_keyed(definition, tenant, definition.name)
        return await self._written.replace(row, was=was.version)

    async def remove(self, tenant: str, definition: Definition) -> bool:
        """Remove the definition if its version is still this one; its tasks keep what they took from it."""
        await self._keep(tenant, definition)
        return await self._written.remove(documents.key(tenant, definition.name), was=definition.version)

    async def versions(self, tenant: str, name: str, *, limit: int, before: int | None = None) -> list[Definition]:
        """Versions that are not the present one any more, the newest first, those below `before`."""
        found: Document = {"tenant": tenant, "name": name}
        if before is not None:
            found["version"] = {"$lt": before}
        return [_decode(row) async for row in self._versions.find(found).sort("version", -1).limit(limit)]

    async def open_tasks(self, tenant: str, definition: Definition) -> int:
        """How many tasks of the definition have not ended, counted up to 1,000."""
        found: Document = {"tenant": tenant, "queue": definition.queue, "state": {"$gt": "done"}}
        return await self._tasks.count_documents(found | {"lane": definition.lane}, limit=1000, hint="worklist")

    async def _keep(self, tenant: str, was: Definition) -> None:
        """Put a version aside that is about to go. It never changes, so whoever comes second writes the same."""
        row = documents.encode_keyed(was, tenant, f"{was.name}@{was.version}")
        await self._versions.replace_one({"_id": row["_id"]}, row, upsert=True)


def _decode(row: Document) -> Definition:
    return documents.decode(row, Definition)
