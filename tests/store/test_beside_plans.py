"""What stands beside the hot path uses its index too: seats, flows' children, clean-ups, quotas, definitions."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest

from core.builtins import Rule
from core.transitions import edits, ends, holds, tickets
from store import indexes, mongo
from store.cleaning import Cleaning
from store.definition_sweeps import DefinitionSweeps
from store.definitions import Definitions
from store.flow_sweeps import FlowSweeps
from store.flows import Flows
from store.seats import Seats
from store.sweeps import Sweeps
from store.tasks import Tasks
from store.usage import Usage
from store.webhooks import Webhooks
from tests.support import plans
from tests.support.making import ANN, NOW, task

Call = Callable[[mongo.Database], Awaitable[object]]
LATER = NOW + timedelta(days=1)
REPORTS = "intake:reports"
RULE = Rule(before=LATER)
SOME = [task(at=NOW - timedelta(seconds=n)) for n in range(3)]

CALLS: dict[str, tuple[str, Call]] = {
    "seats that are taken": ("seats", lambda db: Seats(db).taken("demo", ["lane-1.", "lane-1.x"])),
    "parking": (
        "_id_",
        lambda db: Seats(db).park("demo", ["a", "b"], tickets.park(at=NOW, slot="lane-1.")),
    ),
    "parked tasks": ("waits", lambda db: Seats(db).parked("demo", "lane-1.", 10)),
    "calling": ("_id_", lambda db: Seats(db).call("demo", SOME, tickets.call(at=NOW))),
    "how slots stand": ("seats", lambda db: Seats(db).standing("demo", ["lane-1.", "lane-1.x"])),
    "slots of a lane": ("seats", lambda db: Seats(db).of_lane("demo", "lane-1")),
    "held without a seat": ("worklist", lambda db: Seats(db).unseated("demo", REPORTS, "lane-1", 10)),
    "waking": ("_id_", lambda db: Sweeps(db).wake(SOME, NOW)),
    "postponing tickets": ("_id_", lambda db: Sweeps(db).postpone_tickets(SOME, NOW)),
    "settling timers": (
        "_id_",
        lambda db: Sweeps(db).settle([(each, ends.cancel(each, at=NOW, by=ANN, message=None)) for each in SOME]),
    ),
    "open tasks of a queue": ("worklist", lambda db: Tasks(db).open_of("demo", REPORTS, 10)),
    "a heartbeat": (
        "_id_",
        lambda db: Tasks(db).apply_blind("demo", "t", holds.beat(at=NOW, exec_id="e", progress=None)),
    ),
    "a change of a task that was read": (
        "_id_",
        lambda db: Tasks(db).apply("demo", SOME[0], edits.assign(SOME[0], at=NOW, by=ANN, to=ANN)),
    ),
    "ends of flows' children": ("unreported", lambda db: Flows(db).ends("demo", ["f", "g"], 10)),
    "results of children": ("_id_", lambda db: Flows(db).results("demo", ["c", "d"])),
    "children that were reported": ("_id_", lambda db: Flows(db).reported("demo", ["c", "d"])),
    "children": ("_id_", lambda db: Flows(db).child_tasks("demo", ["c", "d"])),
    "flows whose children ended": ("unreported", lambda db: FlowSweeps(db).reporting(10)),
    "tasks to clean up": ("ended", lambda db: Cleaning(db).tasks("demo", REPORTS, RULE, None, 10)),
    "flows to clean up": ("aged", lambda db: Cleaning(db).flows("demo", RULE, 10)),
    "removing tasks": ("_id_", lambda db: Cleaning(db).remove_tasks("demo", ["a", "b"])),
    "definitions of a queue": ("queue", lambda db: Definitions(db).of_queue("demo", REPORTS)),
    "definitions that push": ("pushed", lambda db: DefinitionSweeps(db).pushed()),
    "definitions that were limited": ("limited", lambda db: DefinitionSweeps(db).limited(NOW)),
    "open tasks of a tenant": ("worklist", lambda db: Usage(db).counts("demo")),
    "open tasks of a queue, counted": ("worklist", lambda db: Usage(db).counts("demo", REPORTS)),
    "queues of a tenant": ("name", lambda db: Usage(db).queues("demo")),
    "how far a webhook is": ("_id_", lambda db: Webhooks(db).advance("demo", "w", 9)),
}


@pytest.fixture
async def watched(mongodb_url: str, database_name: str) -> AsyncIterator[tuple[mongo.Database, plans.Recorder]]:
    """A database with open and ended tasks, over a client whose commands are recorded."""
    recorder = plans.Recorder()
    client = mongo.client(mongodb_url, timeout=10.0, listeners=[recorder])
    database = mongo.database(client, database_name)
    await indexes.ensure(database)
    made = [task(at=NOW - timedelta(seconds=n)) for n in range(60)]
    store = Tasks(database)
    await store.insert("demo", made)
    for each in made[:20]:
        await store.apply("demo", each, ends.cancel(each, at=NOW, by=ANN, message=None))
    recorder.commands.clear()
    yield database, recorder
    await client.close()


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_a_query_beside_the_hot_path_uses_its_index(
    watched: tuple[mongo.Database, plans.Recorder], name: str
) -> None:
    database, recorder = watched
    index, call = CALLS[name]
    await call(database)
    assert recorder.commands
    for command in recorder.commands:
        plan = await plans.stages(database, command)
        # A collection that does not exist yet is not looked through.
        assert "COLLSCAN" not in plan, command
        assert "SORT" not in plan, command
    first = await plans.stages(database, recorder.commands[0])
    named = {f"{stage} {index}" for stage in ("IXSCAN", "COUNT_SCAN", "DISTINCT_SCAN")}
    assert named & set(first) or (index == "_id_" and "IDHACK" in first), first
