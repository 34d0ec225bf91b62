"""Definitions of all tenants that the engine works for; it serves no caller."""

from datetime import datetime

import msgspec

from core.definition import Definition
from store import documents, mongo


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """Where tasks of a queue wait."""

    tenant: str
    queue: str
    lane: str


@mongo.translating
class DefinitionSweeps:
    """Definitions of any tenant."""

    def __init__(self, database: mongo.Database) -> None:
        self._definitions = database["definitions"]
        self._templates = database["flowTemplates"]

    async def limited(self, changed_since: datetime) -> list[Definition]:
        """All with a concurrency limit that were changed since (index `limited`)."""
        found = {"concurrency.limit": {"$gt": 0}, "updatedAt": {"$gte": changed_since}}
        rows = self._definitions.find(found, hint="limited")
        return [documents.decode(row, Definition) async for row in rows]

    async def pushed(self) -> list[Definition]:
        """All whose tasks go to an HTTP target (index `pushed`)."""
        rows = self._definitions.find({"target.kind": "http"}, hint="pushed")
        return [documents.decode(row, Definition) async for row in rows]

    async def built_in(self, name: str) -> list[Definition]:
        """All whose tasks go to that part of the platform (index `builtin`)."""
        found = {"target.kind": "builtin", "target.name": name}
        return [documents.decode(row, Definition) async for row in self._definitions.find(found, hint="builtin")]

    async def templates(self, name: str) -> list[Lane]:
        """Where the decisions of all templates of that name wait (index `builtin`)."""
        found = {"name": name, "content.driver": "decisions"}
        rows = self._templates.find(found, {"tenant": 1, "lane": 1, "queue": 1}, hint="builtin")
        return [Lane(tenant=row["tenant"], queue=row["queue"], lane=row["lane"]) async for row in rows]
