"""Timers: each kind does what it says when its time has come, once, and what is ready by it can be claimed."""

import asyncio
import random
from datetime import timedelta

import msgspec
import pytest

from broker import assembly
from broker.timekeeper import BATCH, TICK_SECONDS, Timekeeper
from core import errors
from core.deadlines import Deadlines, Escalation
from core.priority import Priority
from core.queue import Queue
from core.retry import Backoff, Retry
from core.task import Limits, Outcome, State
from core.tenant import Tenant, TenantState
from core.transitions.ends import CANCEL_GRACE
from tests.support.clock import FakeClock
from tests.support.making import ANN, WIM
from tests.support.waiting import wait_until
from tests.support.working import claim, complete, fail, read, submit

SECOND = timedelta(seconds=1)
LIMITS = Limits(
    start_timeout_seconds=10.0, lease_seconds=20.0,
    retry=Retry(max_attempts=2, backoff=Backoff(initial_seconds=5.0)),
)  # fmt: skip


@pytest.fixture
def keeper(parts: assembly.Parts, fake_clock: FakeClock) -> Timekeeper:
    return Timekeeper(
        parts.record.sweeps, parts.desk, parts.directory, parts.places, clock=fake_clock, dice=random.Random(1)
    )


async def run(keeper: Timekeeper, parts: assembly.Parts) -> None:
    """One step, its tickets confirmed and noted."""
    await keeper.step()
    await keeper.close()
    await parts.desk.flush()


async def test_a_delayed_task_is_ready_when_its_time_has_come(
    parts: assembly.Parts, queue: Queue, keeper: Timekeeper, fake_clock: FakeClock
) -> None:
    (task,) = await submit(parts, queue, delay=10 * SECOND)
    fake_clock.advance(10 * SECOND - timedelta(milliseconds=1))
    assert await keeper.step() == pytest.approx(0.001)
    assert (await read(parts, task)).state is State.WAITING
    fake_clock.advance(timedelta(milliseconds=1))
    await run(keeper, parts)
    woken = await read(parts, task)
    assert (woken.state, woken.ticket_due, woken.last_event.type) == (State.READY, None, "ready")
    assert [each.id for each in await claim(parts, queue)] == [task.id]


async def test_a_delayed_task_of_a_person_becomes_ready_without_a_ticket(
    parts: assembly.Parts, queue: Queue, keeper: Timekeeper, fake_clock: FakeClock
) -> None:
    (task,) = await submit(parts, queue, delay=SECOND)
    await parts.lifecycle.assign(task, to=WIM, by=ANN)
    fake_clock.advance(SECOND)
    await run(keeper, parts)
    assert ((await read(parts, task)).state, (await read(parts, task)).ticket_due) == (State.READY, None)
    assert await claim(parts, queue) == []


async def test_a_lost_lease_counts_rests_and_ends_as_a_dead_letter(
    parts: assembly.Parts, queue: Queue, keeper: Timekeeper, fake_clock: FakeClock
) -> None:
    (task,) = await submit(parts, queue, limits=LIMITS)
    (held,) = await claim(parts, queue)
    fake_clock.advance(20 * SECOND)
    await run(keeper, parts)
    resting = await read(parts, task)
    assert (resting.state, resting.spent, resting.exec_id) == (State.WAITING, 1, None)
    with pytest.raises(errors.LeaseLost):
        await fail(parts, [held])
    fake_clock.advance(5 * SECOND)
    await run(keeper, parts)
    (again,) = await claim(parts, queue)
    assert (again.attempt, again.exec_id == held.exec_id) == (2, False)
    fake_clock.advance(20 * SECOND)
    await run(keeper, parts)
    dead = await read(parts, task)
    assert (dead.outcome, dead.dead, dead.spent) == (Outcome.FAILED, True, 2)
    assert dead.reason is not None
    assert dead.reason.type == "lease-lost"


@pytest.mark.parametrize("state", [TenantState.SUSPENDED, TenantState.DELETING])
async def test_a_lease_that_runs_out_while_the_tenant_is_shut_out_spends_no_attempt(
    parts: assembly.Parts, queue: Queue, keeper: Timekeeper, fake_clock: FakeClock, state: TenantState
) -> None:
    tenants = parts.record.tenants
    there = Tenant(id=queue.tenant, issuer="http://issuer.test/x", created_at=fake_clock(), version=1)
    await tenants.insert(there)
    (task,) = await submit(parts, queue, limits=msgspec.structs.replace(LIMITS, retry=Retry(max_attempts=1)))
    await claim(parts, queue)
    (limited,) = await submit(parts, queue, limits=Limits(overall_seconds=20.0))
    shut = msgspec.structs.replace(there, state=state, version=2)
    assert await tenants.replace(shut, was=1)

    async def known() -> bool:
        return await parts.directory.tenant_state(queue.tenant) is state

    await wait_until(known, what="the directory knows the state")
    fake_clock.advance(20 * SECOND)
    await run(keeper, parts)
    spared = await read(parts, task)
    assert (spared.state, spared.spent, spared.attempt, spared.exec_id) == (State.READY, 0, 1, None)
    assert (spared.last_event.type, spared.place) == ("released", task.place)
    assert spared.last_event.reason is not None
    assert spared.last_event.reason.type == f"tenant-{state.value}"
    # What the submitter limited goes on.
    assert (await read(parts, limited)).outcome is Outcome.FAILED

    assert await tenants.replace(msgspec.structs.replace(there, version=3), was=2)

    async def back() -> bool:
        return await parts.directory.tenant_state(queue.tenant) is TenantState.ACTIVE

    await wait_until(back, what="the directory knows that it is active")
    assert [each.id for each in await claim(parts, queue)] == [task.id]
    fake_clock.advance(20 * SECOND)
    await run(keeper, parts)
    assert ((await read(parts, task)).dead, (await read(parts, task)).spent) == (True, 1)


async def test_a_missed_start_makes_it_ready_again_without_spending_an_attempt(
    parts: assembly.Parts, queue: Queue, keeper: Timekeeper, fake_clock: FakeClock
) -> None:
    (task,) = await submit(parts, queue, limits=LIMITS)
    await claim(parts, queue, start=False)
    fake_clock.advance(10 * SECOND)
    await run(keeper, parts)
    ready = await read(parts, task)
    assert (ready.state, ready.spent, ready.attempt, ready.place) == (State.READY, 0, 0, task.place)
    assert [each.id for each in await claim(parts, queue)] == [task.id]


async def test_what_expires_or_runs_out_of_time_ends(
    parts: assembly.Parts, queue: Queue, keeper: Timekeeper, fake_clock: FakeClock
) -> None:
    (expiring,) = await submit(parts, queue, expire_at=fake_clock() + 3 * SECOND)
    (limited,) = await submit(parts, queue, limits=Limits(overall_seconds=3.0))
    await claim(parts, queue, 2)
    (waiting,) = await submit(parts, queue, expire_at=fake_clock() + 3 * SECOND)
    fake_clock.advance(3 * SECOND)
    await run(keeper, parts)
    # One that was started in time does not expire any more.
    assert (await read(parts, expiring)).state is State.IN_PROGRESS
    assert ((await read(parts, limited)).outcome, (await read(parts, limited)).dead) == (Outcome.FAILED, True)
    assert (await read(parts, waiting)).outcome is Outcome.EXPIRED


async def test_who_was_asked_to_stop_and_does_not_is_cut_off(
    parts: assembly.Parts, queue: Queue, keeper: Timekeeper, fake_clock: FakeClock
) -> None:
    await submit(parts, queue)
    (held,) = await claim(parts, queue)
    await parts.lifecycle.cancel(held, by=ANN, message="enough", now=False)
    fake_clock.advance(CANCEL_GRACE)
    await run(keeper, parts)
    ended = await read(parts, held)
    assert (ended.outcome, ended.last_event.by) == (Outcome.CANCELED, ANN)
    assert ended.reason is not None
    assert ended.reason.message == "enough"


async def test_two_timekeepers_and_a_worker_at_the_same_moment_do_each_thing_once(
    parts: assembly.Parts, queue: Queue, keeper: Timekeeper, fake_clock: FakeClock
) -> None:
    tasks = await submit(parts, queue, 60, limits=LIMITS)
    held = await claim(parts, queue, 60)
    other = Timekeeper(
        parts.record.sweeps, parts.desk, parts.directory, parts.places, clock=fake_clock, dice=random.Random(2)
    )
    fake_clock.advance(20 * SECOND)
    await asyncio.gather(keeper.step(), other.step(), complete(parts, held))
    after = [await read(parts, task) for task in tasks]
    for task in after:
        expected = (State.WAITING, 1) if task.state is State.WAITING else (State.DONE, 0)
        assert (task.state, task.spent, task.seq) == (*expected, 3)
    await keeper.close()
    await other.close()


async def test_it_takes_a_batch_at_a_time_and_rests_when_nothing_is_due(
    parts: assembly.Parts, queue: Queue, keeper: Timekeeper, fake_clock: FakeClock
) -> None:
    assert await keeper.step() == TICK_SECONDS
    await submit(parts, queue, BATCH + 5, delay=SECOND)
    fake_clock.advance(SECOND)
    assert await keeper.step() == 0.0
    assert 0.0 < await keeper.step() < TICK_SECONDS
    assert await keeper.step() == TICK_SECONDS
    await keeper.close()
    assert len(await claim(parts, queue, BATCH + 5)) == BATCH + 5


async def test_what_is_overdue_is_escalated_by_its_queues_rules_and_can_be_claimed_all_the_while(
    parts: assembly.Parts, queue: Queue, keeper: Timekeeper, fake_clock: FakeClock
) -> None:
    rules = Deadlines(escalations=(Escalation(after_seconds=5.0, raise_to=Priority.URGENT, notify=("ann",)),))
    queue = await parts.administration.change("demo", queue.key, {"deadlines": rules}, by=ANN)
    late, claimed = await submit(parts, queue, due_date=fake_clock() + SECOND), await submit(parts, queue)
    fake_clock.advance(2 * SECOND)
    assert {each.id for each in await claim(parts, queue, count=2)} == {late[0].id, claimed[0].id}
    for _ in range(4):
        await run(keeper, parts)
    assert (await read(parts, late[0])).last_event.type == "overdue"
    fake_clock.advance(4 * SECOND)
    for _ in range(4):
        await run(keeper, parts)
    found = await read(parts, late[0])
    assert (found.priority, found.last_event.type, found.alarm_at) == (Priority.URGENT, "escalated", None)
    assert found.last_event.data is not None
    assert found.last_event.data["rule"]["notify"] == ["ann"]
    seq = found.seq
    await run(keeper, parts)
    assert (await read(parts, late[0])).seq == seq


async def test_an_overdue_ready_task_gets_a_ticket_again(
    parts: assembly.Parts, queue: Queue, keeper: Timekeeper, fake_clock: FakeClock
) -> None:
    (task,) = await submit(parts, queue, due_date=fake_clock() + SECOND)
    fake_clock.advance(SECOND)
    await run(keeper, parts)
    assert (await read(parts, task)).last_event.type == "overdue"
    assert [each.id for each in await claim(parts, queue)] == [task.id]
