"""The time that all processes go by: MongoDB's, where a process's own clock is wrong."""

from datetime import datetime, timedelta

import pytest

from core import errors
from core.clock import system_clock
from store import mongo
from store.reference import EVERY, NEAR, SOON, Reference

WRONG = timedelta(minutes=10)
SLACK = timedelta(seconds=30)
"""More than a busy machine takes between two lines."""


class Wall:
    """A clock on the wall that anybody sets."""

    def __init__(self) -> None:
        self.wrong = timedelta()

    def __call__(self) -> datetime:
        return system_clock() + self.wrong


def off(clock: Reference) -> timedelta:
    return abs(clock() - system_clock())


@pytest.mark.parametrize("wrong", [WRONG, -WRONG])
async def test_a_clock_that_is_wrong_from_the_beginning_is_not_gone_by(
    database: mongo.Database, wrong: timedelta
) -> None:
    wall = Wall()
    wall.wrong = wrong
    clock = Reference(database, wall=wall)
    assert off(clock) > SLACK
    await clock.look()
    assert off(clock) < SLACK


async def test_a_clock_that_is_set_in_between_changes_nothing(database: mongo.Database) -> None:
    wall = Wall()
    clock = Reference(database, wall=wall)
    await clock.look()
    wall.wrong = WRONG
    assert off(clock) < SLACK
    await clock.look()
    assert off(clock) < SLACK


async def test_a_clock_that_is_right_is_gone_by_to_the_millisecond(database: mongo.Database) -> None:
    wall = Wall()
    clock = Reference(database, wall=wall, ticks=lambda: 7.0)
    wall.wrong = NEAR / 2
    before = wall()
    await clock.look()
    assert before <= clock() <= wall()


async def test_an_answer_that_took_long_is_good_for_the_first_alone(database: mongo.Database) -> None:
    wall = Wall()
    wall.wrong = WRONG
    slow = iter([0.0, 0.0, 2.0, 2.0, 2.0, 2.0, 4.0])
    clock = Reference(database, wall=wall, ticks=lambda: next(slow, 2.0))
    assert not clock.known.is_set()
    await clock.look()
    assert clock.known.is_set()
    assert off(clock) < SLACK
    known = clock()
    wall.wrong = timedelta()
    await clock.look()
    assert clock() == known


async def test_time_passes_by_the_steady_clock(database: mongo.Database) -> None:
    now = 100.0
    clock = Reference(database, ticks=lambda: now)
    await clock.look()
    begun = clock()
    now += 90.5
    assert clock() - begun == timedelta(seconds=90.5)


async def test_a_process_begins_while_mongodb_is_away() -> None:
    client = mongo.client("mongodb://127.0.0.1:1/", timeout=0.2)
    clock = Reference(mongo.database(client, "nowhere"))
    await clock.begin()
    with pytest.raises(errors.Unavailable):
        await clock.look()
    assert await clock.step() == SOON
    assert not clock.known.is_set()
    await client.close()


async def test_once_it_is_known_it_is_asked_for_now_and_then(database: mongo.Database) -> None:
    clock = Reference(database)
    assert await clock.step() == EVERY
    assert clock.known.is_set()
