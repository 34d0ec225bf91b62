"""Every query about triggers, and about records that set some off, uses its index."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest

from core import trigger
from core.schedule import FiringStatus, Last, TaskOrder
from store import indexes, mongo
from store.record_sweeps import RecordSweeps
from store.records import Record, Records
from store.triggers import Triggers
from tests.support import plans
from tests.support.making import ANN, NOW

Call = Callable[[mongo.Database], Awaitable[object]]
PLAN = trigger.Plan(select_by=(trigger.Comparison(get_in=("a",), value=1),), order=TaskOrder(queue="intake:reports"))
LAST = Last(at=NOW, status=FiringStatus.SUBMITTED)

CALLS: dict[str, tuple[str, Call]] = {
    "get": ("_id_", lambda db: Triggers(db).get("demo", "t-1")),
    "page": ("_id_", lambda db: Triggers(db).page("demo", after="t-1", limit=5)),
    "page of queues": ("_id_", lambda db: Triggers(db).page("demo", after=None, limit=5, queues=("intake:reports",))),
    "note": ("_id_", lambda db: Triggers(db).note("demo", "t-1", LAST)),
    "record": ("_id_", lambda db: Records(db).get("demo", "r-1")),
    "fired": ("_id_", lambda db: Records(db).fired("demo", "r-1")),
    "pending": ("pending", lambda db: RecordSweeps(db).pending(NOW + timedelta(days=1), 5)),
}


@pytest.fixture
async def watched(mongodb_url: str, database_name: str) -> AsyncIterator[tuple[mongo.Database, plans.Recorder]]:
    """A database with triggers and records, over a client whose commands are recorded."""
    recorder = plans.Recorder()
    client = mongo.client(mongodb_url, timeout=10.0, listeners=[recorder])
    database = mongo.database(client, database_name)
    await indexes.ensure(database)
    for number in range(20):
        made = trigger.begin(PLAN, tenant="demo", trigger_id=f"t-{number}", at=NOW, by=ANN)
        await Triggers(database).insert("demo", made)
        fired = ("t-1",) if number % 2 else ()
        record = Record(
            tenant="demo", id=f"r-{number}", body={"a": 1}, received_at=NOW, received_by=ANN, triggers=fired
        )
        await Records(database).insert(record)
    recorder.commands.clear()
    yield database, recorder
    await client.close()


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_a_query_about_triggers_uses_its_index(watched: tuple[mongo.Database, plans.Recorder], name: str) -> None:
    database, recorder = watched
    index, call = CALLS[name]
    await call(database)
    commands = [command for command in recorder.commands if "getMore" not in command]
    assert commands
    for command in commands:
        plan = await plans.stages(database, command)
        assert "COLLSCAN" not in plan, command
        assert "SORT" not in plan, command
    first = await plans.stages(database, commands[0])
    assert f"IXSCAN {index}" in first or (index == "_id_" and "IDHACK" in first), first
