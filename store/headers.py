"""What the follower reads of tasks, over all tenants: headers for events, and tasks whose event is missing."""

from collections.abc import Iterable

import msgspec

from core.events import Header
from store import documents, mongo, notes
from store.notes import Mark

_FIELDS = dict.fromkeys(("queue", "definition", "name", "recordId", "priority", "parent", "trace", "encrypted"), 1)


class Last(msgspec.Struct, frozen=True, kw_only=True):
    """A task's last event, as the task itself carries it."""

    key: str
    """The task's `_id`."""
    seq: int
    mark: Mark
    header: Header


@mongo.translating
class Headers:
    """Headers and last events by the tasks' `_id`."""

    def __init__(self, database: mongo.Database) -> None:
        self._tasks = database["tasks"]

    async def of(self, keys: Iterable[str]) -> dict[str, Header]:
        """The headers as they are now, of those tasks that are there."""
        rows = self._tasks.find({"_id": {"$in": list(keys)}}, _FIELDS)
        return {str(row["_id"]): documents.decode(row, Header) async for row in rows}

    async def last_events(self, after: str, limit: int) -> list[Last]:
        """Last events by the tasks' `_id`, behind `after`: a walk over all tasks."""
        rows = self._tasks.find({"_id": {"$gt": after}}, _FIELDS | {"seq": 1, "lastEvent": 1})
        return [
            Last(
                key=row["_id"], seq=row["seq"], mark=notes.mark(row["lastEvent"]), header=documents.decode(row, Header)
            )
            async for row in rows.sort("_id", 1).limit(limit)
        ]
