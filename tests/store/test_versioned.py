"""A change holds only for the version that was read, and whoever caches is told of it."""

import pytest

from core import errors
from store import mongo
from store.versioned import Versioned


async def told(database: mongo.Database) -> list[str]:
    board = await database["notices"].find_one({"_id": "queues"})
    return [] if board is None else board["keys"]


async def test_every_change_is_told_and_an_old_version_changes_nothing(database: mongo.Database) -> None:
    rows, written = database["queues"], Versioned(database, "queues")
    first = {"_id": "demo/a", "tenant": "demo", "version": 1, "lane": "l-1"}
    await written.insert(first, taken="a is here")
    with pytest.raises(errors.AlreadyExists, match="a is here"):
        await written.insert(dict(first), taken="a is here")
    assert await told(database) == ["demo/a"]
    assert await written.replace(first | {"version": 2}, was=1)
    assert not await written.replace(first | {"version": 2, "lane": "another"}, was=1)
    assert await rows.find_one({"_id": "demo/a"}) == first | {"version": 2}
    assert not await written.remove("demo/a", was=1)
    assert await rows.find_one({"_id": "demo/a"}) is not None
    assert await written.remove("demo/a", was=2)
    assert await rows.find_one({"_id": "demo/a"}) is None
    assert set(await told(database)) == {"demo/a"}
    assert len(await told(database)) >= 3
