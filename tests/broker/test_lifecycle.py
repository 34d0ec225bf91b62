"""A task's life over the real stores: handed out once, fenced, ended once; and what happens when things go wrong."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from broker import assembly
from broker.admission import Submitted
from broker.dispatch import Claim
from broker.finishing import Finish
from broker.rabbit import topology
from core import errors
from core.creation import Submission
from core.priority import Priority
from core.queue import Queue
from core.task import Actor, Outcome, State, Task
from core.transitions.ends import CANCEL_GRACE
from store.tasks import Tasks
from tests.support.clock import FakeClock
from tests.support.waiting import wait_until

ANN = Actor(id="u-ann", name="Ann")
WIM = Actor(id="u-wim", name="Wim")
WES = Actor(id="u-wes", name="Wes")


async def submit(parts: assembly.Parts, queue: Queue, count: int = 1, **fields: object) -> list[Task]:
    wanted = [msgspec.structs.replace(Submission(name=f"task {n}"), **fields) for n in range(count)]
    answers = await parts.lifecycle.submit(queue, wanted, by=ANN)
    return [answer.task for answer in answers if isinstance(answer, Submitted)]


async def claim(
    parts: assembly.Parts, queue: Queue, gone: asyncio.Event, *, by: Actor = WIM, count: int = 1, wait: float = 0.0
) -> list[Task]:
    return await parts.lifecycle.claim(queue, Claim(by=by, count=count, wait=timedelta(seconds=wait)), gone)


async def test_submitted_is_claimed_and_completed_once(
    parts: assembly.Parts, queue: Queue, gone: asyncio.Event
) -> None:
    (task,) = await submit(parts, queue, params={"a": "$b"})
    (held,) = await claim(parts, queue, gone)
    assert (held.id, held.state, held.params) == (task.id, State.IN_PROGRESS, {"a": "$b"})
    assert held.exec_id is not None
    finish = Finish(tenant="demo", task_id=task.id, exec_id=held.exec_id, result={"$x": 1})
    first, again = [(await parts.lifecycle.complete([finish], by=WIM))[0] for _ in range(2)]
    assert first == again
    ended = await parts.record.tasks.get("demo", task.id)
    assert ended is not None
    assert (ended.outcome, ended.result, ended.due_at, ended.ticket_due) == (Outcome.SUCCEEDED, {"$x": 1}, None, None)
    assert await claim(parts, queue, gone) == []


@pytest.mark.parametrize("waits", [False, True])
async def test_a_claim_is_one_write_and_does_not_collect_what_comes_meanwhile(
    parts: assembly.Parts, queue: Queue, gone: asyncio.Event, monkeypatch: pytest.MonkeyPatch, *, waits: bool
) -> None:
    written, meanwhile = list[int](), list[Task]()
    write = Tasks.claim

    async def slowly(self: Tasks, tenant: str, tickets: Sequence[tuple[str, int]], *rest: Any) -> list[Task]:
        written.append(len(tickets))
        meanwhile.extend(await submit(parts, queue))
        return await write(self, tenant, tickets, *rest)

    monkeypatch.setattr(Tasks, "claim", slowly)
    if waits:
        claiming = asyncio.create_task(claim(parts, queue, gone, count=10, wait=30))
        lane = topology.lane(parts.settings.broker_prefix, "demo", queue.lane)
        await wait_until(lambda: parts.broker.consumer.drained([lane]), what="it waits")
        tasks = await submit(parts, queue)
        held = await claiming
    else:
        tasks = await submit(parts, queue, count=3)
        held = await claim(parts, queue, gone, count=10)
    assert [task.id for task in held] == [task.id for task in tasks]
    assert (written, len(meanwhile)) == ([len(tasks)], 1)


async def test_urgent_first_then_oldest(parts: assembly.Parts, queue: Queue, gone: asyncio.Event) -> None:
    wanted = [Priority.LOW, Priority.URGENT, Priority.NORMAL, Priority.URGENT, Priority.HIGH, Priority.LOW]
    tasks = [(await submit(parts, queue, priority=priority))[0] for priority in wanted]
    order = [(await claim(parts, queue, gone))[0].id for _ in wanted]
    assert order == [task.id for task in sorted(tasks, key=lambda task: task.place)]


async def test_a_batch_is_claimed_in_the_order_of_the_worklist(
    parts: assembly.Parts, queue: Queue, gone: asyncio.Event
) -> None:
    tasks = await submit(parts, queue, 30) + await submit(parts, queue, 30, priority=Priority.HIGH)
    got = await claim(parts, queue, gone, count=50)
    assert [task.id for task in got] == [task.id for task in sorted(tasks, key=lambda task: task.place)][:50]
    assert len(await claim(parts, queue, gone, count=50)) == 10


async def test_many_claimers_never_share_a_task(parts: assembly.Parts, queue: Queue, gone: asyncio.Event) -> None:
    await submit(parts, queue, 300)
    got = await asyncio.gather(*[claim(parts, queue, gone, count=10) for _ in range(40)])
    ids = [task.id for tasks in got for task in tasks]
    assert len(ids) == len(set(ids)) == 300


async def test_one_of_many_starts_wins(parts: assembly.Parts, queue: Queue) -> None:
    (task,) = await submit(parts, queue)
    starts = [parts.lifecycle.start(task, exec_id=None, by=Actor(id=f"u-{n}", name="x")) for n in range(30)]
    answers = await asyncio.gather(*starts, return_exceptions=True)
    assert sum(isinstance(answer, Task) for answer in answers) == 1
    assert sum(isinstance(answer, errors.WrongState) for answer in answers) == 29


async def test_a_waiting_claim_is_answered_by_a_submit(
    parts: assembly.Parts, queue: Queue, gone: asyncio.Event
) -> None:
    waiting = asyncio.create_task(claim(parts, queue, gone, wait=20.0))
    await asyncio.sleep(0)
    (task,) = await submit(parts, queue)
    assert [held.id for held in await waiting] == [task.id]


async def test_a_caller_that_hung_up_gets_nothing(parts: assembly.Parts, queue: Queue, gone: asyncio.Event) -> None:
    hung_up = asyncio.Event()
    waiting = asyncio.create_task(claim(parts, queue, hung_up, wait=20.0))
    await asyncio.sleep(0)
    hung_up.set()
    assert await waiting == []
    (task,) = await submit(parts, queue)
    assert [held.id for held in await claim(parts, queue, gone, wait=5.0)] == [task.id]


async def test_a_late_holder_is_refused(parts: assembly.Parts, queue: Queue, gone: asyncio.Event) -> None:
    await submit(parts, queue)
    (first,) = await claim(parts, queue, gone)
    assert first.exec_id is not None
    await parts.lifecycle.release(first, exec_id=first.exec_id, by=WIM)
    (second,) = await claim(parts, queue, gone, by=WES)
    late = Finish(tenant="demo", task_id=first.id, exec_id=first.exec_id)
    (refused,) = await parts.lifecycle.complete([late], by=WIM)
    assert isinstance(refused, errors.LeaseLost)
    with pytest.raises(errors.LeaseLost):
        await parts.lifecycle.heartbeat("demo", first.id, exec_id=first.exec_id, progress=None, by=WIM)
    with pytest.raises(errors.LeaseLost):
        await parts.lifecycle.fail(first, exec_id=first.exec_id, error=None, retryable=True, by=WIM)
    now = await parts.record.tasks.get("demo", first.id)
    assert now is not None
    assert (now.exec_id, now.seq, now.attempt) == (second.exec_id, second.seq, 2)


async def test_a_heartbeat_moves_the_lease_and_tells_of_a_cancel(
    parts: assembly.Parts, queue: Queue, gone: asyncio.Event, fake_clock: FakeClock
) -> None:
    await submit(parts, queue)
    (held,) = await claim(parts, queue, gone)
    assert held.exec_id is not None
    fake_clock.advance(timedelta(seconds=60))
    beat = await parts.lifecycle.heartbeat("demo", held.id, exec_id=held.exec_id, progress=None, by=WIM)
    assert (beat.lease_until, beat.cancel_requested) == (fake_clock() + timedelta(seconds=120), False)
    asked = await parts.lifecycle.cancel(held, by=ANN, message="stop", now=False)
    assert asked.state is State.IN_PROGRESS
    assert asked.due_at == fake_clock() + CANCEL_GRACE
    beat = await parts.lifecycle.heartbeat("demo", held.id, exec_id=held.exec_id, progress=None, by=WIM)
    assert beat.cancel_requested
    now = await parts.record.tasks.get("demo", held.id)
    assert now is not None
    assert now.due_at == fake_clock() + CANCEL_GRACE


async def test_a_changed_priority_counts_and_the_old_ticket_does_not(
    parts: assembly.Parts, queue: Queue, gone: asyncio.Event
) -> None:
    first, second = await submit(parts, queue, 2, priority=Priority.HIGH)
    await parts.lifecycle.prioritise(first, to=Priority.LOW, by=ANN)
    third = (await submit(parts, queue, priority=Priority.NORMAL))[0]
    order = [(await claim(parts, queue, gone))[0].id for _ in range(3)]
    assert order == [second.id, third.id, first.id]


async def test_an_assigned_task_is_not_handed_to_others(
    parts: assembly.Parts, queue: Queue, gone: asyncio.Event
) -> None:
    (task,) = await submit(parts, queue)
    assigned = await parts.lifecycle.assign(task, to=WES, by=ANN)
    assert await claim(parts, queue, gone) == []
    with pytest.raises(errors.Forbidden):
        await parts.lifecycle.start(assigned, exec_id=None, by=WIM)
    await parts.lifecycle.assign(assigned, to=None, by=ANN)
    assert [held.id for held in await claim(parts, queue, gone)] == [task.id]


async def test_a_paused_queue_takes_but_does_not_give(parts: assembly.Parts, queue: Queue, gone: asyncio.Event) -> None:
    paused = await parts.administration.change("demo", queue.key, {"paused": True}, by=ANN)
    (task,) = await submit(parts, paused)
    assert await claim(parts, paused, gone) == []
    going = await parts.administration.change("demo", queue.key, {"paused": False}, by=ANN)
    assert [held.id for held in await claim(parts, going, gone)] == [task.id]


async def test_a_queue_with_open_tasks_is_removed_by_force_only(parts: assembly.Parts) -> None:
    queue, _ = await parts.administration.put("demo", "intake", "gone", {}, by=ANN, match=None)
    tasks = await submit(parts, queue, 3)
    with pytest.raises(errors.QueueNotEmpty):
        await parts.administration.remove("demo", queue.key, by=ANN, match=None, force=False)
    assert await parts.administration.remove("demo", queue.key, by=ANN, match=None, force=True) == 3
    after = await parts.record.tasks.get_many("demo", [task.id for task in tasks])
    assert {task.outcome for task in after.values()} == {Outcome.CANCELED}
    with pytest.raises(errors.NotFound):
        await parts.directory.queue("demo", queue.key)
