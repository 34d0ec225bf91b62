"""Notices of what was changed in collections that processes cache: written beside each change, looked at by all.

A change stream would tell the same, but it makes MongoDB look at every write of whatever collection, for each process
that has one: a sixth of mongod's time with two processes (ADR 10). Here a change costs one small update more, and a
look a read by `_id`.
"""

import asyncio
from collections.abc import Callable, Mapping

import msgspec
import structlog
from pymongo import errors as driver

from core import cancelling
from store import mongo
from store.mongo import Document

_log = structlog.get_logger(__name__)
TOLD = frozenset({"queues", "definitions", "flowTemplates"})
"""The collections whose every writer tells."""
LOOK_SECONDS = 0.2
AGE_SECONDS = 30.0
"""After this time everything is read anew: a writer may have died between its change and the notice."""
_NAMED = 64
"""So many changes are told by name; who missed more forgets all."""


class Ear(msgspec.Struct, frozen=True):
    """Who is told of a collection's changes.

    `changed(_id)` is called for every document that was changed; `reset(True)` at the beginning, now and then, and when
    it is not known which were changed: what was cached before may be stale; `reset(False)` when MongoDB does not
    answer: nothing may be cached until it does.
    """

    changed: Callable[[str], None]
    reset: Callable[[bool], None]


class Notices:
    """The board of one database."""

    def __init__(self, database: mongo.Database) -> None:
        self._board = database["notices"]

    async def tell(self, collection: str, key: str) -> None:
        """A document was written or removed: to be called behind that. Raises like any write."""
        found: Document = {"_id": collection}
        change: Document = {"$inc": {"n": 1}, "$push": {"keys": {"$each": [key], "$slice": -_NAMED}}}
        await self._board.update_one(found, change, upsert=True)

    async def tell_all(self, collection: str) -> None:
        """Any number of documents of it may have changed."""
        await self._board.update_one({"_id": collection}, {"$inc": {"n": _NAMED + 1}}, upsert=True)

    async def follow(self, ears: Mapping[str, Ear], *, age: float = AGE_SECONDS) -> None:
        """Tell the ears, by collection, of every change within `LOOK_SECONDS`, for ever; see `Ear`."""
        loop = asyncio.get_running_loop()
        seen: dict[str, int] | None = None
        reset_at = 0.0
        while True:
            cancelling.heed()
            try:
                there = {row["_id"]: row async for row in self._board.find({"_id": {"$in": sorted(ears)}})}
            except driver.PyMongoError as error:
                if seen is not None:
                    _log.warning("no notices of changes", collections=sorted(ears), error=str(error)[:200])
                    _reset(ears, live=False)
                    seen = None
            else:
                if seen is None or loop.time() - reset_at >= age:
                    _reset(ears, live=True)
                    reset_at = loop.time()
                else:
                    for name, row in there.items():
                        _tell(ears[name], row, row["n"] - seen.get(name, 0))
                seen = {name: row["n"] for name, row in there.items()}
            await asyncio.sleep(LOOK_SECONDS)


def _reset(ears: Mapping[str, Ear], *, live: bool) -> None:
    for ear in ears.values():
        ear.reset(live)


def _tell(ear: Ear, row: Document, missed: int) -> None:
    if not missed:
        return
    keys: list[str] = row.get("keys", [])
    if 0 < missed <= len(keys):
        for key in keys[-missed:]:
            ear.changed(key)
    else:
        ear.reset(True)
