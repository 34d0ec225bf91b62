"""One fetch for all who want the same thing at once, and none lost when one of them gives up."""

import asyncio

import pytest

from auth import flights


class Slow:
    """Answers when it is let; counts the calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.go = asyncio.Event()
        self.fail = False

    async def __call__(self, key: str) -> str:
        self.calls.append(key)
        await self.go.wait()
        if self.fail:
            raise LookupError(key)
        return key.upper()


async def both_waiting(made: flights.Flights[str, str], *keys: str) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(made.get(key)) for key in keys]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_callers_at_the_same_time_share_one_fetch() -> None:
    slow = Slow()
    made = flights.Flights(slow)
    tasks = await both_waiting(made, "a", "a", "b", "a")
    slow.go.set()
    assert await asyncio.gather(*tasks) == ["A", "A", "B", "A"]
    assert sorted(slow.calls) == ["a", "b"]


async def test_nothing_is_kept_after_landing() -> None:
    slow = Slow()
    slow.go.set()
    made = flights.Flights(slow)
    await made.get("a")
    assert not made.running("a")
    await made.get("a")
    assert slow.calls == ["a", "a"]


async def test_a_caller_that_gives_up_does_not_take_it_from_the_others() -> None:
    slow = Slow()
    made = flights.Flights(slow)
    first, second = await both_waiting(made, "a", "a")
    first.cancel()
    await asyncio.wait([first])
    slow.go.set()
    assert await second == "A"
    assert slow.calls == ["a"]


async def test_a_failure_reaches_everybody_and_is_not_kept() -> None:
    slow = Slow()
    slow.fail = True
    made = flights.Flights(slow)
    tasks = await both_waiting(made, "a", "a")
    slow.go.set()
    assert all(isinstance(one, LookupError) for one in await asyncio.gather(*tasks, return_exceptions=True))
    slow.fail = False
    assert await made.get("a") == "A"


async def test_closing_stops_what_is_in_flight() -> None:
    slow = Slow()
    made = flights.Flights(slow)
    (waiting,) = await both_waiting(made, "a")
    await made.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not made.running("a")
