"""The duty of webhooks over an outage longer than what is made ahead: all comes once, each task's in its order."""

import asyncio
from datetime import timedelta

import msgspec
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import Response

from broker import loops, webhook_hub
from broker.follower import Follower
from broker.outbound import Outbound
from broker.rabbit import events as rabbit
from broker.rabbit import topology
from broker.webhook_calls import Caller
from broker.webhook_keys import Keyring
from broker.webhook_meters import WebhookMeters
from broker.webhooks import Book
from core.creation import Submission
from core.settings import Settings
from core.tenant import Tenant
from core.webhook import Filter, Payload
from store.deliveries import Deliveries
from store.eventlog import EventLog
from store.events import Events
from store.headers import Headers
from store.positions import Positions
from store.webhooks import Webhooks
from tests.support import target as targets
from tests.support.engines import caller
from tests.support.making import ANN, NOW
from tests.support.waiting import wait_until

TASKS, WINDOW = 400, 20


async def test_a_long_outage_is_made_up_for(settings: Settings) -> None:
    came: list[tuple[str, str, int]] = []
    down, tried = True, 0

    async def take(request: Request) -> Response:
        nonlocal tried
        tried += 1
        if down:
            return Response(status_code=503)
        said = msgspec.json.decode(await request.body())
        came.append((request.headers["webhook-id"], said["task"], said["seq"]))
        return Response(status_code=204)

    async with caller(settings) as (parts, queue), targets.listening(take) as target:
        record, clock = parts.record, parts.clock
        await record.tenants.insert(
            Tenant(id="demo", issuer="http://127.0.0.1:1", created_at=NOW, version=1, http_allow=(target.url,))
        )
        database, keys, outbound = record.database, Keyring(record.secrets, clock=clock), Outbound()
        kept = Webhooks(database), Deliveries(database), Events(database)
        book = Book(*kept, Caller(outbound, record.tenants, keys, clock=clock), keys, clock=clock)
        made = await book.create(
            "demo", name="x", url=target.url, payload=Payload.NATIVE, chosen=Filter(), paused=False, by=ANN
        )
        hook = made.running.hook.id
        exchange = rabbit.Events(
            parts.broker.consuming, parts.broker.publisher, topology.events_exchange(settings.broker_prefix)
        )
        follower = Follower(
            database, EventLog(database), Headers(database), Positions(database), clock=clock, heard=lambda _: None
        )
        hub = webhook_hub.work(
            database, record.tenants, record.secrets, exchange, clock=clock, first_delay=timedelta(seconds=0.1),
            meters=WebhookMeters(CollectorRegistry()), window=WINDOW,
        )  # fmt: skip
        running = [asyncio.create_task(follower.run()), asyncio.create_task(hub)]
        try:
            answers = await parts.lifecycle.submit(queue, [Submission()] * TASKS, by=ANN)
            tasks = [answer.task for answer in answers if not isinstance(answer, Exception)]
            for task in tasks[:20]:
                await parts.lifecycle.cancel(task, by=ANN, message=None, now=True)
            await wait_until(lambda: tried >= 6, what="it looks down", timeout=60)
            ahead = await kept[1].waiting("demo", hook, at_most=TASKS)
            assert ahead < WINDOW + 200 < TASKS, "the outage is no longer than what is made ahead"
            down = False
            await wait_until(lambda: len(came) >= TASKS + 20, what="all came", timeout=60)
        finally:
            await loops.ended(*running)
            await outbound.aclose()
    assert sorted((task, seq) for _, task, seq in came) == sorted(
        [(task.id, 1) for task in tasks] + [(task.id, 2) for task in tasks[:20]]
    )
    assert len({message for message, _, _ in came}) == len(came)
    for task in tasks[:20]:
        assert [seq for _, of, seq in came if of == task.id] == [1, 2]
