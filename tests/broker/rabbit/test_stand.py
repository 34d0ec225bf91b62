"""Dealing: what comes while hand-outs are under way gathers, and few take it; nothing stays where nobody waits."""

import asyncio
from contextlib import AsyncExitStack

from broker.rabbit.waiting import Waiter
from tests.support import waiting
from tests.support.hands import Connect, Hands, ticket


async def busy(broker: Hands, lane: str, stack: AsyncExitStack) -> list[Waiter]:
    """Two waiters whose hand-outs are under way: what comes now gathers."""
    waiters: list[Waiter] = []
    for name in ("first", "second"):
        waiter = await stack.enter_async_context(broker.consumer.waiting([lane]))
        await broker.put(ticket(lane, name))
        (drawn,) = await waiter.next(60)
        assert drawn.ticket.ids == (name,)
        waiters.append(waiter)
    return waiters


async def waiting_for(broker: Hands, lane: str, count: int, number: int, stack: AsyncExitStack) -> list[Waiter]:
    return [await stack.enter_async_context(broker.consumer.waiting([lane], count)) for _ in range(number)]


async def lying(broker: Hands, lane: str, count: int) -> None:
    """Wait until so many tickets lie in the lane."""

    async def are_there() -> bool:
        return await broker.lanes.depth(lane) == count

    await waiting.wait_until(are_there, what=f"{count} lie there", timeout=60)


async def test_what_gathered_goes_to_few_hands_and_to_none_more_than_it_asks_for(broker: Hands, lane: str) -> None:
    async with AsyncExitStack() as stack:
        first, _ = await busy(broker, lane, stack)
        waiters = await waiting_for(broker, lane, 5, 10, stack)
        calls = [asyncio.create_task(waiter.next(60)) for waiter in waiters]
        await broker.put(*(ticket(lane, f"{age:02d}", age=age) for age in range(12)))
        await waiting.wait_until(lambda: broker.consumer.unsettled == 14, what="all came", timeout=60)
        assert not any(call.done() for call in calls)
        assert await first.next(0) == []
        await asyncio.wait(calls[:3], timeout=60)
        hands = [[drawn.ticket.ids[0] for drawn in call.result()] for call in calls[:3]]
        names = [f"{age:02d}" for age in range(12)]
        assert hands == [names[:5], names[5:10], names[10:]]
        assert not any(call.done() for call in calls[3:])
        for call in calls[:3]:
            await broker.consumer.settle(call.result())
        for call in calls[3:]:
            call.cancel()
        await asyncio.gather(*calls[3:], return_exceptions=True)
    assert broker.consumer.unsettled == 0
    await lying(broker, lane, 2)
    assert await broker.ids(lane) == ["first", "second"]


async def test_urgent_ones_among_those_that_gathered_come_first(broker: Hands, lane: str) -> None:
    async with AsyncExitStack() as stack:
        first, _ = await busy(broker, lane, stack)
        (waiter,) = await waiting_for(broker, lane, 3, 1, stack)
        call = asyncio.create_task(waiter.next(60))
        await broker.put(ticket(lane, "normal", age=1))
        await broker.put(ticket(lane, "urgent", priority=3, age=9))
        await waiting.wait_until(lambda: broker.consumer.unsettled == 4, what="both came", timeout=60)
        assert await first.next(0) == []
        assert [drawn.ticket.ids[0] for drawn in await call] == ["urgent", "normal"]


async def test_what_was_dealt_to_one_who_is_gone_is_dealt_to_the_next(broker: Hands, lane: str) -> None:
    async with broker.consumer.waiting([lane]) as there:
        async with broker.consumer.waiting([lane]) as gone:
            calls = [asyncio.create_task(gone.next(60)), asyncio.create_task(there.next(60))]
            await broker.put(ticket(lane, "one"))
            (brought,) = await calls[0]
            assert not calls[1].done()
        (drawn,) = await calls[1]
        # Not by way of the broker.
        assert drawn is brought
        await broker.consumer.settle([drawn])
    assert broker.consumer.unsettled == 0
    assert await broker.lanes.depth(lane) == 0


async def test_what_gathered_goes_back_with_the_last_who_could_take_it(connect: Connect, lane: str) -> None:
    mine, theirs = await connect(), await connect()
    async with AsyncExitStack() as stack:
        await busy(mine, lane, stack)
        async with mine.consumer.waiting([lane], 5):
            await mine.put(*(ticket(lane, f"{age}", age=age) for age in range(3)))
            await waiting.wait_until(lambda: mine.consumer.unsettled == 5, what="three gathered", timeout=60)
        assert mine.consumer.unsettled == 2
        await lying(theirs, lane, 3)
        assert await theirs.ids(lane) == ["0", "1", "2"]


async def test_who_takes_longer_holds_up_nobody(broker: Hands, lane: str) -> None:
    async with AsyncExitStack() as stack:
        first, second = await busy(broker, lane, stack)
        (waiter,) = await waiting_for(broker, lane, 5, 1, stack)
        call = asyncio.create_task(waiter.next(60))
        await broker.put(ticket(lane, "third"))
        await waiting.wait_until(lambda: broker.consumer.unsettled == 3, what="the third came", timeout=60)
        first.part()
        second.part()
        assert [drawn.ticket.ids for drawn in await call] == [("third",)]


async def test_nobody_is_brought_more_than_those_who_wait_ask_for(broker: Hands, lane: str) -> None:
    await broker.put(*(ticket(lane, f"{age:02d}", age=age) for age in range(20)))
    async with broker.consumer.waiting([lane], 4) as waiter:
        await waiting.wait_until(lambda: broker.consumer.unsettled == 4, what="four came", timeout=60)
        drawn = await waiter.next(60)
        assert [each.ticket.ids[0] for each in drawn] == ["00", "01", "02", "03"]
        await broker.consumer.settle(drawn)
    assert broker.consumer.unsettled == 0
    await lying(broker, lane, 16)
