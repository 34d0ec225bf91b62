"""How much there is of everything, over all tenants: what the engine's metrics show."""

from datetime import datetime

from core.task import OPEN
from store import mongo
from store.mongo import Document

_MOST = 100_000


@mongo.translating
class Depths:
    """Counts that are read from indexes alone."""

    def __init__(self, database: mongo.Database) -> None:
        self._tasks = database["tasks"]

    async def every(self) -> list[tuple[str, str, str, int]]:
        """Tenant, queue, state and number of open tasks, and of dead letters under the state `dead`."""
        states = sorted(state.value for state in OPEN)
        found = await self._grouped({"state": {"$in": states}}, "worklist", "$state")
        # Without a bound of its first field the index is not believed: every dead letter would be read.
        dead: Document = {"tenant": {"$gt": ""}, "dead": True}
        return found + await self._grouped(dead, "deadLetters", {"$literal": "dead"})

    async def unticketed(self, before: datetime) -> int:
        """Ready tasks whose ticket should have been confirmed before that moment; counted up to 100,000."""
        return await self._tasks.count_documents({"ticketDue": {"$lt": before}}, limit=_MOST, hint="tickets")

    async def _grouped(self, found: Document, hint: str, state: object) -> list[tuple[str, str, str, int]]:
        group: Document = {"_id": {"t": "$tenant", "q": "$queue", "s": state}, "n": {"$sum": 1}}
        cursor = await self._tasks.aggregate([{"$match": found}, {"$group": group}], hint=hint)
        return [(row["_id"]["t"], row["_id"]["q"], row["_id"]["s"], int(row["n"])) async for row in cursor]
