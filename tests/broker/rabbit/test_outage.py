"""What RabbitMQ itself can do to us: block, die, and come back having forgotten everything."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.rabbit import messages
from deploy.local import children, rabbitmq
from tests.support import waiting
from tests.support.hands import Hands, hands, ticket

LANE = "test.lane.demo.one"


class Node:
    """A RabbitMQ of a test's own."""

    def __init__(self, home: Path) -> None:
        self.node = rabbitmq.node(home, vhosts=("main",))
        self._running: list[children.Child] = []

    async def start(self) -> None:
        """Start it, on its old data if there are any."""
        self._running.append(await children.start(rabbitmq.server(self.node)))

    async def kill(self) -> None:
        """End it as a power cut would."""
        await children.kill(self._running.pop())

    async def control(self, *words: str) -> None:
        """Run rabbitmqctl."""
        assert await rabbitmq.control(self.node, *words) == 0

    async def stop(self) -> None:
        """End whatever runs."""
        for child in reversed(self._running):
            await children.kill(child)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    """A node that this test may break."""
    own = Node(tmp_path)
    epmd = await children.start(rabbitmq.epmd(own.node))
    try:
        await own.start()
        yield own
    finally:
        await own.stop()
        await children.kill(epmd)


@pytest.fixture
async def broker(node: Node) -> AsyncIterator[Hands]:
    """Hands on that node."""
    async with hands(node.node.url("main"), "test.events", publish_timeout=1) as made:
        await made.ready()
        yield made


async def test_while_rabbitmq_blocks_us_publishing_gives_up_and_drawing_goes_on(node: Node, broker: Hands) -> None:
    await broker.put(*(ticket(LANE, f"{number}") for number in range(3)))
    async with hands(node.node.url("main"), "test.events", publish_timeout=0.2) as hasty:
        await hasty.ready()
        await node.control("set_vm_memory_high_watermark", "absolute", "1")
        # RabbitMQ tells a connection that it is blocked when that connection publishes.
        assert await hasty.publisher.publish([ticket(LANE, "held")]) == []
        await waiting.wait_until(lambda: hasty.publishing.blocked, what="the connection is blocked")
        assert hasty.publishing.connected
        # Longer than it takes until a broker that is merely silent would be tried again.
        await node.control("await_startup")
        assert await hasty.publisher.publish([ticket(LANE, "refused")]) == []
        assert not hasty.taking.blocked
        assert await hasty.ids(LANE) == ["0", "1", "2"]

        await node.control("set_vm_memory_high_watermark", "0.4")
        await waiting.wait_until(lambda: not hasty.publishing.blocked, what="the connection is unblocked")
        await waiting.wait_until(lambda: broker.publisher.publish([ticket(LANE, "later")]), what="all goes on")
        await waiting.wait_until(lambda: broker.lanes.depth(LANE), what="it is there")
        assert sorted(await broker.ids(LANE)) == ["held", "later"]


async def test_a_killed_rabbitmq_keeps_its_lanes_and_one_without_its_disk_works_again(
    node: Node, broker: Hands
) -> None:
    await broker.put(*(ticket(LANE, f"{number:03d}", age=number) for number in range(500)))
    deep = [ticket(LANE, f"deep {number}", age=number) for number in range(5)]
    assert len((await broker.publisher.send([messages.encode(each, kept=True) for each in deep])).confirmed) == 5
    held = await broker.consumer.draw([LANE], 10)

    await node.kill()
    await waiting.wait_until(lambda: lost(broker), what="the loss is noticed")
    await broker.consumer.settle(held)
    assert await broker.publisher.publish([ticket(LANE, "lost")]) == []
    await node.start()
    await broker.ready()
    assert await broker.lanes.depth(LANE) == len(deep)
    await broker.put(ticket(LANE, "again", priority=3))
    assert await broker.ids(LANE, count=1000) == ["again", *(each.ids[0] for each in deep)]

    async with broker.consumer.waiting([LANE]) as waiter:
        await node.kill()
        await waiting.wait_until(lambda: lost(broker), what="the loss is noticed")
        shutil.rmtree(node.node.data)
        await node.start()
        drawing = asyncio.create_task(waiter.next(30))
        await broker.ready()
        await broker.put(ticket(LANE, "new"))
        (drawn,) = await drawing
        assert drawn.ticket.ids == ("new",)
        await broker.consumer.settle([drawn])
    assert await broker.lanes.depth(LANE) == 0


def lost(broker: Hands) -> bool:
    return not broker.publishing.connected and not broker.taking.connected
