"""The stats collection: how many events of each type a queue had in a minute and in an hour, and how long things took.

Written by one follower of the events, in one transaction with its position: no event is missed or counted twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from pymongo import UpdateOne
from pymongo import errors as driver
from pymongo.asynchronous.client_session import AsyncClientSession

from store import mongo
from store.mongo import Document
from store.positions import STATISTICS


class Unit(StrEnum):
    """The lengths of time that are counted."""

    MINUTE = "minute"
    HOUR = "hour"

    @property
    def span(self) -> timedelta:
        """How long it is."""
        return timedelta(minutes=1) if self is Unit.MINUTE else timedelta(hours=1)

    def floor(self, at: datetime) -> datetime:
        """Its beginning."""
        minute = at.astimezone(UTC).replace(second=0, microsecond=0)
        return minute if self is Unit.MINUTE else minute.replace(minute=0)


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Durations in seconds."""

    count: int = 0
    sum: float = 0.0
    min: float | None = None
    max: float | None = None

    def plus(self, other: "Spread") -> "Spread":
        """Both together."""
        if other.count == 0:
            return self
        lows = [low for low in (self.min, other.min) if low is not None]
        highs = [high for high in (self.max, other.max) if high is not None]
        return Spread(
            count=self.count + other.count,
            sum=self.sum + other.sum,
            min=min(lows, default=None),
            max=max(highs, default=None),
        )


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """What a queue did from `at` on: events by type; `wait` from ready to started, `work` from started to its end."""

    at: datetime
    events: Mapping[str, int] = {}
    wait: Spread = Spread()
    work: Spread = Spread()

    def plus(self, other: "Bucket") -> "Bucket":
        """Both together, from where this one begins."""
        types = {*self.events, *other.events}
        events = {kind: self.events.get(kind, 0) + other.events.get(kind, 0) for kind in types}
        return Bucket(at=self.at, events=events, wait=self.wait.plus(other.wait), work=self.work.plus(other.work))


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What to add for a queue in a minute."""

    tenant: str
    queue: str
    bucket: Bucket


@mongo.translating
class Stats:
    """Counters by tenant, queue and time."""

    def __init__(self, database: mongo.Database) -> None:
        self._database = database
        self._stats = database["stats"]

    async def record(self, tallies: Sequence[Tally], *, was: int, n: int) -> bool:
        """Add these and go on from event `was` to event `n`; False, and nothing added, when it is not at `was`."""
        writes = [_write(tally, unit) for tally in tallies for unit in Unit]

        async def both(session: AsyncClientSession) -> bool:
            at = {"_id": STATISTICS, "n": was}
            positions = self._database["positions"]
            moved = await positions.update_one(at, {"$set": {"n": n}}, upsert=was == 0, session=session)
            if not moved.matched_count and moved.upserted_id is None:
                return False
            if writes:
                await self._stats.bulk_write(writes, ordered=False, session=session)
            return True

        try:
            async with self._database.client.start_session() as session:
                return await session.with_transaction(both)
        except driver.DuplicateKeyError:
            return False

    async def series(self, tenant: str, queue: str, unit: Unit, since: datetime, until: datetime) -> list[Bucket]:
        """The minutes or hours that begin in [since, until) and in which something happened, in their order."""
        return await self._find(tenant, queue, [(unit, since, until)])

    async def total(self, tenant: str, queue: str, since: datetime, until: datetime) -> Bucket:
        """Everything from `since` to before `until`, both cut to minutes; hours are used where they fit whole."""
        since, until = Unit.MINUTE.floor(since), Unit.MINUTE.floor(until)
        first, last = Unit.HOUR.floor(since + Unit.HOUR.span - Unit.MINUTE.span), Unit.HOUR.floor(until)
        if first >= last:
            ranges = [(Unit.MINUTE, since, until)]
        else:
            ranges = [(Unit.MINUTE, since, first), (Unit.HOUR, first, last), (Unit.MINUTE, last, until)]
        together = Bucket(at=since)
        for bucket in await self._find(tenant, queue, ranges):
            together = together.plus(bucket)
        return together

    async def _find(self, tenant: str, queue: str, ranges: Iterable[tuple[Unit, datetime, datetime]]) -> list[Bucket]:
        found: Document = {
            "tenant": tenant,
            "queue": queue,
            "$or": [{"unit": unit.value, "at": {"$gte": since, "$lt": until}} for unit, since, until in ranges],
        }
        rows = [row async for row in self._stats.find(found).sort("at", 1)]
        return [_bucket(row) for row in rows]


def _write(tally: Tally, unit: Unit) -> UpdateOne:
    at = unit.floor(tally.bucket.at)
    key = f"{tally.tenant}/{tally.queue}/{unit.value}/{at:%Y%m%d%H%M}"
    adds: dict[str, Any] = {f"events.{_field(kind)}": count for kind, count in tally.bucket.events.items()}
    lows: dict[str, Any] = {}
    highs: dict[str, Any] = {}
    for name, spread in (("wait", tally.bucket.wait), ("work", tally.bucket.work)):
        if spread.count:
            adds |= {f"{name}.count": spread.count, f"{name}.sum": spread.sum}
            lows[f"{name}.min"], highs[f"{name}.max"] = spread.min, spread.max
    update: Document = {"$inc": adds} | ({"$min": lows, "$max": highs} if lows else {})
    update["$setOnInsert"] = {"tenant": tally.tenant, "queue": tally.queue, "unit": unit.value, "at": at}
    return UpdateOne({"_id": key}, update, upsert=True)


def _bucket(row: Document) -> Bucket:
    events = {kind.replace("/", "."): int(count) for kind, count in row.get("events", {}).items()}
    spreads = {name: msgspec.convert(row.get(name, {}), Spread) for name in ("wait", "work")}
    return Bucket(at=row["at"], events=events, **spreads)


def _field(kind: str) -> str:
    """A type of event as the name of a field, in which a dot would mean something."""
    return kind.replace(".", "/")
