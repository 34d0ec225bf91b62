"""The triggers collection: by tenant and id, each change conditional on its version."""

from pymongo import errors as driver

from core import errors
from core.schedule import Last
from core.trigger import Trigger
from store import documents, mongo
from store.mongo import Document


@mongo.translating
class Triggers:
    """Triggers by tenant and id."""

    def __init__(self, database: mongo.Database) -> None:
        self._triggers = database["triggers"]

    async def get(self, tenant: str, trigger_id: str) -> Trigger | None:
        """The trigger of that id, or None."""
        row = await self._triggers.find_one({"_id": documents.key(tenant, trigger_id)})
        return None if row is None else _decode(row)

    async def page(
        self, tenant: str, *, after: str | None, limit: int, queues: tuple[str, ...] | None = None
    ) -> list[Trigger]:
        """Triggers in the order of their ids, those behind `after`; `queues` is what the caller may read."""
        # "0" is what follows "/": one range of `_id` holds all of a tenant.
        found: Document = {"tenant": tenant, "_id": {"$gt": documents.key(tenant, after or ""), "$lt": f"{tenant}0"}}
        if queues is not None:
            found["order.queue"] = {"$in": list(queues)}
        return [_decode(row) async for row in self._triggers.find(found).sort("_id", 1).limit(limit)]

    async def insert(self, tenant: str, trigger: Trigger) -> None:
        """Keep a new trigger; raises `AlreadyExists`."""
        try:
            await self._triggers.insert_one(documents.encode_keyed(trigger, tenant, trigger.id))
        except driver.DuplicateKeyError as error:
            raise errors.AlreadyExists(f"Trigger {trigger.id} exists already.") from error

    async def replace(self, tenant: str, trigger: Trigger, *, was: int) -> bool:
        """Write a changed trigger if its version is still `was`."""
        found: Document = {"_id": documents.key(tenant, trigger.id), "version": was}
        row = documents.encode_keyed(trigger, tenant, trigger.id)
        return (await self._triggers.replace_one(found, row)).matched_count == 1

    async def remove(self, tenant: str, trigger_id: str, *, was: int) -> bool:
        """Remove the trigger if its version is still `was`."""
        found: Document = {"_id": documents.key(tenant, trigger_id), "version": was}
        return (await self._triggers.delete_one(found)).deleted_count == 1

    async def note(self, tenant: str, trigger_id: str, last: Last) -> None:
        """Show this as its last run, unless a later one is shown."""
        found: Document = {"_id": documents.key(tenant, trigger_id), "last.at": {"$not": {"$gt": last.at}}}
        await self._triggers.update_one(found, {"$set": {"last": documents.encode(last)}})


def _decode(row: Document) -> Trigger:
    return documents.decode(row, Trigger)
