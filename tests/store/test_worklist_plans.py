"""Every query of saved filters, bulk actions and the next task uses its index."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from core import ids
from core.task import State
from core.transitions import edits
from store import indexes, mongo
from store.bulk import Act, Bulk, Bulks, BulkState, Kind
from store.filters import Filter, Filters
from store.query import Query
from store.tasks import Tasks
from tests.support import plans
from tests.support.making import NOW, WIM, task

Call = Callable[[mongo.Database], Awaitable[object]]
READY = Query(queues=("intake:reports",), states=frozenset({State.READY}), lanes=("lane-1",), free_for="u-wim")

CALLS: dict[str, tuple[str, Call]] = {
    "next": (
        "worklist",
        lambda db: Tasks(db).assign_first("demo", READY, edits.reserve(at=NOW, by=WIM), WIM.id),
    ),
    "next of a few": (
        "_id_",
        lambda db: Tasks(db).assign_first(
            "demo", Query(ids=("t-1",), states=frozenset({State.READY})), edits.reserve(at=NOW, by=WIM), WIM.id
        ),
    ),
    "filters": ("name", lambda db: Filters(db).of("demo", "u-wim", limit=10)),
    "open bulk actions": ("running", lambda db: Bulks(db).open(10)),
    "a part": ("order", lambda db: Bulks(db).part("demo", "b")),
    "progress": ("order", lambda db: Bulks(db).progress("demo", "b")),
}


@pytest.fixture
async def watched(mongodb_url: str, database_name: str) -> AsyncIterator[tuple[mongo.Database, plans.Recorder]]:
    """A database with some of each, over a client whose commands are recorded."""
    recorder = plans.Recorder()
    client = mongo.client(mongodb_url, timeout=10.0, listeners=[recorder])
    database = mongo.database(client, database_name)
    await indexes.ensure(database)
    await Tasks(database).insert("demo", [task() for _ in range(50)])
    for number in range(20):
        made = Filter(
            tenant="demo", id=str(number), name=str(number), owner=WIM, wanted={}, created_at=NOW, updated_at=NOW
        )
        await Filters(database).put("demo", made)
        bulk = Bulk(
            tenant="demo", id=ids.new_secret(), state=BulkState.RUNNING, act=Act(kind=Kind.CANCEL), query=Query(),
            total=2, by=WIM, created_at=NOW, started_at=NOW, forget_at=NOW,
        )  # fmt: skip
        await Bulks(database).create("demo", bulk, ["t-1", "t-2"])
    recorder.commands.clear()
    yield database, recorder
    await client.close()


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_its_index_is_used(watched: tuple[mongo.Database, plans.Recorder], name: str) -> None:
    database, recorder = watched
    index, call = CALLS[name]
    await call(database)
    plan = await plans.stages(database, recorder.commands[0])
    assert f"IXSCAN {index}" in plan
    assert "COLLSCAN" not in plan
    if index != "_id_":
        assert "SORT" not in plan
