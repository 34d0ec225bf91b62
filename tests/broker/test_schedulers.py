"""Three engines on the same schedules without a leader, two of them killed at random: every firing happens once."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta

import msgspec
import pytest

from broker import assembly, loops
from broker.scheduler import Scheduler
from core import timing
from core.plan import Plan
from core.queue import Queue
from core.schedule import Cron, FiringStatus, Interval, Overlap, OverlapPolicy, Schedule, TaskOrder
from core.settings import Settings
from core.task import Outcome, Task
from loop import cancelling
from store.listing import Query
from tests.support.clock import FakeClock
from tests.support.making import ANN

MINUTES = 10


class Engine:
    """An engine's scheduler in a task of its own, which steps when it is woken and can be killed in the middle."""

    def __init__(self, parts: assembly.Parts) -> None:
        record = parts.record
        self._scheduler = Scheduler(
            record.schedules, record.firings, record.halts, record.tenants, parts.runs, clock=parts.clock
        )
        self._wake, self._idle = asyncio.Event(), asyncio.Event()
        self.start()

    def start(self) -> None:
        self._idle.set()
        self._task = asyncio.create_task(self._run())

    def wake(self) -> None:
        self._idle.clear()
        self._wake.set()

    async def idle(self) -> None:
        await self._idle.wait()

    async def kill(self) -> None:
        """End it wherever it is: between its submit and its record, or in the middle of either."""
        await loops.ended(self._task)
        assert self._task.cancelled()

    async def _run(self) -> None:
        while True:
            cancelling.heed()
            await self._wake.wait()
            self._wake.clear()
            while not await self._scheduler.step():
                pass
            self._idle.set()


@pytest.fixture
async def three(settings: Settings, fake_clock: FakeClock, queue: Queue) -> AsyncIterator[list[Engine]]:
    """Three engines, each with connections of its own."""
    async with AsyncExitStack() as stack:
        engines: list[Engine] = []
        for name in ("one", "two", "three"):
            parts = await stack.enter_async_context(assembly.running(settings, name=name, clock=fake_clock))
            engines.append(Engine(parts))
            stack.push_async_callback(engines[-1].kill)
        yield engines


async def put(parts: assembly.Parts, schedule_id: str, trigger: Interval | Cron, **fields: object) -> Schedule:
    usual = Plan(trigger=trigger, order=TaskOrder(queue="intake:reports"))
    wanted = msgspec.structs.replace(usual, **fields)
    made, _ = await parts.timetable.put("demo", schedule_id, wanted, by=ANN, match=None)
    return made


async def live_through(engines: list[Engine], clock: FakeClock, dice: random.Random, span: timedelta) -> int:
    """Let time go by, waking some engines at every turn and killing one of the first two at most; counts the kills."""
    survivor, end, kills = engines[-1], clock() + span, 0
    while clock() < end:
        clock.advance(timedelta(milliseconds=dice.randint(50, 5000)))
        awake = dice.sample(engines, dice.randint(1, 3))
        for engine in awake:
            engine.wake()
        if dice.random() < 0.7:
            for _ in range(dice.randint(0, 600)):
                await asyncio.sleep(0)
            victim = dice.choice(engines[:2])
            await victim.kill()
            victim.start()
            kills += 1
        for engine in awake:
            await engine.idle()
    survivor.wake()
    await survivor.idle()
    return kills


# A kill while PyMongo connects leaves the socket to the garbage collector, which warns.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_every_firing_happens_once(parts: assembly.Parts, three: list[Engine], fake_clock: FakeClock) -> None:
    schedules = [
        await put(parts, "each-second", Interval(seconds=1)),
        await put(parts, "cron", Cron(expression="*/20 * * * * *", time_zone="Europe/Berlin")),
        await put(parts, "few", Cron(expression="* * * * *"), overlap=Overlap(policy=OverlapPolicy.SKIP, max_open=50)),
        await put(parts, "shaken", Interval(seconds=3), jitter_seconds=9.0),
        await put(parts, "replaced", Interval(seconds=7), overlap=Overlap(policy=OverlapPolicy.REPLACE)),
    ]  # fmt: skip
    begin = fake_clock()
    kills = await live_through(three, fake_clock, random.Random(7), timedelta(minutes=MINUTES))
    assert kills > 50
    for schedule in schedules:
        expected = [
            at
            for at in timing.upcoming(schedule.timing, begin - timedelta(milliseconds=1), 1000)
            if timing.runs_at(schedule.timing, schedule.secret, at) <= fake_clock()
        ]
        found = Counter(await firings_of(parts, schedule.id))
        assert set(found.values()) == {1}, schedule.id
        last = max(found)
        assert sorted(found) == [at for at in expected if at <= last], schedule.id
        assert len(found) >= len(expected) - (10 if schedule.timing.jitter_seconds else 0)
        entries = await parts.record.firings.page("demo", schedule.id, after=None, limit=1000)
        assert {entry.status for entry in entries} == {FiringStatus.SUBMITTED}
        assert sorted(entry.at for entry in entries) == sorted(found)
    outcomes = Counter(
        [task.outcome for task in await tasks(parts) if task.schedule and task.schedule.id == "replaced"]
    )
    assert outcomes == {Outcome.CANCELED: sum(outcomes.values()) - 1, None: 1}


async def tasks(parts: assembly.Parts) -> list[Task]:
    found: list[Task] = []
    after = None
    while True:
        page = await parts.record.listing.page("demo", Query(), after=after, limit=1000)
        found += page.tasks
        if (after := page.next) is None:
            return found


async def firings_of(parts: assembly.Parts, schedule_id: str) -> list[datetime]:
    return [task.schedule.at for task in await tasks(parts) if task.schedule and task.schedule.id == schedule_id]
