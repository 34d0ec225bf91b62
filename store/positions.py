"""The positions collection: how far each follower has come, so that its successor goes on from there."""

from datetime import datetime
from typing import Any

import msgspec
from bson.timestamp import Timestamp
from pymongo import errors as driver

from store import mongo
from store.mongo import Document

EVENTS = "events"
"""The follower of the tasks; its `n` is the highest number that an event has."""
ANNOUNCED = "announced"
"""How far events were published."""
STATISTICS = "statistics"
ADSP = "adsp-events"
"""How far events were published in ADSP's envelope."""


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """How far a follower has come: by number, and where it follows a change stream, by its token."""

    n: int = 0
    token: Any = None
    """A change stream's resume token."""
    since: Any = None
    """Where the stream begins that has no token yet: a moment of the cluster."""
    repair: datetime | None = None
    """Set after the stream was lost: what was written before this moment may lack its event."""


@mongo.translating
class Positions:
    """Positions by follower."""

    def __init__(self, database: mongo.Database) -> None:
        self._positions = database["positions"]

    async def get(self, follower: str) -> Position:
        """Where it stands; at the beginning when it never began."""
        row = await self._positions.find_one({"_id": follower})
        return Position() if row is None else _decode(row)

    async def advance(self, follower: str, *, n: int, token: Any = None) -> None:
        """It has come to `n` (never back), and to this token if it has one."""
        sets: Document = {} if token is None else {"$set": {"token": token}}
        await self._positions.update_one({"_id": follower}, sets | {"$max": {"n": n}}, upsert=True)

    async def restart(self, follower: str, *, repair: datetime | None) -> None:
        """Forget the token: the stream begins anew at this moment, and what was written before needs repair."""
        now = await cluster_time(self._positions.database)
        await self._positions.update_one(
            {"_id": follower}, {"$set": {"since": now, "repair": repair}, "$unset": {"token": ""}}, upsert=True
        )

    async def repaired(self, follower: str) -> None:
        """What was to be repaired is."""
        await self._positions.update_one({"_id": follower}, {"$unset": {"repair": ""}})


async def begin(database: mongo.Database) -> None:
    """Note from when on events are followed, unless that is known: called before the first task is written."""
    try:
        first: Document = {"n": 0, "since": await cluster_time(database)}
        await database["positions"].update_one({"_id": EVENTS}, {"$setOnInsert": first}, upsert=True)
    except driver.DuplicateKeyError:
        return  # another process was first


async def cluster_time(database: mongo.Database) -> Timestamp:
    """The replica set's present moment: a change stream started there sees every later change."""
    return (await database.command("ping"))["operationTime"]


def _decode(row: Document) -> Position:
    return Position(n=int(row.get("n", 0)), token=row.get("token"), since=row.get("since"), repair=row.get("repair"))
