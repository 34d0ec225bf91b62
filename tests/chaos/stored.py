"""Reads what is left in MongoDB at the end of a run, and waits until nothing moves any more."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import pymongo
from pymongo.asynchronous.database import AsyncDatabase

from tests.chaos.ledger import Stored, StoredEvent, StoredFlow, StoredTask

Document = dict[str, Any]
Database = AsyncDatabase[Document]

_OF_TASK = ["state", "seq", "attempt", "outcome", "dedupKey", "result", "schedule", "parent"]
_OF_EVENT = ["task", "seq", "n", "type", "at", "state", "outcome", "reason"]


@asynccontextmanager
async def opened(url: str, name: str) -> AsyncGenerator["Record"]:
    """The record of a stack, without a proxy on the way."""
    async with pymongo.AsyncMongoClient[Document](url, tz_aware=True) as client:
        yield Record(client[name])


class Record:
    """The collections as they are; the product's own code is not asked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_tasks(self) -> int:
        """How many tasks have not ended."""
        return int(await self._database["tasks"].count_documents({"state": {"$ne": "done"}}))

    async def open_flows(self) -> int:
        """How many flows have not ended."""
        return int(await self._database["flows"].count_documents({"status": {"$ne": "done"}}))

    async def behind(self) -> int:
        """How many events the log lacks."""
        summed = await self._database["tasks"].aggregate([{"$group": {"_id": None, "seq": {"$sum": "$seq"}}}])
        rows = [row async for row in summed]
        wanted = int(rows[0]["seq"]) if rows else 0
        return wanted - int(await self._database["events"].count_documents({}))

    async def rest(self, *, stalled: float, most: float) -> bool:
        """Wait until all tasks and flows have ended and their events are there; False when nothing moves any more."""
        begun = moved = time.monotonic()
        last: tuple[int, int, int | None] | None = None
        while True:
            looked = time.monotonic()
            still = (await self.open_tasks(), await self.open_flows())
            # Counting all events of a long run takes a second.
            now = (*still, await self.behind() if still == (0, 0) else None)
            if now == (0, 0, 0):
                return True
            if now != last:
                last, moved = now, time.monotonic()
            if time.monotonic() - moved > stalled or time.monotonic() - begun > most:
                return False
            await asyncio.sleep(max(0.25, time.monotonic() - looked))

    async def read(self, tenant: str) -> Stored:
        """Everything of a tenant that the checker asks about."""
        tasks = [_task(row) async for row in self._database["tasks"].find({"tenant": tenant}, _OF_TASK)]
        events = [_event(row) async for row in self._database["events"].find({"tenant": tenant}, _OF_EVENT)]
        flows = [
            StoredFlow(id=_id(row), status=row["status"], outcome=row.get("outcome"))
            async for row in self._database["flows"].find({"tenant": tenant})
        ]
        return Stored(tasks=tasks, events=events, flows=flows)


def _task(row: Document) -> StoredTask:
    result, schedule, parent = _part(row, "result"), _part(row, "schedule"), _part(row, "parent")
    return StoredTask(
        id=_id(row), state=row["state"], seq=int(row["seq"]), attempt=int(row.get("attempt", 0)),
        outcome=row.get("outcome"), dedup_key=row.get("dedupKey"),
        result_of=result.get("attempt"),
        schedule=schedule.get("id"), scheduled_at=schedule.get("at"),
        flow=parent.get("flow"), step=parent.get("step"), index=int(parent.get("index", 0)),
    )  # fmt: skip


def _event(row: Document) -> StoredEvent:
    return StoredEvent(
        task=row["task"], seq=int(row["seq"]), n=int(row["n"]),
        type=sys.intern(row["type"]), at=row["at"], state=sys.intern(row["state"]),
        outcome=row.get("outcome"), reason=_part(row, "reason").get("type"),
    )  # fmt: skip


def _id(row: Document) -> str:
    return str(row["_id"]).partition("/")[2]


def _part(row: Document, name: str) -> Document:
    """An embedded document; empty where it is absent or something else."""
    part = row.get(name)
    return cast("Document", part) if isinstance(part, dict) else {}
