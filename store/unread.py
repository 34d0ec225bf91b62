"""Open tasks of all tenants whose words are not in the index of words yet (`store/matching.py`): for the engine."""

from datetime import datetime

from store import matching, mongo
from store.mongo import Document


@mongo.translating
class Unread:
    """Puts the words of tasks into the index, behind their submits."""

    def __init__(self, database: mongo.Database) -> None:
        self._tasks = database["tasks"]

    async def read(self, before: datetime, limit: int) -> int:
        """Read some open tasks that were submitted before that moment, at most `limit`; answers how many."""
        found: Document = {"text": {"$exists": True}, "state": {"$gt": "done"}, "createdAt": {"$lt": before}}
        rows = self._tasks.find(found, {"_id": 1}).hint("unread").limit(limit)
        keys = [row["_id"] async for row in rows]
        if keys:
            # One that got other words since is read with those.
            await self._tasks.update_many({"_id": {"$in": keys}, "text": {"$exists": True}}, matching.READ)
        return len(keys)
