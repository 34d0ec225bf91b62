"""Publishing: what is confirmed is in its lane; a broker that is away, slow or different costs a limited time."""

import asyncio
import time

import aio_pika

from broker.rabbit import messages
from tests.support import proxy, waiting
from tests.support.hands import Connect, Hands, hands, ticket


async def test_a_confirmed_ticket_lies_in_its_lane(broker: Hands, lane: str) -> None:
    sent = ticket(lane, "one", priority=2)
    assert await broker.publisher.publish([sent]) == [sent]
    [drawn] = await broker.consumer.draw([lane], 1)
    assert drawn.ticket == sent


async def test_a_lane_that_is_missing_is_declared_and_gets_its_tickets(broker: Hands, lanes: list[str]) -> None:
    await broker.put(ticket(lanes[0], "known"))
    tickets = [ticket(lanes[number % 3], f"t{number}") for number in range(300)]
    confirmed = await broker.publisher.publish(tickets)
    assert sorted(t.ids for t in confirmed) == sorted(t.ids for t in tickets)
    assert [await broker.lanes.depth(lane) for lane in lanes[:4]] == [101, 100, 100, None]


async def test_a_lane_that_somebody_deleted_is_declared_again(connect: Connect, lane: str) -> None:
    mine, theirs = await connect(), await connect()
    await mine.put(ticket(lane, "before"))
    await theirs.lanes.drop(lane)
    await mine.put(ticket(lane, "after"))
    assert await mine.ids(lane) == ["after"]


async def test_equal_tickets_of_a_missing_lane_all_arrive(broker: Hands, lane: str) -> None:
    await broker.put(*[ticket(lane, "same")] * 5)
    assert await broker.ids(lane) == ["same"] * 5


async def test_many_callers_share_the_channel(broker: Hands, lane: str) -> None:
    await broker.put(ticket(lane, "first"))
    batches = [[ticket(lane, f"{caller}-{number}") for number in range(100)] for caller in range(20)]
    confirmed = await asyncio.gather(*(broker.publisher.publish(batch) for batch in batches))
    assert confirmed == batches
    assert await broker.lanes.depth(lane) == 2001


async def test_a_ticket_larger_than_a_frame_arrives_whole(broker: Hands, lane: str) -> None:
    big = messages.Ticket(lane=lane, ids=tuple(f"{number:036d}" for number in range(10_000)), priority=0, place="p")
    await broker.put(big)
    [drawn] = await broker.consumer.draw([lane], 1)
    assert drawn.ticket == big


async def test_tickets_are_transient(broker: Hands, lane: str, rabbitmq_url: str) -> None:
    await broker.put(ticket(lane, "one", priority=3))
    assert await modes(rabbitmq_url, lane, 1) == [(aio_pika.DeliveryMode.NOT_PERSISTENT, 3)]


async def test_in_a_deep_lane_they_are_persistent_until_it_is_shallow_again(lane: str, rabbitmq_url: str) -> None:
    async with hands(rabbitmq_url, "test.events", deep=3_000) as broker:
        await deepen(broker, lane, rabbitmq_url)
        assert await broker.lanes.purge(lane) == 5_000
        for _ in range(5):
            await broker.put(*(ticket(lane, f"t{number}") for number in range(1_000)))
            await broker.lanes.purge(lane)

        async def is_not_kept() -> bool:
            return not await is_kept(broker, lane, rabbitmq_url)

        await waiting.wait_until(is_not_kept, what="the depth is known again")


async def test_a_lane_that_was_deep_and_is_declared_anew_is_not(lane: str, rabbitmq_url: str) -> None:
    async with hands(rabbitmq_url, "test.events", deep=3_000) as broker:
        await deepen(broker, lane, rabbitmq_url)
        await broker.lanes.drop(lane)
        assert not await is_kept(broker, lane, rabbitmq_url)


async def deepen(broker: Hands, lane: str, url: str) -> None:
    """Put 5,000 tickets into a lane, and wait until it is known to be deep."""
    await broker.ready()
    for _ in range(5):
        await broker.put(*(ticket(lane, f"t{number}") for number in range(1_000)))
    await waiting.wait_until(lambda: is_kept(broker, lane, url), what="the depth is known")


async def is_kept(broker: Hands, lane: str, url: str) -> bool:
    """Whether the next ticket is a persistent one."""
    await broker.put(ticket(lane, "last", priority=3))
    return await modes(url, lane, 1) == [(aio_pika.DeliveryMode.PERSISTENT, 3)]


async def modes(url: str, lane: str, count: int) -> list[tuple[aio_pika.DeliveryMode | None, int | None]]:
    """How the first messages of a lane are kept, with their priorities; they are taken out."""
    async with await aio_pika.connect(url) as connection, connection.channel() as channel:
        queue = await channel.get_queue(lane, ensure=False)
        taken = [await queue.get(no_ack=True) for _ in range(count)]
    return [(message.delivery_mode, message.priority) for message in taken]


async def test_nothing_is_confirmed_and_nothing_raised_while_the_broker_is_away(
    connect: Connect, wire: proxy.Proxy, lane: str
) -> None:
    broker = await connect(wire.url)
    assert await broker.publisher.publish([ticket(lane, "too early")]) == []
    await broker.ready()
    await wire.shut()
    await waiting.wait_until(lambda: not broker.publishing.connected, what="the link is known to be lost")
    assert await broker.publisher.publish([ticket(lane, "too late")]) == []


async def test_no_tickets_are_no_work(broker: Hands) -> None:
    assert await broker.publisher.publish([]) == []


async def test_a_silent_broker_costs_one_caller_the_time_limit_and_the_others_nothing(
    wire: proxy.Proxy, exchange: str, lane: str
) -> None:
    async with hands(wire.url, exchange, publish_timeout=0.3) as broker:
        await broker.ready()
        await broker.put(ticket(lane, "known"))
        wire.freeze()
        async with asyncio.timeout(1):
            assert await broker.publisher.publish([ticket(lane, "unknown")]) == []
        async with asyncio.timeout(0.1):
            assert await broker.publisher.publish([ticket(lane, "not tried")]) == []
        wire.thaw()
        await waiting.wait_until(lambda: broker.publisher.publish([ticket(lane, "later")]), what="it is heard again")
        assert sorted(set(await broker.ids(lane))) == ["known", "later", "unknown"]


async def test_a_broker_that_stays_silent_is_tried_again_now_and_then(
    wire: proxy.Proxy, exchange: str, lane: str
) -> None:
    async with hands(wire.url, exchange, publish_timeout=0.1) as broker:
        await broker.ready()
        await broker.put(ticket(lane, "known"))
        wire.freeze()

        async def tried() -> bool:
            began = time.perf_counter()
            assert await broker.publisher.publish([ticket(lane, "unknown")]) == []
            return time.perf_counter() - began > 0.09

        assert await tried()
        assert not await tried()
        await waiting.wait_until(tried, what="it is tried again")
        assert not await tried()
        wire.thaw()


async def test_a_link_cut_under_way_ends_the_wait_at_once(connect: Connect, wire: proxy.Proxy, lane: str) -> None:
    broker = await connect(wire.url)
    await broker.ready()
    await broker.put(ticket(lane, "known"))
    wire.freeze()
    publishing = asyncio.create_task(broker.publisher.publish([ticket(lane, "cut")]))
    await waiting.wait_until(lambda: wire.held, what="the ticket is on its way")
    await wire.cut()
    async with asyncio.timeout(1):
        assert await publishing == []


async def test_publishing_works_again_after_a_cut(connect: Connect, wire: proxy.Proxy, lane: str) -> None:
    broker = await connect(wire.url)
    await broker.ready()
    await wire.cut()
    await waiting.wait_until(lambda: not broker.publishing.connected, what="the link is known to be lost")
    await broker.ready()
    await broker.put(ticket(lane, "again"))
    assert await broker.ids(lane) == ["again"]


async def test_a_caller_that_gives_up_harms_nobody(broker: Hands, lane: str) -> None:
    await broker.put(ticket(lane, "first"))
    impatient = asyncio.create_task(broker.publisher.publish([ticket(lane, "second")]))
    await asyncio.sleep(0)
    impatient.cancel()
    await broker.put(ticket(lane, "third"))
    assert await broker.ids(lane) == ["first", "second", "third"]
