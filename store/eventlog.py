"""What the engine writes and reads of events, over all tenants; what callers may read is in `store/events.py`."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime

from pymongo import errors as driver
from pymongo.read_concern import ReadConcern

from core.events import Event
from store import documents, mongo
from store.mongo import Document

_DUPLICATE = 11000
_ERASED_AT_ONCE = 8
"""Of how many tenants events are erased at the same time."""
_KEYS_AT_ONCE = 5_000


class Overtaken(Exception):
    """An event is there already, or its number is: this writer has replayed something, or is not the only one."""


def event_key(task_key: str, seq: int) -> str:
    """The `_id` of a task's event: the same event has the same, so it cannot be stored twice."""
    return f"{task_key}/{seq}"


@mongo.translating
class EventLog:
    """Events by `n`."""

    def __init__(self, database: mongo.Database) -> None:
        # Read what a majority has: a number that a failover takes back would be given to another event.
        self._events = database["events"].with_options(read_concern=ReadConcern("majority"))

    async def append(self, events: Sequence[Event]) -> None:
        """Keep events, in their order: who reads by `n` sees none before those with smaller numbers.

        Raises `Overtaken` at the first that is there already; those before it are kept, those behind it are not.
        """
        rows = [documents.encode_keyed(event, event.tenant, f"{event.task}/{event.seq}") for event in events]
        try:
            await self._events.insert_many(rows, ordered=True)
        except driver.BulkWriteError as error:
            if any(fault["code"] == _DUPLICATE for fault in error.details["writeErrors"]):
                raise Overtaken from error
            raise

    async def known(self, keys: Iterable[str]) -> set[str]:
        """Those of the events that are there."""
        rows = self._events.find({"_id": {"$in": list(keys)}}, {"_id": 1})
        return {str(row["_id"]) async for row in rows}

    async def newest(self) -> int:
        """The highest number; 0 when there is no event."""
        row = await self._events.find_one({}, {"n": 1}, sort=[("n", -1)])
        return 0 if row is None else int(row["n"])

    async def after(self, n: int, limit: int) -> list[Event]:
        """The next events behind `n`."""
        rows = self._events.find({"n": {"$gt": n}}).sort("n", 1).limit(limit)
        return [documents.decode(row, Event) async for row in rows]

    async def of_tasks(self, tasks: Iterable[tuple[str, str]], upto: int) -> list[Event]:
        """The events of these tasks (tenant, id) with numbers up to `upto`, by task and `seq`."""
        by_tenant: dict[str, list[str]] = {}
        for tenant, task in tasks:
            by_tenant.setdefault(tenant, []).append(task)
        found: list[Event] = []
        for tenant, names in by_tenant.items():
            rows = self._events.find({"tenant": tenant, "task": {"$in": names}, "n": {"$lte": upto}})
            found += [documents.decode(row, Event) async for row in rows.sort([("task", 1), ("seq", 1)])]
        return found

    async def erase(self, before: datetime, limit: int) -> int:
        """Remove events that happened before that moment, of the first `limit` by `n`; answers how many.

        Numbers grow with time but for the difference of clocks, so that no index by time is kept.
        """
        rows = self._events.find({"n": {"$gt": 0}}, {"at": 1}).sort("n", 1).limit(limit)
        keys = [row["_id"] async for row in rows if row["at"] < before]
        if not keys:
            return 0
        return (await self._events.delete_many({"_id": {"$in": keys}})).deleted_count

    async def erase_numbered(self, tasks: Iterable[tuple[str, int]]) -> int:
        """Remove the events of tasks (`_id`, `seq` of the last) of whatever tenants: by their own ids, at once."""
        keys = [event_key(key, seq) for key, last in tasks for seq in range(1, last + 1)]
        erased = 0
        for begin in range(0, len(keys), _KEYS_AT_ONCE):
            found: Document = {"_id": {"$in": keys[begin : begin + _KEYS_AT_ONCE]}}
            erased += (await self._events.delete_many(found)).deleted_count
        return erased

    async def erase_of(self, tasks: Iterable[tuple[str, str]]) -> int:
        """Remove every event of these tasks."""
        by_tenant: dict[str, list[str]] = {}
        for tenant, task in tasks:
            by_tenant.setdefault(tenant, []).append(task)
        places = asyncio.Semaphore(_ERASED_AT_ONCE)

        async def erase(tenant: str, names: Sequence[str]) -> int:
            found: Document = {"tenant": tenant, "task": {"$in": names}}
            async with places:
                return (await self._events.delete_many(found)).deleted_count

        return sum(await asyncio.gather(*(erase(tenant, names) for tenant, names in by_tenant.items())))
