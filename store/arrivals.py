"""Which tenants are being imported: marks in the collection meta, so that what broke off is cleared away.

The mark stays where the process ended in the middle, and is out of date soon. What was kept until then is erased by
whoever finds it (`api/erasing.py`).
"""

from datetime import datetime, timedelta

import msgspec
from pymongo import errors as driver

from store import mongo
from store.mongo import Document

LASTS = timedelta(minutes=2)
"""For so long a mark holds that is not renewed."""

_PREFIX = "import/"


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant that is being imported, and by which of the imports."""

    tenant: str
    holder: str
    wrote: bool = False
    """Whether anything of it may be kept already."""


@mongo.translating
class Arrivals:
    """One mark for each tenant; only its holder writes what the tenant owns."""

    def __init__(self, database: mongo.Database) -> None:
        self._marks = database["meta"]

    async def begin(self, arrival: Arrival, *, now: datetime) -> bool:
        """Set the mark; False while there is one, out of date or not."""
        row: Document = {"_id": f"{_PREFIX}{arrival.tenant}", "holder": arrival.holder, "until": now + LASTS}
        try:
            await self._marks.insert_one(row)
        except driver.DuplicateKeyError:
            return False
        return True

    async def renew(self, arrival: Arrival, *, now: datetime) -> bool:
        """Make the mark last, for something is about to be written; False when another took it over."""
        found = await self._marks.update_one(_of(arrival), {"$set": {"until": now + LASTS, "wrote": True}})
        return found.matched_count == 1

    async def end(self, arrival: Arrival) -> bool:
        """Take the mark away; False when another took it over."""
        return (await self._marks.delete_one(_of(arrival))).deleted_count == 1

    async def seize(self, holder: str, *, now: datetime) -> Arrival | None:
        """Take over a mark that is out of date; None when there is none."""
        found: Document = {"_id": {"$gt": _PREFIX, "$lt": "import0"}, "until": {"$lte": now}}
        row = await self._marks.find_one_and_update(found, {"$set": {"holder": holder, "until": now + LASTS}})
        if row is None:
            return None
        tenant = str(row["_id"]).removeprefix(_PREFIX)
        return Arrival(tenant=tenant, holder=holder, wrote=bool(row.get("wrote")))


def _of(arrival: Arrival) -> Document:
    return {"_id": f"{_PREFIX}{arrival.tenant}", "holder": arrival.holder}
