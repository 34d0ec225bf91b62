"""Statistics: added once, summed over any range."""

import asyncio
from datetime import datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import ids
from store import mongo
from store.stats import Bucket, Spread, Stats, Tally, Unit

NOON = datetime.fromisoformat("2031-05-01T12:00:00+00:00")
QUEUE = "intake:reports"


def tally(at: datetime, *, tenant: str = "demo", **events: int) -> Tally:
    return Tally(tenant=tenant, queue=QUEUE, bucket=Bucket(at=Unit.MINUTE.floor(at), events=events))


async def test_durations_and_counts_add_up(database: mongo.Database) -> None:
    stats = Stats(database)
    wait = Spread(count=2, sum=5.0, min=1.0, max=4.0)
    first = Bucket(at=NOON, events={"created": 2, "x.y": 1}, wait=wait)
    second = Bucket(at=NOON, events={"created": 1}, wait=Spread(count=1, sum=9.0, min=9.0, max=9.0))
    for n, bucket in enumerate((first, second)):
        assert await stats.record([Tally(tenant="demo", queue=QUEUE, bucket=bucket)], was=n, n=n + 1)
    total = await stats.total("demo", QUEUE, NOON, NOON + timedelta(minutes=1))
    assert total.events == {"created": 3, "x.y": 1}
    assert (total.wait, total.work) == (Spread(count=3, sum=14.0, min=1.0, max=9.0), Spread())
    assert (await stats.series("demo", QUEUE, Unit.HOUR, NOON, NOON + timedelta(hours=1)))[0].events == total.events
    assert (await stats.total("acme", QUEUE, NOON, NOON + timedelta(hours=9))).events == {}


async def test_what_was_counted_from_another_position_is_not_counted_again(database: mongo.Database) -> None:
    stats = Stats(database)
    assert await stats.record([tally(NOON, created=5)], was=0, n=5)
    assert not await stats.record([tally(NOON, created=5)], was=0, n=5)
    races = await asyncio.gather(*(stats.record([tally(NOON, created=1)], was=5, n=6) for _ in range(5)))
    assert sum(races) == 1
    assert (await stats.total("demo", QUEUE, NOON, NOON + timedelta(hours=1))).events == {"created": 6}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    minutes=st.lists(st.integers(0, 400), min_size=1, max_size=12),
    since=st.integers(0, 400),
    length=st.integers(0, 400),
)
async def test_a_total_is_the_sum_of_its_minutes(
    database: mongo.Database, minutes: list[int], since: int, length: int
) -> None:
    await database["positions"].delete_many({})
    stats, tenant = Stats(database), ids.new_id()
    buckets = [tally(NOON + timedelta(minutes=minute), tenant=tenant, created=1) for minute in minutes]
    for n, one in enumerate(buckets):
        assert await stats.record([one], was=n, n=n + 1)
    low, high = NOON + timedelta(minutes=since, seconds=30), NOON + timedelta(minutes=since + length)
    total = await stats.total(tenant, QUEUE, low, high)
    assert total.events.get("created", 0) == sum(since <= minute < since + length for minute in minutes)
