"""Celery: as it comes, or with BENCH_EQUAL with our promises: confirms, late acknowledgement, results in MongoDB."""

import os

from celery import Celery

from tests.bench.peers import noting

EQUAL = "BENCH_EQUAL" in os.environ

app = Celery("bench", broker=noting.BROKER)
app.conf.update(
    task_default_queue="bench-celery-equal" if EQUAL else "bench-celery",
    worker_prefetch_multiplier=64 if EQUAL else 4,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    task_ignore_result=not EQUAL,
    task_acks_late=EQUAL,
    broker_transport_options={"confirm_publish": True} if EQUAL else {},
    result_backend=os.environ["BENCH_MONGODB"] if EQUAL else None,
)


@app.task
def noop(payload):
    noting.done()
    return {"ok": True}


def send(count):
    for _ in range(count):
        noop.delay(noting.PAYLOAD)
