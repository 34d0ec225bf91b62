"""Concurrency limits: never one too many, nobody forgotten, whatever happens in between."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from broker import assembly
from broker.assembly import Parts
from broker.dispatch import Claim
from broker.finishing import Finish
from broker.places import Ushers
from broker.refill import Refill
from broker.timekeeper import Timekeeper
from core import errors
from core.definition import Concurrency, Definition, Target, TargetKind
from core.priority import Priority
from core.queue import Queue
from core.retry import Backoff, Retry
from core.settings import Settings
from core.task import Limits, State, Task, Waits
from core.transitions import ends
from store.definition_sweeps import DefinitionSweeps
from tests.support import working
from tests.support.clock import FakeClock
from tests.support.engines import caller, engines
from tests.support.making import ANN, WIM
from tests.support.waiting import wait_until


async def define(
    parts: Parts,
    queue: Queue,
    *,
    limit: int | None = 2,
    key: tuple[str, ...] = ("airport",),
    target: Target | None = None,
    limits: Limits | None = None,
) -> Definition:
    """A definition with a limit for each airport."""
    limited = None if limit is None else Concurrency(limit=limit, key=key)
    fields: dict[str, Any] = {
        "queue": queue.key,
        "limits": limits or Limits(),
        "concurrency": limited,
        "target": target or Target(),
    }
    made, _ = await parts.catalogue.put("demo", "scan", fields, by=ANN, match=None)
    return made


async def submit(parts: Parts, queue: Queue, airport: str, count: int, **fields: Any) -> list[Task]:
    return await working.submit(parts, queue, count, definition="scan", params={"airport": airport}, **fields)


@pytest.fixture
def ushers(parts: Parts) -> Ushers:
    return Ushers(parts.record.sweeps, DefinitionSweeps(parts.record.database), parts.places, clock=parts.clock)


async def tick(parts: Parts, clock: FakeClock, seconds: float) -> None:
    """The timekeeper after so many seconds."""
    clock.advance(timedelta(seconds=seconds))
    keeper = Timekeeper(
        parts.record.sweeps, parts.desk, parts.directory, parts.places, clock=clock, dice=random.Random(1)
    )
    await keeper.step()
    await keeper.close()


async def test_no_more_are_handed_out_than_the_limit_for_each_key(parts: Parts, queue: Queue) -> None:
    await define(parts, queue)
    await submit(parts, queue, "KBOS", 5)
    await submit(parts, queue, "KJFK", 1)
    held = await working.claim(parts, queue, 10)
    assert Counter(task.params["airport"] for task in held) == {"KBOS": 2, "KJFK": 1}
    assert len({(task.slot, task.seat) for task in held}) == 3
    assert await working.claim(parts, queue, 10) == []


async def test_a_task_without_a_free_seat_has_no_ticket_and_costs_a_claim_nothing(parts: Parts, queue: Queue) -> None:
    await define(parts, queue, limit=1)
    first, *others = await submit(parts, queue, "KBOS", 4)
    assert [(await working.read(parts, task)).waits for task in [first, *others]] == [Waits.CALLED] + [Waits.PARKED] * 3
    (held,) = await working.claim(parts, queue, 10)
    await working.complete(parts, [held])
    assert [(await working.read(parts, task)).waits for task in others] == [Waits.CALLED, Waits.PARKED, Waits.PARKED]


@pytest.mark.parametrize("how", ["complete", "fail", "release", "cancel", "delete", "by right"])
async def test_a_seat_is_free_again_however_the_hand_out_ends(parts: Parts, queue: Queue, how: str) -> None:
    await define(parts, queue, limit=1, key=())
    await submit(parts, queue, "KBOS", 2)
    (held,) = await working.claim(parts, queue, 10)
    match how:
        case "complete":
            await working.complete(parts, [held])
        case "fail":
            await working.fail(parts, [held], retryable=True)
        case "release":
            await parts.lifecycle.release(held, exec_id=held.exec_id or "", by=WIM)
        case "cancel":
            await parts.lifecycle.cancel(held, by=ANN, message=None, now=True)
        case "by right":
            await parts.lifecycle.complete_by_right(held, result=None, by=ANN, check=lambda task: task)
        case _:
            await parts.lifecycle.delete(held, by=ANN)
    assert len(await working.claim(parts, queue, 10)) == 1


async def test_many_ends_in_one_call_let_as_many_in(parts: Parts, queue: Queue) -> None:
    await define(parts, queue, limit=4, key=())
    await submit(parts, queue, "KBOS", 10)
    await working.complete(parts, await working.claim(parts, queue, 10))
    assert len(await working.claim(parts, queue, 10)) == 4


async def test_the_next_is_the_most_urgent_then_the_oldest(parts: Parts, queue: Queue) -> None:
    await define(parts, queue, limit=1)
    (first,) = await submit(parts, queue, "KBOS", 1)
    usual = await submit(parts, queue, "KBOS", 2)
    (urgent,) = await submit(parts, queue, "KBOS", 1, priority=Priority.URGENT)
    late = await parts.lifecycle.prioritise(usual[1], to=Priority.HIGH, by=ANN)
    order: list[str] = []
    while held := await working.claim(parts, queue):
        order += [task.id for task in held]
        await working.complete(parts, held)
    assert order == [first.id, urgent.id, late.id, usual[0].id]


async def test_a_lost_lease_gives_its_seat_to_the_next(parts: Parts, queue: Queue, fake_clock: FakeClock) -> None:
    await define(parts, queue, limit=1, key=())
    first, second = await submit(parts, queue, "KBOS", 2)
    assert [task.id for task in await working.claim(parts, queue, 10)] == [first.id]
    await tick(parts, fake_clock, 121)
    assert [task.id for task in await working.claim(parts, queue, 10)] == [second.id]


async def test_a_retry_and_a_delayed_task_wait_for_a_seat(parts: Parts, queue: Queue, fake_clock: FakeClock) -> None:
    retry = Retry(max_attempts=3, backoff=Backoff(initial_seconds=5.0))
    await define(parts, queue, limit=1, key=(), limits=Limits(retry=retry))
    first, second = await submit(parts, queue, "KBOS", 2)
    (delayed,) = await submit(parts, queue, "KBOS", 1, delay=timedelta(seconds=5))
    await working.fail(parts, await working.claim(parts, queue, 10), retryable=True)
    (held,) = await working.claim(parts, queue, 10)
    assert held.id == second.id
    await tick(parts, fake_clock, 5)
    assert await working.claim(parts, queue, 10) == []
    for expected in (first, delayed):
        await working.complete(parts, [held])
        (held,) = await working.claim(parts, queue, 10)
        assert held.id == expected.id


async def test_a_called_task_that_is_canceled_or_assigned_makes_room_for_the_next(parts: Parts, queue: Queue) -> None:
    await define(parts, queue, limit=1)
    first, second, third = await submit(parts, queue, "KBOS", 3)
    await parts.lifecycle.cancel(first, by=ANN, message=None, now=True)
    assigned = await parts.lifecycle.assign(await working.read(parts, second), to=ANN, by=ANN)
    assert assigned.waits is None
    assert [task.id for task in await working.claim(parts, queue, 10)] == [third.id]
    unassigned = await parts.lifecycle.assign(assigned, to=None, by=ANN)
    assert (unassigned.waits, unassigned.ticket_due) == (Waits.PARKED, None)


async def test_a_person_who_takes_a_task_by_its_id_needs_a_seat(parts: Parts, queue: Queue) -> None:
    await define(parts, queue, limit=1, key=())
    first, second = await submit(parts, queue, "KBOS", 2)
    held = await parts.lifecycle.start(first, exec_id=None, by=ANN)
    with pytest.raises(errors.LimitReached, match="allows 1 tasks at once"):
        await parts.lifecycle.start(second, exec_id=None, by=ANN)
    with pytest.raises(errors.WrongState):
        await parts.lifecycle.start(held, exec_id=None, by=WIM)
    await parts.lifecycle.complete_by_right(held, result=None, by=ANN, check=lambda task: task)
    assert (await parts.lifecycle.start(second, exec_id=None, by=ANN)).state is State.IN_PROGRESS


async def test_an_ended_task_that_is_run_again_waits_for_a_seat(parts: Parts, queue: Queue) -> None:
    await define(parts, queue, limit=1)
    await submit(parts, queue, "KBOS", 2)
    (dead,) = await working.fail(parts, await working.claim(parts, queue))
    (held,) = await working.claim(parts, queue)
    again = await parts.lifecycle.retry(dead, by=ANN)
    assert (again.waits, await working.claim(parts, queue)) == (Waits.PARKED, [])
    await working.complete(parts, [held])
    assert [task.id for task in await working.claim(parts, queue)] == [dead.id]


async def test_the_tasks_of_a_push_target_keep_the_limit(parts: Parts, queue: Queue) -> None:
    target = Target(kind=TargetKind.HTTP, url="http://127.0.0.1:1/")
    definition = await define(parts, queue, target=target)
    await submit(parts, queue, "KBOS", 5)
    claim = Claim(by=WIM, count=10)
    assert len(await parts.lifecycle.claim_lane("demo", definition.lane, claim, asyncio.Event())) == 2
    assert await parts.lifecycle.claim_lane("demo", definition.lane, claim, asyncio.Event()) == []


async def test_whoever_dies_before_it_calls_the_next_leaves_that_to_the_ushers(
    parts: Parts, queue: Queue, ushers: Ushers, fake_clock: FakeClock
) -> None:
    await define(parts, queue, limit=1)
    first, second = await submit(parts, queue, "KBOS", 2)
    (held,) = await working.claim(parts, queue)
    # The end is written, and the process is gone.
    ended = ends.complete(held, at=fake_clock(), by=WIM, result=None)
    assert await parts.record.tasks.apply("demo", held, ended) is not None
    assert (held.id, await working.claim(parts, queue)) == (first.id, [])
    await ushers.step()
    assert [task.id for task in await working.claim(parts, queue)] == [second.id]


async def test_a_limit_that_is_raised_or_taken_away_lets_more_in(parts: Parts, queue: Queue, ushers: Ushers) -> None:
    await define(parts, queue, limit=1, key=())
    await submit(parts, queue, "KBOS", 5)
    assert len(await working.claim(parts, queue, 10)) == 1
    await define(parts, queue, limit=3, key=())
    await ushers.step()
    assert len(await working.claim(parts, queue, 10)) == 2
    await define(parts, queue, limit=None)
    await ushers.step()
    assert len(await working.claim(parts, queue, 10)) == 2


async def test_a_limit_that_is_lowered_holds_as_soon_as_enough_have_ended(parts: Parts, queue: Queue) -> None:
    await define(parts, queue, limit=4, key=())
    await submit(parts, queue, "KBOS", 8)
    held = await working.claim(parts, queue, 10)
    await define(parts, queue, limit=2, key=())
    for number in range(2):
        await working.complete(parts, [held[number]])
        assert await working.claim(parts, queue, 10) == []
    await working.complete(parts, [held[2]])
    assert len(await working.claim(parts, queue, 10)) == 1


async def test_a_limit_that_is_new_counts_what_is_held_and_parks_what_has_tickets(parts: Parts, queue: Queue) -> None:
    await define(parts, queue, limit=None)
    submitted = await submit(parts, queue, "KBOS", 6)
    held = await working.claim(parts, queue, 3)
    await define(parts, queue, limit=2)
    assert await working.claim(parts, queue, 10) == []
    await working.complete(parts, held[:1])
    assert await working.claim(parts, queue, 10) == []
    await working.complete(parts, held[1:])
    assert [task.id for task in await working.claim(parts, queue, 10)] == [task.id for task in submitted[3:5]]


async def test_other_params_are_another_key_once_the_task_is_handed_out(parts: Parts, queue: Queue) -> None:
    await define(parts, queue, limit=1)
    first, second = await submit(parts, queue, "KBOS", 2)
    await parts.lifecycle.edit(first, {"params": {"airport": "KJFK"}}, queue=queue, by=ANN)
    await submit(parts, queue, "KJFK", 1)
    held = await working.claim(parts, queue, 10)
    # The hand-out of the first in the other slot called the second one.
    held += await working.claim(parts, queue, 10)
    assert [task.params["airport"] for task in held] == ["KJFK", "KBOS"]
    assert held[1].id == second.id


async def test_parked_tasks_are_no_lost_tickets(parts: Parts, queue: Queue, fake_clock: FakeClock) -> None:
    await define(parts, queue, limit=1)
    tasks = await submit(parts, queue, "KBOS", 5)
    record = parts.record
    refill = Refill(
        record.sweeps,
        record.queues,
        parts.broker.lanes,
        parts.broker.publisher,
        parts.broker.consuming,
        clock=fake_clock,
        prefix=parts.settings.broker_prefix,
    )
    for _ in range(2):
        assert await refill.look() == 0
        fake_clock.advance(timedelta(seconds=10))
    states = [await working.read(parts, task) for task in tasks[1:]]
    assert {(task.waits, task.ticket_due) for task in states} == {(Waits.PARKED, None)}


async def test_20_pollers_never_get_the_same_task(parts: Parts, queue: Queue) -> None:
    submitted = await working.submit(parts, queue, 200)
    batches = await asyncio.gather(*(working.claim(parts, queue, 15) for _ in range(20)))
    claimed = [task.id for batch in batches for task in batch]
    assert len(claimed) == len(set(claimed))
    assert set(claimed) <= {task.id for task in submitted}
    assert len(claimed) == 200


async def test_500_tasks_8_pollers_2_processes_and_an_engine_that_is_killed(settings: Settings) -> None:
    held: Counter[str] = Counter()
    most: Counter[str] = Counter()
    done: Counter[str] = Counter()

    async def work(parts: Parts, queue: Queue, count: int) -> None:
        claim = Claim(by=WIM, count=count, wait=timedelta(seconds=1))
        while len(done) < 500:
            for task in await parts.lifecycle.claim(queue, claim, asyncio.Event()):
                airport = task.params["airport"]
                held[airport] += 1
                most[airport] = max(most[airport], held[airport])
                done[task.id] += 1
                await asyncio.sleep(0)
                held[airport] -= 1
                finish = Finish(tenant="demo", task_id=task.id, exec_id=task.exec_id or "", result={"ok": True})
                (answer,) = await parts.lifecycle.complete([finish], by=WIM)
                assert not isinstance(answer, errors.PenstockError), answer

    async with caller(settings) as (one, queue), _replica(settings) as other, engines(settings, 1) as (engine,):
        await define(one, queue)
        for airport in ("KBOS", "KJFK", "KSFO", "KDEN", "KORD"):
            await submit(one, queue, airport, 100)
        async with asyncio.TaskGroup() as group:
            for number in range(8):
                group.create_task(work(one if number % 2 else other, queue, 1 + number % 3))
            await wait_until(lambda: len(done) > 100, what="a hundred tasks", timeout=30)
            engine.kill()
            await engine.wait()
            await wait_until(lambda: len(done) > 250, what="tasks without an engine", timeout=30)
            await group.create_task(_until_done(settings, done))
    assert set(done.values()) == {1}
    assert set(most) == {"KBOS", "KJFK", "KSFO", "KDEN", "KORD"}
    assert max(most.values()) == 2


@asynccontextmanager
async def _replica(settings: Settings) -> AsyncGenerator[Parts]:
    async with assembly.running(settings, name="replica") as parts:
        await parts.broker.publisher.ready()
        yield parts


async def _until_done(settings: Settings, done: Counter[str]) -> None:
    async with engines(settings, 1):
        await wait_until(lambda: len(done) == 500, what="all tasks", timeout=60)
