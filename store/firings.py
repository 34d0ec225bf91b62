"""The firings collection: the history of schedules, an entry a firing, written once however often it is carried out."""

from collections.abc import Sequence

from pymongo import UpdateOne

from core import errors
from core.schedule import Firing, FiringStatus
from store import documents, mongo
from store.mongo import Document


@mongo.translating
class Firings:
    """Firings by tenant and schedule. They stay when a schedule is removed, until retention erases them."""

    def __init__(self, database: mongo.Database) -> None:
        self._firings = database["firings"]

    async def record(self, entries: Sequence[Firing]) -> None:
        """Keep these; what was kept of a firing before stays, but for missed ones, of which more may be missed now."""
        writes: list[UpdateOne] = []
        for entry in entries:
            key = documents.key(entry.tenant, entry.id)
            fields = documents.encode(entry)
            del fields["id"]
            operator = "$set" if entry.status is FiringStatus.MISSED else "$setOnInsert"
            writes.append(UpdateOne({"_id": key}, {operator: fields}, upsert=True))
        if writes:
            await self._firings.bulk_write(writes, ordered=False)

    async def get(self, tenant: str, firing_id: str) -> Firing | None:
        """The firing of that id, or None."""
        row = await self._firings.find_one({"_id": documents.key(tenant, firing_id)})
        return None if row is None else _decode(row)

    async def page(self, tenant: str, schedule_id: str, *, after: str | None, limit: int) -> list[Firing]:
        """A schedule's firings, the newest first, behind the one of the id `after`; raises `BadCursor`."""
        found: Document = {"tenant": tenant, "schedule": schedule_id}
        if after is not None:
            last = await self.get(tenant, after)
            if last is None or last.schedule != schedule_id:
                message = "give back `next` of the page before"
                raise errors.BadCursor(faults=[errors.Fault(field="after", message=message)])
            key = documents.key(tenant, after)
            found |= {"at": {"$lte": last.at}, "$or": [{"at": {"$lt": last.at}}, {"at": last.at, "_id": {"$lt": key}}]}
        cursor = self._firings.find(found).sort([("at", -1), ("_id", -1)]).limit(limit)
        return [_decode(row) async for row in cursor]


def _decode(row: Document) -> Firing:
    return documents.decode(row, Firing)
