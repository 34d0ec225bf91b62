"""Statistics: every event counted once, by whoever counts; durations as they were."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

from broker import assembly, loops
from broker.follower import Follower
from broker.statistics import Statistics
from core.queue import Queue
from core.task import Limits
from store.eventlog import EventLog
from store.headers import Headers
from store.positions import Positions
from store.stats import Bucket, Spread, Stats
from tests.support.clock import FakeClock
from tests.support.waiting import wait_until
from tests.support.working import claim, complete, fail, submit

DAY = timedelta(days=1)


def statistics(parts: assembly.Parts) -> Statistics:
    database = parts.record.database
    return Statistics(EventLog(database), Stats(database), Positions(database))


@asynccontextmanager
async def events_of(parts: assembly.Parts, count: int) -> AsyncGenerator[None]:
    """Follow what happens inside until there are so many events in all."""
    database = parts.record.database
    log = EventLog(database)
    follower = Follower(
        database, log, Headers(database), Positions(database), clock=parts.clock, heard=lambda _events: None
    )
    following = asyncio.create_task(follower.run())

    async def there() -> bool:
        return await log.newest() == count

    yield
    await wait_until(there, what=f"{count} events")
    await loops.ended(following)


async def total(parts: assembly.Parts, queue: Queue) -> Bucket:
    now = parts.clock()
    return await Stats(parts.record.database).total(queue.tenant, queue.key, now - DAY, now + DAY)


async def test_waits_and_works_are_measured(parts: assembly.Parts, queue: Queue, fake_clock: FakeClock) -> None:
    async with events_of(parts, 9):
        await submit(parts, queue, 3)
        fake_clock.advance(timedelta(seconds=2))
        first = await claim(parts, queue)
        fake_clock.advance(timedelta(seconds=90))
        second, third = await claim(parts, queue, 2)
        await complete(parts, first)
        fake_clock.advance(timedelta(seconds=1.5))
        await complete(parts, [second])
        await fail(parts, [third])
    await statistics(parts).step()
    seen = await total(parts, queue)
    assert seen.events == {"created": 3, "started": 3, "succeeded": 2, "failed": 1}
    assert seen.wait == Spread(count=3, sum=2.0 + 92.0 + 92.0, min=2.0, max=92.0)
    assert seen.work == Spread(count=3, sum=90.0 + 1.5 + 1.5, min=1.5, max=90.0)


async def test_a_wait_begins_when_a_task_is_ready_again(
    parts: assembly.Parts, queue: Queue, fake_clock: FakeClock
) -> None:
    counting = statistics(parts)
    async with events_of(parts, 5):
        await submit(parts, queue, limits=Limits(lease_seconds=None))
        fake_clock.advance(timedelta(seconds=10))
        (held,) = await claim(parts, queue)
        fake_clock.advance(timedelta(seconds=10))
        await parts.lifecycle.release(held, exec_id=held.exec_id or "", by=held.holder)  # type: ignore[arg-type]
        fake_clock.advance(timedelta(seconds=4))
        again = await claim(parts, queue)
        fake_clock.advance(timedelta(seconds=3))
        await complete(parts, again)
    await counting.step()
    seen = await total(parts, queue)
    assert (seen.wait, seen.work) == (
        Spread(count=2, sum=14.0, min=4.0, max=10.0),
        Spread(count=1, sum=3.0, min=3.0, max=3.0),
    )


async def test_successors_and_rivals_count_nothing_twice(
    parts: assembly.Parts, queue: Queue, fake_clock: FakeClock
) -> None:
    """One that begins in the middle of a life looks up what was before."""
    async with events_of(parts, 4):
        await submit(parts, queue, 2)
        fake_clock.advance(timedelta(seconds=5))
        held = await claim(parts, queue, 2)
    await asyncio.gather(*(statistics(parts).step() for _ in range(4)))
    async with events_of(parts, 6):
        fake_clock.advance(timedelta(seconds=7))
        await complete(parts, held)
    rivals = [statistics(parts) for _ in range(4)]
    for _ in range(2):
        await asyncio.gather(*(rival.step() for rival in rivals))
    seen = await total(parts, queue)
    assert seen.events == {"created": 2, "started": 2, "succeeded": 2}
    assert seen.wait == Spread(count=2, sum=10.0, min=5.0, max=5.0)
    assert seen.work == Spread(count=2, sum=14.0, min=7.0, max=7.0)


async def test_one_that_was_overtaken_reads_anew_and_goes_on(
    parts: assembly.Parts, queue: Queue, fake_clock: FakeClock
) -> None:
    first, second = statistics(parts), statistics(parts)
    async with events_of(parts, 2):
        await submit(parts, queue, 2)
    await first.step()
    await second.step()
    async with events_of(parts, 4):
        await submit(parts, queue, 2)
    await second.step()
    async with events_of(parts, 5):
        await submit(parts, queue, 1)
    for _ in range(2):
        await first.step()
    assert (await total(parts, queue)).events == {"created": 5}
