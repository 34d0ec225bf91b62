"""Tasks of all tenants that were stored before tasks had words: no text finds them until they have some (ADR 6)."""

import msgspec
import structlog
from pymongo import UpdateOne

from core.task import Task
from store import documents, mongo
from store.mongo import Document

_BATCH = 1_000
_LACKING: Document = {"text": {"$exists": False}, "words": {"$exists": False}}
_PROGRESS = "migration-words"

_log = structlog.get_logger(__name__)


async def fill(database: mongo.Database, *, batch: int = _BATCH) -> None:
    """Give words to all tasks that lack them, ended ones too; cut off, it goes on where it was.

    Safe beside running processes: what they write has its words, and who changes a task meanwhile writes them anew.
    """
    tasks, meta = database["tasks"], database["meta"]
    row = await meta.find_one({"_id": _PROGRESS})
    after = "" if row is None else str(row["after"])
    while True:
        ids = tasks.find({"_id": {"$gt": after}}, {"_id": 1}).sort("_id", 1).limit(batch)
        keys = [str(each["_id"]) async for each in ids]
        if not keys:
            break
        found: Document = {"_id": {"$gt": after, "$lte": keys[-1]}, **_LACKING}
        writes = [write async for each in tasks.find(found) if (write := _write(each)) is not None]
        if writes:
            await tasks.bulk_write(writes, ordered=False)
        after = keys[-1]
        await meta.update_one({"_id": _PROGRESS}, {"$set": {"after": after}}, upsert=True)
    await meta.delete_one({"_id": _PROGRESS})


def _write(row: Document) -> UpdateOne | None:
    """Its words, if they are still lacking; None for a document that is no task."""
    key, seq = str(row["_id"]), row.get("seq")
    try:
        text = documents.encode(documents.decode(row, Task))["text"]
    except (msgspec.MsgspecError, KeyError) as error:
        _log.error("unreadable task", key=key, error=str(error))
        return None
    return UpdateOne({"_id": key, "seq": seq, **_LACKING}, {"$set": {"text": text}})
