"""The watch over MongoDB commands notices a forgotten tenant (and `conftest.py` puts it around every test here)."""

from pathlib import Path
from typing import Any

import pytest

from tests.support import tenancy
from tests.support.api import Api

STORE = Path(__file__).parents[2] / "store"


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"tenant": "demo", "queue": "a:b"}, True),
        ({"_id": "demo/x"}, True),
        ({"_id": {"$in": ["demo/x", "acme/y"]}, "state": "ready"}, True),
        ({"$and": [{"tenant": "demo"}, {"place": {"$gt": "1"}}]}, True),
        ({"_id": {"$gt": "demo/x"}, "tenant": "demo"}, True),
        ({}, False),
        ({"state": "ready"}, False),
        ({"_id": "x"}, False),
        ({"_id": {"$in": ["demo/x", "y"]}}, False),
        ({"_id": {"$in": []}}, False),
        ({"tenant": {"$exists": True}}, False),
        ({"$or": [{"tenant": "demo"}, {"state": "ready"}]}, False),
    ],
)
def test_what_names_a_tenant(query: dict[str, Any], *, named: bool) -> None:
    assert tenancy.scoped(query) is named


async def run(api: Api, file: str, name: str, call: str) -> None:
    """A method of a file in `store/` that is not there, run over the real collection."""
    code = compile(f"async def {name}(tasks):\n    return {call}\n", str(STORE / file), "exec")
    scope: dict[str, Any] = {}
    exec(code, scope)  # noqa: S102 - the only way to come from a file that does not exist
    await scope[name](api.parts.record.database["tasks"])


@pytest.mark.parametrize(
    "call",
    [
        "await tasks.find_one({'state': 'ready'})",
        "await tasks.update_many({'state': 'ready'}, {'$set': {'x': 1}})",
        "await tasks.delete_many({})",
        "await tasks.count_documents({'queue': 'a:b'})",
        "await tasks.find_one_and_update({'_id': 'x'}, {'$set': {'x': 1}})",
        "await tasks.distinct('queue')",
        "await (await tasks.aggregate([{'$group': {'_id': '$state'}}])).to_list()",
        "await tasks.insert_one({'_id': 'x', 'state': 'ready'})",
    ],
)
async def test_a_forgotten_tenant_fails_the_test(api: Api, call: str) -> None:
    with pytest.raises(AssertionError, match=r"new\.py:2 every"), tenancy.watched():
        await run(api, "new.py", "every", call)


async def test_the_engines_places_are_exempt(api: Api) -> None:
    with tenancy.watched():
        await run(api, "sweeps.py", "due", "await tasks.find_one({'state': 'ready'})")
        await run(api, "queues.py", "every", "await tasks.find_one({'state': 'ready'})")
