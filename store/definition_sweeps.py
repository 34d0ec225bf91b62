"""Definitions of all tenants that the engine works for; it serves no caller."""

from datetime import datetime

from core.definition import Definition
from store import documents, mongo


@mongo.translating
class DefinitionSweeps:
    """Definitions of any tenant."""

    def __init__(self, database: mongo.Database) -> None:
        self._definitions = database["definitions"]

    async def limited(self, changed_since: datetime) -> list[Definition]:
        """All with a concurrency limit that were changed since (index `limited`)."""
        found = {"concurrency.limit": {"$gt": 0}, "updatedAt": {"$gte": changed_since}}
        rows = self._definitions.find(found, hint="limited")
        return [documents.decode(row, Definition) async for row in rows]

    async def pushed(self) -> list[Definition]:
        """All whose tasks go to an HTTP target (index `pushed`)."""
        rows = self._definitions.find({"target.kind": "http"}, hint="pushed")
        return [documents.decode(row, Definition) async for row in rows]
