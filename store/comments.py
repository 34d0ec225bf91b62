"""The comments collection: what people say about a task, numbered within it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from pymongo import ReturnDocument

from core.task import Actor
from store import documents, mongo, payloads
from store.mongo import Document
from store.payloads import COMMENT, Payloads


class Comment(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One comment."""

    tenant: str
    task: str
    number: int
    """1 for the task's first; never given twice."""
    content: str = ""
    """Empty where the key that it was encrypted with was erased."""
    encrypted: bool | None = None
    """True on a task whose payload is."""
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

    def __init__(self, database: mongo.Database, kept: Payloads = payloads.PLAIN) -> None:
        """`kept` opens and seals comments on tasks whose payload is encrypted."""
        self._payloads = kept
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
        row = documents.encode(made) | {"_id": _key(tenant, made.task, made.number)}
        await self._payloads.close(COMMENT, [row])
        await self._comments.insert_one(row)
        return made

    async def get(self, tenant: str, task_id: str, number: int) -> Comment | None:
        """The comment, or None."""
        row = await self._comments.find_one({"_id": _key(tenant, task_id, number)})
        return None if row is None else (await self._opened([row]))[0]

    async def page(self, tenant: str, task_id: str, *, before: int | None, limit: int) -> list[Comment]:
        """A task's comments, the newest first, those with numbers below `before`."""
        found: Document = {"tenant": tenant, "task": task_id}
        if before is not None:
            found["number"] = {"$lt": before}
        rows = self._comments.find(found).sort("number", -1).limit(limit)
        return await self._opened([row async for row in rows])

    async def change(self, tenant: str, comment: Comment) -> bool:
        """Write new values; False when it was removed meanwhile."""
        row = documents.encode(comment) | {"_id": _key(tenant, comment.task, comment.number)}
        await self._payloads.close(COMMENT, [row])
        return (await self._comments.replace_one({"_id": row["_id"]}, row)).matched_count == 1

    async def remove(self, tenant: str, task_id: str, number: int) -> bool:
        """Remove it; False when there was none."""
        return (await self._comments.delete_one({"_id": _key(tenant, task_id, number)})).deleted_count == 1

    async def _opened(self, rows: Sequence[Document]) -> list[Comment]:
        await self._payloads.open(COMMENT, rows)
        return [documents.decode(row, Comment) for row in rows]


def _key(tenant: str, task_id: str, number: int) -> str:
    return documents.key(tenant, f"{task_id}/{number:08}")
