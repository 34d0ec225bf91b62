"""Backup and restore of the whole record, while everything runs: one moment of the cluster, read by a snapshot session.

Events are written a moment after their tasks, so those that belong to the snapshot are waited for and read behind it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, timedelta
from itertools import chain
from pathlib import Path
from typing import cast

import bson
import pymongo
from bson.raw_bson import RawBSONDocument
from pymongo.asynchronous.client_session import AsyncClientSession

from core import errors
from core.clock import cut
from store import archive, indexes, migrations, mongo, outfile
from store.positions import EVENTS, Positions

_KEYS = frozenset({"tenantKeys"})
_SKIPPED = frozenset({"leases", "events"})
_BATCH = 1000
_CALL_SECONDS = 3600.0
_QUIET = timedelta(seconds=2)
_LONGEST_WAIT = timedelta(seconds=30)
_SKEW = timedelta(seconds=1)

Say = Callable[[str], None]


async def backup(database: mongo.Database, file: Path, *, say: Say, keys: Path | None = None) -> dict[str, int]:
    """Write the record as it is at this moment; answers the number of documents by collection.

    The tenants' keys go to a file of their own where `keys` names one. Raises `Conflict` for files that are there, and
    `Invalid` for such as cannot be made.

    The snapshot must be read within the server's `minSnapshotHistoryWindowInSeconds` (300 unless set otherwise).
    """
    if keys == file:
        raise errors.Invalid(f"--keys names {file}, the file of the backup itself: name another.")
    for each in [file] if keys is None else [file, keys]:
        outfile.see_that_it_is_free(each)
    moment = (await database.command("hello"))["localTime"].replace(tzinfo=UTC)
    with pymongo.timeout(_CALL_SECONDS):
        async with database.client.start_session(snapshot=True) as session:
            tasks = _raw(database, "tasks")
            await tasks.find_one({}, session=session)
            header = archive.Header(
                format=archive.FORMAT, at=cut(moment), database=database.name, schema=await migrations.applied(database)
            )
            apart = frozenset[str]() if keys is None else _KEYS
            with ExitStack() as files:
                out = files.enter_context(archive.Writer(file, header))
                if keys is not None:
                    beside = files.enter_context(archive.Writer(keys, header))
                    for name in sorted(apart):
                        await _copy(_raw(database, name), beside, session, say)
                names = sorted(await database.list_collection_names())
                for name in names:
                    if name not in _SKIPPED | apart and not name.startswith("system."):
                        await _copy(_raw(database, name), out, session, say)
                if "events" in names:
                    await _copy_events(database, out, session, header, say)
                return dict(out.counts)


async def _copy(source: mongo.RawCollection, out: archive.Writer, session: AsyncClientSession, say: Say) -> None:
    # The follower's token means nothing to another cluster: a restored record begins to follow anew.
    found = {"_id": {"$ne": EVENTS}} if source.name == "positions" else {}
    count = 0
    async for row in source.find(found, session=session, batch_size=_BATCH):
        out.add(source.name, bytes(row.raw))
        count += 1
    say(f"{source.name}: {count}")


async def _copy_events(
    database: mongo.Database, out: archive.Writer, session: AsyncClientSession, header: archive.Header, say: Say
) -> None:
    """Those of the snapshot, then those that came after it and belong to what it shows, numbered without a gap."""
    source = _raw(database, "events")
    reached = 0
    async for row in source.find({}, session=session, batch_size=_BATCH):
        out.add("events", bytes(row.raw))
        reached = max(reached, int(row["n"]))
    first = reached
    await caught_up(database, header)
    async for page in _pages(source, behind=first):
        keys = sorted({f"{row['tenant']}/{row['task']}" for row in page})
        seqs = {
            str(task["_id"]): int(task["seq"])
            async for task in database["tasks"].find({"_id": {"$in": keys}}, {"seq": 1}, session=session)
        }
        for row in page:
            if int(row["seq"]) <= seqs.get(f"{row['tenant']}/{row['task']}", 0):
                reached += 1
                out.add("events", bson.encode({**row, "n": reached}))
    say(f"events: {out.counts.get('events', 0)}, {reached - first} of them written after their tasks were read")


async def _pages(source: mongo.RawCollection, *, behind: int) -> AsyncIterator[Sequence[RawBSONDocument]]:
    last = int(newest["n"]) if (newest := await source.find_one({}, sort=[("n", -1)])) else 0
    while behind < last:
        rows = source.find({"n": {"$gt": behind, "$lte": last}}).sort("n", 1).limit(_BATCH)
        page = [row async for row in rows]
        if not page:
            return
        yield page
        behind = int(page[-1]["n"])


async def caught_up(database: mongo.Database, header: archive.Header) -> None:
    """Return when every event of before the snapshot is stored, as far as can be seen."""
    loop = asyncio.get_running_loop()
    began = moved = loop.time()
    last = -1
    while loop.time() - began < _LONGEST_WAIT.total_seconds():
        row = await database["events"].find_one({}, {"n": 1, "at": 1}, sort=[("n", -1)])
        if row is not None and row["at"] > header.at + _SKEW:
            return
        number = 0 if row is None else int(row["n"])
        if number != last:
            last, moved = number, loop.time()
        if loop.time() - moved > _QUIET.total_seconds():
            return
        await asyncio.sleep(0.1)


async def restore(database: mongo.Database, file: Path, *, say: Say, keys: Path | None = None) -> dict[str, int]:
    """Fill an empty database from a backup; answers the number of documents by collection.

    `keys` is the file of the tenants' keys, where they were written apart.

    Start the processes afterwards. Raises `Conflict` where there is something already, and `Invalid`.
    """
    header = await asyncio.to_thread(archive.header, file)
    if header.schema > migrations.newest():
        raise errors.Invalid(f"{file} was written by a later release (schema {header.schema}).")
    for name in sorted(await database.list_collection_names()):
        if name != "leases" and await database[name].find_one({}) is not None:
            raise errors.Conflict(f"The database {database.name} is not empty ({name}): restore into an empty one.")
    files = [file] if keys is None else [file, keys]
    for each in files:
        await asyncio.to_thread(archive.verify, each)
    say(f"the record of {header.database} as it was at {header.at:%Y-%m-%d %H:%M:%S} UTC")
    counts: dict[str, int] = {}
    with pymongo.timeout(_CALL_SECONDS):
        batch: list[RawBSONDocument] = []
        at = ""
        for name, document in chain.from_iterable(archive.documents(each) for each in files):
            if name != at or len(batch) >= _BATCH:
                await _insert(database, at, batch)
                at, batch = name, []
            batch.append(RawBSONDocument(document))
            counts[name] = counts.get(name, 0) + 1
        await _insert(database, at, batch)
        await indexes.ensure(database)
        # Events are followed from now on; should the log lack any of before, they are made up for.
        await Positions(database).restart(EVENTS, repair=header.at + _SKEW)
    for name, count in sorted(counts.items()):
        say(f"{name}: {count}")
    return counts


async def _insert(database: mongo.Database, name: str, batch: Sequence[RawBSONDocument]) -> None:
    if batch:
        await _raw(database, name).insert_many(batch, ordered=False)


def _raw(database: mongo.Database, name: str) -> mongo.RawCollection:
    """A collection whose documents are left as they are."""
    options = database.codec_options.with_options(document_class=RawBSONDocument)
    return cast("mongo.RawCollection", database.get_collection(name, codec_options=options))
