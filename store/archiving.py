"""Writes ended tasks with their events to a file, for what is to be kept longer than retention keeps it."""

import gzip
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

from bson import json_util

from store import documents, eventlog, mongo, outfile
from store.leftovers import Leftovers
from store.mongo import Document

_BATCH = 500
_BESIDE = ("text", "words")
"""What a task is found by is no part of what happened."""
_CANONICAL = json_util.JSONOptions(json_mode=json_util.JSONMode.CANONICAL, tz_aware=True)


class Archive:
    """Reads what has ended; nothing is changed or erased."""

    def __init__(self, database: mongo.Database) -> None:
        self._leftovers = Leftovers(database)
        self._tasks = database["tasks"]
        self._events = database["events"]

    async def write(self, file: Path, *, after: datetime | None, before: datetime, tenant: str | None = None) -> int:
        """Write the tasks that ended from `after` on and before `before`, of one tenant or of all; answers how many.

        A gzip file with a line of JSON for each: `{"task": {...}, "events": [...]}`, queue by queue, the first that
        ended first. Values are MongoDB's canonical extended JSON; a payload that is encrypted stays so. The file
        appears when everything is in it. Raises `Conflict` and `Invalid` as `outfile.made` does.
        """
        count = 0
        with outfile.made(file) as plain, gzip.open(plain, "wt", encoding="utf-8", compresslevel=4) as out:
            async for line in self._lines(after, before, tenant):
                out.write(line + "\n")
                count += 1
        return count

    async def _lines(self, after: datetime | None, before: datetime, tenant: str | None) -> AsyncIterator[str]:
        ended: Document = {"$lt": before} if after is None else {"$gte": after, "$lt": before}
        for owner, queue in await self._leftovers.queues_with_ended():
            if tenant not in {None, owner}:
                continue
            found: Document = {"tenant": owner, "queue": queue, "endedAt": ended, "deletedAt": None}
            # The order is that of the index, read from its end.
            rows = self._tasks.find(found).sort([("endedAt", 1), ("_id", 1)]).batch_size(_BATCH)
            async with rows:
                while batch := await rows.to_list(_BATCH):
                    events = await self._of(batch)
                    for row in batch:
                        task = {name: value for name, value in row.items() if name not in _BESIDE}
                        yield json_util.dumps({"task": task, "events": events[row["_id"]]}, json_options=_CANONICAL)

    async def _of(self, tasks: list[Document]) -> dict[str, list[Document]]:
        """The events of these tasks, in order."""
        found: dict[str, list[Document]] = {task["_id"]: [] for task in tasks}
        keys = [eventlog.event_key(task["_id"], seq) for task in tasks for seq in range(1, task["seq"] + 1)]
        for begin in range(0, len(keys), _BATCH * 10):
            async for row in self._events.find({"_id": {"$in": keys[begin : begin + _BATCH * 10]}}):
                found[documents.key(row["tenant"], row["task"])].append(row)
        for events in found.values():
            events.sort(key=lambda event: int(event["seq"]))
        return found


def lines(file: Path) -> list[dict[str, Any]]:
    """What an archive holds, read back."""
    with gzip.open(file, "rt", encoding="utf-8") as source:
        return [json_util.loads(line, json_options=_CANONICAL) for line in source]
