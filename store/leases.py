"""The leases collection: which engine process does which duty, and until when."""

from datetime import datetime

import msgspec
from pymongo import errors as driver

from store import mongo
from store.mongo import Document


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a duty and until when; past that moment anybody may take it."""

    duty: str
    holder: str
    until: datetime


@mongo.translating
class Leases:
    """One document a duty, changed only by whoever may hold it."""

    def __init__(self, database: mongo.Database) -> None:
        self._leases = database["leases"]

    async def take(self, duty: str, holder: str, *, now: datetime, until: datetime) -> bool:
        """Take the duty, or keep it longer; False when another holds it still."""
        free: Document = {"_id": duty, "$or": [{"holder": holder}, {"until": {"$lte": now}}]}
        try:
            # Where another holds it, the filter finds nothing and the upsert meets that document's _id.
            await self._leases.update_one(free, {"$set": {"holder": holder, "until": until}}, upsert=True)
        except driver.DuplicateKeyError:
            return False
        return True

    async def release(self, duty: str, holder: str) -> None:
        """Let the duty go, so that another may take it at once; nothing happens when somebody else holds it."""
        await self._leases.delete_one({"_id": duty, "holder": holder})

    async def every(self) -> list[Lease]:
        """All duties that were ever taken and not released."""
        rows = self._leases.find({}).sort("_id", 1)
        return [Lease(duty=row["_id"], holder=row["holder"], until=row["until"]) async for row in rows]
