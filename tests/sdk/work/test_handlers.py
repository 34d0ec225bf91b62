"""However a handler is written and however it ends, the server learns of it rightly."""

import dataclasses
import os
import threading
from datetime import UTC, datetime
from typing import Any

import pydantic
import pytest
from penstock import AsyncClient, Context, Fail, Release, Retry, RetryPolicy, UsageError, Worker

from tests.sdk import working
from tests.sdk.conftest import Server


class Report(pydantic.BaseModel):
    airport: str
    cost: int = 0


@dataclasses.dataclass
class Summary:
    at: datetime
    where: str


def in_a_process(ctx: Context[Any]) -> dict[str, int]:
    """Importable, as a handler for a pool of processes must be."""
    ctx.progress(1, 2)
    if ctx.params == "die":
        os._exit(3)
    return {"pid": os.getpid(), "parent": os.getppid()}


async def a_coroutine(ctx: Context[Any]) -> None:
    """Does nothing."""


async def test_what_it_returns_is_the_result(server: Server, ada: AsyncClient, queue: str) -> None:
    worker = working.worker(server)

    @worker.task(queue, params=Report)
    def review(ctx: Context[Report]) -> Any:
        assert threading.current_thread().name.startswith("penstock-task")
        match ctx.params.airport:
            case "model":
                return ctx.params
            case "dataclass":
                return Summary(at=datetime(2026, 1, 5, tzinfo=UTC), where="x")
            case "odd":
                return {"set": {1}, "nan": float("nan"), "bytes": b"x"}
            case "never":
                return object()
            case _:
                return None

    names = ["model", "dataclass", "odd", "none", "never"]
    made = [await ada.tasks.submit(queue, {"airport": name, "cost": "7"}) for name in names]
    async with working.serving(worker):
        model, data, odd, none, never = await working.ended(ada, *made)
    assert model.result == {"airport": "model", "cost": 7}
    assert data.result == {"at": "2026-01-05T00:00:00Z", "where": "x"}
    assert odd.result == {"set": [1], "nan": None, "bytes": "x"}
    assert (none.outcome, none.result) == ("succeeded", None)
    assert (never.outcome, never.error["type"], never.attempt) == ("failed", "ResultNotJson", 1)


async def test_params_that_do_not_fit_fail_for_good(server: Server, ada: AsyncClient, queue: str) -> None:
    worker = working.worker(server)

    @worker.task(queue, params=Report)
    async def review(ctx: Context[Report]) -> None:
        raise AssertionError(ctx.params)

    made = await ada.tasks.submit(queue, {"cost": "much"})
    async with working.serving(worker):
        (task,) = await working.ended(ada, made)
    assert (task.outcome, task.attempt, task.error["type"]) == ("failed", 1, "ParamsRefused")
    assert {fault["field"] for fault in task.error["faults"]} == {"airport", "cost"}


@pytest.mark.parametrize("kind", ["raise", "return"])
async def test_it_ends_as_it_chooses(server: Server, ada: AsyncClient, queue: str, kind: str) -> None:
    worker = working.worker(server)
    seen: dict[str, int] = {}

    @worker.task(queue)
    async def choose(ctx: Context[Any]) -> Any:
        seen[ctx.params] = seen.get(ctx.params, 0) + 1
        first = seen[ctx.params] == 1
        ends: dict[str, Exception] = {
            "fail": Fail("for good"), "retry": Retry("later", error={"code": 7}), "release": Release(),
            "error": ValueError("no such thing"),
        }  # fmt: skip
        if not first and ctx.params != "error":
            return "second"
        if kind == "raise" or ctx.params == "error":
            raise ends[ctx.params]
        return ends[ctx.params]

    made = [await ada.tasks.submit(queue, name) for name in ("fail", "retry", "release", "error")]
    async with working.serving(worker):
        fail, retry, release, error = await working.ended(ada, *made)
    assert (fail.outcome, fail.error, fail.attempt) == ("failed", {"type": "Fail", "message": "for good"}, 1)
    assert (retry.result, retry.attempt, retry.attempts_left) == ("second", 2, 1)
    assert (release.result, release.attempt, release.attempts_left) == ("second", 2, 2)
    assert (error.outcome, error.attempt, error.dead) == ("failed", 2, True)
    assert error.error == {"type": "ValueError", "message": "no such thing"}


async def test_a_pool_of_processes_works_apart_and_survives_a_death(
    server: Server, ada: AsyncClient, queue: str
) -> None:
    worker = working.worker(server, pool_processes=1)
    worker.task(queue, run_in="process")(in_a_process)
    async with working.serving(worker):
        fine = await ada.tasks.submit(queue, "fine")
        (task,) = await working.ended(ada, fine)
        assert task.result["parent"] == os.getpid() != task.result["pid"]
        assert task.progress is None or task.progress.total == 2
        dead = await ada.tasks.submit(queue, "die", retry=RetryPolicy(max_attempts=1))
        (task,) = await working.ended(ada, dead)
        assert (task.outcome, task.error["type"], task.attempt) == ("failed", "ProcessDied", 1)
        (task,) = await working.ended(ada, await ada.tasks.submit(queue, "fine"))
        assert task.outcome == "succeeded"


async def test_a_handler_submits_more_work(server: Server, ada: AsyncClient, queue: str) -> None:
    await ada.queues.update(queue, {"bindings": {"submitters": ["reviewer"]}})
    worker = working.worker(server)

    @worker.task(queue)
    def parent(ctx: Context[Any]) -> Any:
        if ctx.params == "child":
            return None
        return ctx.blocking_client.tasks.submit(ctx.task.queue, "child", key=f"{ctx.id}:child").id

    made = await ada.tasks.submit(queue, "parent")
    async with working.serving(worker):
        (task,) = await working.ended(ada, made)
        await ada.tasks.wait(task.result, timeout=60)


def test_two_handlers_for_the_same_tasks_are_a_mistake() -> None:
    worker = Worker("http://x")
    worker.task("a:b")(print)
    worker.task("a:b", definition="d")(print)
    with pytest.raises(UsageError, match="two handlers for a:b"):
        worker.task("a:b")(print)
    with pytest.raises(UsageError, match="namespace:name"):
        worker.task("nope")(print)
    with pytest.raises(UsageError, match="asynchronous"):
        worker.task("a:c", run_in="process")(a_coroutine)
    handlers = worker.handlers
    assert handlers.queues() == ["a:b"]
    assert handlers.definitions("a:b") is None
    found = handlers.find("a:b", "d")
    assert found is not None
    assert found.definition == "d"
    other = handlers.find("a:b", "other")
    assert other is not None
    assert other.definition is None


def test_a_worker_for_some_definitions_claims_only_those() -> None:
    worker = Worker("http://x")
    for name in ("d", "e"):
        worker.task("a:b", definition=name)(print)
    assert worker.handlers.definitions("a:b") == ["d", "e"]
    assert worker.handlers.find("a:b", "other") is None


async def test_a_worker_without_handlers_says_so() -> None:
    with pytest.raises(UsageError, match=r"@worker\.task"):
        await Worker("http://x").serve()
