"""The change stream of the tasks: every event that a task's write left, in the order of the writes."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import msgspec
import pymongo
from pymongo import errors as driver
from pymongo.asynchronous.change_stream import AsyncChangeStream
from pymongo.read_concern import ReadConcern

from core.events import Header
from core.priority import Priority
from store import documents, mongo, notes
from store.mongo import Document
from store.notes import Mark
from store.positions import Position

MOST_AHEAD = 4000
"""Changes that are read ahead of what is stored."""
_IDLE_SECONDS = 1.0
_CALL_SECONDS = 60.0
"""Much longer than other calls: after a stop the server may have to pass over a large part of its log."""
_LOST = frozenset({260, 280, 286})
"""Codes of InvalidResumeToken, ChangeStreamFatalError, ChangeStreamHistoryLost."""

_HEADER = ("tenant", "queue", "definition", "name", "recordId", "priority", "parent", "trace", "encrypted")
_EDITS = {"name": "name", "recordId": "record_id", "priority": "priority"}
_PIPELINE: list[Document] = [
    {
        "$match": {
            "$or": [
                {"operationType": "insert"},
                {"operationType": "update", "updateDescription.updatedFields.lastEvent": {"$exists": True}},
            ]
        }
    },
    {
        "$project": {
            "documentKey": 1,
            **{f"fullDocument.{field}": 1 for field in ("seq", "lastEvent", *_HEADER)},
            **{f"updateDescription.updatedFields.{field}": 1 for field in ("seq", "lastEvent", *_EDITS)},
            "updateDescription.removedFields": 1,
        }
    },
]


class HistoryLost(Exception):
    """The server's log does not reach back to the position any more: what was written since then was not seen."""


class TaskChange(msgspec.Struct, frozen=True, kw_only=True):
    """One write that left an event."""

    key: str
    """The task's `_id`."""
    seq: int
    mark: Mark
    token: Any
    header: Header | None = None
    """Of a new task."""
    edits: Mapping[str, Any] = {}
    """Fields of the header that the write changed."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Changes that followed each other, and the token behind them; without changes a sign that there were none."""

    changes: list[TaskChange]
    token: Any


class Reading:
    """An open stream: changes are read ahead while those before are stored."""

    def __init__(self, stream: AsyncChangeStream[Document]) -> None:
        self._stream = stream
        self._ahead: deque[Document] = deque()
        self._idle_token: Any = None
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._failure: Exception | None = None

    async def next(self, limit: int) -> Page:
        """What is there, at most `limit`, as soon as there is something; empty when nothing came for a second.

        Raises `HistoryLost`, and `Unavailable` when MongoDB is away.
        """
        if not self._ahead:
            self._news.clear()
            if self._failure is not None:
                raise _translated(self._failure)
            await self._news.wait()
        rows = [self._ahead.popleft() for _ in range(min(limit, len(self._ahead)))]
        self._room.set()
        if rows:
            return Page(changes=[_change(row) for row in rows], token=rows[-1]["_id"])
        if self._failure is not None:
            raise _translated(self._failure)
        return Page(changes=[], token=self._idle_token)

    async def read_ahead(self) -> None:
        """Read for ever; whatever ends it, `next` raises after the last change."""
        try:
            while self._stream.alive:
                with pymongo.timeout(_CALL_SECONDS):
                    row = await self._stream.try_next()
                if row is None:
                    self._idle_token = self._stream.resume_token
                else:
                    self._ahead.append(row)
                self._news.set()
                if len(self._ahead) >= MOST_AHEAD:
                    self._room.clear()
                    await self._room.wait()
            raise HistoryLost("the collection was dropped or renamed")
        except Exception as error:  # noqa: BLE001 - handed to the reader, whatever it is
            self._failure = error
            self._news.set()


@contextlib.asynccontextmanager
async def opened(database: mongo.Database, position: Position) -> AsyncGenerator[Reading]:
    """The stream from a position on (from now on where it has none). Raises `HistoryLost`, `Unavailable`."""
    # A change stream reads what a majority has, and refuses any other read concern.
    tasks = database["tasks"].with_options(read_concern=ReadConcern("majority"))
    try:
        stream = await tasks.watch(
            _PIPELINE,
            resume_after=position.token,
            start_at_operation_time=position.since if position.token is None else None,
            max_await_time_ms=int(_IDLE_SECONDS * 1000),
        )
    except driver.PyMongoError as error:
        failure = _translated(error)
        raise failure from (None if failure is error else error)
    reading = Reading(stream)
    ahead = asyncio.create_task(reading.read_ahead(), name="read tasks ahead")
    try:
        yield reading
    finally:
        # More than once: see `cancelling.heed`.
        while not ahead.done():
            ahead.cancel()
            await asyncio.wait([ahead], timeout=0.05)
        with contextlib.suppress(driver.PyMongoError):
            await stream.close()


def _translated(error: Exception) -> Exception:
    if isinstance(error, driver.OperationFailure) and error.code in _LOST:
        return HistoryLost(str(error))
    return mongo.translated(error)


def _change(row: Document) -> TaskChange:
    full: Document | None = row.get("fullDocument")
    if full is not None:
        return TaskChange(
            key=row["documentKey"]["_id"], seq=full["seq"], mark=notes.mark(full["lastEvent"]), token=row["_id"],
            header=documents.decode(full, Header),
        )  # fmt: skip
    written: Document = row["updateDescription"]["updatedFields"]
    removed: list[str] = row["updateDescription"]["removedFields"]
    edits = {attribute: written[field] for field, attribute in _EDITS.items() if field in written}
    edits |= {_EDITS[field]: None for field in removed if field in _EDITS}
    if "priority" in edits:
        edits["priority"] = Priority(edits["priority"])
    return TaskChange(
        key=row["documentKey"]["_id"], seq=written["seq"], mark=notes.mark(written["lastEvent"]), token=row["_id"],
        edits=edits,
    )  # fmt: skip
