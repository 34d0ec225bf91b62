"""Dramatiq with publisher confirms; without priorities, which its queues pay for."""

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.middleware import default_middleware

from tests.bench.peers import noting

broker = RabbitmqBroker(
    url=noting.BROKER,
    confirm_delivery=True,
    middleware=[each() for each in default_middleware if each.__name__ != "Prometheus"],
)
dramatiq.set_broker(broker)


@dramatiq.actor(queue_name="bench-dramatiq")
def noop(payload):
    noting.done()


def send(count):
    for _ in range(count):
        noop.send(noting.PAYLOAD)
