"""Who caches hears of every change, by name where few were missed, and forgets all where it is not known which."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from store import mongo
from store.notices import Ear, Notices
from tests.support.waiting import wait_until


class Hearing:
    """An ear that notes what it is told."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.resets: list[bool] = []
        self.ear = Ear(self.keys.append, self.resets.append)


@asynccontextmanager
async def listening(database: mongo.Database, age: float = 60.0) -> AsyncGenerator[Hearing]:
    hearing = Hearing()
    following = asyncio.create_task(Notices(database).follow({"queues": hearing.ear}, age=age))
    try:
        await wait_until(lambda: hearing.resets == [True], what="the first look")
        yield hearing
    finally:
        following.cancel()
        await asyncio.wait([following])


async def test_each_change_is_told_by_name_and_in_order(database: mongo.Database) -> None:
    board = Notices(database)
    await board.tell("queues", "demo/before")
    async with listening(database) as hearing:
        await board.tell("queues", "demo/a")
        await board.tell("definitions", "demo/other")
        await board.tell("queues", "demo/b")
        await wait_until(lambda: len(hearing.keys) == 2, what="both changes")
    assert hearing.keys == ["demo/a", "demo/b"]
    assert hearing.resets == [True]


@pytest.mark.parametrize("many", ["told all", "more than are named", "restored from before"])
async def test_all_is_forgotten_where_it_is_not_known_what_changed(database: mongo.Database, many: str) -> None:
    board = Notices(database)
    await board.tell("queues", "demo/before")
    await board.tell("queues", "demo/before")
    async with listening(database) as hearing:
        if many == "told all":
            await board.tell_all("queues")
        elif many == "restored from before":
            await database["notices"].update_one({"_id": "queues"}, {"$set": {"n": 1}})
        else:
            named = [f"demo/{number}" for number in range(64)]
            await database["notices"].update_one({"_id": "queues"}, {"$inc": {"n": 65}, "$set": {"keys": named}})
        await wait_until(lambda: hearing.resets == [True, True], what="the second reset")
    assert hearing.keys == []


async def test_a_change_is_told_after_some_time_although_its_writer_died_before_the_notice(
    database: mongo.Database,
) -> None:
    queues, at = database["queues"], datetime(2026, 1, 2, tzinfo=UTC)
    row = {"version": 1, "updatedAt": at, "createdAt": at}
    names = ("demo/same", "demo/changed", "demo/removed", "demo/replaced")
    await queues.insert_many([{"_id": name, "tenant": "demo", **row} for name in names])
    async with listening(database, age=0.01) as hearing:
        await queues.update_one({"_id": "demo/changed"}, {"$set": {"version": 2}})
        await queues.delete_one({"_id": "demo/removed"})
        later = {"updatedAt": at + timedelta(seconds=1), "createdAt": at + timedelta(seconds=1)}
        await queues.update_one({"_id": "demo/replaced"}, {"$set": later})
        await queues.insert_one({"_id": "demo/new", "tenant": "demo", **row})
        told = {"demo/changed", "demo/removed", "demo/replaced", "demo/new"}
        await wait_until(lambda: set(hearing.keys) == told, what="the changes without notices")
    assert hearing.resets == [True]


async def test_nothing_may_be_cached_while_mongodb_does_not_answer(database: mongo.Database) -> None:
    async with listening(database) as hearing:
        await database.client.close()
        await wait_until(lambda: hearing.resets == [True, False], what="the end of caching")
