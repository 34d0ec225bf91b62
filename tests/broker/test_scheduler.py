"""Schedules fire over the real stores: once each, by their misfire and overlap policies, through pauses and crashes."""

from datetime import timedelta

import msgspec
import pytest

from broker import assembly
from broker.scheduler import Scheduler
from core import errors
from core.plan import Plan
from core.queue import Queue
from core.schedule import (
    Date,
    Firing,
    FiringKind,
    FiringStatus,
    FlowOrder,
    Interval,
    Misfire,
    MisfirePolicy,
    Overlap,
    OverlapPolicy,
    Schedule,
    TaskOrder,
)
from core.task import Actor, Outcome, State, Task
from core.tenant import Tenant, TenantState
from store.listing import Query
from tests.support.clock import FakeClock
from tests.support.making import ANN

SECOND = timedelta(seconds=1)


@pytest.fixture
def scheduler(parts: assembly.Parts, queue: Queue) -> Scheduler:
    """An engine's scheduler, stepped by hand."""
    return made(parts)


def made(parts: assembly.Parts) -> Scheduler:
    record = parts.record
    return Scheduler(record.schedules, record.firings, record.halts, record.tenants, parts.runs, clock=parts.clock)


async def put(parts: assembly.Parts, schedule_id: str = "s-1", **fields: object) -> Schedule:
    usual = Plan(trigger=Interval(seconds=10), order=TaskOrder(queue="intake:reports", name="tick", params={"a": 1}))
    wanted = msgspec.structs.replace(usual, **fields)
    found, _ = await parts.timetable.put("demo", schedule_id, wanted, by=ANN, match=None)
    return found


async def pass_by(scheduler: Scheduler, clock: FakeClock, seconds: float, *, step: float = 1.0) -> None:
    """Let time go by while the engine looks every second."""
    for _ in range(round(seconds / step)):
        clock.advance(SECOND * step)
        await scheduler.step()


async def tasks(parts: assembly.Parts) -> list[Task]:
    return list((await parts.record.listing.page("demo", Query(), after=None, limit=1000)).tasks)


async def history(parts: assembly.Parts, schedule_id: str = "s-1") -> list[Firing]:
    """Oldest first."""
    return (await parts.record.firings.page("demo", schedule_id, after=None, limit=1000))[::-1]


async def test_each_firing_is_a_task_that_names_it(
    parts: assembly.Parts, scheduler: Scheduler, fake_clock: FakeClock
) -> None:
    begin = fake_clock()
    await put(parts)
    await pass_by(scheduler, fake_clock, 35)
    found = await tasks(parts)
    assert [(task.schedule and task.schedule.id, task.name, task.params) for task in found] == [
        ("s-1", "tick", {"a": 1})
    ] * 3
    expected = [begin + SECOND * number for number in (10, 20, 30)]
    assert [task.schedule.at for task in found if task.schedule] == expected
    entries = await history(parts)
    assert [(entry.at, entry.status, entry.run and entry.run.id) for entry in entries] == [
        (at, FiringStatus.SUBMITTED, task.id) for at, task in zip(expected, found, strict=True)
    ]
    now = await parts.record.schedules.get("demo", "s-1")
    assert now is not None
    assert now.last is not None
    assert (now.version, now.next_at, now.last.at) == (1, begin + SECOND * 40, expected[-1])


async def test_one_whose_payloads_cannot_be_sealed_holds_up_no_other(
    parts: assembly.Parts, scheduler: Scheduler, queue: Queue, fake_clock: FakeClock
) -> None:
    closed = msgspec.structs.replace(queue, name="closed", lane="closed", encrypt_payloads=True)
    await parts.record.queues.insert("demo", closed)
    await put(parts, order=TaskOrder(queue=closed.key, name="sealed", params={"a": 1}))
    await put(parts, "s-2")
    await pass_by(scheduler, fake_clock, 11)
    assert [task.queue for task in await tasks(parts)] == [queue.key]
    waiting, going = [await parts.record.schedules.get("demo", each) for each in ("s-1", "s-2")]
    assert waiting is not None
    assert going is not None
    assert (waiting.last, going.last is None) == (None, False)
    assert waiting.next_at is not None
    assert waiting.next_at > fake_clock()


async def test_nothing_is_due_before_its_time(
    parts: assembly.Parts, scheduler: Scheduler, fake_clock: FakeClock
) -> None:
    await put(parts)
    assert await scheduler.step() == 0.5
    fake_clock.advance(SECOND * 9.9)
    assert await scheduler.step() == pytest.approx(0.1)
    assert await tasks(parts) == []


async def test_one_that_crashed_before_the_record_moved_is_repeated_without_harm(
    parts: assembly.Parts, scheduler: Scheduler, fake_clock: FakeClock
) -> None:
    """What an engine that dies after its submit leaves behind: the task is there, the schedule has not moved."""
    schedule = await put(parts, overlap=Overlap(policy=OverlapPolicy.SKIP))
    await pass_by(scheduler, fake_clock, 10)
    moved = await parts.record.schedules.get("demo", "s-1")
    assert moved is not None
    before = msgspec.structs.replace(schedule, seq=moved.seq + 1)
    assert await parts.record.schedules.replace("demo", before, was=moved.seq)
    await scheduler.step()
    assert len(await tasks(parts)) == 1
    assert [entry.status for entry in await history(parts)] == [FiringStatus.SUBMITTED]
    again = await parts.record.schedules.get("demo", "s-1")
    assert again is not None
    assert (again.cursor, again.last) == (moved.cursor, moved.last)


async def test_overlap_skip_waits_for_the_one_before(
    parts: assembly.Parts, scheduler: Scheduler, fake_clock: FakeClock
) -> None:
    await put(parts, overlap=Overlap(policy=OverlapPolicy.SKIP, max_open=2))
    await pass_by(scheduler, fake_clock, 40)
    first, second = await tasks(parts)
    await parts.lifecycle.cancel(first, by=ANN, message=None, now=True)
    await pass_by(scheduler, fake_clock, 10)
    statuses = [entry.status for entry in await history(parts)]
    submitted, skipped = FiringStatus.SUBMITTED, FiringStatus.SKIPPED
    assert statuses == [submitted, submitted, skipped, skipped, submitted]
    assert second.state is State.READY
    assert (await history(parts))[2].reason is not None


async def test_overlap_replace_cancels_the_one_before(
    parts: assembly.Parts, scheduler: Scheduler, fake_clock: FakeClock
) -> None:
    await put(parts, overlap=Overlap(policy=OverlapPolicy.REPLACE))
    await pass_by(scheduler, fake_clock, 30)
    assert [task.outcome for task in await tasks(parts)] == [Outcome.CANCELED, Outcome.CANCELED, None]
    assert {entry.status for entry in await history(parts)} == {FiringStatus.SUBMITTED}


async def test_after_an_outage_the_misfire_policy_decides(
    parts: assembly.Parts, scheduler: Scheduler, fake_clock: FakeClock
) -> None:
    for policy in MisfirePolicy:
        await put(parts, policy.value, misfire=Misfire(policy=policy, grace_seconds=15))
    fake_clock.advance(SECOND * 65)
    await scheduler.step()
    submitted = {
        policy: [entry for entry in await history(parts, policy.value) if entry.status is FiringStatus.SUBMITTED]
        for policy in MisfirePolicy
    }
    assert {policy.value: len(entries) for policy, entries in submitted.items()} == {
        "skip": 2,
        "one": 3,
        "all": 6,
        "latest": 1,
    }
    missed = [entry for entry in await history(parts, "skip") if entry.status is FiringStatus.MISSED]
    assert [(entry.count, entry.until and entry.until - entry.at) for entry in missed] == [(4, SECOND * 30)]
    await pass_by(scheduler, fake_clock, 30, step=30)
    assert len(await history(parts, "latest")) == 4


async def test_a_pause_is_not_made_up_for(parts: assembly.Parts, scheduler: Scheduler, fake_clock: FakeClock) -> None:
    await put(parts)
    paused = await parts.timetable.pause("demo", "s-1", paused=True, by=ANN)
    assert await parts.timetable.pause("demo", "s-1", paused=True, by=ANN) == paused
    await pass_by(scheduler, fake_clock, 60, step=5)
    assert await tasks(parts) == []
    resumed = await parts.timetable.pause("demo", "s-1", paused=False, by=ANN)
    assert resumed.version == 3
    await pass_by(scheduler, fake_clock, 10, step=5)
    assert len(await tasks(parts)) == 2, "one at this very moment, one ten seconds on"


async def test_a_tenant_as_a_whole_is_paused(
    parts: assembly.Parts, scheduler: Scheduler, fake_clock: FakeClock
) -> None:
    await put(parts)
    first = await parts.timetable.pause_all("demo", by=ANN)
    fake_clock.advance(SECOND)
    assert await parts.timetable.pause_all("demo", by=Actor(id="x", name="x")) == first
    fake_clock.advance(SECOND * 100)
    assert await scheduler.step() == 0.5
    assert await tasks(parts) == []
    await parts.timetable.resume_all("demo")
    await parts.timetable.resume_all("demo")
    assert await parts.timetable.halt("demo") is None
    await scheduler.step()
    assert len(await tasks(parts)) == 6, "those within the grace of a minute"


async def test_a_suspended_tenant_does_not_fire(
    parts: assembly.Parts, scheduler: Scheduler, fake_clock: FakeClock
) -> None:
    tenant = Tenant(
        id="demo", issuer="https://demo.test", created_at=fake_clock(), state=TenantState.SUSPENDED, version=1
    )
    await parts.record.tenants.insert(tenant)
    await put(parts)
    fake_clock.advance(SECOND * 10)
    await scheduler.step()
    assert await tasks(parts) == []


async def test_what_cannot_be_submitted_is_on_record_and_the_schedule_goes_on(
    parts: assembly.Parts, scheduler: Scheduler, fake_clock: FakeClock
) -> None:
    await put(parts)
    schema = {"type": "object", "required": ["b"]}
    await parts.administration.change("demo", "intake:reports", {"params_schema": schema}, by=ANN)
    await pass_by(scheduler, fake_clock, 10, step=5)
    await parts.administration.change("demo", "intake:reports", {"params_schema": None}, by=ANN)
    await pass_by(scheduler, fake_clock, 10, step=5)
    refused, submitted = await history(parts)
    assert (refused.status, refused.run, submitted.status) == (FiringStatus.REFUSED, None, FiringStatus.SUBMITTED)
    assert refused.reason is not None
    assert refused.reason.type == "payload-mismatch"


async def test_run_now_whatever_the_schedule_does(
    parts: assembly.Parts, scheduler: Scheduler, fake_clock: FakeClock
) -> None:
    made = await put(parts, paused=True, overlap=Overlap(policy=OverlapPolicy.SKIP))
    one, new = await parts.timetable.run("demo", "s-1", by=ANN)
    assert (one.kind, one.status, new) == (FiringKind.MANUAL, FiringStatus.SUBMITTED, True)
    two, _ = await parts.timetable.run("demo", "s-1", by=ANN)
    keyed, _ = await parts.timetable.run("demo", "s-1", by=ANN, key="k")
    fake_clock.advance(SECOND)
    assert await parts.timetable.run("demo", "s-1", by=ANN, key="k") == (keyed, False)
    assert len({one.id, two.id, keyed.id, *(task.id for task in await tasks(parts))}) == 3
    assert {task.created_by for task in await tasks(parts)} == {ANN}
    now = await parts.record.schedules.get("demo", "s-1")
    assert now is not None
    assert (now.version, now.next_at, now.cursor) == (made.version, None, made.cursor)
    assert now.last_run is not None
    with pytest.raises(errors.NotFound):
        await parts.timetable.run("acme", "s-1", by=ANN)


async def test_a_run_on_create_happens_once(parts: assembly.Parts, scheduler: Scheduler, fake_clock: FakeClock) -> None:
    made = await put(parts, run_on_create=True)
    await scheduler.step()
    await scheduler.step()
    await put(parts, run_on_create=True, description="again")
    await scheduler.step()
    assert [(entry.kind, entry.at) for entry in await history(parts)] == [(FiringKind.SETUP, made.created_at)]


async def test_a_date_and_a_removed_schedule_fire_no_more(
    parts: assembly.Parts, scheduler: Scheduler, fake_clock: FakeClock
) -> None:
    await put(parts, trigger=Date(at=fake_clock() + SECOND * 2))
    await put(parts, "s-2")
    with pytest.raises(errors.PreconditionFailed):
        await parts.timetable.remove("demo", "s-2", match=7)
    await parts.timetable.remove("demo", "s-2", match=1)
    with pytest.raises(errors.NotFound):
        await parts.timetable.remove("demo", "s-2", match=None)
    await pass_by(scheduler, fake_clock, 20, step=5)
    assert len(await tasks(parts)) == 1
    assert await parts.record.schedules.next_due(without=()) is None


@pytest.mark.parametrize(
    ("order", "field"),
    [
        (TaskOrder(queue="intake:nothing"), "task.queue"),
        (TaskOrder(definition="nothing"), "task.definition"),
        (TaskOrder(), "task"),
        (FlowOrder(template="nightly"), "flow.template"),
    ],
)
async def test_an_order_that_names_nothing_is_refused(
    parts: assembly.Parts, queue: Queue, order: TaskOrder | FlowOrder, field: str
) -> None:
    with pytest.raises(errors.Invalid) as refused:
        await put(parts, order=order)
    assert [fault.field for fault in refused.value.faults] == [field]
    assert await parts.record.schedules.get("demo", "s-1") is None


async def test_params_must_fit_when_the_schedule_is_made(parts: assembly.Parts, queue: Queue) -> None:
    await parts.administration.change("demo", queue.key, {"params_schema": {"type": "array"}}, by=ANN)
    with pytest.raises(errors.PayloadMismatch) as refused:
        await put(parts)
    assert refused.value.faults[0].field == "task.params"


async def test_a_schedule_that_cannot_be_read_or_worked_on_does_not_stop_the_others(
    parts: assembly.Parts, scheduler: Scheduler, fake_clock: FakeClock
) -> None:
    await put(parts, "broken")
    await put(parts, "odd")
    await put(parts)
    raw = parts.record.database["schedules"]
    await raw.update_one({"_id": "demo/broken"}, {"$set": {"timing": 7}})
    await raw.update_one({"_id": "demo/odd"}, {"$set": {"timing.trigger": {"kind": "cron", "expression": "x"}}})
    await pass_by(scheduler, fake_clock, 20, step=5)
    assert len(await tasks(parts)) == 2
    assert [row["nextAt"] async for row in raw.find({"_id": "demo/odd"})] == [fake_clock() + SECOND * 50]
