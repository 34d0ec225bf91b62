"""Drawing: the right tickets in the right order, the rest back at once, nothing held without an owner."""

import asyncio
import random

import aio_pika
import pytest

from core import errors
from tests.support import proxy, waiting
from tests.support.hands import Connect, Hands, hands, ticket


async def test_urgent_comes_before_high_before_normal_before_low_and_old_before_young(broker: Hands, lane: str) -> None:
    sent = [ticket(lane, f"{priority}-{age}", priority=priority, age=age) for age in range(5) for priority in range(4)]
    await broker.put(*sent)
    one_by_one = [(await broker.ids(lane, count=1))[0] for _ in range(10)]
    together = await broker.ids(lane, count=10)
    assert one_by_one + together == [f"{priority}-{age}" for priority in (3, 2, 1, 0) for age in range(5)]


async def test_lanes_are_merged_by_priority_then_place(broker: Hands, lanes: list[str]) -> None:
    dice = random.Random(1)
    sent = [ticket(lanes[dice.randrange(5)], f"{age}", priority=dice.randrange(4), age=age) for age in range(200)]
    await broker.put(*sent)
    expected = [each.ids[0] for each in sorted(sent, key=lambda each: each.rank)]
    assert await broker.ids(*lanes[:5], count=60) == expected[:60]
    assert await broker.ids(*lanes[:5], count=60) == expected[60:120]
    assert await broker.ids(*lanes[:5], count=200) == expected[120:]


async def test_a_draw_of_some_lanes_leaves_the_others_alone(broker: Hands, lanes: list[str]) -> None:
    await broker.put(*(ticket(lane, lane, priority=3) for lane in lanes[:3]), ticket(lanes[3], "wanted", priority=0))
    assert await broker.ids(lanes[3]) == ["wanted"]
    assert [await broker.lanes.depth(lane) for lane in lanes[:3]] == [1, 1, 1]


async def test_what_came_in_vain_is_back_at_once_and_in_its_place(connect: Connect, lanes: list[str]) -> None:
    mine, theirs = await connect(), await connect()
    await mine.put(*(ticket(lanes[age % 4], f"{age:02d}", age=age) for age in range(40)))
    held = await mine.consumer.draw(lanes[:4], 10)
    assert mine.consumer.unsettled == 10
    await waiting.wait_until(lambda: total(theirs, lanes[:4], 30), what="the surplus is back")
    assert await theirs.ids(*lanes[:4], count=30) == [f"{age:02d}" for age in range(10, 40)]
    await mine.consumer.settle(held)


async def test_an_empty_lane_answers_at_once(broker: Hands, lanes: list[str]) -> None:
    assert await broker.consumer.draw(lanes, 50) == []
    assert await broker.consumer.draw([], 50) == []
    assert await broker.consumer.draw(lanes, 0) == []


async def test_a_ticket_given_back_is_the_next_to_come(broker: Hands, lane: str) -> None:
    await broker.put(*(ticket(lane, f"{age}", age=age) for age in range(3)))
    drawn = await broker.consumer.draw([lane], 2)
    await broker.consumer.settle(drawn, back=True)
    await waiting.wait_until(lambda: total(broker, [lane], 3), what="both are back")
    assert await broker.ids(lane) == ["0", "1", "2"]


async def test_an_acked_ticket_never_comes_again_and_settling_twice_does_nothing(
    broker: Hands, lanes: list[str]
) -> None:
    await broker.put(*(ticket(lanes[0], f"{age}", age=age) for age in range(6)))
    first, second = await broker.consumer.draw(lanes[:1], 3), await broker.consumer.draw(lanes[:1], 3)
    await broker.consumer.settle(second[1:])
    await broker.consumer.settle(first)
    await broker.consumer.settle([*first, *second], back=True)
    assert broker.consumer.unsettled == 0
    await waiting.wait_until(lambda: total(broker, lanes[:1], 1), what="only the one given back is there")
    assert await broker.ids(lanes[0]) == ["3"]


async def test_fifty_callers_of_two_processes_never_share_a_ticket(connect: Connect, lane: str) -> None:
    processes = [await connect(), await connect()]
    await processes[0].put(*(ticket(lane, f"{number:04d}", age=number) for number in range(1000)))

    async def work(broker: Hands, count: int) -> list[str]:
        mine: list[str] = []
        while came := await broker.ids(lane, count=count):
            mine += came
        return mine

    done = await asyncio.gather(*(work(processes[caller % 2], caller % 7 + 1) for caller in range(50)))
    assert sorted(name for mine in done for name in mine) == [f"{number:04d}" for number in range(1000)]


async def test_a_cancelled_draw_gives_everything_back(connect: Connect, wire: proxy.Proxy, lanes: list[str]) -> None:
    far, near = await connect(wire.url), await connect()
    await far.ready()
    await near.put(*(ticket(lanes[age % 2], f"{age:02d}", age=age) for age in range(20)))
    assert await far.ids(*lanes[:2], count=1) == ["00"]
    wire.freeze()
    drawing = asyncio.create_task(far.consumer.draw(lanes[:2], 10))
    await waiting.wait_until(lambda: wire.held, what="the gets are on their way")
    drawing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drawing
    wire.thaw()
    await waiting.wait_until(lambda: total(near, lanes[:2], 19), what="all tickets are back")
    assert await near.ids(*lanes[:2]) == [f"{age:02d}" for age in range(1, 20)]
    assert far.consumer.unsettled == 0


async def test_a_silent_broker_is_unavailable_after_the_time_limit(
    connect: Connect, wire: proxy.Proxy, lane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = await connect(wire.url)
    await broker.ready()
    await broker.put(ticket(lane, "one"))
    monkeypatch.setattr(broker.consumer, "_timeout", 0.2)
    wire.freeze()
    with pytest.raises(errors.Unavailable):
        await broker.consumer.draw([lane], 1)
    wire.thaw()
    await waiting.wait_until(lambda: total(broker, [lane], 1), what="the ticket is back")


async def test_without_a_link_it_is_unavailable_at_once_and_works_again_later(
    connect: Connect, wire: proxy.Proxy, lane: str
) -> None:
    broker = await connect(wire.url)
    await broker.ready()
    await broker.put(ticket(lane, "one"), ticket(lane, "two"))
    held = await broker.consumer.draw([lane], 1)
    await wire.shut()
    await waiting.wait_until(lambda: not broker.taking.connected, what="the loss is noticed")
    async with asyncio.timeout(0.5):
        with pytest.raises(errors.Unavailable):
            await broker.consumer.draw([lane], 1)
    await broker.consumer.settle(held)
    assert broker.consumer.unsettled == 0
    await wire.reopen()
    await broker.ready()
    await waiting.wait_until(lambda: total(broker, [lane], 2), what="the broker has the held ticket back")
    assert await broker.ids(lane) == ["one", "two"]


async def test_a_lane_dropped_by_somebody_else_costs_nobody_an_error(connect: Connect, lanes: list[str]) -> None:
    mine, theirs = await connect(), await connect()
    await mine.put(*(ticket(lane, lane) for lane in lanes[:2]))
    held = await mine.consumer.draw(lanes[:1], 1)
    await mine.consumer.settle(await mine.consumer.draw(lanes[1:2], 1), back=True)
    await theirs.lanes.drop(lanes[1])
    async with asyncio.timeout(5):
        assert await mine.consumer.draw(lanes[1:2], 1) == []
    await mine.consumer.settle(held)
    await waiting.wait_until(lambda: total(theirs, lanes[:1], 1), what="what was held on that channel is back")


async def test_what_is_not_a_ticket_is_thrown_away(broker: Hands, lane: str, rabbitmq_url: str) -> None:
    await broker.put(ticket(lane, "real"))
    async with await aio_pika.connect(rabbitmq_url) as connection, connection.channel() as channel:
        rubbish = aio_pika.Message(b"rubbish", priority=3)
        await channel.default_exchange.publish(rubbish, routing_key=lane)
        empty = aio_pika.Message(b"", priority=3)
        await channel.default_exchange.publish(empty, routing_key=lane)
    drawn: list[str] = []
    while await broker.lanes.depth(lane):
        drawn += await broker.ids(lane, count=1)
    assert drawn == ["real"]
    assert broker.consumer.unsettled == 0


async def test_closing_lets_out_the_last_acks_and_gives_back_the_rest(
    connect: Connect, rabbitmq_url: str, exchange: str, lane: str
) -> None:
    mine = await connect()
    await mine.put(*(ticket(lane, f"{number}") for number in range(5)))
    async with hands(rabbitmq_url, exchange) as leaving:
        await leaving.ready()
        kept = await leaving.consumer.draw([lane], 3)
        await leaving.consumer.settle(kept[:1])
    await waiting.wait_until(lambda: total(mine, [lane], 4), what="all but the acked one are there")


async def total(broker: Hands, lanes: list[str], number: int) -> bool:
    """Whether so many tickets wait in these lanes together."""
    return sum([await broker.lanes.depth(lane) or 0 for lane in lanes]) == number
