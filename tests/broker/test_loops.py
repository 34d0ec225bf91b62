"""Loops: a failing step is taken again, a rest ends early, a swallowed cancellation still ends it."""

import asyncio

import pytest
import structlog.testing

from broker import loops
from core import errors
from tests.support.waiting import wait_until


@pytest.mark.parametrize("failure", [errors.Unavailable(), ValueError("a fault of ours")])
async def test_a_failing_step_is_taken_again(failure: Exception) -> None:
    taken: list[int] = []

    async def step() -> float:
        taken.append(1)
        if len(taken) < 3:
            raise failure
        return 1000.0

    loop = asyncio.create_task(loops.repeat("test", step))
    await wait_until(lambda: len(taken) == 3, what="the third try")
    await loops.ended(loop)


@pytest.mark.parametrize(
    ("failures", "level"),
    [([errors.Unavailable("The key is away.")], "warning"), ([errors.Unavailable(), ValueError("ours")], "error")],
)
async def test_servers_that_are_away_for_steps_side_by_side_are_said_in_a_line(
    failures: list[Exception], level: str
) -> None:
    async def fail(error: Exception) -> None:
        raise error

    async def step() -> float:
        async with asyncio.TaskGroup() as group:
            for error in failures:
                group.create_task(fail(error))
        return 0.0

    with structlog.testing.capture_logs() as said:
        loop = asyncio.create_task(loops.repeat("test", step))
        await wait_until(lambda: said, what="a line")
        await loops.ended(loop)
    assert said[0]["log_level"] == level
    assert (said[0].get("error") == "The key is away.") == (level == "warning")


async def test_a_rest_ends_early_when_there_is_news() -> None:
    news = asyncio.Event()
    taken: list[int] = []

    async def step() -> float:
        taken.append(1)
        return 1000.0

    loop = asyncio.create_task(loops.repeat("test", step, wake=news))
    for count in (1, 2, 3):
        await wait_until(lambda count=count: len(taken) == count, what=f"step {count}")
        news.set()
    await loops.ended(loop)


async def test_a_swallowed_cancellation_still_ends_the_loop() -> None:
    at_it = asyncio.Event()
    swallowed: list[int] = []

    async def step() -> float:
        at_it.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            swallowed.append(1)
        return 0.0

    loop = asyncio.create_task(loops.repeat("test", step))
    await at_it.wait()
    loop.cancel()
    await asyncio.wait([loop], timeout=1)
    assert loop.cancelled()
    assert swallowed == [1]


async def test_work_begins_again_until_it_ends_well_or_as_it_may() -> None:
    tries: list[int] = []

    async def work() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise errors.Unavailable

    await loops.persist("test", work, but=KeyError)
    assert len(tries) == 3

    async def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await loops.persist("test", fail, but=KeyError)
