"""Records of all tenants whose triggers have not all run yet; it serves no caller."""

from datetime import datetime

from store import documents, mongo
from store.records import Record


@mongo.translating
class RecordSweeps:
    """Records over all tenants."""

    def __init__(self, database: mongo.Database) -> None:
        self._records = database["records"]

    async def pending(self, before: datetime, limit: int) -> list[Record]:
        """Those received before that moment, the oldest first (index `pending`)."""
        rows = self._records.find({"triggers": {"$exists": True}, "receivedAt": {"$lt": before}}, hint="pending")
        return [documents.decode(row, Record) async for row in rows.sort("receivedAt", 1).limit(limit)]
