"""FastStream on aio-pika, fifty sends at the same time: persistent messages with confirms, acknowledged at the end."""

import asyncio
import logging

from faststream import AckPolicy, FastStream
from faststream.rabbit import Channel, RabbitBroker, RabbitQueue

from tests.bench.peers import noting

AT_ONCE = 50
QUEUE = RabbitQueue("bench-faststream", durable=True)

broker = RabbitBroker(noting.BROKER, default_channel=Channel(prefetch_count=100), log_level=logging.DEBUG)
app = FastStream(broker)


@broker.subscriber(QUEUE, ack_policy=AckPolicy.REJECT_ON_ERROR)
async def noop(payload: dict):
    noting.done()


async def _send(count):
    left = iter(range(count))

    async def one_by_one():
        for _ in left:
            await broker.publish(noting.PAYLOAD, queue=QUEUE, persist=True)

    await asyncio.gather(*[one_by_one() for _ in range(AT_ONCE)])


async def _connect():
    await broker.connect()
    # What is sent to a queue that the workers have not declared yet would be dropped.
    await broker.declare_queue(QUEUE)


_loop = asyncio.new_event_loop()
_connected = []


def send(count):
    if not _connected:
        _connected.append(_loop.run_until_complete(_connect()))
    _loop.run_until_complete(_send(count))
