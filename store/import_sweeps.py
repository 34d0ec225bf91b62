"""What the engine looks for among the imports of all tenants: what is to be read, what broke off, what to erase."""

from datetime import datetime

from core.imports import Import, ImportState
from core.task import Outcome, Reason
from store import documents, mongo
from store.mongo import Document


@mongo.translating
class ImportSweeps:
    """Imports over all tenants."""

    def __init__(self, database: mongo.Database) -> None:
        self._imports = database["imports"]

    async def open(self, limit: int) -> list[Import]:
        """Imports that have not ended, the oldest first (index `open`)."""
        rows = self._imports.find({"state": {"$gt": ImportState.DONE.value}}).sort("createdAt", 1).limit(limit)
        return [documents.decode(row, Import) async for row in rows]

    async def break_off(self, job: Import, *, before: datetime, at: datetime) -> None:
        """End an upload of which nothing came since that moment."""
        found: Document = {
            "_id": documents.key(job.tenant, job.id),
            "state": ImportState.RECEIVING.value,
            "updatedAt": {"$lt": before},
        }
        reason = Reason(type="upload-broken-off", message="The upload was not finished; send the file again.")
        sets = {"state": ImportState.DONE.value, "outcome": Outcome.FAILED.value, "endedAt": at, "updatedAt": at}
        await self._imports.update_one(found, {"$set": sets | {"reason": documents.encode(reason)}, "$inc": {"seq": 1}})

    async def with_uploads(self, limit: int) -> list[Import]:
        """Imports that have ended and whose bytes are still kept (index `uploads`)."""
        found: Document = {"uploads": {"$exists": True}, "state": ImportState.DONE.value}
        return [documents.decode(row, Import) async for row in self._imports.find(found).limit(limit)]

    async def erased(self, job: Import) -> None:
        """Note that its bytes are gone."""
        await self._imports.update_one({"_id": documents.key(job.tenant, job.id)}, {"$unset": {"uploads": ""}})

    async def unreported(self, limit: int) -> list[Import]:
        """Imports whose tasks do not show their end yet (index `unreported`)."""
        rows = self._imports.find({"unreported": True}).limit(limit)
        return [documents.decode(row, Import) async for row in rows]
