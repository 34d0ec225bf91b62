"""The queues collection: a tenant's queues by `namespace:name`, each change conditional on its version."""

from core.queue import Queue
from store import documents, mongo
from store.mongo import Document
from store.versioned import Versioned


@mongo.translating
class Queues:
    """Queues by tenant and key."""

    def __init__(self, database: mongo.Database) -> None:
        self._queues = database["queues"]
        self._written = Versioned(database, "queues")

    async def get(self, tenant: str, key: str) -> Queue | None:
        """The queue `namespace:name`, or None."""
        row = await self._queues.find_one({"_id": documents.key(tenant, key)})
        return None if row is None else _decode(row)

    async def insert(self, tenant: str, queue: Queue) -> None:
        """Keep a new queue; raises `AlreadyExists`."""
        row = documents.encode_keyed(queue, tenant, queue.key)
        await self._written.insert(row, taken=f"Queue {queue.key} exists already.")

    async def replace(self, tenant: str, queue: Queue, *, was: int) -> bool:
        """Write a changed queue if its version is still `was`; False when somebody changed it since."""
        return await self._written.replace(documents.encode_keyed(queue, tenant, queue.key), was=was)

    async def remove(self, tenant: str, key: str, *, was: int) -> bool:
        """Remove the queue if its version is still `was`."""
        return await self._written.remove(documents.key(tenant, key), was=was)

    async def page(self, tenant: str, *, after: str | None, limit: int, namespace: str | None = None) -> list[Queue]:
        """Queues in the order of their keys, those behind `after` (a key)."""
        found: Document = {"tenant": tenant}
        if after is not None:
            found["_id"] = {"$gt": documents.key(tenant, after)}
        if namespace is not None:
            found["namespace"] = namespace
        cursor = self._queues.find(found).sort("_id", 1).limit(limit)
        return [_decode(row) async for row in cursor]

    async def of(self, tenant: str) -> list[Queue]:
        """All queues of a tenant."""
        return [_decode(row) async for row in self._queues.find({"tenant": tenant})]

    async def every(self) -> list[Queue]:
        """All queues of all tenants: for commands, and what is left by tests."""
        return [_decode(row) async for row in self._queues.find({})]

    async def keys(self) -> list[tuple[str, str]]:
        """(tenant, `namespace:name`) of all queues of all tenants, for the engine: nothing else of ten thousand."""
        rows = self._queues.find({}, {"_id": 1})
        pairs = [str(row["_id"]).partition("/") async for row in rows]
        return [(tenant, key) for tenant, _, key in pairs]

    async def keeping(self) -> list[Queue]:
        """Those of all tenants that keep what ended for a time of their own: for the engine's retention."""
        return [_decode(row) async for row in self._queues.find({"retentionDays": {"$gt": 0}})]


def _decode(row: Document) -> Queue:
    return documents.decode(row, Queue)
