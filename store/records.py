"""Records that applications report to a tenant (`POST /api/v1/records`), and the tasks that such events set off."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from pymongo import errors as driver

from core.task import Actor
from store import documents, mongo
from store.mongo import Document


class Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Something that happened elsewhere, as it was reported."""

    tenant: str
    id: str
    body: dict[str, Any]
    received_at: datetime
    received_by: Actor
    triggers: tuple[str, ...] = ()
    """Triggers and event tasks (`core.trigger.event_mark`) that it set off, until all are known to have run."""


class EventTask(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Which task template an event of the cache sets off (contract xfsc-and-jobs 1.10); an exact match of all three."""

    tenant: str
    name: str
    key: str
    task_name: str
    namespace: str = ""
    scope: str = ""


@mongo.translating
class Records:
    """Records and event tasks by tenant."""

    def __init__(self, database: mongo.Database) -> None:
        self._records = database["records"]
        self._event_tasks = database["eventTasks"]

    async def insert(self, record: Record) -> bool:
        """Keep a record; False when there is one of that id."""
        try:
            await self._records.insert_one(documents.encode_keyed(record, record.tenant, record.id))
        except driver.DuplicateKeyError:
            return False
        return True

    async def get_many(self, tenant: str, record_ids: Sequence[str]) -> list[Record]:
        """Those of the ids that this tenant has, in the order of their receipt."""
        rows = self._records.find({"_id": {"$in": documents.keys(tenant, record_ids)}})
        return sorted([_decode(row) async for row in rows], key=lambda record: record.received_at)

    async def since(self, tenant: str, at: datetime, *, after: str, limit: int) -> list[Record]:
        """Records that were received at that moment or later, in that order; those behind the id `after` at the moment.

        Index `received`.
        """
        found: Document = {"tenant": tenant, "receivedAt": {"$gte": at}}
        if after:
            behind: list[Document] = [
                {"receivedAt": {"$gt": at}},
                {"receivedAt": at, "_id": {"$gt": documents.key(tenant, after)}},
            ]
            found["$or"] = behind
        rows = self._records.find(found).sort([("receivedAt", 1), ("_id", 1)]).limit(limit)
        return [_decode(row) async for row in rows]

    async def get(self, tenant: str, record_id: str) -> Record | None:
        """The record of that id, or None."""
        row = await self._records.find_one({"_id": documents.key(tenant, record_id)})
        return None if row is None else _decode(row)

    async def fired(self, tenant: str, record_id: str) -> None:
        """Note that all that the record set off has run."""
        await self._records.update_one({"_id": documents.key(tenant, record_id)}, {"$unset": {"triggers": ""}})

    async def put_event_task(self, found: EventTask) -> None:
        """Keep an event task, in place of an earlier one of its name."""
        row = documents.encode(found)
        row |= {"namespace": found.namespace, "scope": found.scope}
        await self._event_tasks.replace_one({"_id": documents.key(found.tenant, found.name)}, row, upsert=True)

    async def event_task(self, tenant: str, name: str) -> EventTask | None:
        """The event task of that name, or None."""
        row = await self._event_tasks.find_one({"_id": documents.key(tenant, name)})
        return None if row is None else documents.decode(row, EventTask)

    async def remove_event_task(self, tenant: str, name: str) -> bool:
        """Remove it; False when there is none."""
        return (await self._event_tasks.delete_one({"_id": documents.key(tenant, name)})).deleted_count == 1

    async def set_off(self, tenant: str, key: str, namespace: str, scope: str) -> list[EventTask]:
        """The event tasks that fit exactly (index `event`)."""
        found: Document = {"tenant": tenant, "key": key, "namespace": namespace, "scope": scope}
        return [documents.decode(row, EventTask) async for row in self._event_tasks.find(found).sort("_id", 1)]


def _decode(row: Document) -> Record:
    return documents.decode(row, Record)
