"""Hands on RabbitMQ, and lanes that nobody else uses."""

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import aio_pika
import pytest

from broker.rabbit import topology
from tests.support import proxy
from tests.support.hands import Connect, Hands, hands


@pytest.fixture
async def exchange(rabbitmq_url: str) -> AsyncIterator[str]:
    """The name of an events exchange for this test alone."""
    name = f"test.{uuid.uuid4().hex}.events"
    yield name
    async with await aio_pika.connect(rabbitmq_url) as cleaner, cleaner.channel() as channel:
        await channel.exchange_delete(name)


@pytest.fixture
async def lanes(rabbitmq_url: str) -> AsyncIterator[list[str]]:
    """The names of ten lanes for this test alone, not declared."""
    tenant = uuid.uuid4().hex
    names = [topology.lane("test", tenant, str(number)) for number in range(10)]
    yield names
    async with await aio_pika.connect(rabbitmq_url) as cleaner, cleaner.channel() as channel:
        for name in names:
            await channel.queue_delete(name)


@pytest.fixture
def lane(lanes: list[str]) -> str:
    """One of them."""
    return lanes[0]


@pytest.fixture
async def connect(rabbitmq_url: str, exchange: str, lanes: list[str]) -> AsyncIterator[Connect]:
    """Makes hands, one pair for each process that a test needs."""
    async with AsyncExitStack() as stack:

        async def make(url: str | None = None) -> Hands:
            made = await stack.enter_async_context(hands(url or rabbitmq_url, exchange))
            if url is None:
                await made.ready()
            return made

        yield make


@pytest.fixture
async def broker(connect: Connect) -> Hands:
    """Hands on the broker of this run."""
    return await connect()


@pytest.fixture
async def wire(rabbitmq_url: str) -> AsyncIterator[proxy.Proxy]:
    """A way to the broker that can be cut."""
    async with proxy.Proxy(rabbitmq_url) as between:
        yield between
