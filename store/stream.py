"""The change stream of the tasks: every event that a task's write left, in the order of the writes."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import msgspec
import pymongo
from pymongo import errors as driver
from pymongo.asynchronous.client_session import AsyncClientSession

from core.events import Header
from core.priority import Priority
from store import documents, mongo, notes
from store.mongo import Document
from store.notes import Mark
from store.positions import Position

MOST_AHEAD = 4000
"""Changes that are read ahead of what is stored."""
_IDLE_SECONDS = 1.0
_PACE_SECONDS = 0.01
"""From one question to the next, so that changes come together: each page is a write and a flush of the journal."""
_CALL_SECONDS = 60.0
"""Much longer than other calls: after a stop the server may have to pass over a large part of its log."""
_LOST = frozenset({260, 280, 286})
"""Codes of InvalidResumeToken, ChangeStreamFatalError, ChangeStreamHistoryLost."""

_GONE = "the collection was dropped or renamed"

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

    def __init__(self, stream: "_Stream") -> None:
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
        clock = asyncio.get_running_loop().time
        try:
            while True:
                asked = clock()
                rows, token = await self._stream.more()
                self._ahead.extend(rows)
                self._idle_token = token
                self._news.set()
                if len(self._ahead) >= MOST_AHEAD:
                    self._room.clear()
                    await self._room.wait()
                if (early := asked + _PACE_SECONDS - clock()) > 0:
                    await asyncio.sleep(early)
        except Exception as error:  # noqa: BLE001 - handed to the reader, whatever it is
            self._failure = error
            self._news.set()


class _Stream:
    """A change stream by the server's own commands: the driver's asks again at once, and hands out row by row."""

    def __init__(self, database: mongo.Database, session: AsyncClientSession) -> None:
        self._database = database
        self._session = session
        self._cursor: Document = {"id": 0}

    async def begin(self, position: Position) -> None:
        """Open it behind that position (from now on where it has none)."""
        since: Document = {}
        if position.token is not None:
            since = {"resumeAfter": position.token}
        elif position.since is not None:
            since = {"startAtOperationTime": position.since}
        asked: Document = {
            "aggregate": "tasks",
            "pipeline": [{"$changeStream": since}, *_PIPELINE],
            "cursor": {"batchSize": 0},
            # A change stream reads what a majority has, and refuses any other read concern.
            "readConcern": {"level": "majority"},
        }
        self._cursor = await self._ask(asked)

    async def more(self) -> tuple[list[Document], Any]:
        """The next changes, none when a second brought none; and the token behind them."""
        if not self._cursor["id"]:
            raise HistoryLost(_GONE)
        asked: Document = {"getMore": self._cursor["id"], "collection": "tasks", "maxTimeMS": int(_IDLE_SECONDS * 1000)}
        self._cursor = await self._ask(asked)
        rows: list[Document] = self._cursor["nextBatch"]
        if not rows and not self._cursor["id"]:
            raise HistoryLost(_GONE)
        return rows, self._cursor["postBatchResumeToken"]

    async def close(self) -> None:
        """Give the server's cursor back."""
        if self._cursor["id"]:
            asked: Document = {"killCursors": "tasks", "cursors": [self._cursor["id"]]}
            await self._database.command(asked, session=self._session)

    async def _ask(self, command: Document) -> Document:
        # Without the driver's own limit of time, in place of which it would put that of the command.
        with pymongo.timeout(0):
            try:
                async with asyncio.timeout(_CALL_SECONDS):
                    reply = await self._database.command(command, codec_options=mongo.CODEC, session=self._session)
            except TimeoutError as error:
                raise driver.NetworkTimeout(f"no answer for {_CALL_SECONDS:g} s") from error
        return reply["cursor"]


@contextlib.asynccontextmanager
async def opened(database: mongo.Database, position: Position) -> AsyncGenerator[Reading]:
    """The stream from a position on (from now on where it has none). Raises `HistoryLost`, `Unavailable`."""
    async with database.client.start_session(causal_consistency=False) as session:
        stream = _Stream(database, session)
        try:
            await stream.begin(position)
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
