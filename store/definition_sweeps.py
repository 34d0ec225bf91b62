"""Definitions of all tenants that the engine works for; it serves no caller."""

from core.definition import Definition
from store import documents, mongo


@mongo.translating
class DefinitionSweeps:
    """Definitions of any tenant."""

    def __init__(self, database: mongo.Database) -> None:
        self._definitions = database["definitions"]

    async def pushed(self) -> list[Definition]:
        """All whose tasks go to an HTTP target (index `pushed`)."""
        rows = self._definitions.find({"target.kind": "http"}, hint="pushed")
        return [documents.decode(row, Definition) async for row in rows]
