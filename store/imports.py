"""The imports collection: files on their way into queues, and the lines of them that became no task.

People change an import by its state, the engine that reads it by its fence (`runner`), each conditionally.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from pymongo import ReplaceOne, ReturnDocument
from pymongo import errors as driver

from core import errors
from core.imports import Batch, Encoding, Import, ImportState, LineError
from core.task import Actor, Outcome, Reason
from store import documents, mongo
from store.mongo import Document

_NAMES = documents.field_names(Import)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which imports to list; None means any.

    With a `maker`, only those of the `readable` queues and those that it made.
    """

    queues: tuple[str, ...] | None = None
    state: ImportState | None = None
    readable: tuple[str, ...] = ()
    maker: str | None = None


@mongo.translating
class Imports:
    """Imports by tenant and id."""

    def __init__(self, database: mongo.Database) -> None:
        self._imports = database["imports"]
        self._errors = database["importErrors"]

    async def insert(self, tenant: str, job: Import) -> bool:
        """Keep a new import; False when there is one of that id, or of its key."""
        try:
            await self._imports.insert_one(documents.encode_keyed(job, tenant, job.id))
        except driver.DuplicateKeyError:
            return False
        return True

    async def get(self, tenant: str, import_id: str) -> Import | None:
        """The import of that id, or None."""
        row = await self._imports.find_one({"_id": documents.key(tenant, import_id)})
        return None if row is None else _decode(row)

    async def by_key(self, tenant: str, queue: str, key: str) -> Import | None:
        """The import that was asked for under that key, or None."""
        row = await self._imports.find_one({"tenant": tenant, "queue": queue, "dedupKey": key})
        return None if row is None else _decode(row)

    async def page(self, tenant: str, wanted: Wanted, *, after: str | None, limit: int) -> list[Import]:
        """Imports, the newest first, those older than the one of the id `after`."""
        upto = f"{tenant}0" if after is None else documents.key(tenant, after)
        found: Document = {"tenant": tenant, "_id": {"$gt": f"{tenant}/", "$lt": upto}}
        if wanted.queues is not None:
            found["queue"] = {"$in": list(wanted.queues)}
        if wanted.state is not None:
            found["state"] = wanted.state.value
        if wanted.maker is not None:
            found["$or"] = [{"queue": {"$in": list(wanted.readable)}}, {"createdBy.id": wanted.maker}]
        return [_decode(row) async for row in self._imports.find(found).sort("_id", -1).limit(limit)]

    async def errors(self, tenant: str, import_id: str, *, after: int, limit: int) -> list[LineError]:
        """Refused lines in their order, those behind the line `after`."""
        found = {"tenant": tenant, "_id": {"$gt": _line_key(tenant, import_id, after), "$lt": f"{tenant}/{import_id}0"}}
        rows = self._errors.find(found).sort("_id", 1).limit(limit)
        return [documents.decode(row, LineError) async for row in rows]

    # --- by people ---

    async def replace(self, tenant: str, job: Import, *, was: int) -> bool:
        """Write an import whose file is being received, if its `seq` is still `was`."""
        found: Document = {
            "_id": documents.key(tenant, job.id),
            "seq": was,
            "state": ImportState.RECEIVING.value,
        }
        result = await self._imports.replace_one(found, documents.encode_keyed(job, tenant, job.id))
        return result.matched_count == 1

    async def touch(self, tenant: str, import_id: str, *, was: int, at: datetime) -> bool:
        """Note that its upload goes on; False when it is somebody else's now, or over."""
        found: Document = {"_id": documents.key(tenant, import_id), "seq": was, "state": ImportState.RECEIVING.value}
        return (await self._imports.update_one(found, {"$set": {"updatedAt": at}})).matched_count == 1

    async def discard(self, tenant: str, import_id: str, *, was: int) -> bool:
        """Remove an import whose file was not received; False when it is somebody else's now, or over."""
        found: Document = {"_id": documents.key(tenant, import_id), "seq": was, "state": ImportState.RECEIVING.value}
        return (await self._imports.delete_one(found)).deleted_count == 1

    async def cancel(self, tenant: str, import_id: str, *, by: Actor, at: datetime) -> Import:
        """End it at once where nothing of it runs, else ask for that. Raises `NotFound`, `WrongState`."""
        key = documents.key(tenant, import_id)
        idle = [ImportState.RECEIVING.value, ImportState.WAITING.value]
        ended = _sets(state=ImportState.DONE, outcome=Outcome.CANCELED, cancel_by=by, ended_at=at, updated_at=at)
        asked = _sets(cancel_by=by, updated_at=at)
        for found, sets in (
            ({"_id": key, "state": {"$in": idle}}, ended),
            ({"_id": key, "state": ImportState.RUNNING.value}, asked),
        ):
            update: Document = {"$set": sets, "$inc": {"seq": 1}}
            row = await self._imports.find_one_and_update(found, update, return_document=ReturnDocument.AFTER)
            if row is not None:
                return _decode(row)
        there = await self.get(tenant, import_id)
        if there is None:
            raise errors.NotFound(f"There is no import {import_id}.")
        raise errors.WrongState(f"Import {import_id} has ended.", extra={"state": there.state.value})

    # --- for the task that it is done for ---

    async def adopt(self, job: Import, *, exec_id: str, at: datetime) -> Import:
        """Its task was handed out once more: it goes on under that fence, and begins again where it had failed."""
        key = documents.key(job.tenant, job.id)
        failed: Document = {"_id": key, "state": ImportState.DONE.value, "outcome": Outcome.FAILED.value}
        again = _sets(state=ImportState.WAITING, exec_id=exec_id, unreported=True, updated_at=at)
        gone = {"outcome": "", "reason": "", "endedAt": ""}
        follows = _sets(exec_id=exec_id, unreported=True, updated_at=at)
        for found, update in ((failed, {"$set": again, "$unset": gone}), ({"_id": key}, {"$set": follows})):
            row = await self._imports.find_one_and_update(found, update, return_document=ReturnDocument.AFTER)
            if row is not None:
                return _decode(row)
        raise errors.NotFound(f"There is no import {job.id}.")

    async def reported(self, job: Import) -> None:
        """Its task shows its end, or is not ours any more; unless it was handed out again since."""
        found: Document = {"_id": documents.key(job.tenant, job.id), "execId": job.exec_id}
        await self._imports.update_one(found, {"$unset": {"unreported": ""}})

    # --- by the engine that reads it ---

    async def take(self, tenant: str, import_id: str, *, runner: str, at: datetime) -> Import | None:
        """Become its reader, whoever was before; None when it has ended or is not there yet."""
        states = [ImportState.WAITING.value, ImportState.RUNNING.value]
        row = await self._imports.find_one_and_update(
            {"_id": documents.key(tenant, import_id), "state": {"$in": states}},
            [
                {
                    "$set": {
                        "state": ImportState.RUNNING.value,
                        "runner": runner,
                        "updatedAt": at,
                        "startedAt": {"$ifNull": ["$startedAt", at]},
                    }
                },
                {"$unset": "dueAt"},
            ],
            return_document=ReturnDocument.AFTER,
        )
        return None if row is None else _decode(row)

    async def opened(self, job: Import, *, version: str | None, total: int | None, encoding: Encoding) -> None:
        """Note what the source said of the file, and how it is packed."""
        sets = _sets(version=version, bytes_total=total, encoding=encoding)
        await self._imports.update_one(_mine(job), {"$set": sets})

    async def advance(self, job: Import, batch: Batch, *, at: datetime, keep: int) -> Import | None:
        """Note what some lines came to, the first `keep` errors one by one; None when somebody else reads it now."""
        if batch.errors and keep > 0:
            await self._keep(batch.errors[:keep])
        update: Document = {
            "$set": _sets(lines=batch.lines, position=batch.position, bytes_read=batch.bytes_read, updated_at=at),
            "$inc": {"accepted": batch.accepted, "refused": len(batch.errors)},
            "$unset": {"failures": ""},
        }
        row = await self._imports.find_one_and_update(_mine(job), update, return_document=ReturnDocument.AFTER)
        return None if row is None else _decode(row)

    async def postpone(self, job: Import, *, due: datetime, failures: int, why: Reason, at: datetime) -> None:
        """Try it again then."""
        sets = _sets(due_at=due, failures=failures, reason=why, updated_at=at)
        await self._imports.update_one(_mine(job), {"$set": sets})

    async def end(self, job: Import, outcome: Outcome, *, reason: Reason | None, at: datetime) -> Import | None:
        """It is over; None when somebody else reads it now."""
        update: Document = {
            "$set": _sets(state=ImportState.DONE, outcome=outcome, reason=reason, ended_at=at, updated_at=at),
            "$unset": {"dueAt": "", "failures": "", "runner": ""} | ({} if reason else {"reason": ""}),
        }
        row = await self._imports.find_one_and_update(_mine(job), update, return_document=ReturnDocument.AFTER)
        return None if row is None else _decode(row)

    async def _keep(self, found: Sequence[LineError]) -> None:
        """A line that is met twice has one entry."""
        writes: list[ReplaceOne[Document]] = []
        for each in found:
            key = _line_key(each.tenant, each.job, each.line)
            writes.append(ReplaceOne({"_id": key}, documents.encode(each) | {"_id": key}, upsert=True))
        await self._errors.bulk_write(writes, ordered=False)


def _mine(job: Import) -> Document:
    return {
        "_id": documents.key(job.tenant, job.id),
        "state": ImportState.RUNNING.value,
        "runner": job.runner,
    }


def _line_key(tenant: str, import_id: str, line: int) -> str:
    return documents.key(tenant, f"{import_id}/{line:010d}")


def _sets(**fields: Any) -> Document:
    return {_NAMES[name]: documents.encode_value(value) for name, value in fields.items() if value is not None}


def _decode(row: Document) -> Import:
    return documents.decode(row, Import)
