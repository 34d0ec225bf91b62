"""A cache that is looked up anew by one for all."""

import asyncio
from datetime import timedelta

import pytest

from core import errors
from loop.fresh import Fresh
from tests.support.clock import FakeClock

TTL = timedelta(seconds=5)


class Record:
    """What is looked up; each look waits until it is let go on."""

    def __init__(self) -> None:
        self.value: str | None = "old"
        self.looks = 0
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def look(self, key: str) -> str | None:
        """One look."""
        del key
        self.looks += 1
        value = self.value
        await self.go_on.wait()
        if value == "broken":
            raise errors.Unavailable("away")
        return value


@pytest.fixture
def record() -> Record:
    """The record."""
    return Record()


@pytest.fixture
def cache(record: Record, fake_clock: FakeClock) -> Fresh[str]:
    """The cache before it."""
    return Fresh(record.look, fake_clock, ttl=TTL)


async def test_a_value_is_kept_for_its_time_and_no_longer(
    record: Record, cache: Fresh[str], fake_clock: FakeClock
) -> None:
    assert await cache.get("a") == "old"
    record.value = "new"
    fake_clock.advance(TTL - timedelta(milliseconds=1))
    assert await cache.get("a") == "old"
    fake_clock.advance(timedelta(milliseconds=1))
    assert await cache.get("a") == "new"
    assert record.looks == 2


async def test_one_looks_anew_and_all_others_go_on(record: Record, cache: Fresh[str], fake_clock: FakeClock) -> None:
    await cache.get("a")
    record.value = "new"
    record.go_on.clear()
    fake_clock.advance(TTL)
    looking = asyncio.create_task(cache.get("a"))
    await asyncio.sleep(0)
    assert [await cache.get("a") for _ in range(3)] == ["old"] * 3
    assert record.looks == 2
    record.go_on.set()
    assert await looking == "new"
    assert await cache.get("a") == "new"


async def test_a_look_that_takes_long_is_not_the_only_one(
    record: Record, cache: Fresh[str], fake_clock: FakeClock
) -> None:
    await cache.get("a")
    record.go_on.clear()
    fake_clock.advance(TTL)
    looking = [asyncio.create_task(cache.get("a"))]
    await asyncio.sleep(0)
    fake_clock.advance(timedelta(seconds=1))
    looking.append(asyncio.create_task(cache.get("a")))
    await asyncio.sleep(0)
    assert record.looks == 3
    record.go_on.set()
    assert await asyncio.gather(*looking) == ["old", "old"]


async def test_what_is_forgotten_while_it_is_looked_up_is_not_kept(record: Record, cache: Fresh[str]) -> None:
    record.go_on.clear()
    looking = asyncio.create_task(cache.get("a"))
    await asyncio.sleep(0)
    record.value = "new"
    cache.forget("a")
    record.go_on.set()
    assert await looking == "old"
    assert await cache.get("a") == "new"


async def test_all_can_be_forgotten(record: Record, cache: Fresh[str]) -> None:
    await cache.get("a")
    await cache.get("b")
    record.value = "new"
    cache.forget(None)
    assert [await cache.get("a"), await cache.get("b")] == ["new", "new"]


async def test_nothing_and_failures_are_not_kept(record: Record, cache: Fresh[str], fake_clock: FakeClock) -> None:
    record.value = None
    assert await cache.get("a") is None
    record.value = "there"
    assert await cache.get("a") == "there"
    fake_clock.advance(TTL)
    record.value = "broken"
    with pytest.raises(errors.Unavailable):
        await cache.get("a")
    fake_clock.advance(TTL)
    record.value = None
    assert await cache.get("a") is None
    assert await cache.get("a") is None
    assert record.looks == 5
