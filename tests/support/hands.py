"""What one process has of RabbitMQ, for tests that work with several, and tickets to play with."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from broker.rabbit import connection, consumer, events, management, messages, publisher


@dataclass(frozen=True)
class Hands:
    """Two links and everything that works over them."""

    publishing: connection.Link
    taking: connection.Link
    lanes: management.Lanes
    publisher: publisher.Publisher
    consumer: consumer.Consumer
    events: events.Events

    async def ready(self) -> None:
        """Wait until everything works."""
        async with asyncio.timeout(10):
            await self.publisher.ready()
            await self.consumer.ready()

    async def put(self, *tickets: messages.Ticket) -> None:
        """Publish tickets, all confirmed."""
        assert len(await self.publisher.publish(tickets)) == len(tickets)

    async def ids(self, *lanes: str, count: int = 100) -> list[str]:
        """Take tickets and ack them; answers the ids in the order in which they came."""
        drawn = await self.consumer.draw(lanes, count)
        await self.consumer.settle(drawn)
        return [each.ticket.ids[0] for each in drawn]


Connect = Callable[..., Awaitable[Hands]]
"""`connect()` makes ready hands on the broker of the run; `connect(url)` hands that may not be connected yet."""


@asynccontextmanager
async def hands(
    url: str, exchange: str, *, publish_timeout: float = 2.0, deep: int = publisher.DEEP
) -> AsyncGenerator[Hands]:
    """Hands that were started, not necessarily connected; closed afterwards."""
    publishing, taking = connection.Link(url, "test publishes"), connection.Link(url, "test takes")
    lanes = management.Lanes(taking)
    sender = publisher.Publisher(publishing, lanes, exchange, timeout=publish_timeout, deep=deep)
    taker = consumer.Consumer(taking, lanes)
    for part in (publishing, taking, sender, taker):
        part.start()
    try:
        yield Hands(publishing, taking, lanes, sender, taker, events.Events(taking, sender, exchange))
    finally:
        for part in (sender, taker, lanes, publishing, taking):
            await part.close()


def ticket(lane: str, name: str, *, priority: int = 1, age: int = 0) -> messages.Ticket:
    """A ticket of one task; the smaller `age`, the earlier its place."""
    return messages.Ticket(lane=lane, ids=(name,), priority=priority, place=f"{3 - priority}{age:06d}{name}")
