"""The client against the real server: every call of the native API that it has."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from penstock import (
    AlreadyExists,
    AsyncClient,
    Bindings,
    Changed,
    Client,
    Forbidden,
    Invalid,
    KeyReused,
    LeaseLost,
    NewTask,
    NotFound,
    PayloadMismatch,
    PreconditionFailed,
    Progress,
    QueueNotEmpty,
    RetryPolicy,
    Settlement,
    Unauthenticated,
    UsageError,
    WrongState,
    errors,
)
from penstock.transport import NO_RETRIES

from tests.sdk.conftest import Server
from tests.support.waiting import wait_until


async def test_a_caller_is_known(ada: AsyncClient, server: Server) -> None:
    me = await ada.me()
    assert (me.tenant, me.name, me.operator) == ("demo", "Ada Admin", False)
    async with AsyncClient(server.api, token="nonsense") as stranger:
        with pytest.raises(Unauthenticated):
            await stranger.me()


async def test_a_queue_is_made_changed_and_deleted(ada: AsyncClient, wim: AsyncClient) -> None:
    made = await ada.queues.put(
        "sdk:a queue", bindings=Bindings(workers=("reviewer",)), display_name="A", create_only=True
    )
    assert (made.key, made.version, made.bindings.workers) == ("sdk:a queue", 1, ("reviewer",))
    with pytest.raises(PreconditionFailed):
        await ada.queues.put("sdk:a queue", create_only=True)
    changed = await ada.queues.update("sdk:a queue", {"description": "B"}, version=1)
    assert (changed.display_name, changed.description, changed.version) == ("A", "B", 2)
    with pytest.raises(PreconditionFailed):
        await ada.queues.update("sdk:a queue", {"description": "C"}, version=1)
    with pytest.raises(Forbidden):
        await wim.queues.pause(made)
    assert (await ada.queues.pause(made)).paused
    assert not (await ada.queues.resume(made)).paused
    await ada.tasks.submit(made)
    with pytest.raises(QueueNotEmpty):
        await ada.queues.delete(made)
    assert await ada.queues.delete(made, force=True) == 1
    with pytest.raises(NotFound):
        await ada.queues.get(made)


async def test_a_queue_is_seen_by_whom_it_concerns(
    ada: AsyncClient, wim: AsyncClient, server: Server, queue: str
) -> None:
    assert queue in [each.key async for each in wim.queues.list(namespace="sdk")]
    assert (await wim.queues.get(queue)).rights == ("read", "work")
    async with AsyncClient(server.api, token=server.login("nil")) as nil:
        assert [each.key async for each in nil.queues.list()] == []
    await ada.tasks.submit(queue)
    metrics = await ada.queues.metrics(queue)
    assert (metrics.open, metrics.by_state["ready"], metrics.by_priority["normal"]) == (1, 1, 1)
    assert await ada.queues.purge(queue) == 1


async def test_a_task_is_submitted_with_all_that_can_be_said(ada: AsyncClient, queue: str) -> None:
    begin = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    task = await ada.tasks.submit(
        queue, {"a": [1, None]}, name="n", description="d", context={"c": 1}, labels=["x", "y"], record_id="r",
        priority="urgent", execute_at=begin, expire_at=begin + timedelta(days=1), lease=timedelta(minutes=2),
        start_timeout=30, overall_timeout=3600, retry=RetryPolicy(max_attempts=7),
    )  # fmt: skip
    assert (task.state, task.params, task.labels, task.record_id) == ("waiting", {"a": [1, None]}, ("x", "y"), "r")
    assert (task.execute_at, task.expire_at) == (begin, begin + timedelta(days=1))
    limits = task.limits
    assert (limits.lease_seconds, limits.start_timeout_seconds, limits.overall_timeout_seconds) == (120, 30, 3600)
    assert limits.retry is not None
    assert limits.retry.max_attempts == 7
    with pytest.raises(UsageError, match="has no time zone"):
        await ada.tasks.submit(queue, execute_at=datetime(2026, 1, 1))  # noqa: DTZ001


async def test_a_key_makes_a_second_submit_harmless(ada: AsyncClient, queue: str) -> None:
    first = await ada.tasks.submit(queue, {"a": 1}, key="k")
    assert (await ada.tasks.submit(queue, {"a": 1}, key="k")).id == first.id
    with pytest.raises(KeyReused) as refused:
        await ada.tasks.submit(queue, {"a": 2}, key="k")
    assert refused.value.problem.extra["taskId"] == first.id


async def test_a_batch_answers_for_every_task(ada: AsyncClient, queue: str) -> None:
    await ada.queues.update(queue, {"paramsSchema": {"type": "object", "required": ["n"]}})
    tasks = [NewTask(params={"n": 1}, dedup_key="k"), NewTask(params={}), NewTask(params={"n": 1}, dedup_key="k")]
    new, bad, known = await ada.tasks.submit_many(queue, tasks)
    assert (new.status, new.created, bad.status, known.created) == (201, True, 422, False)
    assert isinstance(bad.error, PayloadMismatch)
    assert new.task is not None
    assert known.task is not None
    assert new.task.id == known.task.id
    with pytest.raises(PayloadMismatch, match="n"):
        await ada.tasks.submit(queue, {})


async def test_the_life_of_a_task_in_a_workers_hands(ada: AsyncClient, wim: AsyncClient, queue: str) -> None:
    made = await ada.tasks.submit(queue, {"a": 1})
    (held,) = await wim.tasks.claim(queue, count=5, worker="w1")
    assert (held.id, held.params, held.attempt, held.worker, held.limits.lease_seconds) == (
        made.id,
        {"a": 1},
        1,
        "w1",
        2,
    )
    beat = await wim.tasks.heartbeat(held, progress=Progress(current=1, total=2, unit="pages", message="so far"))
    assert beat.lease_until is not None
    assert held.lease_until is not None
    assert beat.lease_until >= held.lease_until
    assert not beat.cancel_requested
    shown = await ada.tasks.get(held)
    assert shown.progress == Progress(current=1, total=2, unit="pages", message="so far")
    with pytest.raises(LeaseLost):
        await wim.tasks.complete(held.id, exec_id="other")
    with pytest.raises(UsageError, match="exec_id"):
        await wim.tasks.complete(held.id)
    first, second = [await wim.tasks.complete(held, {"b": 2}) for _ in range(2)]
    assert first == second
    ended = await ada.tasks.wait(made, timeout=5)
    assert (ended.outcome, ended.result, ended.ended) == ("succeeded", {"b": 2}, True)


async def test_reserve_start_release_fail_and_retry(ada: AsyncClient, wim: AsyncClient, queue: str) -> None:
    made = await ada.tasks.submit(queue)
    (reserved,) = await wim.tasks.claim(queue, start=False)
    assert reserved.state == "requested"
    started = await wim.tasks.start(reserved)
    assert (started.state, started.attempt) == ("in-progress", 1)
    assert (await wim.tasks.release(started)).state == "ready"
    picked = await wim.tasks.start(made)
    assert picked.lease_until is None
    waiting = await wim.tasks.fail(picked, {"why": "x"})
    assert (waiting.state, waiting.error) == ("waiting", {"why": "x"})
    (again,) = await wim.tasks.claim(queue, wait=10)
    dead = await wim.tasks.fail(again, {"why": "y"}, retryable=False)
    assert (dead.outcome, dead.dead) == ("failed", True)
    assert [task.id async for task in ada.tasks.list(queue, dead=True)] == [made.id]
    assert (await ada.tasks.retry(made)).state == "ready"
    with pytest.raises(WrongState):
        await ada.tasks.retry(made)


async def test_many_ends_in_one_call(ada: AsyncClient, wim: AsyncClient, queue: str) -> None:
    await ada.tasks.submit_many(queue, [NewTask(params=n) for n in range(4)])
    held = await wim.tasks.claim(queue, count=4)
    one, two, three, four = [Settlement(id=task.id, exec_id=task.exec_id) for task in held]
    two = two.model_copy(update={"action": "fail", "error": {"m": 1}, "retryable": False})
    three = three.model_copy(update={"action": "release"})
    four = four.model_copy(update={"exec_id": "other"})
    results = await wim.tasks.settle([one, two, three, four])
    assert [result.status for result in results] == [200, 200, 200, 409]
    assert [result.task.state if result.task else None for result in results] == ["done", "done", "ready", None]
    assert isinstance(results[3].error, LeaseLost)


async def test_tasks_are_looked_for(ada: AsyncClient, queue: str) -> None:
    for n in range(5):
        await ada.tasks.submit(queue, name=f"n{n}", labels=[f"l{n % 2}"], priority="high" if n == 4 else None)
    first = await ada.tasks.page(queue, limit=2)
    assert [task.name for task in first.items] == ["n4", "n0"]
    second = await ada.tasks.page(queue, limit=2, after=first.next)
    assert [task.name for task in second.items] == ["n1", "n2"]
    assert [task.name async for task in ada.tasks.list(queue, label="l1")] == ["n1", "n3"]
    assert [task.name async for task in ada.tasks.list(queue, priority=["high", "urgent"])] == ["n4"]
    assert [task.name async for task in ada.tasks.list(queue, limit=3)] == ["n4", "n0", "n1"]
    assert [task.name async for task in ada.tasks.list([queue], sort="-createdAt", limit=1)] == ["n4"]
    assert not [task async for task in ada.tasks.list(queue, created_to=datetime.now(UTC) - timedelta(hours=1))]
    with pytest.raises(Invalid):
        await ada.tasks.page(queue, after="nonsense")


async def test_what_an_overseer_does(ada: AsyncClient, wim: AsyncClient, queue: str) -> None:
    task = await ada.tasks.submit(queue, name="a")
    changed = await ada.tasks.update(task, {"name": "b", "labels": ["x"]}, seq=task.seq)
    assert (changed.name, changed.labels) == ("b", ("x",))
    with pytest.raises((PreconditionFailed, Changed)):
        await ada.tasks.update(task, {"name": "c"}, seq=task.seq)
    assert (await ada.tasks.set_priority(task, "urgent")).priority == "urgent"
    me = await wim.me()
    assigned = await ada.tasks.assign(task, {"id": me.subject, "name": "Wim"})
    assert assigned.assignment is not None
    assert assigned.assignment.to is not None
    assert assigned.assignment.to.name == "Wim"
    assert [each.id async for each in wim.tasks.list(queue, assignee="me")] == [task.id]
    await ada.tasks.assign(task, None)
    (held,) = await wim.tasks.claim(queue)
    asked = await ada.tasks.cancel(task, "enough")
    assert asked.cancel_requested
    assert (await wim.tasks.heartbeat(held)).cancel_requested
    assert (await wim.tasks.release(held)).outcome == "canceled"
    other = await ada.tasks.submit(queue)
    assert (await ada.tasks.cancel(other, mode="now")).outcome == "canceled"
    await ada.tasks.delete(other)
    with pytest.raises(NotFound):
        await ada.tasks.get(other)


async def test_what_happened_is_told_and_followed(ada: AsyncClient, wim: AsyncClient, queue: str) -> None:
    opened = asyncio.Event()
    heard: list[str] = []

    async def follow() -> None:
        async for event in ada.events.follow(queue=queue, on_open=opened.set):
            heard.append(event.type)
            if event.outcome is not None:
                return

    following = asyncio.create_task(follow())
    await asyncio.wait_for(opened.wait(), 10)
    task = await ada.tasks.submit(queue)
    (held,) = await wim.tasks.claim(queue)
    await wim.tasks.complete(held)
    await asyncio.wait_for(following, 20)
    assert heard == ["created", "started", "succeeded"]
    assert [event.type async for event in ada.tasks.history(task)] == heard
    page = await ada.events.page(task=task.id)
    assert [event.type for event in page.items] == heard


async def test_dead_letters_are_redriven(ada: AsyncClient, wim: AsyncClient, queue: str) -> None:
    await ada.tasks.submit_many(queue, [NewTask(labels=("a",)), NewTask(labels=("b",))])
    for held in await wim.tasks.claim(queue, count=2):
        await wim.tasks.fail(held, retryable=False)
    redrive = await ada.tasks.redrive(queue, filter={"label": "a"})

    async def over() -> bool:
        return (await ada.tasks.get_redrive(queue, redrive.id)).state == "done"

    await wait_until(over, what="the redrive to end")
    assert [task.labels async for task in ada.tasks.list(queue)] == [("a",)]
    await ada.tasks.undo_redrive(queue, redrive.id)

    async def undone() -> bool:
        return len([task async for task in ada.tasks.list(queue, dead=True)]) == 2

    await wait_until(undone, what="the redrive to be undone")
    with pytest.raises(UsageError):
        await ada.tasks.redrive(queue, ids=[])


@pytest.fixture
async def root(server: Server) -> AsyncIterator[AsyncClient]:
    """An operator, in the tenant demo."""
    async with AsyncClient(server.api, token=server.login("root", "core"), tenant="demo", retries=NO_RETRIES) as client:
        yield client


async def test_an_operator_acts_in_a_tenant(root: AsyncClient, server: Server) -> None:
    assert {"demo", "acme"} <= {tenant.id async for tenant in root.tenants.list()}
    shown = await root.tenants.get("demo")
    assert (shown.id, shown.issuer) == ("demo", f"{server.auth}/realms/demo")
    assert (await root.queues.put("sdk:by-root")).key == "sdk:by-root"
    async with AsyncClient(server.api, token=server.login("root", "core")) as nowhere:
        with pytest.raises(errors.ApiError):
            await nowhere.queues.put("sdk:nowhere")


async def test_a_tenants_settings_are_changed(root: AsyncClient) -> None:
    assert (await root.tenants.update("demo", {"displayName": "Demo"})).display_name == "Demo"


def test_the_synchronous_client_does_the_same(server: Server, queue: str) -> None:
    with Client(server.api, token=server.login("ada")) as ada, Client(server.api, token=server.login("wim")) as wim:
        made = ada.tasks.submit(queue, {"a": 1})
        (held,) = wim.tasks.claim(queue)
        wim.tasks.complete(held, "fine")
        assert ada.tasks.wait(made, timeout=5).result == "fine"
        # The history is written behind the task: what happened last may be a moment late.
        deadline = time.monotonic() + 10
        while len(kinds := [event.type for event in ada.tasks.history(made)]) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert kinds == ["created", "started", "succeeded"]
        assert issubclass(AlreadyExists, errors.Conflict)
