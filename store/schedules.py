"""The schedules collection: by tenant and id, changed by people and moved on by the engine, each conditionally."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import structlog
from pymongo import UpdateOne
from pymongo import errors as driver

from core import errors
from core.schedule import Schedule
from store import documents, mongo
from store.mongo import Document

_log = structlog.get_logger(__name__)

_MOVED = ("cursor", "setup_at", "next_at", "last", "last_run", "seq")
"""What the engine writes: never what people settle."""
_NAMES = documents.field_names(Schedule)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which schedules to list; None means any. `queues` is what the caller may read, None for all of the tenant's."""

    queues: tuple[str, ...] | None = None
    definition: str | None = None
    paused: bool | None = None
    of_definitions: bool = False
    """Only those that submit tasks of a definition."""


@mongo.translating
class Schedules:
    """Schedules by tenant and id; `due`, `next_due`, `move` and `postpone` are for the engine."""

    def __init__(self, database: mongo.Database) -> None:
        self._schedules = database["schedules"]

    async def get(self, tenant: str, schedule_id: str) -> Schedule | None:
        """The schedule of that id, or None."""
        row = await self._schedules.find_one({"_id": documents.key(tenant, schedule_id)})
        return None if row is None else _decode(row)

    async def page(self, tenant: str, wanted: Wanted, *, after: str | None, limit: int) -> list[Schedule]:
        """Schedules in the order of their ids, those behind `after`."""
        # "0" is what follows "/": one range of `_id` holds all of a tenant.
        found: Document = {"tenant": tenant, "_id": {"$gt": documents.key(tenant, after or ""), "$lt": f"{tenant}0"}}
        if wanted.queues is not None:
            found["order.queue"] = {"$in": list(wanted.queues)}
        if wanted.definition is not None or wanted.of_definitions:
            found["order.definition"] = {"$ne": None} if wanted.definition is None else wanted.definition
        if wanted.paused is not None:
            found["paused"] = True if wanted.paused else None
        return [_decode(row) async for row in self._schedules.find(found).sort("_id", 1).limit(limit)]

    async def insert(self, tenant: str, schedule: Schedule) -> None:
        """Keep a new schedule; raises `AlreadyExists`."""
        try:
            await self._schedules.insert_one(documents.encode_keyed(schedule, tenant, schedule.id))
        except driver.DuplicateKeyError as error:
            raise errors.AlreadyExists(f"Schedule {schedule.id} exists already.") from error

    async def replace(self, tenant: str, schedule: Schedule, *, was: int) -> bool:
        """Write a changed schedule if its `seq` is still `was`; False when it was changed or moved on since."""
        found: Document = {"_id": documents.key(tenant, schedule.id), "seq": was}
        result = await self._schedules.replace_one(found, documents.encode_keyed(schedule, tenant, schedule.id))
        return result.matched_count == 1

    async def remove(self, tenant: str, schedule_id: str, *, was: int) -> bool:
        """Remove the schedule if its version is still `was`."""
        result = await self._schedules.delete_one({"_id": documents.key(tenant, schedule_id), "version": was})
        return result.deleted_count == 1

    async def due(self, now: datetime, limit: int, *, without: Sequence[str]) -> list[Schedule]:
        """Schedules of all tenants but some whose moment has come, the longest due first (index `due`)."""
        found = {"nextAt": {"$lte": now}} | _outside(without)
        rows = [row async for row in self._schedules.find(found).sort("nextAt", 1).limit(limit)]
        schedules: list[Schedule] = []
        for row in rows:
            key = str(row["_id"])
            try:
                schedules.append(_decode(row))
            except (msgspec.MsgspecError, KeyError) as error:
                _log.error("unreadable schedule stopped", key=key, error=str(error))
                await self._schedules.update_one({"_id": key}, {"$unset": {"nextAt": ""}})
        return schedules

    async def next_due(self, *, without: Sequence[str]) -> datetime | None:
        """When the next of them is due; None when none is."""
        found = {"nextAt": {"$exists": True}} | _outside(without)
        row = await self._schedules.find_one(found, {"nextAt": 1}, sort=[("nextAt", 1)])
        return None if row is None else row["nextAt"]

    async def move(self, schedules: Sequence[Schedule]) -> None:
        """Write where these stand now, each only if nothing wrote it since it was read (its `seq` is one more)."""
        writes = [
            UpdateOne({"_id": documents.key(each.tenant, each.id), "seq": each.seq - 1}, _moved(each))
            for each in schedules
        ]
        if writes:
            await self._schedules.bulk_write(writes, ordered=False)


def _moved(schedule: Schedule) -> Document:
    values = {_NAMES[name]: getattr(schedule, name) for name in _MOVED}
    sets = {name: documents.encode_value(value) for name, value in values.items() if value is not None}
    unsets = {name: "" for name, value in values.items() if value is None}
    return {"$set": sets} | ({"$unset": unsets} if unsets else {})


def _outside(tenants: Sequence[str]) -> Document:
    return {"tenant": {"$nin": list(tenants)}} if tenants else {}


def _decode(row: Document) -> Schedule:
    return documents.decode(row, Schedule)
