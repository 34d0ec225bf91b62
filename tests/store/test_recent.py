"""Listings by the time of making: one order over all priorities, paged without skips, filtered, on an index."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from core.priority import Priority
from core.task import State, Task
from core.transitions import edits, ends, holds
from store import indexes, mongo
from store.listing import Query
from store.recent import Case, Recent, Wanted
from store.sweeps import Sweeps
from store.tasks import Tasks
from tests.support import plans
from tests.support.making import ANN, NOW, queue, task

SECOND = timedelta(seconds=1)


@pytest.fixture
def recent(database: mongo.Database) -> Recent:
    return Recent(database)


@pytest.fixture
async def made(tasks: Tasks) -> list[Task]:
    """Forty tasks of all priorities, a second apart, oldest first; and one of another tenant."""
    found = [task(at=NOW + SECOND * n, priority=list(Priority)[n * 7 % 4]) for n in range(40)]
    await tasks.insert("demo", found)
    await tasks.insert("acme", [task(queue(tenant="acme"))])
    return found


async def walk(recent: Recent, wanted: Wanted, limit: int) -> list[str]:
    found: list[str] = []
    after: str | None = None
    while True:
        page = await recent.page("demo", wanted, after=after, limit=limit)
        found += [each.id for each in page.tasks]
        if (after := page.next) is None:
            return found


@pytest.mark.parametrize("limit", [1, 7, 40, 100])
async def test_pages_neither_skip_nor_repeat(recent: Recent, made: list[Task], limit: int) -> None:
    ids = [each.id for each in made]
    assert await walk(recent, Wanted(newest_first=False), limit) == ids
    assert await walk(recent, Wanted(), limit) == ids[::-1]


async def test_a_changed_priority_does_not_move_a_task(recent: Recent, made: list[Task], tasks: Tasks) -> None:
    change = edits.prioritise(made[5], at=NOW, by=ANN, to=Priority.URGENT)
    assert await tasks.apply("demo", made[5], change)
    assert (await walk(recent, Wanted(newest_first=False), 3))[5] == made[5].id


async def test_filters_and_bounds(recent: Recent, made: list[Task]) -> None:
    span = Query(created_from=NOW + SECOND * 10, created_to=NOW + SECOND * 20)
    assert await walk(recent, Wanted(query=span, newest_first=False), 3) == [each.id for each in made[10:20]]
    high = Wanted(query=Query(priorities=frozenset({Priority.HIGH})))
    assert await walk(recent, high, 3) == [each.id for each in made[::-1] if each.priority is Priority.HIGH]
    assert await recent.count("demo", high, at_most=100) == 10
    assert await recent.count("demo", Wanted(), at_most=5) == 5
    assert await walk(recent, Wanted(execute_from=NOW), 3) == []


async def test_an_offset_becomes_a_cursor(recent: Recent, made: list[Task]) -> None:
    after = await recent.cursor("demo", Wanted(), 33)
    page = await recent.page("demo", Wanted(), after=after, limit=100)
    assert [each.id for each in page.tasks] == [each.id for each in made[:7][::-1]]
    assert await recent.cursor("demo", Wanted(), 40) is None


async def test_cases_are_added_up(recent: Recent, made: list[Task], tasks: Tasks) -> None:
    for each in made[:3]:
        await tasks.apply("demo", each, holds.take(each, at=NOW, by=ANN, exec_id="e"))
    running, held = frozenset({State.IN_PROGRESS}), frozenset({State.READY})
    taken = Wanted(cases=(Case(states=running, asked_to_stop=False, attempted=True),), newest_first=False)
    assert await walk(recent, taken, 2) == [each.id for each in made[:3]]
    assert await walk(recent, Wanted(cases=(Case(states=running, asked_to_stop=True),)), 2) == []
    both = Wanted(cases=(Case(states=running), Case(states=held, attempted=False)))
    assert len(await walk(recent, both, 11)) == 40


@pytest.fixture
async def watched(mongodb_url: str, database_name: str) -> AsyncIterator[tuple[mongo.Database, plans.Recorder]]:
    """Tasks over a client whose commands are recorded."""
    recorder = plans.Recorder()
    client = mongo.client(mongodb_url, timeout=10.0, listeners=[recorder])
    database = mongo.database(client, database_name)
    await indexes.ensure(database)
    await Tasks(database).insert(
        "demo", [task(at=NOW + SECOND * n, priority=list(Priority)[n % 4]) for n in range(200)]
    )
    recorder.commands.clear()
    yield database, recorder
    await client.close()


OPEN = (Case(states=frozenset({State.READY, State.REQUESTED})),)


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(),
        Wanted(newest_first=False),
        Wanted(query=Query(created_from=NOW), cases=OPEN),
        Wanted(query=Query(queues=("intake:reports",)), cases=OPEN),
    ],
    ids=["newest", "oldest", "open since", "open of a queue"],
)
async def test_a_page_is_a_range_of_an_index(watched: tuple[mongo.Database, plans.Recorder], wanted: Wanted) -> None:
    database, recorder = watched
    page = await Recent(database).page("demo", wanted, after=None, limit=10)
    assert len(page.tasks) == 10
    assert len(recorder.commands) == 4
    for command in list(recorder.commands):
        plan = await plans.stages(database, command)
        assert {"IXSCAN places", "IXSCAN worklist"} & set(plan), plan
        assert "SORT" not in plan, plan


async def test_open_tasks_of_named_queues_are_found_among_many_that_ended(
    watched: tuple[mongo.Database, plans.Recorder],
) -> None:
    database, recorder = watched
    store = Tasks(database)
    ended = [task(at=NOW + SECOND * (1000 + n)) for n in range(600)]
    await store.insert("demo", ended)
    await Sweeps(database).settle([(each, ends.run_out(each, at=NOW)) for each in ended])
    recorder.commands.clear()
    queues = ("intake:reports", *(f"intake:q{n}" for n in range(49)))
    page = await Recent(database).page("demo", Wanted(query=Query(queues=queues), cases=OPEN), after=None, limit=10)
    assert len(page.tasks) == 10
    for command in list(recorder.commands):
        answer = await database.command("explain", command, verbosity="executionStats")
        assert answer["executionStats"]["totalDocsExamined"] < 50
