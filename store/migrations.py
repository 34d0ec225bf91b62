"""Changes of what is stored, one after the other, each once: `python -m store migrate`.

A migration only adds (a field, an index, a collection) while the release before may still be running; what nobody
reads any more is removed by a migration of the release after. So the new processes are started before the old ones
are stopped, and a release can be taken back until the next.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import msgspec
from pymongo import errors as driver

from core import errors, ids
from core.clock import Clock
from store import indexes, mongo, wordless
from store.leases import Leases
from store.mongo import Database

_DUTY = "migrate"
_LEASE = timedelta(minutes=30)


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """One step. `apply` may be cut off anywhere and begun again."""

    number: int
    title: str
    apply: Callable[[Database], Awaitable[None]]


MIGRATIONS: Sequence[Migration] = (
    Migration(number=1, title="indexes, and the beginning of the event log", apply=indexes.ensure),
    Migration(number=2, title="the index of words by queue", apply=indexes.ensure),
    Migration(number=3, title="words of tasks that were stored without them", apply=wordless.fill),
    Migration(number=4, title="the index that dead letters are counted by", apply=indexes.ensure),
)
"""In order, numbered from 1 without a gap; what was released is never changed."""


def newest(migrations: Sequence[Migration] = MIGRATIONS) -> int:
    """The number that this release needs."""
    return max((migration.number for migration in migrations), default=0)


async def begin(database: Database, *, clock: Clock, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Make the indexes that are missing; a record in which nothing was ever kept needs no migration after that.

    For the start of every process, beside others, before anything is written. A record that has anything in it and no
    number is left without: an earlier release made it. Raises `Unavailable`.
    """
    try:
        new = await _is_new(database)
        await indexes.ensure(database)
        if new:
            steps = [{"number": each.number, "title": each.title, "at": clock()} for each in migrations]
            first = {"number": newest(migrations), "applied": steps}
            await database["meta"].update_one({"_id": "schema"}, {"$setOnInsert": first}, upsert=True)
    except driver.DuplicateKeyError:
        return  # another process was first
    except driver.PyMongoError as error:
        if mongo.unavailable(error):
            raise mongo.translated(error) from error
        raise


async def _is_new(database: Database) -> bool:
    if await database["meta"].find_one({"_id": "schema"}) is not None:
        return False
    for name in ("tenants", *indexes.INDEXES):
        if await database[name].find_one({}, {"_id": 1}) is not None:
            return False
    return True


async def applied(database: Database) -> int:
    """The number of the last migration that was applied here; 0 for none."""
    row = await database["meta"].find_one({"_id": "schema"})
    return 0 if row is None else int(row["number"])


async def migrate(database: Database, *, clock: Clock, migrations: Sequence[Migration] = MIGRATIONS) -> list[Migration]:
    """Apply what is missing; answers that. Raises `Conflict` while another process migrates."""
    leases, holder, now = Leases(database), ids.new_secret(), clock()
    if not await leases.take(_DUTY, holder, now=now, until=now + _LEASE):
        raise errors.Conflict("Another process migrates at the moment; wait for it, or 30 minutes if it died.")
    try:
        done: list[Migration] = []
        at = await applied(database)
        for migration in sorted(migrations, key=lambda each: each.number):
            if migration.number > at:
                await migration.apply(database)
                step = {"number": migration.number, "title": migration.title, "at": clock()}
                change = {"$max": {"number": migration.number}, "$push": {"applied": step}}
                await database["meta"].update_one({"_id": "schema"}, change, upsert=True)
                done.append(migration)
        return done
    finally:
        await leases.release(_DUTY, holder)
