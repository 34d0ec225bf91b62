"""Everything that a tenant owns, whichever collection it is in: read for an export, kept again, and erased.

Collections are found in the database, not listed here, so that a new one cannot be forgotten; `PLATFORM` are those
that are nobody's. A test makes sure that every document elsewhere names its tenant.
"""

from collections.abc import AsyncGenerator, Iterable
from datetime import datetime
from typing import Any

import msgspec
from bson import json_util
from pymongo import InsertOne
from pymongo import errors as driver

from core import errors, words
from core.task import Task
from store import documents, mongo, payloads
from store.mongo import Document
from store.notices import TOLD, Notices
from store.payloads import Payloads

TRAIL = frozenset({"audit", "auditHeads"})
"""Exported and erased, but not kept again: a tenant that comes back has a trail of its own already."""

PLATFORM = frozenset({"tenants", "positions", "leases", "meta", "notices"})
"""Collections that belong to no tenant: the register itself, what was changed, and how far the engine has come."""

WITHHELD = frozenset({"secrets", "tenantKeys"})
"""Not exported: values that nobody reads, and what they are sealed with. They are set anew after an import."""

_KEPT = TRAIL | {"tenantKeys"}
"""No part of what an import brings: neither in its way, nor undone with it. A key may be in use already."""

_FIRST = ("events", "eventTasks")
"""Kept before the tasks, whose arrival is an event otherwise."""
_LAST = ("tasks",)
_OURS = ("ticketDue", "text", "words")
"""When a ticket is due, and what a task is found by, is no affair of the tenant's: it is made again."""
_BATCH = 500
_READY = "ready"
_CANONICAL = json_util.JSONOptions(json_mode=json_util.JSONMode.CANONICAL, tz_aware=True)


class Estate:
    """A tenant's documents in all collections."""

    def __init__(self, database: mongo.Database, kept: Payloads = payloads.PLAIN) -> None:
        """`kept` opens for an export what is encrypted, and seals it again with the keys that are here."""
        self._database = database
        self._payloads = kept
        self._notices = Notices(database)

    async def collections(self) -> list[str]:
        """The collections that hold what tenants own, in the order in which they are to be kept again."""
        found = [name for name in await self._database.list_collection_names() if not name.startswith("system.")]
        owned = sorted(name for name in found if name not in PLATFORM)
        return sorted(owned, key=lambda name: (name in _LAST) - (name in _FIRST))

    async def read(self, tenant: str) -> AsyncGenerator[tuple[str, str]]:
        """Every document, as (collection, MongoDB's canonical extended JSON), each collection by `_id`."""
        for name in await self.collections():
            if name in WITHHELD:
                continue
            # The range is what makes `_id` the index to read by, in its order; "0" is what follows "/".
            found: Document = {"tenant": tenant, "_id": {"$gte": tenant, "$lt": f"{tenant}0"}}
            async for row in self._database[name].find(found).sort("_id", 1).batch_size(_BATCH):
                for field in _OURS:
                    row.pop(field, None)
                if name in payloads.KINDS:
                    await self._payloads.open(payloads.KINDS[name], [row])
                yield name, json_util.dumps(row, json_options=_CANONICAL)

    async def is_empty(self, tenant: str) -> bool:
        """Whether the tenant owns nothing yet but its audit trail, and keys that seal nothing."""
        for name in await self.collections():
            if name not in _KEPT and await self._database[name].find_one({"tenant": tenant}, {"_id": 1}) is not None:
                return False
        return True

    async def keep(self, tenant: str, collection: str, rows: Iterable[str], *, at: datetime) -> int:
        """Keep documents that `read` gave; nothing that is there is changed.

        Raises `Invalid` for what is no such document or another tenant's, `AlreadyExists` for an `_id` that is taken.
        """
        kept = [] if collection in TRAIL else _documents(tenant, collection, rows)
        if not kept:
            return 0
        for each in kept:
            if collection == "tasks" and each.get("state") == _READY:
                each["ticketDue"] = at
        if collection in payloads.KINDS:
            await self._payloads.close(payloads.KINDS[collection], kept)
        try:
            result = await self._database[collection].bulk_write([InsertOne(each) for each in kept], ordered=False)
        except driver.BulkWriteError as error:
            if any(fault["code"] == 11000 for fault in (error.details or {}).get("writeErrors", ())):
                raise errors.AlreadyExists(f"Documents of {collection} are here already under the same ids.") from error
            raise
        if collection in TOLD:
            await self._notices.tell_all(collection)
        return result.inserted_count

    @staticmethod
    def check(tenant: str, collection: str, rows: Iterable[str]) -> None:
        """Raise `Invalid` where `keep` would; nothing is kept."""
        _documents(tenant, collection, rows)

    async def undo(self, tenant: str) -> int:
        """Delete what an import kept that did not come to its end; answers how many documents."""
        return await self._erase(tenant, _KEPT)

    async def erase(self, tenant: str) -> int:
        """Delete every document of the tenant, in all collections; answers how many."""
        return await self._erase(tenant, frozenset())

    async def _erase(self, tenant: str, spared: frozenset[str]) -> int:
        erased = 0
        for name in await self.collections():
            if name in spared:
                continue
            erased += (await self._database[name].delete_many({"tenant": tenant})).deleted_count
            if name in TOLD:
                await self._notices.tell_all(name)
        return erased


def _documents(tenant: str, collection: str, rows: Iterable[str]) -> list[Document]:
    if collection in PLATFORM | WITHHELD or collection.startswith("system."):
        raise errors.Invalid(f"An export holds nothing of the collection {collection!r}.")
    read = [_document(tenant, row) for row in rows]
    if collection == "tasks":
        for each in read:
            each["text"] = words.of_task(_task(each))
    return read


def _task(document: Document) -> Task:
    try:
        return documents.decode(dict(document), Task)
    except (msgspec.MsgspecError, KeyError) as error:
        raise errors.Invalid(f"The export holds a task that is none: {error}.") from error


def _document(tenant: str, row: str) -> Document:
    try:
        read: Any = json_util.loads(row, json_options=_CANONICAL)
    except (ValueError, TypeError, KeyError) as error:
        raise errors.Invalid(f"Not a document of an export: {error}.") from error
    if not isinstance(read, dict) or read.get("tenant") != tenant:  # pyright: ignore[reportUnknownMemberType]
        raise errors.Invalid(f"The export holds a document that is not of the tenant {tenant}.")
    document: Document = read  # pyright: ignore[reportUnknownVariableType]
    own = document.get("_id")
    if own != tenant and not (isinstance(own, str) and own.startswith(f"{tenant}/")):
        raise errors.Invalid(f"The export holds a document whose id is not of the tenant {tenant}.")
    return document
