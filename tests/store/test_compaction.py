"""What erased documents leave in the files goes back to the disk."""

import random

from store import compaction, mongo

MB = 2**20


async def filled(database: mongo.Database, *, erased: bool) -> None:
    """Ten megabytes that do not shrink when they are compressed; nearly all of them erased."""
    noise = random.Random(1)
    for part in range(10):
        rows = [{"_id": f"{part}-{number}", "noise": noise.randbytes(2000)} for number in range(500)]
        await database["tasks"].insert_many(rows)
    # A checkpoint before and after: only what is in one is in the files.
    await database.client.admin.command("fsync")
    if erased:
        await database["tasks"].delete_many({"_id": {"$gt": "0-99"}})
        await database.client.admin.command("fsync")


async def test_room_in_files_is_given_back(database: mongo.Database, mongodb_url: str) -> None:
    await filled(database, erased=True)
    before = await compaction.room(database, "tasks")
    said: list[str] = []
    given = await compaction.compact(mongodb_url, database.name, least=MB, say=said.append)
    after = await compaction.room(database, "tasks")
    assert before.free > 4 * MB
    assert given > before.free // 2
    assert before.whole - after.whole > before.free // 2
    assert [line.split()[1] for line in said] == ["tasks:"]
    assert await database["tasks"].count_documents({}) > 0


async def test_what_has_little_to_give_is_left_alone(database: mongo.Database, mongodb_url: str) -> None:
    await filled(database, erased=False)
    said: list[str] = []
    assert await compaction.compact(mongodb_url, database.name, least=100 * MB, say=said.append) == 0
    assert said == []
