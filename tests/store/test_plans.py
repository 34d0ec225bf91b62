"""Every hot query uses its index: no collection is scanned, nothing is sorted in memory."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest

from core import ids
from core.priority import Priority
from core.task import OPEN, State
from core.transitions import edits, ends, holds, transition
from store import indexes, mongo
from store.listing import Listing, Query, Sort
from store.sweeps import Sweeps
from store.tasks import Tasks
from store.unread import Unread
from tests.support import plans
from tests.support.making import ANN, NOW, WIM, task

Call = Callable[[Tasks, Listing, Sweeps], Awaitable[object]]
HERE = ("intake:reports",)
MANY = (*HERE, *(f"intake:q{number}" for number in range(150)))
DONE = frozenset({State.DONE})


def _claim() -> transition.Transition:
    return holds.claim(at=NOW, by=WIM, worker=None, exec_id=ids.new_secret(), start=True)


def _end() -> transition.Transition:
    return ends.succeed(at=NOW, by=WIM, exec_id="e", result=None)


def _page(**wanted: object) -> Call:
    return lambda t, p, s: p.page("demo", Query(**wanted), after=None, limit=20)  # type: ignore[arg-type]


CALLS: dict[str, tuple[str, Call]] = {
    "get": ("_id_", lambda t, p, s: t.get("demo", "t-1")),
    "get many": ("_id_", lambda t, p, s: t.get_many("demo", ["t-1", "t-2"])),
    "claim one": ("_id_", lambda t, p, s: t.claim("demo", [("t-1", 1)], _claim(), "me")),
    "claim many": ("_id_", lambda t, p, s: t.claim("demo", [("t-1", 1), ("t-2", 2)], _claim(), "me")),
    "finish": ("_id_", lambda t, p, s: t.finish([("demo", f"t-{n}", _end(), {"holder.id": "x"}) for n in range(3)])),
    "heartbeat": ("_id_", lambda t, p, s: t.apply_blind("demo", "t-1", _end(), holder__id="x")),
    "ticketed": ("_id_", lambda t, p, s: t.ticketed([("demo", "t-1"), ("demo", "t-2")])),
    "counts": ("worklist", lambda t, p, s: t.counts("demo", "intake:reports")),
    "worklist": ("worklist", _page(queues=HERE, states=OPEN)),
    "worklist of one state": ("worklist", _page(queues=HERE, states=frozenset({State.READY}))),
    "worklist of a priority": ("worklist", _page(queues=HERE, states=OPEN, priorities=frozenset({Priority.HIGH}))),
    "my tasks": ("assignee", _page(queues=HERE, states=OPEN, assignee="u-wim")),
    "ended, latest first": ("ended", _page(queues=HERE, states=DONE, sort=Sort.ENDED_DESC)),
    "dead letters": ("dead", _page(queues=HERE, states=DONE, dead=True, sort=Sort.ENDED)),
    "of a record": ("record", _page(record_id="r-1")),
    "all of a tenant": ("places", _page()),
    "slots that are waited for": ("waits", lambda t, p, s: s.waited_for()),
    "newest first": ("worklist", _page(queues=HERE, states=OPEN, sort=Sort.CREATED_DESC)),
    "newest of a priority": (
        "worklist",
        _page(queues=HERE, states=OPEN, sort=Sort.CREATED, priorities=frozenset({Priority.HIGH})),
    ),
    "open ones of a tenant": ("worklist", _page(states=OPEN)),
    "open ones of a tenant by due date": ("worklist", _page(states=OPEN, sort=Sort.DUE)),
    "open ones of many queues": ("worklist", _page(queues=MANY, states=OPEN, sort=Sort.CREATED)),
    "by due date": ("due", _page(queues=HERE, states=OPEN, sort=Sort.DUE)),
    "by follow-up date": ("followUp", _page(queues=HERE, states=OPEN, sort=Sort.FOLLOW_UP)),
    "a word": ("unread", _page(queues=HERE, states=OPEN, text="one")),
    "a word, newest first": ("unread", _page(queues=HERE, states=OPEN, text="one", sort=Sort.CREATED_DESC)),
    "two words": ("unread", _page(queues=HERE, states=OPEN, text="one two")),
    "a label": ("unread", _page(queues=HERE, states=OPEN, label="x")),
    "of somebody's making": ("unread", _page(queues=HERE, states=OPEN, created_by="u-ann")),
    "subscriptions": ("builtin", lambda t, p, s: t.of_builtin("demo", "awf.task/subscribe", after="", limit=100)),
    "built-ins that are ready": ("builtin", lambda t, p, s: s.unbegun(["awf.task/wait", "awf.task/subscribe"], 100)),
    "since when subscriptions wait": ("builtin", lambda t, p, s: s.waiting_on("awf.task/subscribe")),
    "whether subscriptions wait": ("builtin", lambda t, p, s: s.is_waited_on("awf.task/subscribe")),
    "parked in a lane": ("waits", lambda t, p, s: s.parked_in_lane("demo", "lane-1")),
    "due": ("timer", lambda t, p, s: s.due(NOW, 100)),
    "unticketed": ("tickets", lambda t, p, s: s.unticketed(NOW, 100)),
}


@pytest.fixture
async def watched(mongodb_url: str, database_name: str) -> AsyncIterator[tuple[mongo.Database, plans.Recorder]]:
    """A database with tasks in every state, over a client whose commands are recorded."""
    recorder = plans.Recorder()
    client = mongo.client(mongodb_url, timeout=10.0, listeners=[recorder])
    database = mongo.database(client, database_name)
    await indexes.ensure(database)
    made = [
        task(at=NOW - timedelta(seconds=n), priority=list(Priority)[n % 4], record_id=f"r-{n}", due_date=NOW)
        for n in range(200)
    ]
    store = Tasks(database)
    await store.insert("demo", made)
    for each in made[:120]:
        change = ends.cancel(each, at=NOW, by=ANN, message=None)
        if each is made[0] or int(each.priority) > 1:
            change = ends.run_out(each, at=NOW)
        await store.apply("demo", each, change)
    for each in made[120:140]:
        await store.apply("demo", each, edits.assign(each, at=NOW, by=ANN, to=WIM))
    await Unread(database).read(NOW, 20)
    recorder.commands.clear()
    yield database, recorder
    await client.close()


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_a_hot_query_uses_its_index(watched: tuple[mongo.Database, plans.Recorder], name: str) -> None:
    database, recorder = watched
    index, call = CALLS[name]
    await call(Tasks(database), Listing(database), Sweeps(database))
    assert recorder.commands
    for command in list(recorder.commands):
        plan = await plans.stages(database, command)
        assert "COLLSCAN" not in plan, command
        assert "SORT" not in plan, command
        if "getMore" not in command:
            used = [stage for stage in plan if stage.startswith(("IXSCAN", "COUNT_SCAN", "DISTINCT_SCAN", "IDHACK"))]
            assert used, plan
    first = await plans.stages(database, recorder.commands[0])
    assert {f"IXSCAN {index}", f"DISTINCT_SCAN {index}"} & set(first) or (index == "_id_" and "IDHACK" in first), first


async def test_counting_by_state_reads_the_index_alone(watched: tuple[mongo.Database, plans.Recorder]) -> None:
    database, recorder = watched
    await Tasks(database).counts("demo", "intake:reports")
    assert "FETCH" not in await plans.stages(database, recorder.commands[0])


WORDS = [_page(queues=HERE, states=OPEN, text="one two*"), _page(states=OPEN, text="one", sort=Sort.CREATED)]


@pytest.mark.parametrize("call", WORDS)
async def test_words_are_read_from_their_index_alone(
    watched: tuple[mongo.Database, plans.Recorder], call: Call
) -> None:
    """The words themselves give the range: never the worklist with a comparison of every task in it."""
    database, recorder = watched
    await call(Tasks(database), Listing(database), Sweeps(database))
    used: set[str] = set()
    for command in recorder.commands:
        used |= {stage for stage in await plans.stages(database, command) if stage.startswith(("IXSCAN", "COLLSCAN"))}
    assert used <= {"IXSCAN terms", "IXSCAN unread", "IXSCAN _id_"}
    assert "IXSCAN terms" in used
