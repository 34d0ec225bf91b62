"""The redrives collection: orders to run a queue's dead letters again, at a set rate, and how far they have come."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from core import errors
from core.task import Actor
from store import documents, mongo
from store.mongo import Document
from store.query import Query, Sort


class RedriveState(StrEnum):
    """Where a redrive is; an undo may be asked for at any time before."""

    RUNNING = "running"
    DONE = "done"
    UNDOING = "undoing"
    UNDONE = "undone"


class Redrive(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One order. It takes the dead letters that there were when it was made, and none that died since."""

    tenant: str
    id: str
    queue: str
    """`namespace:name`."""
    state: RedriveState
    by: Actor
    created_at: datetime
    query: Query = Query()
    """Which dead letters of the queue: its `queues`, `dead`, `redrive` and `sort` mean nothing here."""
    rate_per_second: float | None = None
    """None: as fast as it goes."""
    moved: int = 0
    """Tasks made ready so far."""
    undone: int = 0
    """Of these, put back by an undo; the others had been taken by somebody."""
    undone_by: Actor | None = None
    ended_at: datetime | None = None
    """When it had nothing left to do."""

    @property
    def selection(self) -> Query:
        """The dead letters that it takes, the oldest first."""
        now = self.created_at + timedelta(milliseconds=1)
        upto = now if self.query.ended_to is None else min(self.query.ended_to, now)
        return msgspec.structs.replace(
            self.query, queues=(self.queue,), dead=True, redrive=None, states=None, ended_to=upto, sort=Sort.ENDED
        )


@mongo.translating
class Redrives:
    """Redrives by tenant and id; `open` and `advance` are for the engine."""

    def __init__(self, database: mongo.Database) -> None:
        self._redrives = database["redrives"]

    async def create(self, tenant: str, redrive: Redrive) -> None:
        """Keep a new one; the engine takes it up within a second."""
        await self._redrives.insert_one(documents.encode_keyed(redrive, tenant, redrive.id))

    async def get(self, tenant: str, redrive_id: str) -> Redrive | None:
        """The redrive, or None."""
        row = await self._redrives.find_one({"_id": documents.key(tenant, redrive_id)})
        return None if row is None else _decode(row)

    async def of_queue(self, tenant: str, queue: str, *, limit: int) -> list[Redrive]:
        """A queue's redrives, the newest first."""
        rows = self._redrives.find({"tenant": tenant, "queue": queue}).sort("createdAt", -1).limit(limit)
        return [_decode(row) async for row in rows]

    async def ask_undo(self, tenant: str, redrive_id: str, *, by: Actor) -> Redrive:
        """Stop it and put back what nobody has taken; asking again changes nothing. Raises `NotFound`."""
        open_states = [RedriveState.RUNNING.value, RedriveState.DONE.value]
        await self._redrives.update_one(
            {"_id": documents.key(tenant, redrive_id), "state": {"$in": open_states}},
            {
                "$set": {"state": RedriveState.UNDOING.value, "undoneBy": documents.encode(by)},
                "$unset": {"endedAt": ""},
            },
        )
        asked = await self.get(tenant, redrive_id)
        if asked is None:
            raise errors.NotFound(f"There is no redrive {redrive_id}.")
        return asked

    async def open(self, limit: int) -> Sequence[Redrive]:
        """Those of all tenants that have something left to do, the oldest first."""
        states = [RedriveState.RUNNING.value, RedriveState.UNDOING.value]
        rows = self._redrives.find({"state": {"$in": states}}).sort("createdAt", 1).limit(limit)
        return [_decode(row) async for row in rows]

    async def count(self, redrive: Redrive, *, moved: int = 0, undone: int = 0) -> None:
        """Add to its counts."""
        key = documents.key(redrive.tenant, redrive.id)
        await self._redrives.update_one({"_id": key}, {"$inc": {"moved": moved, "undone": undone}})

    async def end(self, redrive: Redrive, at: datetime) -> None:
        """It has nothing left to do, unless its state was changed meanwhile."""
        ended = RedriveState.DONE if redrive.state is RedriveState.RUNNING else RedriveState.UNDONE
        found: Document = {"_id": documents.key(redrive.tenant, redrive.id), "state": redrive.state.value}
        await self._redrives.update_one(found, {"$set": {"state": ended.value, "endedAt": at}})


def _decode(row: Document) -> Redrive:
    return documents.decode(row, Redrive)
