"""Tickets are hints: what was not confirmed, and what RabbitMQ lost, is published again."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from pydantic import SecretStr

from broker import assembly
from broker.rabbit import topology
from broker.refill import Refill
from broker.relay import Relay
from core.queue import Queue
from core.settings import Settings
from core.task import TICKET_REPAIR
from store import indexes
from store.queues import Queues
from tests.support.clock import FakeClock
from tests.support.making import ANN, WIM
from tests.support.proxy import Proxy
from tests.support.waiting import wait_until
from tests.support.working import claim, read, submit


def relay_of(parts: assembly.Parts) -> Relay:
    return Relay(
        parts.record.sweeps, parts.record.tasks, parts.broker.publisher, parts.broker.publishing,
        clock=parts.clock, prefix=parts.settings.broker_prefix,
    )  # fmt: skip


def refill_of(parts: assembly.Parts, queues: Queues | None = None) -> Refill:
    return Refill(
        parts.record.sweeps, queues or parts.record.queues, parts.broker.lanes, parts.broker.consuming,
        clock=parts.clock, prefix=parts.settings.broker_prefix,
    )  # fmt: skip


def lane(parts: assembly.Parts, queue: Queue) -> str:
    return topology.lane(parts.settings.broker_prefix, queue.tenant, queue.lane)


@pytest.fixture
async def cut(settings: Settings, fake_clock: FakeClock) -> AsyncIterator[tuple[assembly.Parts, Proxy]]:
    """A process whose way to RabbitMQ can be cut."""
    async with Proxy(settings.rabbitmq_url.get_secret_value()) as proxy:
        changed = {"rabbitmq_url": SecretStr(proxy.url), "publish_timeout_seconds": 0.3}
        through = settings.model_copy(update=changed)
        async with assembly.running(through, name="test", clock=fake_clock) as parts:
            await indexes.ensure(parts.record.database)
            await wait_until(lambda: _connected(parts), what="RabbitMQ")
            yield parts, proxy


def _connected(parts: assembly.Parts) -> bool:
    return parts.broker.publishing.connected and parts.broker.consuming.connected


async def test_what_was_submitted_while_the_broker_was_away_is_handed_out_when_it_is_back(
    cut: tuple[assembly.Parts, Proxy], fake_clock: FakeClock
) -> None:
    parts, proxy = cut
    queue, _ = await parts.administration.put("demo", "intake", "reports", {}, by=ANN, match=None)
    relay = relay_of(parts)
    await proxy.shut()
    await wait_until(lambda: not _connected(parts), what="the links are down")
    tasks = await submit(parts, queue, 5)
    fake_clock.advance(TICKET_REPAIR)
    assert await relay.step() > 0
    assert (await read(parts, tasks[0])).ticket_due is not None
    await proxy.reopen()
    await wait_until(lambda: _connected(parts), what="the links are up")
    await parts.broker.publisher.ready()
    await relay.step()
    assert [(await read(parts, task)).ticket_due for task in tasks] == [None] * 5
    assert [task.id for task in await claim(parts, queue, 5)] == [task.id for task in tasks]
    await parts.administration.remove("demo", queue.key, by=ANN, match=None, force=True)


async def test_a_ticket_that_is_not_confirmed_gets_more_time(
    cut: tuple[assembly.Parts, Proxy], fake_clock: FakeClock
) -> None:
    parts, proxy = cut
    queue, _ = await parts.administration.put("demo", "intake", "reports", {}, by=ANN, match=None)
    proxy.freeze()
    (task,) = await submit(parts, queue)
    due = fake_clock.advance(TICKET_REPAIR)
    await relay_of(parts).step()
    proxy.thaw()
    assert (await read(parts, task)).ticket_due == due + TICKET_REPAIR
    await wait_until(lambda: _connected(parts), what="the links are up")
    await parts.administration.remove("demo", queue.key, by=ANN, match=None, force=True)


async def test_a_task_of_a_person_gets_none(parts: assembly.Parts, queue: Queue, fake_clock: FakeClock) -> None:
    (task,) = await submit(parts, queue)
    await parts.broker.lanes.purge(lane(parts, queue))
    await parts.lifecycle.assign(task, to=WIM, by=ANN)
    fake_clock.advance(2 * TICKET_REPAIR)
    await relay_of(parts).step()
    assert await parts.broker.lanes.depth(lane(parts, queue)) == 0


async def test_a_lane_that_lost_all_its_tickets_is_filled_again(
    parts: assembly.Parts, queue: Queue, fake_clock: FakeClock
) -> None:
    tasks = await submit(parts, queue, 30)
    await parts.desk.flush()
    await parts.broker.lanes.drop(lane(parts, queue))
    refill, relay = refill_of(parts), relay_of(parts)
    assert await refill.look() == 0
    fake_clock.advance(timedelta(seconds=3))
    assert await refill.look() == 1
    await relay.step()
    assert await refill.look() == 0
    assert [task.id for task in await claim(parts, queue, 30)] == [task.id for task in tasks]


async def test_a_look_that_took_long_does_not_put_off_the_next(
    parts: assembly.Parts, queue: Queue, fake_clock: FakeClock
) -> None:
    class Frozen(Queues):
        async def keys(self) -> list[tuple[str, str]]:
            fake_clock.advance(timedelta(seconds=30))
            return await super().keys()

    tasks = await submit(parts, queue, 5)
    await parts.desk.flush()
    await parts.broker.lanes.purge(lane(parts, queue))
    refill = refill_of(parts, Frozen(parts.record.database))
    await refill.step()
    fake_clock.advance(timedelta(seconds=3))
    await refill.step()
    assert [(await read(parts, task)).ticket_due is None for task in tasks] == [False] * 5


async def test_a_lane_with_all_its_tickets_is_left_alone(parts: assembly.Parts, queue: Queue) -> None:
    await submit(parts, queue, 10)
    assigned = await submit(parts, queue, 3)
    await parts.desk.flush()
    for task in assigned:
        await parts.lifecycle.assign(task, to=WIM, by=ANN)
    await claim(parts, queue, 4)
    refill = refill_of(parts)
    assert [await refill.look() for _ in range(3)] == [0, 0, 0]
    # Three tickets of what is Wim's now are stale, so they hide a loss until they are taken.
    assert await parts.broker.lanes.depth(lane(parts, queue)) == 9


async def test_what_became_ready_after_the_first_look_is_not_asked_for_twice(
    parts: assembly.Parts, queue: Queue, fake_clock: FakeClock
) -> None:
    lost = await submit(parts, queue, 5)
    await parts.desk.flush()
    await parts.broker.lanes.purge(lane(parts, queue))
    refill = refill_of(parts)
    await refill.look()
    fake_clock.advance(timedelta(seconds=1))
    fresh = await submit(parts, queue, 3)
    await parts.desk.flush()
    assert await refill.look() == 1
    assert [(await read(parts, task)).ticket_due is None for task in [*lost, *fresh]] == [False] * 5 + [True] * 3


async def test_a_new_connection_is_looked_through_at_once(
    cut: tuple[assembly.Parts, Proxy], fake_clock: FakeClock
) -> None:
    parts, proxy = cut
    queue, _ = await parts.administration.put("demo", "intake", "reports", {}, by=ANN, match=None)
    await submit(parts, queue, 5)
    await parts.desk.flush()
    refill, relay = refill_of(parts), relay_of(parts)
    await refill.step()
    await parts.broker.lanes.purge(lane(parts, queue))
    await proxy.cut()
    await wait_until(lambda: not _connected(parts), what="the links are down")
    await wait_until(lambda: _connected(parts), what="the links are up")
    async with asyncio.timeout(5):
        await parts.broker.publisher.ready()
        await refill.step()
        fake_clock.advance(timedelta(seconds=3))
        await refill.step()
        await relay.step()
    assert len(await claim(parts, queue, 5)) == 5
    await parts.administration.remove("demo", queue.key, by=ANN, match=None, force=True)
