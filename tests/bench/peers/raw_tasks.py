"""Nothing but aio-pika: four processes that consume and acknowledge, and a hundred sends at the same time, confirmed.

No task queue that is made of it can be faster. Run as a program it is the workers.
"""

import asyncio
import json
import multiprocessing

import aio_pika

from tests.bench.peers import noting

AT_ONCE = 100
PREFETCH = 100
WORKERS = 4
QUEUE = "bench-raw"
QUORUM = {"x-queue-type": "quorum"}
"""As taskiq's queues: faster on 3.10 than classic ones of version 1."""


async def _work():
    connection = await aio_pika.connect(noting.BROKER)
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=PREFETCH)
    queue = await channel.declare_queue(QUEUE, durable=True, arguments=QUORUM)

    async def take(message):
        json.loads(message.body)
        noting.done()
        await message.ack()

    await queue.consume(take)
    await asyncio.Event().wait()


def _worker():
    asyncio.run(_work())


_loop = asyncio.new_event_loop()
_channels = []


async def _send(count):
    if not _channels:
        connection = await aio_pika.connect(noting.BROKER)
        _channels.append(await connection.channel(publisher_confirms=True))
        await _channels[0].declare_queue(QUEUE, durable=True, arguments=QUORUM)
    exchange, left = _channels[0].default_exchange, iter(range(count))

    async def one_by_one():
        for _ in left:
            body = json.dumps(noting.PAYLOAD).encode()
            message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await exchange.publish(message, QUEUE)

    await asyncio.gather(*[one_by_one() for _ in range(AT_ONCE)])


def send(count):
    _loop.run_until_complete(_send(count))


if __name__ == "__main__":
    workers = [multiprocessing.Process(target=_worker) for _ in range(WORKERS)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
