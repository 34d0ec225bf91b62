"""Leases of duties, and positions of followers."""

import asyncio
from datetime import timedelta

from store import mongo, positions
from store.leases import Leases
from store.positions import EVENTS, Positions
from tests.support.making import NOW

LONG = timedelta(seconds=5)


async def test_a_duty_has_one_holder_until_its_time_is_over(database: mongo.Database) -> None:
    leases = Leases(database)
    assert await leases.take("relay", "a", now=NOW, until=NOW + LONG)
    assert not await leases.take("relay", "b", now=NOW + timedelta(seconds=4), until=NOW + 2 * LONG)
    assert await leases.take("relay", "a", now=NOW + timedelta(seconds=4), until=NOW + 2 * LONG)
    assert not await leases.take("relay", "b", now=NOW + LONG, until=NOW + 3 * LONG)
    assert await leases.take("relay", "b", now=NOW + 2 * LONG, until=NOW + 3 * LONG)
    assert not await leases.take("relay", "a", now=NOW + 2 * LONG, until=NOW + 3 * LONG)


async def test_of_many_who_race_for_a_duty_one_gets_it(database: mongo.Database) -> None:
    leases = Leases(database)
    for moment in (NOW, NOW + 2 * LONG):
        names = [f"e-{n}" for n in range(20)]
        taken = await asyncio.gather(*(leases.take("relay", n, now=moment, until=moment + LONG) for n in names))
        assert sum(taken) == 1
        (lease,) = await leases.every()
        assert lease.holder == names[taken.index(True)]


async def test_only_the_holder_gives_it_back(database: mongo.Database) -> None:
    leases = Leases(database)
    await leases.take("relay", "a", now=NOW, until=NOW + LONG)
    await leases.release("relay", "b")
    assert len(await leases.every()) == 1
    await leases.release("relay", "a")
    assert await leases.take("relay", "b", now=NOW, until=NOW + LONG)


async def test_a_position_moves_forward_only(database: mongo.Database) -> None:
    kept = Positions(database)
    assert (await kept.get("x")).n == 0
    await kept.advance("x", n=7, token={"_data": "a"})
    await kept.advance("x", n=5)
    assert ((await kept.get("x")).n, (await kept.get("x")).token) == (7, {"_data": "a"})


async def test_the_beginning_is_noted_once_however_many_processes_start(database: mongo.Database) -> None:
    kept = Positions(database)
    first = (await kept.get(EVENTS)).since
    assert first is not None
    await asyncio.gather(*(positions.begin(database) for _ in range(10)))
    assert (await kept.get(EVENTS)).since == first


async def test_a_restart_forgets_the_token_and_keeps_the_number(database: mongo.Database) -> None:
    kept = Positions(database)
    await kept.advance(EVENTS, n=7, token={"_data": "a"})
    before = await kept.get(EVENTS)
    await kept.restart(EVENTS, repair=NOW)
    after = await kept.get(EVENTS)
    assert (after.n, after.token, after.repair) == (7, None, NOW)
    assert after.since >= before.since
    await kept.repaired(EVENTS)
    assert (await kept.get(EVENTS)).repair is None
