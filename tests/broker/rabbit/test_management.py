"""Lanes as things: counted, emptied, dropped, and declared when needed."""

import aio_pika
import pytest

from broker.rabbit import connection, management
from core import errors
from tests.support import proxy, waiting
from tests.support.hands import Connect, Hands, ticket


async def test_depth_counts_what_waits(broker: Hands, lane: str) -> None:
    assert await broker.lanes.depth(lane) is None
    await broker.put(*(ticket(lane, f"t{number}") for number in range(7)))
    assert await broker.lanes.depth(lane) == 7
    held = await broker.consumer.draw([lane], 3)
    assert await broker.lanes.depth(lane) == 4
    await broker.consumer.settle(held)


async def test_many_are_counted_together(broker: Hands, lanes: list[str]) -> None:
    for number, lane in enumerate(lanes[:3]):
        await broker.put(*(ticket(lane, f"t{each}") for each in range(number + 1)))
    assert await broker.lanes.depths(lanes[:4]) == dict(zip(lanes[:4], [1, 2, 3, 0], strict=True))


async def test_purge_empties_a_lane_and_says_how_much_it_was(broker: Hands, lane: str) -> None:
    assert await broker.lanes.purge(lane) == 0
    await broker.put(*(ticket(lane, f"t{number}") for number in range(7)))
    assert await broker.lanes.purge(lane) == 7
    assert await broker.lanes.depth(lane) == 0


async def test_dropping_a_lane_removes_it_and_dropping_it_again_is_no_error(broker: Hands, lane: str) -> None:
    await broker.lanes.declare([lane])
    await broker.lanes.drop(lane)
    assert await broker.lanes.depth(lane) is None
    await broker.lanes.drop(lane)


async def test_a_dropped_lane_is_declared_again_when_needed(broker: Hands, lane: str) -> None:
    await broker.lanes.ensure([lane])
    await broker.lanes.drop(lane)
    await broker.lanes.ensure([lane])
    assert await broker.lanes.depth(lane) == 0


async def test_a_lane_of_another_kind_is_used_as_it_is(broker: Hands, lane: str, rabbitmq_url: str) -> None:
    async with await aio_pika.connect(rabbitmq_url) as connection, connection.channel() as channel:
        await channel.declare_queue(lane, durable=True, arguments={"x-queue-type": "classic", "x-max-priority": 9})
    await broker.put(ticket(lane, "low", priority=0), ticket(lane, "urgent", priority=3))
    assert await broker.ids(lane) == ["urgent", "low"]


async def test_without_a_broker_everything_is_refused_at_once(connect: Connect, wire: proxy.Proxy, lane: str) -> None:
    await wire.shut()
    broker = await connect(wire.url)
    for call in (broker.lanes.depth(lane), broker.lanes.purge(lane), broker.lanes.drop(lane)):
        with pytest.raises(errors.Unavailable) as refusal:
            await call
        assert refusal.value.retry_after
    with pytest.raises(errors.Unavailable):
        await broker.lanes.ensure([lane])


async def test_a_refused_call_does_not_disturb_the_next(broker: Hands, lanes: list[str]) -> None:
    await broker.lanes.declare(lanes[1:2])
    assert [await broker.lanes.depth(lane) for lane in lanes[:3]] == [None, 0, None]


async def test_a_new_connection_takes_no_lane_for_granted(broker: Hands, wire: proxy.Proxy, lane: str) -> None:
    link = connection.Link(wire.url, "test alone")
    lanes = management.Lanes(link)
    link.start()
    await link.next_connection()
    await lanes.ensure([lane])
    await wire.cut()
    await waiting.wait_until(lambda: not link.connected, what="the loss is noticed")
    await broker.lanes.drop(lane)
    await link.next_connection()
    await lanes.ensure([lane])
    assert await broker.lanes.depth(lane) == 0
    await lanes.close()
    await link.close()
