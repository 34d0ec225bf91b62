"""The change stream of the tasks tells every event whole, whatever kind of write left it."""

import random
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest

from core import errors, ids
from core.events import Header
from core.priority import Priority
from core.retry import Backoff, Retry
from core.task import Limits, State, Task
from core.transitions import edits, ends, holds, transition
from core.transitions.transition import Transition
from store import mongo, stream
from store.positions import EVENTS, Position, Positions
from store.tasks import Tasks
from tests.support.making import ANN, NOW, WIM, task
from tests.support.steps import STEPS

BLIND = {"claim", "request", "start", "beat", "succeed", "wake"}


@pytest.fixture
async def reading(database: mongo.Database) -> AsyncIterator[stream.Reading]:
    """The stream from the making of the database on."""
    async with stream.opened(database, await Positions(database).get(EVENTS)) as opened:
        yield opened


async def read(reading: stream.Reading, count: int) -> list[stream.TaskChange]:
    """The next `count` changes."""
    changes: list[stream.TaskChange] = []
    while len(changes) < count:
        page = await reading.next(count - len(changes))
        assert page.changes, f"only {len(changes)} of {count} came"
        changes += page.changes
    return changes


async def write(tasks: Tasks, now: Task, name: str, change: Transition) -> Task:
    if name in BLIND:
        after = await tasks.apply_blind(now.tenant, now.id, change)
    else:
        after = await tasks.apply(now.tenant, now, change)
    assert after is not None
    return after


@pytest.mark.parametrize("seed", range(12))
async def test_every_kind_of_write_tells_its_event_whole(tasks: Tasks, reading: stream.Reading, seed: int) -> None:
    """Random lives by one actor at one moment: writes then differ as little from each other as they can."""
    dice = random.Random(seed)
    limits = Limits(overall_seconds=None, retry=Retry(max_attempts=3, backoff=Backoff(initial_seconds=0.0)))
    now = task(limits=limits)
    await tasks.insert("demo", [now])
    notes = [(now.seq, now.last_event, now.state, now.outcome)]
    for name in dice.choices(sorted(STEPS), k=60):
        try:
            change = STEPS[name](now, NOW, random.Random(seed))
            transition.apply(change, now)
        except (errors.WrongState, errors.LeaseLost):
            continue
        now = await write(tasks, now, name, change)
        if change.note is not None:
            notes.append((now.seq, now.last_event, now.state, now.outcome))
        if now.deleted_at is not None:
            break
    changes = await read(reading, len(notes))
    fields = ("type", "at", "by", "reason", "data")
    told = [(c.seq, [getattr(c.mark, f) for f in fields], c.mark.state, c.mark.outcome) for c in changes]
    assert told == [(seq, [getattr(note, f) for f in fields], state, outcome) for seq, note, state, outcome in notes]
    assert [seq for seq, _, _, _ in told] == list(range(1, len(told) + 1))


async def test_a_batch_that_is_claimed_and_finished_at_once_tells_of_each(
    tasks: Tasks, reading: stream.Reading
) -> None:
    many = [task() for _ in range(20)]
    await tasks.insert("demo", many)
    claim = holds.claim(at=NOW, by=WIM, worker=None, exec_id=ids.new_secret(), start=True)
    held = await tasks.claim("demo", [(each.id, each.priority) for each in many], claim, WIM.id)
    done = ends.succeed(at=NOW, by=WIM, exec_id=held[0].exec_id or "", result=None)
    assert await tasks.finish([("demo", each.id, done, {}) for each in held])
    changes = await read(reading, 60)
    for each in many:
        mine = [(c.seq, c.mark.type, c.mark.state) for c in changes if c.key == f"demo/{each.id}"]
        assert mine == [(1, "created", State.READY), (2, "started", State.IN_PROGRESS), (3, "succeeded", State.DONE)]


async def test_the_header_comes_with_a_new_task_and_its_changes_with_the_write(
    tasks: Tasks, reading: stream.Reading
) -> None:
    first = task(record_id="r-1", priority=Priority.LOW)
    await tasks.insert("demo", [first])
    edited = await tasks.apply(
        "demo", first, edits.edit(first, at=NOW, by=ANN, fields={"name": "two", "record_id": None})
    )
    assert edited is not None
    await tasks.apply("demo", edited, edits.prioritise(edited, at=NOW, by=ANN, to=Priority.URGENT))
    changes = await read(reading, 3)
    assert changes[0].header == Header(queue="intake:reports", priority=Priority.LOW, name="one", record_id="r-1")
    assert [change.edits for change in changes] == [
        {},
        {"name": "two", "record_id": None},
        {"priority": Priority.URGENT},
    ]


async def test_heartbeats_and_ticket_marks_are_no_changes(tasks: Tasks, reading: stream.Reading) -> None:
    first, second = task(), task(at=NOW + timedelta(seconds=1))
    await tasks.insert("demo", [first])
    await tasks.ticketed([("demo", first.id)])
    claim = holds.claim(at=NOW, by=WIM, worker=None, exec_id="e-1", start=True)
    await tasks.apply_blind("demo", first.id, claim)
    await tasks.apply_blind("demo", first.id, holds.beat(at=NOW, exec_id="e-1", progress=None))
    await tasks.insert("demo", [second])
    assert [change.mark.type for change in await read(reading, 3)] == ["created", "started", "created"]


async def test_it_goes_on_behind_a_token(database: mongo.Database, tasks: Tasks, reading: stream.Reading) -> None:
    many = [task() for _ in range(5)]
    await tasks.insert("demo", many)
    changes = await read(reading, 5)
    async with stream.opened(database, Position(token=changes[1].token)) as later:
        assert [change.key for change in await read(later, 3)] == [f"demo/{each.id}" for each in many[2:]]


async def test_an_idle_stream_still_moves_its_token(reading: stream.Reading) -> None:
    page = await reading.next(10)
    assert page.changes == []
    assert page.token is not None


async def test_a_position_that_the_log_does_not_have_is_said_to_be_lost(
    database: mongo.Database, tasks: Tasks, reading: stream.Reading
) -> None:
    """As a position is that the log has passed: the token of a change that never was among the tasks'."""
    await tasks.insert("demo", [task()])
    (change,) = await read(reading, 1)
    other = Position(token={"_data": change.token["_data"].replace("5F6964", "5F6963")})
    assert other.token != change.token
    with pytest.raises(stream.HistoryLost):
        async with stream.opened(database, other) as opened:
            await opened.next(1)


async def test_a_dropped_collection_is_said_to_be_lost(
    database: mongo.Database, tasks: Tasks, reading: stream.Reading
) -> None:
    await tasks.insert("demo", [task()])
    await database.drop_collection("tasks")
    await read(reading, 1)
    with pytest.raises(stream.HistoryLost):
        await read(reading, 1)


def test_a_mark_reads_back_as_it_was_written() -> None:
    from store import notes

    made = task(record_id="r")
    assert notes.note(notes.of_task(made)) == made.last_event
    assert msgspec.json.decode(notes.of_task(made))["seq"] == 1
