"""What the database hands back is what JSON knows."""

import msgspec
from pymongo.read_concern import ReadConcern

from store import mongo


async def test_large_integers_come_back_as_plain_ones(mongodb_url: str, database_name: str) -> None:
    client = mongo.client(mongodb_url, timeout=10.0)
    try:
        things = mongo.database(client, database_name)["things"]
        kept = {"_id": "one", "small": 7, "large": 2**40, "inside": [{"cube": 1290**3}, -(2**33)]}
        await things.insert_one(kept)
        found = await things.find_one({"_id": "one"})
        assert found == kept
        assert msgspec.json.decode(msgspec.json.encode(found)) == kept
        changed = await things.find_one_and_update({"_id": "one"}, {"$inc": {"large": 1}}, return_document=True)
        assert changed is not None
        assert type(changed["large"]) is int
        grouped = await (await things.aggregate([{"$group": {"_id": "$large"}}])).to_list()
        assert [type(row["_id"]) for row in grouped] == [int]
        majority = things.with_options(read_concern=ReadConcern("majority"))
        assert msgspec.to_builtins(await majority.find_one({"_id": "one"})) == changed
    finally:
        await client.close()


def test_what_is_sealed_opens_with_plain_integers() -> None:
    kept = {"v": {"large": 2**40, "inside": [-(2**33)]}}
    assert msgspec.to_builtins(mongo.decoded(mongo.encoded(kept))) == kept
