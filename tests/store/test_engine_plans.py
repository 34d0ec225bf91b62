"""Every query of the engine's loops, which run for ever, uses its index."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest

from core.delivery import Delivery
from core.transitions import ends
from store import indexes, mongo
from store.deliveries import Deliveries, Wanted
from store.depths import Depths
from store.eventlog import EventLog
from store.events import Events
from store.headers import Headers
from store.leftovers import Leftovers
from store.overview import Overviews
from store.redrives import Redrives
from store.snapshots import Snapshots
from store.stats import Stats, Unit
from store.sweeps import Sweeps
from store.tasks import Tasks
from store.webhooks import Webhooks
from tests.store.test_events import event
from tests.support import plans
from tests.support.making import ANN, NOW, task

Call = Callable[[mongo.Database], Awaitable[object]]
LATER = NOW + timedelta(days=1)
REPORTS = "intake:reports"

CALLS: dict[str, tuple[str, Call]] = {
    "next timer": ("timer", lambda db: Sweeps(db).next_due()),
    "due": ("timer", lambda db: Sweeps(db).due(LATER, 10)),
    "unticketed": ("tickets", lambda db: Sweeps(db).unticketed(LATER, 10)),
    "depths": ("worklist", lambda db: Depths(db).every()),
    "unticketed count": ("tickets", lambda db: Depths(db).unticketed(LATER)),
    "ready by lane": ("worklist", lambda db: Sweeps(db).ready_by_lane([("demo", REPORTS), ("acme", "a:b")])),
    "ticketed in lane": ("worklist", lambda db: Sweeps(db).ticketed_in_lane("demo", REPORTS, "lane-1")),
    "ticketed page": (
        "worklist",
        lambda db: Sweeps(db).ticketed_page("demo", REPORTS, "lane-1", now=NOW, unchanged_since=NOW, after="", limit=5),
    ),
    "ticketed in lanes": (
        "worklist",
        lambda db: Sweeps(db).ticketed_in_lanes([("demo", REPORTS, "lane-1"), ("acme", "a:b", "lane-2")]),
    ),
    "ended": ("ended", lambda db: Leftovers(db).ended("demo", REPORTS, LATER, 10)),
    "deleted": ("deleted", lambda db: Leftovers(db).deleted(LATER, 10)),
    "queues with ended": ("ended", lambda db: Leftovers(db).queues_with_ended()),
    "old statistics": ("age", lambda db: Leftovers(db).erase_series("stats", "at", NOW)),
    "headers": ("_id_", lambda db: Headers(db).of(["demo/a", "demo/b"])),
    "last events": ("_id_", lambda db: Headers(db).last_events("demo/", 10)),
    "newest event": ("order", lambda db: EventLog(db).newest()),
    "events behind": ("order", lambda db: EventLog(db).after(3, 10)),
    "known events": ("_id_", lambda db: EventLog(db).known(["demo/t/1"])),
    "events of tasks": ("history", lambda db: EventLog(db).of_tasks([("demo", "t"), ("demo", "u")], 9)),
    "erase events": ("order", lambda db: EventLog(db).erase(NOW - timedelta(days=1), 10)),
    "erase events of tasks": ("history", lambda db: EventLog(db).erase_of([("demo", "x")])),
    "erase numbered events": ("_id_", lambda db: EventLog(db).erase_numbered([("demo/x", 3)])),
    "history": ("history", lambda db: Events(db).history("demo", "t", limit=10)),
    "a tenant's events": ("stream", lambda db: Events(db).since("demo", 2, limit=10, queues=[REPORTS])),
    "series": ("series", lambda db: Stats(db).series("demo", REPORTS, Unit.HOUR, NOW, LATER)),
    "total": ("series", lambda db: Stats(db).total("demo", REPORTS, NOW, LATER)),
    "active webhooks": ("active", lambda db: Webhooks(db).active()),
    "due deliveries": ("due", lambda db: Deliveries(db).due("demo", "w", now=LATER, limit=10)),
    "next delivery": ("due", lambda db: Deliveries(db).next_due("demo", "w")),
    "waiting deliveries": ("due", lambda db: Deliveries(db).waiting("demo", "w", at_most=10)),
    "heads of groups": ("group", lambda db: Deliveries(db).heads("demo", "w", ["t", "u"])),
    "postponed group": ("group", lambda db: Deliveries(db).postpone("demo", "w", "t", LATER)),
    "hurried deliveries": ("due", lambda db: Deliveries(db).hurry("demo", "w", NOW)),
    "deliveries": ("newest", lambda db: Deliveries(db).page("demo", "w", Wanted(), after=None, limit=10)),
    "old deliveries": ("age", lambda db: Leftovers(db).erase_series("webhookDeliveries", "endedAt", NOW)),
    "stories": ("_id_", lambda db: Snapshots(db).of("demo", ["t", "u"])),
    "stories of many": ("_id_", lambda db: Snapshots(db).of_many([("demo", "t"), ("acme", "u")])),
    "open redrives": ("running", lambda db: Redrives(db).open(10)),
    "redrives of a queue": ("queue", lambda db: Redrives(db).of_queue("demo", REPORTS, limit=10)),
}


def delivery(number: int, hook: str) -> Delivery:
    """One that waits."""
    return Delivery(
        tenant="demo", id=f"msg-{hook}-{number}", webhook=hook, type="created", n=number, group=f"t{number % 7}",
        body="{}", open=True, created_at=NOW, next_at=NOW + timedelta(seconds=number),
    )  # fmt: skip


@pytest.fixture
async def watched(mongodb_url: str, database_name: str) -> AsyncIterator[tuple[mongo.Database, plans.Recorder]]:
    """A database with tasks and events, over a client whose commands are recorded."""
    recorder = plans.Recorder()
    client = mongo.client(mongodb_url, timeout=10.0, listeners=[recorder])
    database = mongo.database(client, database_name)
    await indexes.ensure(database)
    store = Tasks(database)
    made = [task(at=NOW - timedelta(seconds=n), expire_at=LATER) for n in range(60)]
    await store.insert("demo", made)
    for each in made[:20]:
        await store.apply("demo", each, ends.cancel(each, at=NOW, by=ANN, message=None))
    await store.apply("demo", made[20], ends.delete(made[20], at=NOW, by=ANN))
    await store.ticketed([("demo", each.id) for each in made[40:]])
    await EventLog(database).append([event(f"t{n}", 1, n) for n in range(1, 30)])
    for hook in ("w", "v"):
        await Deliveries(database).insert("demo", [delivery(n, hook) for n in range(40)])
    recorder.commands.clear()
    yield database, recorder
    await client.close()


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_a_query_of_the_engine_uses_its_index(watched: tuple[mongo.Database, plans.Recorder], name: str) -> None:
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
    named = {f"IXSCAN {index}", f"COUNT_SCAN {index}"}
    # `since` asks for the newest first, by the same index.
    assert named & set(first) or (index == "_id_" and "IDHACK" in first), first


@pytest.mark.parametrize("where", ["of all queues", "of one"])
async def test_dead_letters_are_counted_without_reading_one(
    watched: tuple[mongo.Database, plans.Recorder], where: str
) -> None:
    database, recorder = watched
    await (Depths(database).every() if where == "of all queues" else Overviews(database).of_queue("demo", REPORTS))
    (counting,) = [each for each in recorder.commands if each.get("hint") == "deadLetters"]
    plan = await plans.stages(database, counting)
    assert "IXSCAN deadLetters" in plan or "COUNT_SCAN deadLetters" in plan, plan
    assert "FETCH" not in plan
