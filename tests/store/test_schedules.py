"""Schedules, their history and halts on record: each tenant's own, each write conditional, each query on its index."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import msgspec
import pytest

from core import errors, firing, plan
from core.plan import Plan
from core.schedule import Firing, FiringStatus, Interval, Schedule, TaskOrder
from core.task import ScheduleRef, Task
from core.transitions import ends
from store import indexes, mongo
from store.firings import Firings
from store.halts import Halt, Halts
from store.schedules import Schedules, Wanted
from store.tasks import Tasks
from tests.support import plans
from tests.support.making import ANN, NOW, WIM, task

SECOND = timedelta(seconds=1)


def schedule(schedule_id: str = "s-1", *, tenant: str = "demo", **order: object) -> Schedule:
    wanted = Plan(
        trigger=Interval(seconds=10), order=msgspec.structs.replace(TaskOrder(queue="intake:reports"), **order)
    )
    return plan.begin(wanted, tenant=tenant, schedule_id=schedule_id, at=NOW, by=ANN)


def entries(of: Schedule, count: int, status: FiringStatus = FiringStatus.SUBMITTED) -> list[Firing]:
    decision = firing.decide(of, NOW + SECOND * 10 * count)
    return [firing.entry(of, due, status, at=NOW) for due in decision.fire[-count:]]


@pytest.fixture
def schedules(database: mongo.Database) -> Schedules:
    return Schedules(database)


@pytest.fixture
def firings(database: mongo.Database) -> Firings:
    return Firings(database)


async def test_a_schedule_comes_back_as_it_was_and_to_its_tenant_alone(schedules: Schedules) -> None:
    made = schedule(params={"$a": [1, None]}, labels=("x",))
    await schedules.insert("demo", made)
    with pytest.raises(errors.AlreadyExists):
        await schedules.insert("demo", made)
    await schedules.insert("acme", schedule(tenant="acme"))
    assert await schedules.get("demo", "s-1") == made
    assert await schedules.get("acme", "s-2") is None


async def test_every_write_is_conditional(schedules: Schedules) -> None:
    made = schedule()
    await schedules.insert("demo", made)
    moved = firing.decide(made, NOW + SECOND * 10).after
    changed = plan.change(made, plan.plan_of(made), at=NOW, by=WIM)
    await schedules.move([moved])
    assert not await schedules.replace("demo", changed, was=made.seq)
    assert await schedules.get("demo", "s-1") == moved
    await schedules.move([msgspec.structs.replace(moved, cursor=NOW)])
    assert await schedules.get("demo", "s-1") == moved
    assert await schedules.replace("demo", plan.change(moved, plan.plan_of(moved), at=NOW, by=WIM), was=moved.seq)
    assert not await schedules.remove("demo", "s-1", was=1)
    assert await schedules.remove("demo", "s-1", was=2)


async def test_what_is_due_of_all_tenants_but_some(schedules: Schedules) -> None:
    for tenant in ("demo", "acme", "zeta"):
        await schedules.insert(tenant, schedule(tenant=tenant))
    paused = firing.paused(schedule("s-2"), paused=True, at=NOW)
    await schedules.insert("demo", paused)
    assert await schedules.next_due(without=()) == NOW + SECOND * 10
    assert await schedules.due(NOW + SECOND * 9, 10, without=()) == []
    due = await schedules.due(NOW + SECOND * 10, 10, without=("acme",))
    assert sorted(each.tenant for each in due) == ["demo", "zeta"]
    assert await schedules.next_due(without=("acme", "demo", "zeta")) is None


async def test_pages_and_filters(schedules: Schedules) -> None:
    for number in range(5):
        await schedules.insert("demo", schedule(f"s-{number}", definition="d" if number % 2 else None))
    await schedules.insert("demo", firing.paused(schedule("t", queue="a:b"), paused=True, at=NOW))
    await schedules.insert("acme", schedule(tenant="acme"))

    async def ids(after: str | None = None, limit: int = 10, **wanted: object) -> list[str]:
        asked = msgspec.structs.replace(Wanted(), **wanted)
        return [each.id for each in await schedules.page("demo", asked, after=after, limit=limit)]

    assert await ids(limit=2) == ["s-0", "s-1"]
    assert await ids("s-1", 2) == ["s-2", "s-3"]
    assert await ids(queues=("a:b",)) == ["t"]
    assert await ids(definition="d") == await ids(of_definitions=True) == ["s-1", "s-3"]
    assert await ids(paused=True) == ["t"]
    assert len(await ids(paused=False)) == 5


async def test_a_firing_is_kept_once_and_missed_ones_grow(firings: Firings) -> None:
    of = schedule()
    submitted = entries(of, 3)
    await firings.record(submitted)
    await firings.record([msgspec.structs.replace(each, status=FiringStatus.SKIPPED) for each in submitted])
    assert await firings.page("demo", "s-1", after=None, limit=10) == submitted[::-1]
    for count in (2, 5):
        missed = firing.Missed(first=NOW, last=NOW + SECOND * 10 * count, count=count)
        await firings.record([firing.missed_entry(of, missed, at=NOW)])
    assert [each.count for each in await firings.page("demo", "s-1", after=None, limit=10)] == [None, None, None, 5]


async def test_history_is_paged_newest_first(firings: Firings) -> None:
    kept = entries(schedule(), 6)
    await firings.record(kept)
    await firings.record(entries(schedule("s-2"), 6))
    found: list[Firing] = []
    while page := await firings.page("demo", "s-1", after=found[-1].id if found else None, limit=4):
        found += page
    assert found == kept[::-1]
    for tenant, schedule_id in (("acme", "s-1"), ("demo", "s-2")):
        with pytest.raises(errors.BadCursor):
            await firings.page(tenant, schedule_id, after=kept[0].id, limit=4)


async def test_a_halt_is_put_once(database: mongo.Database) -> None:
    halts = Halts(database)
    first = Halt(tenant="demo", at=NOW, by=ANN)
    await halts.put("demo", first)
    await halts.put("demo", Halt(tenant="demo", at=NOW + SECOND, by=WIM))
    assert await halts.get("demo") == first
    assert (await halts.get("acme"), await halts.every()) == (None, ["demo"])
    await halts.remove("demo")
    assert await halts.every() == []


def scheduled(schedule_id: str, number: int) -> Task:
    return task(schedule=ScheduleRef(id=schedule_id, at=NOW + SECOND * number))


async def test_open_tasks_of_earlier_firings(tasks: Tasks) -> None:
    made = [scheduled("s-1", 2), scheduled("s-1", 1), scheduled("s-1", 3), scheduled("s-2", 1), task()]
    await tasks.insert("demo", made)
    assert await tasks.open_of_schedule("demo", "s-1", NOW + SECOND * 3, 10) == [made[1].id, made[0].id]
    assert await tasks.open_of_schedule("demo", "s-1", NOW + SECOND * 3, 1) == [made[1].id]
    assert await tasks.open_of_schedule("acme", "s-1", NOW + SECOND * 9, 10) == []
    ended = ends.cancel(made[1], at=NOW, by=ANN, message=None)
    assert await tasks.apply("demo", made[1], ended)
    assert await tasks.open_of_schedule("demo", "s-1", NOW + SECOND * 3, 10) == [made[0].id]


# --- plans ---

Call = Callable[[mongo.Database], Awaitable[object]]
CALLS: dict[str, tuple[str, Call]] = {
    "due": ("due", lambda d: Schedules(d).due(NOW + SECOND * 60, 10, without=())),
    "due without some": ("due", lambda d: Schedules(d).due(NOW + SECOND * 60, 10, without=("acme",))),
    "next due": ("due", lambda d: Schedules(d).next_due(without=("acme",))),
    "page": ("_id_", lambda d: Schedules(d).page("demo", Wanted(), after="s-3", limit=5)),
    "history": ("history", lambda d: Firings(d).page("demo", "s-1", after=None, limit=5)),
    "open of a schedule": ("scheduled", lambda d: Tasks(d).open_of_schedule("demo", "s-1", NOW + SECOND * 90, 10)),
}


@pytest.fixture
async def watched(mongodb_url: str, database_name: str) -> AsyncIterator[tuple[mongo.Database, plans.Recorder]]:
    """A database with schedules, firings and tasks, over a client whose commands are recorded."""
    recorder = plans.Recorder()
    client = mongo.client(mongodb_url, timeout=10.0, listeners=[recorder])
    database = mongo.database(client, database_name)
    await indexes.ensure(database)
    for tenant in ("demo", "acme"):
        for number in range(20):
            made = schedule(f"s-{number}", tenant=tenant)
            await Schedules(database).insert(tenant, made)
            await Firings(database).record(entries(made, 5))
    await Tasks(database).insert("demo", [scheduled(f"s-{n % 5}", n) for n in range(100)] + [task() for _ in range(50)])
    recorder.commands.clear()
    yield database, recorder
    await client.close()


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_a_query_uses_its_index(watched: tuple[mongo.Database, plans.Recorder], name: str) -> None:
    database, recorder = watched
    index, call = CALLS[name]
    await call(database)
    (command,) = recorder.commands
    plan_ = await plans.stages(database, command)
    assert f"IXSCAN {index}" in plan_, plan_
    assert "SORT" not in plan_, plan_


async def test_a_page_reads_no_other_tenant(watched: tuple[mongo.Database, plans.Recorder]) -> None:
    database, _ = watched
    assert len(await Schedules(database).page("acme", Wanted(), after=None, limit=100)) == 20
    assert len(await Schedules(database).page("demo", Wanted(), after=None, limit=100)) == 20
