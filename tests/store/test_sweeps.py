"""What the engine sees of all tenants: leftovers pair by pair, lanes without reading tasks, and no stumbling."""

import random
from datetime import timedelta

from core.priority import Priority
from core.task import State
from core.transitions import edits, ends, failures, holds, redrives
from store import indexes, mongo
from store.leftovers import Leftovers, Old
from store.sweeps import Sweeps
from store.tasks import Tasks
from tests.support import plans
from tests.support.making import ANN, NOW, WIM, queue, task

LATER = NOW + timedelta(hours=1)


async def test_a_document_that_is_no_task_stops_no_timer(
    database: mongo.Database, tasks: Tasks, sweeps: Sweeps
) -> None:
    good = task(execute_at=NOW + timedelta(seconds=5))
    await tasks.insert("demo", [good])
    await database["tasks"].insert_one({"_id": "demo/bad", "tenant": "demo", "dueAt": NOW, "state": "waiting"})
    assert [each.id for each in await sweeps.due(LATER, 10)] == [good.id]
    assert await sweeps.next_due() == NOW


async def test_lanes_are_counted_from_the_index_alone(mongodb_url: str, database_name: str) -> None:
    recorder = plans.Recorder()
    client = mongo.client(mongodb_url, timeout=10.0, listeners=[recorder])
    database = mongo.database(client, database_name)
    await indexes.ensure(database)
    await Tasks(database).insert("demo", [task(queue(lane=f"l-{n % 2}")) for n in range(30)])
    await Tasks(database).insert("acme", [task(queue(tenant="acme"))])
    recorder.commands.clear()
    asked = [("demo", "intake:reports"), ("demo", "intake:none"), ("acme", "intake:none")]
    expected = {("demo", "intake:reports", "l-0"): 15, ("demo", "intake:reports", "l-1"): 15}
    assert await Sweeps(database).ready_by_lane(asked) == expected
    stages = await plans.stages(database, recorder.commands[0])
    assert "FETCH" not in stages
    assert "IXSCAN worklist" in stages
    await client.close()


async def test_only_what_should_have_a_ticket_is_counted_and_read(tasks: Tasks, sweeps: Sweeps) -> None:
    lost, assigned, fresh, unsure = (task(name=name) for name in ("lost", "assigned", "fresh", "unsure"))
    await tasks.insert("demo", [lost, assigned, fresh, unsure])
    given = await tasks.apply("demo", assigned, edits.assign(assigned, at=NOW, by=ANN, to=WIM))
    assert given is not None
    soon = NOW + timedelta(seconds=1)
    await tasks.apply("demo", fresh, edits.prioritise(fresh, at=soon, by=ANN, to=Priority.HIGH))
    await tasks.ticketed([("demo", lost.id), ("demo", fresh.id)])
    assert await sweeps.ticketed_in_lane("demo", "intake:reports", "lane-1") == 2
    page = await sweeps.ticketed_page(
        "demo", "intake:reports", "lane-1", now=NOW, unchanged_since=NOW, after="", limit=10
    )
    assert [each.id for each in page] == [lost.id]
    both = await sweeps.ticketed_in_lanes([("demo", "intake:reports", "lane-1"), ("acme", "intake:reports", "lane-2")])
    assert {each.id: each.changed_since(NOW, soon) for each in both} == {lost.id: False, fresh.id: True}


async def test_what_a_wrong_clock_wrote_is_not_waited_for(tasks: Tasks, sweeps: Sweeps) -> None:
    ahead = NOW + timedelta(minutes=10)
    marked, unmarked, fresh = task(at=ahead), task(at=ahead), task(at=NOW)
    await tasks.insert("demo", [marked, unmarked, fresh])
    assert {each.id for each in await sweeps.unticketed(NOW, 10)} == {marked.id, unmarked.id}
    await tasks.ticketed([("demo", marked.id), ("demo", unmarked.id)])
    assert await sweeps.unticketed(NOW, 10) == []
    page = await sweeps.ticketed_page(
        "demo", "intake:reports", "lane-1", now=NOW, unchanged_since=NOW, after="", limit=10
    )
    assert {each.id for each in page} == {marked.id, unmarked.id}


async def test_pages_go_on_from_a_place(tasks: Tasks, sweeps: Sweeps) -> None:
    many = [task(at=NOW - timedelta(seconds=n)) for n in range(7)]
    await tasks.insert("demo", many)
    await tasks.ticketed([("demo", each.id) for each in many])
    pages: list[list[str]] = []
    after = ""
    while True:
        page = await sweeps.ticketed_page(
            "demo", "intake:reports", "lane-1", now=NOW, unchanged_since=NOW, after=after, limit=3
        )
        if not page:
            break
        pages.append([each.id for each in page])
        after = page[-1].place
    ids = [each.id for each in reversed(many)]
    assert pages == [ids[:3], ids[3:6], ids[6:]]


async def test_leftovers_are_found_in_queues_that_are_no_more(database: mongo.Database, tasks: Tasks) -> None:
    leftovers = Leftovers(database)
    made = [task(queue(name, tenant=tenant)) for tenant in ("acme", "demo") for name in ("a", "b c", "b")]
    for each in made:
        await tasks.insert(each.tenant, [each, task(queue(each.queue.partition(":")[2], tenant=each.tenant))])
        await tasks.apply(each.tenant, each, ends.cancel(each, at=NOW, by=ANN, message=None))
    pairs = await leftovers.queues_with_ended()
    assert pairs == [(t, f"intake:{q}") for t in ("acme", "demo") for q in ("a", "b", "b c")]
    assert await leftovers.ended("demo", "intake:b", NOW, 10) == []
    assert await leftovers.ended("demo", "intake:b", LATER, 10) == [Old(tenant="demo", id=made[5].id, seq=2)]


async def test_a_task_that_was_revived_meanwhile_is_not_erased(database: mongo.Database, tasks: Tasks) -> None:
    gone, revived = task(), task()
    await tasks.insert("demo", [gone, revived])
    for each in (gone, revived):
        await tasks.apply("demo", each, ends.cancel(each, at=NOW, by=ANN, message=None))
    ended = await tasks.get("demo", revived.id)
    assert ended is not None
    await tasks.apply("demo", ended, redrives.retry_ended(ended, at=NOW, by=ANN))
    old, other = (Old(tenant="demo", id=each.id, seq=2) for each in (gone, revived))
    assert await Leftovers(database).erase([old, other]) == [old]
    left = await tasks.get("demo", revived.id)
    assert left is not None
    assert left.state is State.READY


async def test_a_lease_that_was_renewed_after_the_look_is_not_taken_away(tasks: Tasks, sweeps: Sweeps) -> None:
    one = task()
    await tasks.insert("demo", [one])
    claim = holds.claim(at=NOW, by=ANN, worker=None, exec_id="fence", start=True)
    await tasks.claim("demo", [(one.id, one.priority)], claim, ANN.id)
    late = NOW + timedelta(minutes=3)
    (due,) = await sweeps.due(late, 10)
    renewed = await tasks.apply_blind("demo", one.id, holds.beat(at=late, exec_id="fence", progress=None))
    assert renewed is not None
    lost = failures.lose_lease(due, at=late, dice=random.Random(1))
    assert await sweeps.settle([(due, lost)]) == []
    assert await tasks.get("demo", one.id) == renewed


async def test_a_change_built_before_a_heartbeat_does_not_set_the_timer_back(tasks: Tasks) -> None:
    one = task()
    await tasks.insert("demo", [one])
    claim = holds.claim(at=NOW, by=ANN, worker=None, exec_id="fence", start=True)
    (read,) = await tasks.claim("demo", [(one.id, one.priority)], claim, ANN.id)
    later = NOW + timedelta(seconds=60)
    renewed = await tasks.apply_blind("demo", one.id, holds.beat(at=later, exec_id="fence", progress=None))
    assert renewed is not None
    change = edits.prioritise(read, at=later, by=ANN, to=Priority.HIGH)
    assert await tasks.apply("demo", read, change) is None
    again = edits.prioritise(renewed, at=later, by=ANN, to=Priority.HIGH)
    after = await tasks.apply("demo", renewed, again)
    assert after is not None
    assert after.due_at == renewed.lease_until == later + timedelta(seconds=120)
