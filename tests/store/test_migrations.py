"""Migrations: each once, in order, by one process at a time; one that was cut off is begun again."""

import asyncio

import pytest

from core import errors
from core.clock import system_clock
from core.tenant import Tenant
from store import indexes, migrations, mongo
from store.migrations import Migration
from store.tasks import Tasks
from store.tenants import Tenants
from tests.support.making import NOW, task


def counting(number: int, done: list[int]) -> Migration:
    async def apply(_: mongo.Database) -> None:
        done.append(number)

    return Migration(number=number, title=f"step {number}", apply=apply)


async def test_each_is_applied_once_and_in_order(database: mongo.Database) -> None:
    done: list[int] = []
    steps = [counting(2, done), counting(1, done)]
    first = await migrations.migrate(database, clock=system_clock, migrations=steps)
    assert [step.number for step in first] == done == [1, 2]
    assert await migrations.applied(database) == 2
    steps.append(counting(3, done))
    assert [each.number for each in await migrations.migrate(database, clock=system_clock, migrations=steps)] == [3]
    assert await migrations.migrate(database, clock=system_clock, migrations=steps) == []
    assert done == [1, 2, 3]


async def test_one_that_fails_is_begun_again(database: mongo.Database) -> None:
    done: list[int] = []

    async def fails(_: mongo.Database) -> None:
        raise errors.Unavailable("away")

    broken = [counting(1, done), Migration(number=2, title="fails", apply=fails)]
    with pytest.raises(errors.Unavailable):
        await migrations.migrate(database, clock=system_clock, migrations=broken)
    assert await migrations.applied(database) == 1
    whole = [counting(1, done), counting(2, done)]
    await migrations.migrate(database, clock=system_clock, migrations=whole)
    assert done == [1, 2]


async def test_only_one_process_migrates(database: mongo.Database) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def waits(_: mongo.Database) -> None:
        begun.set()
        await go_on.wait()

    steps = [Migration(number=1, title="waits", apply=waits)]
    first = asyncio.create_task(migrations.migrate(database, clock=system_clock, migrations=steps))
    await begun.wait()
    with pytest.raises(errors.Conflict):
        await migrations.migrate(database, clock=system_clock, migrations=steps)
    go_on.set()
    assert len(await first) == 1


async def test_this_release_can_be_applied(database: mongo.Database) -> None:
    await migrations.migrate(database, clock=system_clock)
    assert await migrations.applied(database) == migrations.newest()


async def test_a_new_record_needs_none(database: mongo.Database) -> None:
    await asyncio.gather(*[migrations.begin(database, clock=system_clock) for _ in range(4)])
    assert await migrations.applied(database) == migrations.newest()
    assert await migrations.migrate(database, clock=system_clock) == []
    there = await database["tasks"].index_information()
    assert {model.document["name"] for model in indexes.INDEXES["tasks"]} <= set(there)
    # Nothing is noted anew at the next start, whatever is in it by then.
    noted = await database["meta"].find_one({"_id": "schema"})
    await migrations.begin(database, clock=system_clock)
    assert await database["meta"].find_one({"_id": "schema"}) == noted


async def test_a_record_of_an_earlier_release_is_left_to_be_migrated(database: mongo.Database, tasks: Tasks) -> None:
    core = Tenant(id="core", issuer="https://x/core", created_at=NOW, version=1)
    await Tenants(database).insert(core)
    await migrations.begin(database, clock=system_clock)
    assert await migrations.applied(database) == 0
    await Tenants(database).remove(core)
    await tasks.insert("demo", [task(id="t1")])
    await migrations.begin(database, clock=system_clock)
    assert await migrations.applied(database) == 0
    await database["meta"].insert_one({"_id": "schema", "number": 1})
    await database["tasks"].delete_many({})
    await migrations.begin(database, clock=system_clock)
    assert await migrations.applied(database) == 1
