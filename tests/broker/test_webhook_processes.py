"""Webhooks over a kill: the engine that delivers dies with deliveries under way, and the receiver misses none."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from broker import assembly
from broker.outbound import Outbound
from broker.webhook_calls import Caller
from broker.webhook_keys import Keyring
from broker.webhooks import Book
from core.creation import Submission
from core.settings import Settings
from core.tenant import Tenant
from core.webhook import Filter, Payload
from store.deliveries import Deliveries
from store.events import Events
from store.webhooks import Webhooks
from tests.support import target as targets
from tests.support.engines import Process, caller, engines, holders
from tests.support.making import ANN, NOW
from tests.support.waiting import wait_until

TASKS = 300


async def test_nothing_is_lost_when_the_engine_that_delivers_is_killed(settings: Settings) -> None:
    came: list[tuple[str, str, int]] = []

    async def take(request: Request) -> Response:
        said = msgspec.json.decode(await request.body())
        came.append((request.headers["webhook-id"], said["task"], said["seq"]))
        await asyncio.sleep(0.005)
        return Response(status_code=204)

    async with (
        caller(settings) as (parts, queue),
        engines(settings, 2) as running,
        targets.listening(take) as target,
    ):
        await parts.record.tenants.insert(
            Tenant(id="demo", issuer="http://127.0.0.1:1", created_at=NOW, version=1, http_allow=(target.url,))
        )
        outbound = Outbound()
        database, keys = parts.record.database, Keyring(parts.record.secrets, clock=parts.clock)
        book = Book(
            Webhooks(database),
            Deliveries(database),
            Events(database),
            Caller(outbound, parts.record.tenants, keys, clock=parts.clock),
            keys,
            clock=parts.clock,
        )
        await book.create(
            "demo", name="x", url=target.url, payload=Payload.NATIVE, chosen=Filter(), paused=False, by=ANN
        )
        made: set[str] = set()
        for number in range(3):
            leader = await wait_until(_leader(parts, running), what="somebody delivers", timeout=60, every=0.1)
            answers = await parts.lifecycle.submit(queue, [Submission()] * (TASKS // 3), by=ANN)
            made |= {answer.task.id for answer in answers if not isinstance(answer, Exception)}
            enough = (number * TASKS) // 3 + 30
            await wait_until(lambda enough=enough: len(came) >= enough, what="some came", timeout=60)
            assert leader is not None
            if number < 1:
                leader.kill()
                await leader.wait()
        await wait_until(lambda: {task for _, task, _ in came} == made, what="all came", timeout=60)
        await outbound.aclose()
    ids: dict[tuple[str, int], set[str]] = {}
    for message, task, seq in came:
        ids.setdefault((task, seq), set()).add(message)
    # What came twice, because of the kill, is known by its id.
    assert {len(messages) for messages in ids.values()} == {1}
    assert sum(count - 1 for count in Counter(came).values()) <= 40


def _leader(parts: assembly.Parts, running: list[Process]) -> Callable[[], Awaitable[Process | None]]:
    async def alive() -> Process | None:
        pid = (await holders(parts)).get("webhooks")
        return next((each for each in running if each.pid == pid and each.returncode is None), None)

    return alive
