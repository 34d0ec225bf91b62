"""A worker at work: many at once but not too many, leases kept, asked to stop, cut off, and stopped."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from penstock import AsyncClient, Context, Fail, Forbidden, NewTask, NotFound
from penstock.models.task import Task

from tests.sdk import working
from tests.sdk.conftest import Server
from tests.support.proxy import Proxy
from tests.support.waiting import wait_until


async def submitted(client: AsyncClient, queue: str, count: int) -> list[Task]:
    results = await client.tasks.submit_many(queue, [NewTask(params=n) for n in range(count)])
    return [await client.tasks.get(result.task.id) for result in results if result.task]


async def all_done(client: AsyncClient, queue: str, count: int) -> Sequence[Task]:
    async def look() -> list[Task]:
        found = [task async for task in client.tasks.list(queue, state="done")]
        return found if len(found) == count else []

    return await wait_until(look, what=f"{count} tasks to be done", timeout=30)


async def test_many_tasks_cost_few_calls(server: Server, ada: AsyncClient, queue: str) -> None:
    # A lease that outlasts the test: heartbeats are due at a third of it.
    await ada.tasks.submit_many(queue, [NewTask(params=n, lease_seconds=600) for n in range(1000)])
    counted = working.Counted()
    worker = working.worker(server, counted=counted, heartbeat_seconds=100)
    seen: list[int] = []

    @worker.task(queue)
    async def note(ctx: Context[int]) -> None:
        seen.append(ctx.params)

    async with working.serving(worker):
        await all_done(ada, queue, 1000)
    assert sorted(seen) == list(range(1000))
    assert counted.seen["claims"] + counted.seen["settle"] < 100, counted.seen
    assert "heartbeat" not in counted.seen


async def test_no_more_at_once_than_it_may(server: Server, ada: AsyncClient, queue: str) -> None:
    await ada.tasks.submit_many(queue, [NewTask() for _ in range(12)])
    worker = working.worker(server, concurrency=3)
    running, most = 0, 0
    go = asyncio.Semaphore(0)

    @worker.task(queue)
    async def slow(ctx: Context[Any]) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await go.acquire()
        running -= 1

    async with working.serving(worker):
        await wait_until(lambda: running == 3, what="three to run")
        held = [task async for task in ada.tasks.list(queue, state="in-progress")]
        assert len(held) == 3, "what cannot be begun soon is left to others"
        for _ in range(12):
            go.release()
        await all_done(ada, queue, 12)
    assert most == 3


async def test_a_lease_is_kept_for_as_long_as_it_takes(server: Server, ada: AsyncClient, queue: str) -> None:
    """Also of tasks in threads, and of those that wait in the worker's hands for their turn."""
    await ada.queues.update(queue, {"defaults": {"leaseSeconds": 0.6}})
    worker = working.worker(server)
    go = threading.Event()

    @worker.task(queue)
    def slow(ctx: Context[Any]) -> int:
        ctx.progress(3, 4, unit="pages", message="still")
        assert go.wait(30)
        return ctx.attempt

    made = await ada.tasks.submit(queue)
    async with working.serving(worker):
        began = (await working.becomes(ada, made, lambda task: task.state == "in-progress", "it to run")).lease_until
        assert began is not None
        later = await working.becomes(
            ada, made, lambda task: task.lease_until and (task.lease_until - began).total_seconds() > 1.2, "two leases"
        )
        assert (later.attempt, later.progress and later.progress.message) == (1, "still")
        go.set()
        (task,) = await working.ended(ada, made)
    assert (task.result, task.attempt) == (1, 1)


async def test_a_coroutine_is_cancelled_when_somebody_asks(server: Server, ada: AsyncClient, queue: str) -> None:
    worker = working.worker(server)
    why: list[str | None] = []

    @worker.task(queue)
    async def endless(ctx: Context[Any]) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            why.append(ctx.why_cancelled)

    made = await ada.tasks.submit(queue)
    async with working.serving(worker):
        await working.becomes(ada, made, lambda task: task.state == "in-progress", "it to run")
        assert (await ada.tasks.cancel(made, "enough")).cancel_requested
        (task,) = await working.ended(ada, made)
    assert (task.outcome, why) == ("canceled", ["cancel-requested"])


async def test_a_thread_sees_that_it_is_asked(server: Server, ada: AsyncClient, queue: str) -> None:
    worker = working.worker(server)

    @worker.task(queue)
    def endless(ctx: Context[Any]) -> str:
        try:
            while True:
                ctx.sleep(5)
        except Exception:  # noqa: BLE001 - what a careless handler does
            return "swallowed"

    made = await ada.tasks.submit(queue)
    async with working.serving(worker):
        await working.becomes(ada, made, lambda task: task.state == "in-progress", "it to run")
        await ada.tasks.cancel(made)
        (task,) = await working.ended(ada, made)
    assert (task.outcome, task.result) == ("canceled", None)


async def test_a_handler_may_finish_although_it_was_asked_to_stop(server: Server, ada: AsyncClient, queue: str) -> None:
    worker = working.worker(server)

    @worker.task(queue)
    async def stubborn(ctx: Context[Any]) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "done anyway"
        return ""

    made = await ada.tasks.submit(queue)
    async with working.serving(worker):
        await working.becomes(ada, made, lambda task: task.state == "in-progress", "it to run")
        await ada.tasks.cancel(made)
        (task,) = await working.ended(ada, made)
    assert (task.outcome, task.result) == ("succeeded", "done anyway")


async def test_work_that_was_taken_away_is_dropped(server: Server, ada: AsyncClient, queue: str) -> None:
    counted = working.Counted()
    worker = working.worker(server, counted=counted)
    why: asyncio.Queue[str | None] = asyncio.Queue()

    @worker.task(queue)
    async def endless(ctx: Context[Any]) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            why.put_nowait(ctx.why_cancelled)

    made = await ada.tasks.submit(queue)
    async with working.serving(worker):
        await working.becomes(ada, made, lambda task: task.state == "in-progress", "it to run")
        await ada.tasks.cancel(made, mode="now")
        assert await asyncio.wait_for(why.get(), 10) == "lease-lost"
    assert "settle" not in counted.seen


async def test_a_lost_connection_loses_nothing(server: Server, ada: AsyncClient, queue: str) -> None:
    """The connection breaks while handlers run; they end while it is away; their ends arrive when it is back."""
    runs: list[int] = []
    go = asyncio.Event()
    async with Proxy(server.api) as proxy:
        worker = working.worker(server, url=proxy.url)

        @worker.task(queue)
        async def work(ctx: Context[int]) -> int:
            runs.append(ctx.params)
            await go.wait()
            return ctx.params * 2

        await ada.queues.update(queue, {"defaults": {"leaseSeconds": 20}})
        await submitted(ada, queue, 5)
        async with working.serving(worker):
            await wait_until(lambda: len(runs) == 5, what="all to run")
            await proxy.shut()
            go.set()
            await wait_until(lambda: not worker_runs(worker), what="all to end")
            await proxy.reopen()
            done = await all_done(ada, queue, 5)
            (after,) = await working.ended(ada, await ada.tasks.submit(queue, 7))
    assert sorted(runs) == [0, 1, 2, 3, 4, 7]
    assert sorted(task.result for task in done) == [0, 2, 4, 6, 8]
    assert after.result == 14


def worker_runs(worker: Any) -> int:
    """How many handlers run."""
    return len(worker._engine._running)


async def test_stopping_finishes_what_runs_and_gives_back_the_rest(
    server: Server, ada: AsyncClient, queue: str
) -> None:
    """Two queues for two places: each brings two tasks, so two run and two wait in hand."""
    other = f"{queue}-other"
    bindings = {"bindings": {"workers": ["reviewer"]}}
    await ada.queues.put_body(other, bindings)
    made = await submitted(ada, queue, 2) + await submitted(ada, other, 2)
    worker = working.worker(server, concurrency=2)
    begun: list[str] = []
    go = asyncio.Event()

    async def work(ctx: Context[Any]) -> None:
        begun.append(ctx.id)
        await go.wait()

    worker.task(queue)(work)
    worker.task(other)(work)
    serving = asyncio.create_task(worker.serve())
    for task in made:
        await working.becomes(ada, task, lambda now: now.state == "in-progress", "it to be claimed")
    worker.stop()
    waiting = [task for task in made if task.id not in begun]
    assert (len(begun), len(waiting)) == (2, 2)
    for task in waiting:
        back = await working.becomes(ada, task, lambda now: now.state == "ready", "it to be given back")
        assert back.attempts_left == 2
    assert not serving.done()
    go.set()
    assert await serving
    assert [(await ada.tasks.get(task_id)).outcome for task_id in begun] == ["succeeded", "succeeded"]


async def test_what_does_not_end_in_time_is_given_back(server: Server, ada: AsyncClient, queue: str) -> None:
    worker = working.worker(server, drain_seconds=0.1)
    why: list[str | None] = []
    begun = asyncio.Event()

    @worker.task(queue)
    async def endless(ctx: Context[Any]) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            why.append(ctx.why_cancelled)

    made = await ada.tasks.submit(queue)
    async with working.serving(worker):
        await asyncio.wait_for(begun.wait(), 10)
    task = await ada.tasks.get(made)
    assert (task.state, task.attempts_left, why) == ("ready", 2, ["shutdown"])


async def test_a_thread_that_does_not_stop_is_left_behind_and_its_task_given_back(
    server: Server, ada: AsyncClient, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.work.engine._GRACE_SECONDS", 0.1)
    worker = working.worker(server, drain_seconds=0.1)
    begun, go = threading.Event(), threading.Event()

    @worker.task(queue)
    def deaf(ctx: Context[Any]) -> str:
        begun.set()
        assert go.wait(30)
        return "too late"

    made = await ada.tasks.submit(queue)
    serving = asyncio.create_task(worker.serve())
    await wait_until(begun.is_set, what="it to run")
    worker.stop()
    assert not await serving
    task = await ada.tasks.get(made)
    assert (task.state, task.attempts_left) == ("ready", 2)
    go.set()


async def test_a_second_stop_does_not_wait_for_handlers(server: Server, ada: AsyncClient, queue: str) -> None:
    worker = working.worker(server, drain_seconds=60)

    @worker.task(queue)
    async def endless(ctx: Context[Any]) -> None:
        await asyncio.Event().wait()

    made = await ada.tasks.submit(queue)
    serving = asyncio.create_task(worker.serve())
    await working.becomes(ada, made, lambda task: task.state == "in-progress", "it to run")
    worker.stop()
    worker.stop()
    assert await asyncio.wait_for(serving, 10)
    assert (await ada.tasks.get(made)).state == "ready"


async def test_a_mistake_in_the_setup_ends_it_at_once(server: Server, ada: AsyncClient, queue: str) -> None:
    worker = working.worker(server)
    worker.task("sdk:nowhere")(print)
    with pytest.raises(NotFound):
        await worker.serve()
    await ada.queues.put_body("sdk:not-for-wim", {"bindings": {"readers": ["reviewer"]}})
    forbidden = working.worker(server)
    forbidden.task("sdk:not-for-wim")(print)
    forbidden.task(queue)(print)
    with pytest.raises(Forbidden):
        await forbidden.serve()


async def test_urgent_work_overtakes(server: Server, ada: AsyncClient, queue: str) -> None:
    """What runs for long is not claimed ahead, so that what is urgent comes next."""
    worker = working.worker(server, concurrency=1)
    order: list[str] = []
    go = asyncio.Semaphore(0)

    @worker.task(queue)
    async def slow(ctx: Context[str]) -> None:
        order.append(ctx.params)
        await go.acquire()
        if ctx.params == "bad":
            raise Fail("so")

    for name in ("first", "second"):
        await ada.tasks.submit(queue, name)
    async with working.serving(worker):
        await wait_until(lambda: order == ["first"], what="the first to run")
        await ada.tasks.submit(queue, "urgent", priority="urgent")
        go.release()
        await wait_until(lambda: len(order) == 2, what="the next to run")
        go.release()
        go.release()
        await all_done(ada, queue, 3)
    assert order == ["first", "urgent", "second"]
