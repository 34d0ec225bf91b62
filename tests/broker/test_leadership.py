"""Duties: one leader each, followed when it dies or cannot prove its lease, and at once when it stops."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from broker import loops
from broker.leadership import LEASE, Leadership
from core.settings import Settings
from store import mongo
from store.leases import Leases
from tests.support.clock import FakeClock
from tests.support.proxy import Proxy
from tests.support.waiting import wait_until

QUICK = 0.02


class Work:
    """A duty's work that says whether it is being done."""

    def __init__(self) -> None:
        self.at_work = 0
        self.begun = 0

    async def __call__(self) -> None:
        self.at_work += 1
        self.begun += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.at_work -= 1


@pytest.fixture
async def leases(settings: Settings) -> AsyncIterator[Leases]:
    client = mongo.client(settings.mongodb_url.get_secret_value(), timeout=2.0)
    yield Leases(mongo.database(client, settings.mongodb_database))
    await client.close()


def leader(leases: Leases, clock: FakeClock, name: str) -> Leadership:
    return Leadership(leases, holder=name, clock=clock, renew_seconds=QUICK)


async def test_one_of_two_works_and_the_other_follows_when_it_stops(leases: Leases, fake_clock: FakeClock) -> None:
    first, second = Work(), Work()
    leading = asyncio.create_task(leader(leases, fake_clock, "a").lead("relay", first))
    await wait_until(lambda: first.at_work, what="the first works")
    waiting = asyncio.create_task(leader(leases, fake_clock, "b").lead("relay", second))
    fake_clock.advance(LEASE / 2)
    renewed = fake_clock() + LEASE / 2
    await wait_until(lambda: _held_beyond(leases, renewed), what="the lease is renewed")
    assert second.begun == 0
    await loops.ended(leading)
    await wait_until(lambda: second.at_work, what="the second works")
    assert first.at_work == 0
    await loops.ended(waiting)
    assert await leases.every() == []


async def _held_beyond(leases: Leases, moment: object) -> bool:
    return all(lease.until > moment for lease in await leases.every())  # type: ignore[operator]


async def test_who_died_is_followed_when_its_lease_is_over(leases: Leases, fake_clock: FakeClock) -> None:
    now = fake_clock()
    assert await leases.take("relay", "dead", now=now, until=now + LEASE)
    work = Work()
    leading = asyncio.create_task(leader(leases, fake_clock, "b").lead("relay", work))
    fake_clock.advance(LEASE - timedelta(milliseconds=1))
    await asyncio.sleep(5 * QUICK)
    assert work.begun == 0
    fake_clock.advance(timedelta(milliseconds=1))
    await wait_until(lambda: work.at_work, what="it is followed")
    await loops.ended(leading)


async def test_who_lost_the_lease_stops(leases: Leases, fake_clock: FakeClock) -> None:
    work = Work()
    leading = asyncio.create_task(leader(leases, fake_clock, "a").lead("relay", work))
    await wait_until(lambda: work.at_work, what="it works")
    later = fake_clock() + 2 * LEASE
    assert await leases.take("relay", "b", now=later, until=later + 10 * LEASE)
    await wait_until(lambda: not work.at_work, what="it stopped")
    await loops.ended(leading)
    assert [lease.holder for lease in await leases.every()] == ["b"]


async def test_who_cannot_renew_stops_before_the_lease_is_over(settings: Settings, fake_clock: FakeClock) -> None:
    async with Proxy(settings.mongodb_url.get_secret_value().partition("?")[0]) as proxy:
        client = mongo.client(proxy.url + "?directConnection=true", timeout=1.0)
        leases = Leases(mongo.database(client, settings.mongodb_database))
        work = Work()
        leading = asyncio.create_task(leader(leases, fake_clock, "a").lead("relay", work))
        await wait_until(lambda: work.at_work, what="it works")
        proxy.freeze()
        fake_clock.advance(LEASE - timedelta(milliseconds=400))
        await wait_until(lambda: not work.at_work, what="it stopped", timeout=8)
        proxy.thaw()
        await wait_until(lambda: work.at_work, what="it works again", timeout=8)
        assert work.begun == 2
        await loops.ended(leading)
        await client.close()


async def test_work_that_fails_is_begun_again(leases: Leases, fake_clock: FakeClock) -> None:
    tries: list[int] = []

    async def work() -> None:
        tries.append(1)
        raise ValueError("no")

    leading = asyncio.create_task(leader(leases, fake_clock, "a").lead("relay", work))
    await wait_until(lambda: len(tries) >= 3, what="tried again")
    await loops.ended(leading)
