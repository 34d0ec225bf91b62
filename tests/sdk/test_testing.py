"""Handlers run in tests as they run at work, without a server."""

import asyncio
from typing import Any

import pydantic
import pytest
from penstock import Context, Fail, Release, Retry, UsageError, Worker, testing


class Report(pydantic.BaseModel):
    airport: str


worker = Worker("http://nobody.invalid")


@worker.task("a:sync", params=Report)
def shout(ctx: Context[Report]) -> dict[str, Any]:
    ctx.progress(1, 2, unit="words")
    return {"airport": ctx.params.airport.upper(), "labels": ctx.labels, "attempt": ctx.attempt}


@worker.task("a:async")
async def choose(ctx: Context[Any]) -> Any:
    match ctx.params:
        case "fail":
            raise Fail("so")
        case "retry":
            raise Retry("later")
        case "release":
            return Release()
        case "error":
            raise ValueError("oh")
        case _:
            return await asyncio.Event().wait()


@worker.task("a:submits")
async def submits(ctx: Context[Any]) -> str:
    made = await ctx.client.tasks.submit("b:c", {"parent": ctx.id}, priority="high")
    await asyncio.to_thread(ctx.blocking_client.tasks.submit, "b:d")
    return made.id


@worker.task("a:asks")
def asks(ctx: Context[Any]) -> None:
    ctx.blocking_client.tasks.get("x")


@worker.task("a:process", run_in="process")
def apart(ctx: Context[Any]) -> str:
    return "ran"


def test_a_handler_is_run() -> None:
    outcome = testing.run(worker, "a:sync", {"airport": "den"}, attempt=3, labels=["x"])
    assert outcome.action == "complete"
    assert outcome.result == {"airport": "DEN", "labels": ["x"], "attempt": 3}
    assert [(said.current, said.total, said.unit) for said in outcome.progress] == [(1, 2, "words")]
    assert testing.run(worker, "a:process").result == "ran"


def test_params_are_checked() -> None:
    outcome = testing.run(worker, "a:sync", {})
    assert (outcome.action, outcome.retryable, outcome.error["type"]) == ("fail", False, "ParamsRefused")


@pytest.mark.parametrize(
    ("params", "action", "retryable"),
    [("fail", "fail", False), ("retry", "fail", True), ("error", "fail", True), ("release", "release", None)],
)
async def test_however_it_ends(params: str, action: str, retryable: bool | None) -> None:  # noqa: FBT001 - a column
    outcome = await testing.arun(worker, "a:async", params)
    assert (outcome.action, outcome.retryable) == (action, retryable)


def test_it_is_asked_to_stop() -> None:
    assert testing.run(worker, "a:async", stop="cancel-requested").action == "release"
    assert testing.run(worker, "a:async", stop="lease-lost", stop_after=0.01).action == "drop"


async def test_what_it_submits_is_taken_down() -> None:
    outcome = await testing.arun(worker, "a:submits")
    assert [each.queue for each in outcome.submitted] == ["b:c", "b:d"]
    assert outcome.submitted[0].body["priority"] == "high"
    assert outcome.submitted[0].body["params"]["parent"].startswith("test-")


def test_what_needs_a_server_says_so() -> None:
    outcome = testing.run(worker, "a:asks")
    assert outcome.error["message"] == "A test without a server cannot answer GET /api/v1/tasks/x."
    with pytest.raises(UsageError, match="has no handler for tasks of a:b"):
        testing.run(worker, "a:b")
