"""The follower: every event once, in order, whoever dies when; and what can be had back after the stream was lost."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from broker import assembly, loops
from broker.follower import SKEW, Follower
from core import errors, ids
from core.events import Event
from core.settings import Settings
from core.task import State, Task
from core.transitions import edits, ends, holds, transition
from store import indexes
from store.eventlog import EventLog, Overtaken
from store.events import Events
from store.headers import Headers
from store.positions import EVENTS, Positions
from tests.support.clock import FakeClock
from tests.support.making import ANN, NOW, WIM, task
from tests.support.steps import STEPS
from tests.support.waiting import wait_until

BLIND = {"claim", "request", "start", "beat", "succeed", "wake"}
Heard = list[Event]


@pytest.fixture
async def record(settings: Settings) -> AsyncIterator[assembly.Record]:
    """MongoDB alone."""
    async with assembly.record(settings) as kept:
        await indexes.ensure(kept.database)
        yield kept


def follower(record: assembly.Record, clock: Callable[[], datetime], heard: Heard) -> Follower:
    def hear(events: Sequence[Event]) -> None:
        heard.extend(events)

    database = record.database
    return Follower(database, EventLog(database), Headers(database), Positions(database), clock=clock, heard=hear)


@asynccontextmanager
async def following(record: assembly.Record, clock: Callable[[], datetime]) -> AsyncGenerator[Heard]:
    """A follower at work, and what it heard."""
    heard: Heard = []
    running = asyncio.create_task(follower(record, clock, heard).run())
    try:
        yield heard
    finally:
        await loops.ended(running)


async def live(record: assembly.Record, now: Task, names: Sequence[str], seed: int) -> Task:
    """Let these happen to the task, as far as they may."""
    dice, at = random.Random(seed), NOW
    for name in names:
        at += timedelta(milliseconds=dice.randint(0, 20_000))
        try:
            change = STEPS[name](now, at, dice)
            transition.apply(change, now)
        except (errors.WrongState, errors.LeaseLost):
            continue
        if name in BLIND:
            after = await record.tasks.apply_blind("demo", now.id, change)
        else:
            after = await record.tasks.apply("demo", now, change)
        assert after is not None
        now = after
        if now.deleted_at is not None:
            break
    return now


async def checked(record: assembly.Record, tasks: Sequence[Task]) -> list[Event]:
    """All events, after showing that they number without gap and tell each task's story to its present end."""
    events = await EventLog(record.database).after(0, 100_000)
    assert [event.n for event in events] == list(range(1, len(events) + 1))
    for now in tasks:
        mine = [event for event in events if event.task == now.id]
        assert [event.seq for event in mine] == list(range(1, now.seq + 1))
        assert mine == await Events(record.database).history("demo", now.id, limit=1000)
        last = mine[-1]
        assert (last.state, last.outcome, last.type) == (now.state, now.outcome, now.last_event.type)
        assert (last.at, last.by, last.reason) == (now.last_event.at, now.last_event.by, now.last_event.reason)
        assert (last.name, last.priority, last.record_id) == (now.name, now.priority, now.record_id)
    return events


@hypothesis_settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lives=st.lists(st.lists(st.sampled_from(sorted(STEPS)), max_size=25), min_size=1, max_size=4),
    seed=st.integers(0, 2**16),
)
async def test_events_replay_to_what_is_stored(record: assembly.Record, lives: list[list[str]], seed: int) -> None:
    for collection in ("tasks", "events", "positions"):
        await record.database[collection].delete_many({})
    await indexes.ensure(record.database)
    made = [task(record_id=f"r-{n}") for n in range(len(lives))]
    async with following(record, lambda: NOW) as heard:
        await record.tasks.insert("demo", made)
        ends = await asyncio.gather(*(live(record, one, names, seed) for one, names in zip(made, lives, strict=True)))
        total = sum(end.seq for end in ends)
        await wait_until(lambda: len(heard) >= total, what=f"{total} events")
    assert await checked(record, ends) == heard


async def burst(record: assembly.Record, count: int = 20) -> list[Task]:
    """Tasks that were submitted, claimed and completed: three events each."""
    made = [task() for _ in range(count)]
    await record.tasks.insert("demo", made)
    claim = holds.claim(at=NOW, by=WIM, worker=None, exec_id=ids.new_secret(), start=True)
    held = await record.tasks.claim("demo", [(each.id, each.priority) for each in made], claim, WIM.id)
    done = ends.succeed(at=NOW, by=WIM, exec_id=held[0].exec_id or "", result=None)
    assert await record.tasks.finish([("demo", each.id, done, {}) for each in held])
    return list((await record.tasks.get_many("demo", [each.id for each in made])).values())


async def all_told(heard: Heard, tasks: Sequence[Task]) -> None:
    """Wait until the three events of each were heard, by whoever follows now."""
    await wait_until(lambda: heard and heard[-1].n == 3 * len(tasks), what="all events")


async def test_what_was_written_while_nobody_followed_is_followed_later(record: assembly.Record) -> None:
    tasks = await burst(record)
    for _ in range(2):
        async with following(record, lambda: NOW) as heard:
            tasks += await burst(record)
            await all_told(heard, tasks)
        tasks += await burst(record)
    async with following(record, lambda: NOW) as heard:
        await all_told(heard, tasks)
    await checked(record, tasks)


@pytest.mark.parametrize("back", [1, 17, 60])
async def test_a_death_between_storing_events_and_saving_the_position_repeats_nothing(
    record: assembly.Record, back: int
) -> None:
    """Its successor finds the position of some time ago, and events behind it."""
    positions = record.database["positions"]
    tokens = [await positions.find_one({"_id": EVENTS})]
    tasks = await burst(record)
    async with following(record, lambda: NOW) as heard:
        await wait_until(lambda: len(heard) == 60, what="the first events")
    if back < 60:
        # As if it had died when all but these were stored.
        await record.database["events"].delete_many({"n": {"$gt": 60 - back}})
    await positions.replace_one({"_id": EVENTS}, tokens[0] or {})
    tasks += await burst(record)
    async with following(record, lambda: NOW) as again:
        expected = 60 + (back if back < 60 else 0)
        await wait_until(lambda: len(again) == expected, what="the rest")
    await checked(record, tasks)


async def test_a_second_writer_steps_down_and_leaves_no_trace(record: assembly.Record) -> None:
    """Two follow at the same time, as when one was paused beyond its lease."""
    tasks: list[Task] = []
    for _ in range(3):
        pair = [asyncio.create_task(follower(record, lambda: NOW, []).run()) for _ in range(2)]
        while not any(each.done() for each in pair):
            tasks += await burst(record, 5)
            assert len(tasks) < 2000, "both go on"
        loser = next(each for each in pair if each.done())
        with pytest.raises(Overtaken):
            loser.result()
        tasks += await burst(record, 5)
        await _at(record, 3 * len(tasks))
        await loops.ended(*pair)
    await checked(record, tasks)


async def _at(record: assembly.Record, n: int) -> None:
    log = EventLog(record.database)

    async def reached() -> bool:
        return await log.newest() == n

    await wait_until(reached, what=f"event {n}")


async def test_numbers_go_on_although_old_events_were_erased(record: assembly.Record) -> None:
    await burst(record, 5)
    async with following(record, lambda: NOW) as heard:
        await wait_until(lambda: len(heard) == 15, what="the events")
        await wait_until(lambda: _saved(record, 15), what="the position is saved")
    await record.database["events"].delete_many({})
    async with following(record, lambda: NOW) as heard:
        await burst(record, 1)
        await wait_until(lambda: len(heard) == 3, what="the events")
    assert [event.n for event in heard] == [16, 17, 18]


async def _saved(record: assembly.Record, n: int) -> bool:
    return (await Positions(record.database).get(EVENTS)).n == n


async def test_events_of_a_task_that_was_erased_are_left_out(record: assembly.Record) -> None:
    (gone,), (stays,) = await burst(record, 1), await burst(record, 1)
    await record.database["tasks"].delete_one({"_id": f"demo/{gone.id}"})
    async with following(record, lambda: NOW) as heard:
        await wait_until(lambda: [event.task for event in heard].count(stays.id) == 3, what="the other's events")
    await checked(record, [stays])


@pytest.mark.parametrize("lost", ["no position", "an impossible token"])
async def test_after_the_stream_was_lost_each_task_has_at_least_its_last_event(
    record: assembly.Record, lost: str, fake_clock: FakeClock
) -> None:
    now = NOW
    while fake_clock() < now:
        fake_clock.advance(now - fake_clock())
    told = await burst(record, 3)
    async with following(record, fake_clock) as heard:
        await wait_until(lambda: len(heard) == 9, what="the first events")
        await wait_until(lambda: _saved(record, 9), what="the position is saved")
    untold = await burst(record, 1200)
    (half_told,) = [task()]
    await record.tasks.insert("demo", [half_told])
    positions = record.database["positions"]
    if lost == "no position":
        await positions.delete_one({"_id": EVENTS})
    else:
        kept = await positions.find_one({"_id": EVENTS})
        assert kept is not None
        await positions.update_one(
            {"_id": EVENTS}, {"$set": {"token._data": "82" + "0" * 8 + kept["token"]["_data"][10:]}}
        )
    async with following(record, fake_clock) as heard:
        await wait_until(lambda: _repairing(record), what="the loss was noticed")
        edited = await record.tasks.apply(
            "demo", half_told, edits.edit(half_told, at=fake_clock() + 3 * SKEW, by=ANN, fields={"name": "x"})
        )
        assert edited is not None
        fake_clock.advance(4 * SKEW)
        await wait_until(lambda: _repaired(record), what="the repair")
        later = await burst(record, 1)
        await wait_until(lambda: [event.task for event in heard].count(later[0].id) == 3, what="it goes on")
    events = await EventLog(record.database).after(0, 10_000)
    assert [event.n for event in events] == list(range(1, len(events) + 1))
    ends = {event.task: (event.seq, event.state) for event in events}
    assert [ends[each.id] for each in [*told, *untold, *later]] == [(3, State.DONE)] * (len(told) + len(untold) + 1)
    assert ends[half_told.id] == (2, State.READY)
    assert len({(event.task, event.seq) for event in events}) == len(events)


async def _repairing(record: assembly.Record) -> bool:
    return (await Positions(record.database).get(EVENTS)).repair is not None


async def _repaired(record: assembly.Record) -> bool:
    return not await _repairing(record)


async def test_an_event_is_there_soon_after_its_write(record: assembly.Record) -> None:
    """While nothing else happens; the limit is far above what is usual (2 ms), for the sake of loaded machines."""
    loop = asyncio.get_running_loop()
    times: list[float] = []
    async with following(record, lambda: NOW) as heard:
        for n in range(1, 12):
            one = task()
            await record.tasks.insert("demo", [one])
            start = loop.time()
            await wait_until(lambda n=n: len(heard) == n, what="the event", every=0.001)
            times.append(loop.time() - start)
    assert sorted(times)[5] < 0.1
    assert msgspec.json.encode(heard[-1])
