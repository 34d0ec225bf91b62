"""A backup is whole or refused; it shows one moment; only an empty database takes it."""

import gzip
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from core import errors
from store import archive, backup, indexes, mongo
from store.eventlog import EventLog
from store.masters import Masters
from store.payloads import Payloads
from store.positions import EVENTS, Positions
from store.sealing import Sealer
from store.tasks import Tasks
from tests.store.test_events import event
from tests.support.making import NOW, queue, task


@pytest.fixture
async def other(mongodb_url: str, database_name: str) -> AsyncIterator[mongo.Database]:
    """An empty database beside the other one."""
    client = mongo.client(mongodb_url, timeout=10.0)
    made = mongo.database(client, f"{database_name}_2")
    yield made
    await client.drop_database(made.name)
    await client.close()


def quiet(_: str) -> None:
    """Say nothing."""


async def test_what_was_kept_comes_back(
    database: mongo.Database, other: mongo.Database, tasks: Tasks, tmp_path: Path
) -> None:
    await tasks.insert("demo", [task(id=f"t{number}") for number in range(3)])
    await EventLog(database).append([event(f"t{number - 1}", 1, number) for number in (1, 2, 3)])
    await database["positions"].update_one({"_id": EVENTS}, {"$set": {"token": {"_data": "82"}, "n": 3}}, upsert=True)
    counts = await backup.backup(database, tmp_path / "b", say=quiet)
    assert (counts["tasks"], counts["events"]) == (3, 3)
    assert await backup.restore(other, tmp_path / "b", say=quiet) == counts
    kept = await Tasks(other).get_many("demo", ["t0", "t1", "t2"])
    assert kept == await tasks.get_many("demo", ["t0", "t1", "t2"])
    assert await EventLog(other).after(0, 10) == await EventLog(database).after(0, 10)
    assert (await Positions(other).get(EVENTS)).token is None
    wanted = {model.document["name"] for model in indexes.INDEXES["tasks"]}
    assert wanted <= set(await other["tasks"].index_information())


async def test_keys_go_to_a_file_of_their_own_and_come_back_with_it(
    database: mongo.Database, other: mongo.Database, tmp_path: Path
) -> None:
    master = Masters({"one": os.urandom(32)})
    closed = msgspec.structs.replace(queue(), encrypt_payloads=True)
    await Tasks(database, Payloads(Sealer(database, master))).insert("demo", [task(closed, id="t1", params="hidden")])
    counts = await backup.backup(database, tmp_path / "b", say=quiet, keys=tmp_path / "k")
    assert "tenantKeys" not in counts
    restored = Tasks(other, Payloads(Sealer(other, master)))
    await backup.restore(other, tmp_path / "b", say=quiet)
    lost = await restored.get("demo", "t1")
    assert lost is not None
    assert (lost.params, lost.erased) == (None, True)
    await other.client.drop_database(other.name)
    assert (await backup.restore(other, tmp_path / "b", say=quiet, keys=tmp_path / "k"))["tenantKeys"] == 1
    again = await restored.get("demo", "t1")
    assert again is not None
    assert (again.params, again.erased) == ("hidden", None)


async def test_a_backup_that_is_broken_off_leaves_no_file(database: mongo.Database, tmp_path: Path) -> None:
    def stops(said: str) -> None:
        if said.startswith("events"):
            raise errors.Unavailable("away")

    with pytest.raises(errors.Unavailable):
        await backup.backup(database, tmp_path / "b", say=stops, keys=tmp_path / "k")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(errors.Invalid, match="name another"):
        await backup.backup(database, tmp_path / "b", say=quiet, keys=tmp_path / "b")


async def test_events_of_what_came_after_the_moment_are_left_out(
    database: mongo.Database, other: mongo.Database, tasks: Tasks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tasks.insert("demo", [task(id="t0")])
    later = [event("new", 1, 1), event("t0", 1, 2), event("t0", 2, 3)]
    honest = backup.caught_up

    async def meanwhile(of: mongo.Database, header: archive.Header) -> None:
        await tasks.insert("demo", [task(id="new")])
        await EventLog(of).append(later)
        await honest(of, header)

    monkeypatch.setattr(backup, "caught_up", meanwhile)
    await backup.backup(database, tmp_path / "b", say=quiet)
    await backup.restore(other, tmp_path / "b", say=quiet)
    assert await Tasks(other).get("demo", "new") is None
    (kept,) = await EventLog(other).after(0, 10)
    assert (kept.task, kept.seq, kept.n) == ("t0", 1, 1)


async def test_a_database_that_is_in_use_is_refused(database: mongo.Database, tasks: Tasks, tmp_path: Path) -> None:
    await tasks.insert("demo", [task(id="t0")])
    await backup.backup(database, tmp_path / "b", say=quiet)
    with pytest.raises(errors.Conflict, match="not empty"):
        await backup.restore(database, tmp_path / "b", say=quiet)


async def test_what_is_cut_off_or_no_backup_is_refused(
    database: mongo.Database, other: mongo.Database, tasks: Tasks, tmp_path: Path
) -> None:
    await tasks.insert("demo", [task(id=f"t{number}") for number in range(50)])
    await backup.backup(database, tmp_path / "b", say=quiet)
    whole = gzip.decompress((tmp_path / "b").read_bytes())
    (tmp_path / "cut").write_bytes(gzip.compress(whole[: len(whole) - 20]))
    with pytest.raises(errors.Invalid, match="cut off"):
        await backup.restore(other, tmp_path / "cut", say=quiet)
    (tmp_path / "other").write_text("hello")
    with pytest.raises(errors.Invalid, match="no backup"):
        await backup.restore(other, tmp_path / "other", say=quiet)
    packed = bytearray((tmp_path / "b").read_bytes())
    packed[len(packed) // 2] ^= 0xFF
    (tmp_path / "bent").write_bytes(packed)
    with pytest.raises(errors.Invalid, match=r"no backup|cut off"):
        await backup.restore(other, tmp_path / "bent", say=quiet)
    header = archive.header(tmp_path / "b")
    with archive.Writer(tmp_path / "later", msgspec.structs.replace(header, format=2, at=NOW + timedelta(days=1))):
        pass
    with pytest.raises(errors.Invalid, match="no backup"):
        await backup.restore(other, tmp_path / "later", say=quiet)
