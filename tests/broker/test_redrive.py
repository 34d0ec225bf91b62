"""Redrives: dead letters run again at the rate that was asked for, and go back where nobody took them."""

from datetime import timedelta

import pytest

from broker import assembly
from broker.redrive import Redriver
from core import ids
from core.queue import Queue
from core.task import Outcome, State, Task
from store.listing import Query
from store.redrives import Redrive, Redrives, RedriveState
from tests.support.clock import FakeClock
from tests.support.making import ANN, WIM
from tests.support.working import claim, complete, fail, read, submit

SECOND = timedelta(seconds=1)


@pytest.fixture
def redrives(parts: assembly.Parts) -> Redrives:
    return Redrives(parts.record.database)


@pytest.fixture
def redriver(parts: assembly.Parts, redrives: Redrives) -> Redriver:
    return Redriver(redrives, parts.record.listing, parts.record.sweeps, parts.desk, clock=parts.clock)


async def dead(parts: assembly.Parts, queue: Queue, count: int, **fields: object) -> list[Task]:
    """So many dead letters, the oldest first."""
    await submit(parts, queue, count, **fields)
    return await fail(parts, await claim(parts, queue, count))


async def order(
    parts: assembly.Parts, redrives: Redrives, queue: Queue, *, rate: float | None = None, query: Query | None = None
) -> Redrive:
    made = Redrive(
        tenant=queue.tenant, id=ids.new_id(), queue=queue.key, state=RedriveState.RUNNING, by=ANN,
        created_at=parts.clock(), query=query or Query(), rate_per_second=rate,
    )  # fmt: skip
    await redrives.create(queue.tenant, made)
    return made


async def state(redrives: Redrives, redrive: Redrive) -> tuple[RedriveState, int, int]:
    found = await redrives.get(redrive.tenant, redrive.id)
    assert found is not None
    return found.state, found.moved, found.undone


async def test_dead_letters_run_again_with_all_their_attempts(
    parts: assembly.Parts, queue: Queue, redrives: Redrives, redriver: Redriver
) -> None:
    tasks = await dead(parts, queue, 5)
    redrive = await order(parts, redrives, queue)
    await redriver.step()
    assert await state(redrives, redrive) == (RedriveState.DONE, 5, 0)
    again = await claim(parts, queue, 5)
    assert [(task.id, task.spent, task.dead) for task in again] == [(task.id, 0, None) for task in tasks]
    await complete(parts, again)
    assert {(await read(parts, task)).outcome for task in tasks} == {Outcome.SUCCEEDED}


async def test_only_what_fits_the_filter(
    parts: assembly.Parts, queue: Queue, redrives: Redrives, redriver: Redriver
) -> None:
    other, _ = await parts.administration.put("demo", "intake", "other", {}, by=ANN, match=None)
    (wanted,) = await dead(parts, queue, 1, labels=("storm",))
    (unlabelled,), (elsewhere,) = await dead(parts, queue, 1), await dead(parts, other, 1, labels=("storm",))
    (canceled,) = await submit(parts, queue, labels=("storm",))
    await parts.lifecycle.cancel(canceled, by=ANN, message=None, now=True)
    redrive = await order(parts, redrives, queue, query=Query(label="storm", queues=(other.key,), dead=False))
    await redriver.step()
    assert await state(redrives, redrive) == (RedriveState.DONE, 1, 0)
    assert (await read(parts, wanted)).state is State.READY
    assert {(await read(parts, task)).state for task in (unlabelled, elsewhere, canceled)} == {State.DONE}
    await parts.administration.remove("demo", other.key, by=ANN, match=None, force=True)


async def test_no_faster_than_the_rate(
    parts: assembly.Parts, queue: Queue, redrives: Redrives, redriver: Redriver, fake_clock: FakeClock
) -> None:
    await dead(parts, queue, 12)
    redrive = await order(parts, redrives, queue, rate=3.0)
    moved: list[int] = []
    for _ in range(5):
        for _ in range(3):
            await redriver.step()
        moved.append((await state(redrives, redrive))[1])
        fake_clock.advance(SECOND)
    assert moved == [1, 4, 7, 10, 12]
    assert (await state(redrives, redrive))[0] is RedriveState.DONE


async def test_less_than_one_a_second(
    parts: assembly.Parts, queue: Queue, redrives: Redrives, redriver: Redriver, fake_clock: FakeClock
) -> None:
    await dead(parts, queue, 3)
    redrive = await order(parts, redrives, queue, rate=0.5)
    moved: list[int] = []
    for _ in range(5):
        await redriver.step()
        moved.append((await state(redrives, redrive))[1])
        fake_clock.advance(SECOND)
    assert moved == [1, 1, 2, 2, 3]


async def test_what_dies_again_is_not_taken_again(
    parts: assembly.Parts, queue: Queue, redrives: Redrives, redriver: Redriver, fake_clock: FakeClock
) -> None:
    await dead(parts, queue, 3)
    redrive = await order(parts, redrives, queue, rate=1.0)
    for _ in range(6):
        await redriver.step()
        fake_clock.advance(SECOND)
        await fail(parts, await claim(parts, queue, 3))
    assert await state(redrives, redrive) == (RedriveState.DONE, 3, 0)


async def test_an_undo_puts_back_what_nobody_took(
    parts: assembly.Parts, queue: Queue, redrives: Redrives, redriver: Redriver, fake_clock: FakeClock
) -> None:
    tasks = await dead(parts, queue, 6)
    before = {task.id: (task.ended_at, task.error, task.spent) for task in tasks}
    redrive = await order(parts, redrives, queue, rate=2.0)
    for _ in range(3):
        fake_clock.advance(SECOND)
        await redriver.step()
    taken = await claim(parts, queue, 2)
    moved = (await state(redrives, redrive))[1]
    await redrives.ask_undo("demo", redrive.id, by=WIM)
    await redriver.step()
    assert await state(redrives, redrive) == (RedriveState.UNDONE, moved, moved - 2)
    for task in tasks:
        now = await read(parts, task)
        if task.id in {each.id for each in taken}:
            assert now.state is State.IN_PROGRESS
        else:
            assert now.dead
            assert (now.ended_at, now.error, now.spent) == before[task.id]
    # Tickets of what went back are stale now: they hand out nothing.
    assert await claim(parts, queue, 6) == []


async def test_an_undo_of_one_that_is_done_works_too(
    parts: assembly.Parts, queue: Queue, redrives: Redrives, redriver: Redriver
) -> None:
    await dead(parts, queue, 2)
    redrive = await order(parts, redrives, queue)
    await redriver.step()
    await redrives.ask_undo("demo", redrive.id, by=WIM)
    await redriver.step()
    assert await state(redrives, redrive) == (RedriveState.UNDONE, 2, 2)
    assert await redrives.open(10) == []
