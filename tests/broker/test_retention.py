"""Retention: what is old goes with its events, each queue in its own time; what is open stays."""

from datetime import timedelta

import pytest

from broker import assembly
from broker.retention import EVERY_SECONDS, TOMBSTONES, Retention
from core.queue import Queue
from core.task import Task
from store.comments import Comment, Comments
from store.eventlog import EventLog
from store.events import Events
from store.leftovers import Leftovers
from tests.store.test_events import event
from tests.support.clock import FakeClock
from tests.support.making import ANN
from tests.support.working import claim, complete, submit

DAY = timedelta(days=1)


@pytest.fixture
def retention(parts: assembly.Parts) -> Retention:
    database = parts.record.database
    return Retention(
        Leftovers(database), EventLog(database), parts.record.queues, clock=parts.clock, retention=30 * DAY
    )


async def ended(parts: assembly.Parts, queue: Queue) -> Task:
    """A task that has ended, with one event on record."""
    (task,) = await submit(parts, queue)
    await complete(parts, await claim(parts, queue))
    log = EventLog(parts.record.database)
    await log.append([event(task.id, 1, await log.newest() + 1, at=parts.clock(), queue=queue.key)])
    return task


async def test_comments_go_with_their_task(
    parts: assembly.Parts, queue: Queue, retention: Retention, fake_clock: FakeClock
) -> None:
    comments = Comments(parts.record.database)
    gone, kept = await ended(parts, queue), (await submit(parts, queue))[0]
    for task in (gone, kept):
        now = fake_clock()
        said = Comment(
            tenant="demo", task=task.id, number=0, content="x", created_by=ANN, created_at=now, updated_by=ANN,
            updated_at=now,
        )  # fmt: skip
        await comments.add("demo", said)
    fake_clock.advance(31 * DAY)
    await retention.step()
    left = [await comments.page("demo", task.id, before=None, limit=5) for task in (gone, kept)]
    assert [len(each) for each in left] == [0, 1]


async def test_a_pass_over_very_many_queues_is_followed_by_a_longer_rest(parts: assembly.Parts) -> None:
    class Many(Leftovers):
        async def queues_with_ended(self) -> list[tuple[str, str]]:
            return [("demo", f"intake:q{number}") for number in range(1000)]

    database = parts.record.database
    retention = Retention(
        Many(database), EventLog(database), parts.record.queues, clock=parts.clock, retention=30 * DAY
    )
    assert EVERY_SECONDS < await retention.step() < 3 * EVERY_SECONDS


async def there(parts: assembly.Parts, task: Task) -> tuple[bool, bool]:
    """Whether the task is, and its event."""
    history = await Events(parts.record.database).history("demo", task.id, limit=5)
    return await parts.record.tasks.get("demo", task.id) is not None, bool(history)


async def test_ended_tasks_go_with_their_events_when_their_time_is_over(
    parts: assembly.Parts, queue: Queue, retention: Retention, fake_clock: FakeClock
) -> None:
    short, _ = await parts.administration.put("demo", "intake", "short", {"retention_days": 1.0}, by=ANN, match=None)
    long, _ = await parts.administration.put("demo", "intake", "long", {"retention_days": 60.0}, by=ANN, match=None)
    usual_task, short_task, long_task = [await ended(parts, each) for each in (queue, short, long)]
    (open_task,) = await submit(parts, queue)
    assert await retention.step() == EVERY_SECONDS
    assert await there(parts, short_task) == (True, True)
    fake_clock.advance(2 * DAY)
    await retention.step()
    seen = [await there(parts, task) for task in (usual_task, short_task, long_task)]
    assert seen == [(True, True), (False, False), (True, True)]
    fake_clock.advance(30 * DAY)
    await retention.step()
    seen = [await there(parts, task) for task in (usual_task, long_task)]
    assert seen == [(False, False), (True, True)]
    fake_clock.advance(30 * DAY)
    await retention.step()
    assert await there(parts, long_task) == (False, False)
    assert (await there(parts, open_task))[0]
    for each in (short, long):
        await parts.administration.remove("demo", each.key, by=ANN, match=None, force=True)


async def test_steps_of_a_flow_that_goes_on_stay(
    parts: assembly.Parts, queue: Queue, retention: Retention, fake_clock: FakeClock
) -> None:
    step, single = await ended(parts, queue), await ended(parts, queue)
    tasks, flows = parts.record.database["tasks"], parts.record.database["flows"]
    await tasks.update_one({"_id": f"demo/{step.id}"}, {"$set": {"parent": {"flow": "f", "step": "a", "index": 0}}})
    await flows.insert_one({"_id": "demo/f", "tenant": "demo"})
    fake_clock.advance(31 * DAY)
    await retention.step()
    assert [await there(parts, task) for task in (step, single)] == [(True, False), (False, False)]
    await flows.update_one({"_id": "demo/f"}, {"$set": {"endedAt": fake_clock()}})
    await retention.step()
    assert await there(parts, step) == (False, False)


async def test_what_a_removed_queue_left_goes_too(
    parts: assembly.Parts, retention: Retention, fake_clock: FakeClock
) -> None:
    queue, _ = await parts.administration.put("demo", "intake", "gone", {}, by=ANN, match=None)
    task = await ended(parts, queue)
    await parts.administration.remove("demo", queue.key, by=ANN, match=None, force=False)
    fake_clock.advance(31 * DAY)
    await retention.step()
    assert await there(parts, task) == (False, False)


async def test_the_rest_of_a_deleted_task_stays_for_an_hour(
    parts: assembly.Parts, queue: Queue, retention: Retention, fake_clock: FakeClock
) -> None:
    (task,) = await submit(parts, queue)
    await parts.lifecycle.delete(task, by=ANN)
    stored = parts.record.database["tasks"]
    fake_clock.advance(TOMBSTONES)
    await retention.step()
    assert await stored.count_documents({}) == 1
    fake_clock.advance(timedelta(milliseconds=1))
    await retention.step()
    assert await stored.count_documents({}) == 0


async def test_events_of_what_is_still_open_go_when_no_task_is_kept_that_long(
    parts: assembly.Parts, queue: Queue, retention: Retention, fake_clock: FakeClock
) -> None:
    (task,) = await submit(parts, queue)
    await EventLog(parts.record.database).append([event(task.id, 1, 1, at=fake_clock())])
    fake_clock.advance(30 * DAY)
    await retention.step()
    assert await there(parts, task) == (True, True)
    fake_clock.advance(timedelta(milliseconds=1))
    await retention.step()
    assert await there(parts, task) == (True, False)


async def test_many_queues_are_taken_together(
    parts: assembly.Parts, retention: Retention, fake_clock: FakeClock
) -> None:
    made: list[Task] = []
    for number in range(18):
        queue, _ = await parts.administration.put("demo", "many", f"q{number}", {}, by=ANN, match=None)
        made.append(await ended(parts, queue))
    kept = made.pop()
    await parts.administration.put("demo", "many", "q17", {"retention_days": 60.0}, by=ANN, match=None)
    fake_clock.advance(31 * DAY)
    assert await retention.step() == EVERY_SECONDS
    assert {await there(parts, task) for task in made} == {(False, False)}
    assert await parts.record.tasks.get("demo", kept.id) is not None
