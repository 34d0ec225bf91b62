"""Tickets are hints: what was not confirmed, and what RabbitMQ lost, is published again."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest
from pydantic import SecretStr

from broker import assembly
from broker.filling import Filling, Lane, Turn
from broker.rabbit import topology
from broker.refill import Refill
from broker.relay import Relay
from core.priority import Priority
from core.queue import Queue
from core.settings import Settings
from core.task import TICKET_REPAIR, Task
from store import indexes
from store.queues import Queues
from store.sweeps import Stub
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
        parts.record.sweeps, queues or parts.record.queues, parts.broker.lanes, parts.broker.publisher,
        parts.broker.consuming,
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


async def submitted_while_away(parts: assembly.Parts, proxy: Proxy) -> tuple[Queue, list[Task]]:
    """A queue, and tasks that it was given after RabbitMQ went away."""
    queue, _ = await parts.administration.put("demo", "intake", "reports", {}, by=ANN, match=None)
    await proxy.shut()
    await wait_until(lambda: not _connected(parts), what="the links are down")
    return queue, await submit(parts, queue, 5)


async def test_what_was_submitted_while_the_broker_was_away_is_handed_out_when_it_is_back(
    cut: tuple[assembly.Parts, Proxy], fake_clock: FakeClock
) -> None:
    parts, proxy = cut
    relay = relay_of(parts)
    queue, tasks = await submitted_while_away(parts, proxy)
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
    refill = refill_of(parts)
    assert await refill.look() == 0
    fake_clock.advance(timedelta(seconds=3))
    assert await refill.look() == 1
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
    assert len(await claim(parts, queue, 10)) == len(tasks)


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
    assert await parts.broker.lanes.depth(lane(parts, queue)) == len([*lost, *fresh])


async def test_a_new_connection_is_looked_through_at_once(
    cut: tuple[assembly.Parts, Proxy], fake_clock: FakeClock
) -> None:
    parts, proxy = cut
    queue, _ = await parts.administration.put("demo", "intake", "reports", {}, by=ANN, match=None)
    await submit(parts, queue, 5)
    await parts.desk.flush()
    refill = refill_of(parts)
    await refill.step()
    await parts.broker.lanes.purge(lane(parts, queue))
    await proxy.cut()
    await wait_until(lambda: not _connected(parts), what="the links are down")
    await wait_until(lambda: _connected(parts), what="the links are up")
    await parts.broker.publisher.ready()
    # No time passes: it does not look twice.
    await refill.step()
    assert len(await claim(parts, queue, 5)) == 5
    await parts.administration.remove("demo", queue.key, by=ANN, match=None, force=True)


async def test_what_was_marked_while_the_broker_was_away_waits_no_longer_than_that(
    cut: tuple[assembly.Parts, Proxy], fake_clock: FakeClock
) -> None:
    parts, proxy = cut
    relay = relay_of(parts)
    queue, tasks = await submitted_while_away(parts, proxy)
    await relay.step()
    fake_clock.advance(timedelta(seconds=1))
    await proxy.reopen()
    await wait_until(lambda: _connected(parts), what="the links are up")
    await parts.broker.publisher.ready()
    await relay.step()
    assert [task.id for task in await claim(parts, queue, 5)] == [task.id for task in tasks]
    await parts.administration.remove("demo", queue.key, by=ANN, match=None, force=True)


async def test_many_are_filled_in_the_order_of_the_worklist(parts: assembly.Parts, queue: Queue) -> None:
    tasks = await submit(parts, queue, 300, priority=Priority.LOW) + await submit(
        parts, queue, 60, priority=Priority.URGENT
    )
    await parts.desk.flush()
    await parts.broker.lanes.purge(lane(parts, queue))
    assert await refill_of(parts).look(parts.clock()) == 1
    assert await parts.broker.lanes.depth(lane(parts, queue)) == len(tasks)
    assert [task.id for task in await claim(parts, queue, 400)] == [task.id for task in [*tasks[300:], *tasks[:300]]]


async def test_where_some_tickets_are_left_only_as_many_are_added_as_are_missing(
    parts: assembly.Parts, queue: Queue, fake_clock: FakeClock
) -> None:
    await submit(parts, queue, 400)
    await parts.desk.flush()
    lost = fake_clock.advance(timedelta(seconds=1))
    await parts.broker.consumer.settle(await parts.broker.consumer.draw([lane(parts, queue)], 50))
    fake_clock.advance(timedelta(seconds=1))
    await submit(parts, queue, 20)
    await parts.desk.flush()
    refill = refill_of(parts)
    assert await refill.look(lost) == 1
    # A head of 200, which is more than are missing.
    assert await parts.broker.lanes.depth(lane(parts, queue)) == 370 + 200
    assert await refill.look() == 0
    assert len(await claim(parts, queue, 500)) == 420


async def test_an_engine_that_is_killed_while_it_fills_leaves_the_rest_to_the_next(
    parts: assembly.Parts, queue: Queue
) -> None:
    tasks = await submit(parts, queue, 300)
    await parts.desk.flush()
    await parts.broker.lanes.purge(lane(parts, queue))
    begun = Lane(queue.tenant, queue.key, queue.lane)
    filling = Filling(
        parts.record.sweeps, parts.broker.publisher, clock=parts.clock, prefix=parts.settings.broker_prefix
    )
    _, left = await filling.in_turns([Turn(lane=begun, since=parts.clock(), left=300)], size=100, once=True)
    assert [turn.left for turn in left] == [200]
    refill = refill_of(parts)
    await refill.look(parts.clock())
    # Those at the front have two tickets now, and those at the end get theirs when that is worked off.
    claimed = await claim(parts, queue, 300)
    assert [task.id for task in claimed] == [task.id for task in tasks[: len(claimed)]]
    await refill.look()
    await refill.look()
    claimed += await claim(parts, queue, 300)
    assert [task.id for task in claimed] == [task.id for task in tasks]


async def test_lanes_are_filled_in_turns(parts: assembly.Parts, queue: Queue) -> None:
    other, _ = await parts.administration.put("demo", "intake", "others", {}, by=ANN, match=None)
    published: list[str] = []

    class Noting(Filling):
        async def publish(self, stubs: Sequence[Stub]) -> bool:
            published.extend(stub.queue for stub in stubs)
            return await super().publish(stubs)

    for each in (queue, other):
        await submit(parts, each, 5)
    await parts.desk.flush()
    noting = Noting(parts.record.sweeps, parts.broker.publisher, clock=parts.clock, prefix=parts.settings.broker_prefix)
    turns = [Turn(lane=Lane(q.tenant, q.key, q.lane), since=parts.clock(), left=9) for q in (queue, other)]
    assert await noting.in_turns(turns, size=2) == (True, [])
    assert published == [queue.key] * 2 + [other.key] * 2 + [queue.key] * 2 + [other.key] * 2 + [queue.key, other.key]
    await parts.administration.remove("demo", other.key, by=ANN, match=None, force=True)


async def test_a_broker_that_takes_nothing_leaves_all_to_the_next_look(cut: tuple[assembly.Parts, Proxy]) -> None:
    parts, proxy = cut
    queue, _ = await parts.administration.put("demo", "intake", "reports", {}, by=ANN, match=None)
    await submit(parts, queue, 5)
    await parts.desk.flush()
    proxy.freeze()
    filling = Filling(
        parts.record.sweeps, parts.broker.publisher, clock=parts.clock, prefix=parts.settings.broker_prefix
    )
    turn = Turn(lane=Lane(queue.tenant, queue.key, queue.lane), since=parts.clock(), left=5)
    assert await filling.in_turns([turn]) == (False, [turn])
    proxy.thaw()
    await wait_until(lambda: _connected(parts), what="the links are up")
    await parts.administration.remove("demo", queue.key, by=ANN, match=None, force=True)
