"""taskiq on aio-pika, fifty sends at the same time."""

import asyncio

from taskiq_aio_pika import AioPikaBroker

from tests.bench.peers import noting

AT_ONCE = 50

broker = AioPikaBroker(noting.BROKER, qos=100)


@broker.task
async def noop(payload):
    noting.done()


async def _send(count):
    left = iter(range(count))

    async def one_by_one():
        for _ in left:
            await noop.kiq(noting.PAYLOAD)

    await asyncio.gather(*[one_by_one() for _ in range(AT_ONCE)])


_loop = asyncio.new_event_loop()


def send(count):
    if not broker.write_conn:
        _loop.run_until_complete(broker.startup())
    _loop.run_until_complete(_send(count))
