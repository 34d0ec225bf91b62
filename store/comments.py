"""The comments collection: what people say about a task, numbered within it."""

from datetime import datetime
from typing import Any

import msgspec
from pymongo import ReturnDocument

from core.task import Actor
from store import documents, mongo
from store.mongo import Document


class Comment(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One comment."""

    tenant: str
    task: str
    number: int
    """1 for the task's first; never given twice."""
    content: str
    title: str | None = None
    context: dict[str, Any] = {}
    requires_attention: bool = False
    created_by: Actor
    created_at: datetime
    updated_by: Actor
    updated_at: datetime


@mongo.translating
class Comments:
    """Comments by tenant, task and number."""

    def __init__(self, database: mongo.Database) -> None:
        self._comments = database["comments"]
        self._topics = database["commentTopics"]

    async def add(self, tenant: str, comment: Comment) -> Comment:
        """Keep a comment under the task's next number, which it is answered with."""
        topic = await self._topics.find_one_and_update(
            {"_id": documents.key(tenant, comment.task)},
            {"$inc": {"last": 1}, "$setOnInsert": {"tenant": tenant}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        assert topic is not None
        made = msgspec.structs.replace(comment, number=int(topic["last"]))
        await self._comments.insert_one(documents.encode(made) | {"_id": _key(tenant, made.task, made.number)})
        return made

    async def get(self, tenant: str, task_id: str, number: int) -> Comment | None:
        """The comment, or None."""
        row = await self._comments.find_one({"_id": _key(tenant, task_id, number)})
        return None if row is None else _decode(row)

    async def page(self, tenant: str, task_id: str, *, before: int | None, limit: int) -> list[Comment]:
        """A task's comments, the newest first, those with numbers below `before`."""
        found: Document = {"tenant": tenant, "task": task_id}
        if before is not None:
            found["number"] = {"$lt": before}
        return [_decode(row) async for row in self._comments.find(found).sort("number", -1).limit(limit)]

    async def change(self, tenant: str, comment: Comment) -> bool:
        """Write new values; False when it was removed meanwhile."""
        key = _key(tenant, comment.task, comment.number)
        return (await self._comments.replace_one({"_id": key}, documents.encode(comment))).matched_count == 1

    async def remove(self, tenant: str, task_id: str, number: int) -> bool:
        """Remove it; False when there was none."""
        return (await self._comments.delete_one({"_id": _key(tenant, task_id, number)})).deleted_count == 1


def _key(tenant: str, task_id: str, number: int) -> str:
    return documents.key(tenant, f"{task_id}/{number:08}")


def _decode(row: Document) -> Comment:
    return documents.decode(row, Comment)
