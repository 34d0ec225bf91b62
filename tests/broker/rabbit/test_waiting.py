"""Waiting: whoever waits gets it, at once; whoever does not wait holds nothing."""

import asyncio
import time

import pytest

from broker.rabbit.drawing import Drawn
from broker.rabbit.waiting import Waiter
from core import errors
from tests.support import proxy, waiting
from tests.support.hands import Connect, Hands, ticket


async def one(waiter: Waiter, seconds: float) -> Drawn | None:
    """The ticket that came, if one did."""
    drawn = await waiter.next(seconds)
    assert len(drawn) <= 1
    return drawn[0] if drawn else None


async def test_a_ticket_that_is_published_while_one_waits_comes(broker: Hands, lane: str) -> None:
    async with broker.consumer.waiting([lane]) as waiter:
        coming = asyncio.create_task(one(waiter, 5))
        sent = ticket(lane, "one")
        await broker.put(sent)
        drawn = await coming
        assert drawn is not None
        assert drawn.ticket == sent
        await broker.consumer.settle([drawn])
    assert await broker.lanes.depth(lane) == 0
    assert broker.consumer.unsettled == 0


async def test_a_ticket_that_lies_there_comes_at_once(broker: Hands, lane: str) -> None:
    await broker.put(ticket(lane, "one"))
    async with broker.consumer.waiting([lane]) as waiter:
        drawn = await one(waiter, 5)
        assert drawn is not None
        await broker.consumer.settle([drawn])


async def test_nothing_comes_in_time(broker: Hands, lane: str) -> None:
    async with broker.consumer.waiting([lane]) as waiter:
        assert await one(waiter, 0.05) is None
        assert await one(waiter, 0) is None


async def test_the_best_of_several_lanes_comes_first(broker: Hands, lanes: list[str]) -> None:
    await broker.put(
        ticket(lanes[0], "old", priority=1, age=1),
        ticket(lanes[1], "urgent", priority=3, age=9),
        ticket(lanes[2], "young", priority=1, age=5),
    )
    async with broker.consumer.waiting(lanes[:3], 3) as waiter:
        await waiting.wait_until(lambda: broker.consumer.unsettled == 3, what="one of each lane came")
        drawn = await waiter.next(0)
        await broker.consumer.settle(drawn)
    came = [each.ticket.ids[0] for each in drawn]
    assert came == ["urgent", "old", "young"]


async def test_a_waiter_holds_one_ticket_of_a_lane_and_no_more(broker: Hands, lane: str) -> None:
    await broker.put(*(ticket(lane, f"{age}", age=age) for age in range(10)))
    async with broker.consumer.waiting([lane]) as waiter:
        drawn = await one(waiter, 5)
        assert drawn is not None
        assert await broker.lanes.depth(lane) == 9
        await broker.consumer.settle([drawn])
        second = await one(waiter, 5)
        assert second is not None
        assert second.ticket.ids == ("1",)


async def test_leaving_gives_back_what_came_and_what_was_not_settled(connect: Connect, lanes: list[str]) -> None:
    mine, theirs = await connect(), await connect()
    await mine.put(ticket(lanes[0], "taken", age=1), ticket(lanes[1], "came", age=2))
    async with mine.consumer.waiting(lanes[:2]) as waiter:
        await waiting.wait_until(lambda: mine.consumer.unsettled == 2, what="both came")
        assert await one(waiter, 1) is not None
    assert mine.consumer.unsettled == 0
    await waiting.wait_until(lambda: theirs.lanes.depth(lanes[0]), what="the taken one is back")
    await waiting.wait_until(lambda: theirs.lanes.depth(lanes[1]), what="the other one is back")
    assert await theirs.ids(*lanes[:2]) == ["taken", "came"]


async def test_no_ticket_goes_to_a_process_where_nobody_waits(connect: Connect, lane: str) -> None:
    idle, busy = await connect(), await connect()
    async with idle.consumer.waiting([lane]) as waiter:
        assert await one(waiter, 0.01) is None
    async with busy.consumer.waiting([lane]) as waiter:
        for number in range(50):
            await idle.put(ticket(lane, f"{number}"))
            drawn = await one(waiter, 1)
            assert drawn is not None
            assert drawn.ticket.ids == (f"{number}",)
            await busy.consumer.settle([drawn])


async def test_waiters_that_come_and_go_in_two_processes_strand_nothing(connect: Connect, lane: str) -> None:
    """Tickets are published while waiters give up: each delivery that crosses a leaving waiter must come back."""
    processes = [await connect(), await connect()]
    done: list[str] = []
    names = {f"{number:03d}" for number in range(200)}

    async def come_and_go(broker: Hands, patience: float) -> None:
        while len(done) < len(names):
            async with broker.consumer.waiting([lane]) as waiter:
                drawn = await one(waiter, patience)
                if drawn is not None:
                    done.append(drawn.ticket.ids[0])
                    await broker.consumer.settle([drawn])

    async def publish() -> None:
        for name in sorted(names):
            await processes[0].put(ticket(lane, name))

    impatient = [come_and_go(processes[number % 2], 0.001 * number) for number in range(1, 9)]
    async with asyncio.timeout(20):
        await asyncio.gather(publish(), *impatient)
    assert sorted(done) == sorted(names)
    assert [broker.consumer.unsettled for broker in processes] == [0, 0]


async def test_a_cancelled_waiter_passes_its_ticket_on(connect: Connect, lane: str) -> None:
    mine, theirs = await connect(), await connect()

    async def hold() -> None:
        async with mine.consumer.waiting([lane]) as waiter:
            assert await one(waiter, 5) is not None
            await asyncio.Event().wait()

    holding = asyncio.create_task(hold())
    await mine.put(ticket(lane, "one"))
    await waiting.wait_until(lambda: mine.consumer.unsettled == 1, what="the ticket is held")
    async with theirs.consumer.waiting([lane]) as waiter:
        assert await one(waiter, 0.05) is None
        holding.cancel()
        drawn = await one(waiter, 1)
        assert drawn is not None
        await theirs.consumer.settle([drawn])
    with pytest.raises(asyncio.CancelledError):
        await holding


async def test_a_waiter_cancelled_while_its_ticket_is_on_the_wire_passes_it_on(
    connect: Connect, wire: proxy.Proxy, lane: str
) -> None:
    far, near = await connect(wire.url), await connect()
    await far.ready()

    async def wait_far() -> None:
        async with far.consumer.waiting([lane]) as waiter:
            assert await one(waiter, 5) is None

    waiter = asyncio.create_task(wait_far())
    await waiting.wait_until(lambda: near.lanes.consumers(lane), what="the far waiter stands in the lane")
    wire.freeze()
    await near.put(ticket(lane, "one"))
    await waiting.wait_until(lambda: wire.held, what="the ticket is on the wire")
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    wire.thaw()
    async with near.consumer.waiting([lane]) as other:
        drawn = await one(other, 2)
        assert drawn is not None
        await near.consumer.settle([drawn])
    assert far.consumer.unsettled == 0


async def test_each_of_many_waiters_gets_one(broker: Hands, lane: str) -> None:
    async def wait_one() -> str:
        async with broker.consumer.waiting([lane]) as waiter:
            drawn = await one(waiter, 10)
            assert drawn is not None
            await broker.consumer.settle([drawn])
            return drawn.ticket.ids[0]

    waiters = [asyncio.create_task(wait_one()) for _ in range(200)]
    await broker.put(*(ticket(lane, f"{number:03d}") for number in range(200)))
    assert sorted(await asyncio.gather(*waiters)) == [f"{number:03d}" for number in range(200)]


async def test_a_waiter_goes_on_after_the_link_was_cut(connect: Connect, wire: proxy.Proxy, lane: str) -> None:
    far, near = await connect(wire.url), await connect()
    await far.ready()
    async with far.consumer.waiting([lane]) as waiter:
        await near.put(ticket(lane, "before", age=1))
        await waiting.wait_until(lambda: far.consumer.unsettled == 1, what="the first ticket came")
        await wire.cut()
        await waiting.wait_until(lambda: not far.taking.connected, what="the loss is noticed")
        drawn = await one(waiter, 10)
        assert drawn is not None
        assert drawn.ticket.ids == ("before",)
        await far.consumer.settle([drawn])
        await near.put(ticket(lane, "after"))
        drawn = await one(waiter, 10)
        assert drawn is not None
        assert drawn.ticket.ids == ("after",)
        await far.consumer.settle([drawn])


async def test_a_wait_that_ends_without_a_link_says_so(connect: Connect, wire: proxy.Proxy, lane: str) -> None:
    broker = await connect(wire.url)
    await broker.ready()
    async with broker.consumer.waiting([lane]) as waiter:
        await wire.shut()
        await waiting.wait_until(lambda: not broker.taking.connected, what="the loss is noticed")
        with pytest.raises(errors.Unavailable):
            await one(waiter, 0.05)
    with pytest.raises(errors.Unavailable):
        async with broker.consumer.waiting([lane]):
            pytest.fail("nobody can wait without a link")


async def test_a_dropped_lane_ends_the_wait_early_and_is_there_again_for_the_next(
    connect: Connect, lanes: list[str]
) -> None:
    mine, theirs = await connect(), await connect()
    async with mine.consumer.waiting(lanes[:2]) as waiter, mine.consumer.waiting(lanes[1:2]) as other:
        ended = asyncio.create_task(one(waiter, 30))
        await waiting.wait_until(lambda: theirs.lanes.consumers(lanes[0]), what="the waiter stands in the lane")
        await theirs.lanes.drop(lanes[0])
        async with asyncio.timeout(2):
            assert await ended is None
        await theirs.put(ticket(lanes[1], "undisturbed"))
        drawn = await one(other, 2)
        assert drawn is not None
        await mine.consumer.settle([drawn])
    assert await theirs.lanes.depth(lanes[0]) is None
    async with mine.consumer.waiting(lanes[:1]) as waiter:
        await theirs.put(ticket(lanes[0], "again"))
        drawn = await one(waiter, 2)
        assert drawn is not None
        await mine.consumer.settle([drawn])


async def test_a_wait_costs_milliseconds(broker: Hands, lane: str) -> None:
    took: list[float] = []
    for number in range(50):
        async with broker.consumer.waiting([lane]) as waiter:
            assert await one(waiter, 0) is None
            began = time.perf_counter()
            await broker.put(ticket(lane, f"{number}"))
            drawn = await one(waiter, 5)
            took.append(time.perf_counter() - began)
            assert drawn is not None
            await broker.consumer.settle([drawn])
    assert sorted(took)[len(took) // 2] < 0.05


async def test_a_lane_in_which_somebody_waits_in_vain_is_drained(broker: Hands, lanes: list[str]) -> None:
    assert not broker.consumer.drained(lanes[:1])
    async with broker.consumer.waiting(lanes[:2]) as waiter:
        assert broker.consumer.drained(lanes[:2])
        assert not broker.consumer.drained(lanes[:3])
        await broker.put(ticket(lanes[0], "one"))
        drawn = await one(waiter, 60)
        assert drawn is not None
        assert not broker.consumer.drained(lanes[1:2])
        await broker.consumer.settle([drawn])
        assert await one(waiter, 0.05) is None
        assert broker.consumer.drained(lanes[:2])
    assert not broker.consumer.drained(lanes[:1])


async def test_whoever_has_its_ticket_is_brought_no_more(broker: Hands, lane: str) -> None:
    await broker.put(*(ticket(lane, f"{age}", age=age) for age in range(3)))
    async with broker.consumer.waiting([lane]) as waiter:
        drawn = await one(waiter, 60)
        assert drawn is not None
        await broker.consumer.settle([drawn])

        async def stood_back() -> bool:
            return await broker.lanes.consumers(lane) == 0

        await waiting.wait_until(stood_back, what="no consumer is left")
        assert await broker.lanes.depth(lane) == 2
        assert broker.consumer.unsettled == 0


async def test_one_that_is_called_off_gets_nothing(broker: Hands, lane: str) -> None:
    async with broker.consumer.waiting([lane]) as waiter:
        coming = asyncio.create_task(one(waiter, 60))
        await asyncio.sleep(0)
        waiter.call_off()
        assert await coming is None
