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

from loop import cancelling
from store import mongo
from store.mongo import Document

_log = structlog.get_logger(__name__)
TOLD = frozenset({"queues", "definitions", "flowTemplates", "tenants"})
"""The collections whose every writer tells. Each change of a document gives it another version."""
LOOK_SECONDS = 0.2
AGE_SECONDS = 30.0
"""After this time versions are compared: a writer may have died between its change and the notice."""
_STATES = {"version": 1, "updatedAt": 1, "createdAt": 1}
"""What tells a document from what it was, and from another one that took its place after it was removed."""
_AT_ONCE = 500
"""So many rows are read before others have their turn."""
_NAMED = 64
"""So many changes are told by name; who missed more forgets all."""


class Ear(msgspec.Struct, frozen=True):
    """Who is told of a collection's changes.

    `changed(_id)` is called for every document that was changed; `reset(True)` at the beginning and when it is not
    known which were changed: what was cached before may be stale; `reset(False)` when MongoDB does not answer: nothing
    may be cached until it does.
    """

    changed: Callable[[str], None]
    reset: Callable[[bool], None]


class Notices:
    """The board of one database."""

    def __init__(self, database: mongo.Database) -> None:
        self._database = database
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
        """Tell the ears, by collection, of every change within `LOOK_SECONDS`, for ever; see `Ear`.

        A change without a notice is told, too, after `age` seconds at most.
        """
        loop = asyncio.get_running_loop()
        seen: dict[str, int] | None = None
        known: dict[str, _States] = {}
        compared_at = 0.0
        while True:
            cancelling.heed()
            try:
                there = {row["_id"]: row async for row in self._board.find({"_id": {"$in": sorted(ears)}})}
                if seen is None or loop.time() - compared_at >= age:
                    states = {name: await self._states(name) for name in ears}
                    # What is cached from now on was read after these: a change of it makes another state.
                    _reset(ears, live=True) if seen is None else _compare(ears, known, states)
                    known, compared_at = states, loop.time()
            except driver.PyMongoError as error:
                if seen is not None:
                    _log.warning("no notices of changes", collections=sorted(ears), error=str(error)[:200])
                    _reset(ears, live=False)
                    seen = None
            else:
                if seen is not None:
                    for name, row in there.items():
                        _tell(ears[name], row, row["n"] - seen.get(name, 0))
                seen = {name: row["n"] for name, row in there.items()}
            await asyncio.sleep(LOOK_SECONDS)

    async def _states(self, collection: str) -> "_States":
        """What each document of the collection is at: two that differ have different numbers."""
        states: _States = {}
        async for row in self._database[collection].find({}, _STATES, batch_size=_AT_ONCE):
            states[str(row["_id"])] = hash((row.get("version"), row.get("updatedAt"), row.get("createdAt")))
        return states


_States = dict[str, int]


def _reset(ears: Mapping[str, Ear], *, live: bool) -> None:
    for ear in ears.values():
        ear.reset(live)


def _compare(ears: Mapping[str, Ear], before: Mapping[str, _States], now: Mapping[str, _States]) -> None:
    """Tell what was changed, made or removed in between, whether or not it was told already."""
    for name, ear in ears.items():
        for key in before[name].keys() | now[name].keys():
            if before[name].get(key) != now[name].get(key):
                ear.changed(key)


def _tell(ear: Ear, row: Document, missed: int) -> None:
    if not missed:
        return
    keys: list[str] = row.get("keys", [])
    if 0 < missed <= len(keys):
        for key in keys[-missed:]:
            ear.changed(key)
    else:
        ear.reset(True)
