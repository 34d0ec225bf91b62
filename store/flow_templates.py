"""The flow templates of tenants, by name; every version stays, since flows are planned by theirs to their end."""

from pymongo import errors as driver

from core import errors
from core.flow_template import StoredTemplate
from store import documents, mongo
from store.mongo import Document
from store.versioned import Versioned


@mongo.translating
class FlowTemplates:
    """Templates by tenant and name: the present one of each, and beside it every version that there was."""

    def __init__(self, database: mongo.Database) -> None:
        self._templates = database["flowTemplates"]
        self._versions = database["flowTemplateVersions"]
        self._written = Versioned(database, "flowTemplates")

    async def get(self, tenant: str, name: str) -> StoredTemplate | None:
        """The template as it is now, or None."""
        row = await self._templates.find_one({"_id": documents.key(tenant, name)})
        return None if row is None else _decode(row)

    async def version(self, tenant: str, name: str, version: int) -> StoredTemplate | None:
        """One version of it, also of one that was deleted."""
        row = await self._versions.find_one({"_id": documents.key(tenant, f"{name}@{version}")})
        return None if row is None else _decode(row)

    async def newest_version(self, tenant: str, name: str) -> int:
        """The highest number that a version of this name has or had; 0 when there was none."""
        found: Document = {"tenant": tenant, "name": name}
        row = await self._versions.find_one(found, {"version": 1}, sort=[("version", -1)])
        return 0 if row is None else int(row["version"])

    async def page(
        self, tenant: str, *, after: str | None, limit: int, queue: str | None = None
    ) -> list[StoredTemplate]:
        """Templates in the order of their names, those behind `after`; of one queue or of all."""
        # "0" is what follows "/": one range of `_id` holds all of a tenant.
        found: Document = {"tenant": tenant, "_id": {"$gt": documents.key(tenant, after or ""), "$lt": f"{tenant}0"}}
        if queue is not None:
            found["queue"] = queue
        return [_decode(row) async for row in self._templates.find(found).sort("_id", 1).limit(limit)]

    async def of_queue(self, tenant: str, queue: str) -> list[StoredTemplate]:
        """The templates whose decisions go to a queue."""
        found: Document = {"tenant": tenant, "queue": queue, "content.driver": "decisions"}
        return [_decode(row) async for row in self._templates.find(found).sort("_id", 1)]

    async def insert(self, tenant: str, template: StoredTemplate) -> None:
        """Keep a new template; raises `AlreadyExists`."""
        await self._keep(tenant, template)
        row = _encode(tenant, template, template.name)
        await self._written.insert(row, taken=f"Flow template {template.name} exists already.")

    async def replace(self, tenant: str, template: StoredTemplate, *, was: int) -> bool:
        """Write a changed template if its version is still `was`."""
        await self._keep(tenant, template)
        return await self._written.replace(_encode(tenant, template, template.name), was=was)

    async def remove(self, tenant: str, name: str, *, was: int) -> bool:
        """Remove the template if its version is still `was`; flows that were started go on with theirs."""
        return await self._written.remove(documents.key(tenant, name), was=was)

    async def _keep(self, tenant: str, template: StoredTemplate) -> None:
        """Put a version aside before it becomes the present one; raises `AlreadyExists` when its number is taken."""
        try:
            await self._versions.insert_one(_encode(tenant, template, f"{template.name}@{template.version}"))
        except driver.DuplicateKeyError as error:
            raise errors.AlreadyExists(f"Flow template {template.name} was changed at the same moment.") from error


def _encode(tenant: str, template: StoredTemplate, name: str) -> Document:
    return documents.encode_keyed(template, tenant, name) | {"queue": template.content.queue}


def _decode(row: Document) -> StoredTemplate:
    row.pop("queue", None)
    return documents.decode(row, StoredTemplate)
