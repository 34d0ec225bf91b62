"""What may be wrong with MongoDB as it is set up, and with the record in it: the doctor's questions."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, timedelta

from pymongo import errors as driver
from pymongo.read_concern import ReadConcern

from core.clock import Clock
from core.diagnosis import Diagnosis
from store import indexes, migrations, mongo
from store.leases import Leases

_OLDEST = (6, 0)
_SKEW = timedelta(seconds=2)
_LATE = timedelta(minutes=1)
_MANY = 1000
_GIB = 1 << 30
_ROOM_WANTED, _ROOM_NEEDED = 3 * _GIB, _GIB
"""A disk with less than the first, and less than a tenth of itself, is soon full; with less than the second it is."""
_REFUSED = frozenset({13, 18})
"""Codes of Unauthorized and AuthenticationFailed."""


def _found(code: str, what: str, do: str, *, fatal: bool = True) -> Diagnosis:
    return Diagnosis(code=code, where="MongoDB", what=what, do=do, fatal=fatal)


async def server(database: mongo.Database, *, clock: Clock) -> Sequence[Diagnosis]:
    """The server, and what our account may do there; with anything fatal here there is no more to ask."""
    try:
        hello = await database.command("hello")
        version = (await database.client.server_info())["versionArray"][:2]
        found = [each async for each in _server(hello, tuple(version), clock)]
        if not any(each.fatal for each in found):
            await _rights(database)
            found += disk(await database.command("dbStats"))
    except driver.WTimeoutError:
        what = "a write is not confirmed by a majority of the members in time"
        return [_found("mongodb-majority", what, "see that most members run and are not far behind")]
    except driver.OperationFailure as error:
        if error.code not in _REFUSED:
            raise
        what = f"the account may not do what it must ({error.details.get('errmsg') if error.details else error})"
        return [_found("mongodb-refuses", what, "give it the role readWrite on the database; see PENSTOCK_MONGODB_URL")]
    except driver.PyMongoError as error:
        if not mongo.unavailable(error):
            raise
        what = f"it does not answer ({_first_line(error)})"
        return [_found("mongodb-away", what, "see that it runs and that PENSTOCK_MONGODB_URL names its members")]
    return found


async def _server(hello: mongo.Document, version: tuple[int, ...], clock: Clock) -> AsyncIterator[Diagnosis]:
    if "setName" not in hello:
        what = "it is a single server, no replica set: there is no change stream, so no events, flows or webhooks"
        yield _found(
            "mongodb-standalone", what, "start mongod with --replSet, then rs.initiate(); one member is enough"
        )
    elif not hello.get("isWritablePrimary"):
        yield _found("mongodb-no-primary", "the replica set has no primary", "see that most of its members run")
    if version < _OLDEST:
        what = f"it is version {'.'.join(map(str, version))}"
        yield _found("mongodb-old", what, "use 6.0 or newer")
    skew = abs(hello["localTime"].replace(tzinfo=UTC) - clock())
    if skew > _SKEW:
        what = f"its clock and ours differ by {skew.total_seconds():.0f} s; all processes go by MongoDB's"
        yield _found("clock-skew", what, "let NTP keep both clocks", fatal=False)


def disk(stats: mongo.Document) -> Sequence[Diagnosis]:
    """Whether the disk of the primary is nearly full, by what `dbStats` says of it."""
    total = int(stats.get("fsTotalSize", 0))
    free = total - int(stats.get("fsUsedSize", 0))
    if not total or free >= min(_ROOM_WANTED, total // 10):
        return []
    what = f"its disk is nearly full, {free / _GIB:.1f} of {total / _GIB:.0f} GiB are left: without room it ends"
    do = "give it a larger one; or keep ended tasks for less long, then: python -m store compact"
    return [_found("mongodb-disk", what, do, fatal=free < _ROOM_NEEDED)]


async def _rights(database: mongo.Database) -> None:
    """Write, and open a change stream, as every process does; raises what the driver raises."""
    await database["meta"].update_one({"_id": "doctor"}, {"$set": {"looked": True}}, upsert=True)
    await database["meta"].delete_one({"_id": "doctor"})
    tasks = database["tasks"].with_options(read_concern=ReadConcern("majority"))
    async with await tasks.watch():
        pass


async def record(database: mongo.Database, *, clock: Clock) -> Sequence[Diagnosis]:
    """What is in it: schema, indexes, and whether anybody works on it."""
    return [
        *[each async for each in _schema(database)],
        *[each async for each in _indexes(database)],
        *[each async for each in _work(database, clock)],
    ]


async def _schema(database: mongo.Database) -> AsyncIterator[Diagnosis]:
    at, wanted = await migrations.applied(database), migrations.newest()
    if at < wanted:
        what = f"the record is at schema {at}, this release needs {wanted}"
        yield _found("schema-behind", what, "run: python -m store migrate", fatal=False)
    elif at > wanted:
        what = f"the record is at schema {at}, this release knows {wanted}: a later release has been here"
        yield _found("schema-ahead", what, "run the later release, or restore a backup", fatal=False)


async def _indexes(database: mongo.Database) -> AsyncIterator[Diagnosis]:
    missing: list[str] = []
    for collection, models in indexes.INDEXES.items():
        there = await database[collection].index_information()
        for model in models:
            name = str(model.document["name"])
            wanted = list(model.document["key"].items())
            if name not in there:
                missing.append(f"{collection}.{name}")
            elif not _text(wanted) and list(there[name]["key"]) != wanted:
                what = f"the index {collection}.{name} is another one than we need: queries read whole collections"
                yield _found("index-wrong", what, f"drop it (db.{collection}.dropIndex('{name}')) and run: "
                             "python -m store indexes", fatal=False)  # fmt: skip
    if missing:
        what = f"{len(missing)} indexes are missing ({', '.join(missing[:5])})"
        yield _found("index-missing", what, "run: python -m store indexes", fatal=False)


def _text(keys: Sequence[tuple[str, object]]) -> bool:
    """Whether an index is of a kind that MongoDB reports in another form than it was asked for."""
    return any(kind == "text" for _, kind in keys)


async def _work(database: mongo.Database, clock: Clock) -> AsyncIterator[Diagnosis]:
    now = clock()
    if not any(lease.until > now - _SKEW for lease in await Leases(database).every()):
        what = "no engine works: nothing is timed, retried, repaired, scheduled or announced"
        yield _found("no-engine", what, "start at least one: python -m broker engine")
    late = await database["tasks"].count_documents({"dueAt": {"$lt": now - _LATE}}, limit=_MANY)
    if late:
        what = f"{late} timers are more than a minute late"
        yield _found("timers-late", what, "see the engines' logs, and whether MongoDB keeps up", fatal=False)
    overdue = await database["tasks"].count_documents({"ticketDue": {"$lt": now - _LATE}}, limit=_MANY)
    if overdue:
        what = f"{overdue} ready tasks have waited for a ticket for more than a minute"
        yield _found("tickets-overdue", what, "see whether RabbitMQ takes messages and an engine works", fatal=False)


def _first_line(error: Exception) -> str:
    return str(error).partition(", Timeout")[0].splitlines()[0][:200]
