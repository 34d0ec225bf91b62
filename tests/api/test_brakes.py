"""A refusal for a quota is repeated to whoever asks again at once, over and over, and to nobody else."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from api import brakes
from tests.support import api as support
from tests.support.api import QUEUE, Api
from tests.support.clock import FakeClock


class Inner:
    """Answers `status` and counts what reached it."""

    def __init__(self) -> None:
        self.status = 429
        self.asked = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        scope["penstock.request_id"] = f"id-{self.asked}"
        assert await Request(scope, receive).body() == b"{}"
        said = {"quota": "submitsPerSecond", "requestId": f"id-{self.asked}"}
        await JSONResponse(said, status_code=self.status, headers={"Retry-After": "1"})(scope, receive, send)


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def ask(client: httpx.AsyncClient, path: str = "/x", caller: str | None = "a") -> httpx.Response:
    headers: dict[str, Any] = {} if caller is None else {"Authorization": f"Bearer {caller}"}
    return await client.post(path, content=b"{}", headers=headers)


async def test_after_some_refusals_the_last_is_repeated_for_a_moment(fake_clock: FakeClock) -> None:
    inner = Inner()
    transport = httpx.ASGITransport(brakes.Brakes(inner, lambda: fake_clock().timestamp(), wait=0))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        for _ in range(brakes.PATIENCE + 5):
            answer = await ask(client)
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
            assert answer.json()["quota"] == "submitsPerSecond"
        assert inner.asked == brakes.PATIENCE
        # Others, other paths and those without a token are not meant.
        await ask(client, caller="b")
        await ask(client, path="/y")
        await ask(client, caller=None)
        assert inner.asked == brakes.PATIENCE + 3
        fake_clock.advance(timedelta(seconds=brakes.HELD))
        inner.status = 201
        assert (await ask(client)).status_code == 201
        inner.status = 429
        await ask(client)
        assert inner.asked == brakes.PATIENCE + 5, "it begins anew"


async def test_who_waits_between_is_looked_at_every_time(fake_clock: FakeClock) -> None:
    inner = Inner()
    transport = httpx.ASGITransport(brakes.Brakes(inner, lambda: fake_clock().timestamp()))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        for _ in range(brakes.PATIENCE * 2):
            await ask(client)
            fake_clock.advance(timedelta(seconds=1))
    assert inner.asked == brakes.PATIENCE * 2


async def test_repeated_refusals_wait_so_many_at_a_time_and_others_are_answered_at_once(fake_clock: FakeClock) -> None:
    inner = Inner()
    transport = httpx.ASGITransport(brakes.Brakes(inner, lambda: fake_clock().timestamp(), wait=1e9, most=3))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        for _ in range(brakes.PATIENCE):
            await ask(client)
        held = [asyncio.create_task(ask(client)) for _ in range(3)]
        await turns(20)
        assert not any(each.done() for each in held)
        # Room for no more: no wait. And who is not meant is not held.
        assert (await ask(client)).status_code == 429
        inner.status = 201
        assert (await ask(client, caller="b")).status_code == 201
        for each in held:
            each.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        again = asyncio.create_task(ask(client))
        await turns(20)
        assert not again.done(), "who hung up makes room"
        again.cancel()
        await asyncio.gather(again, return_exceptions=True)


async def test_the_repeated_refusal_is_a_problem_with_the_id_of_its_request(api: Api, queue: str) -> None:
    quotas = {"quotas": {"openTasks": 0}}
    assert (await api("root").patch("/api/v1/tenants/demo", json=quotas)).status_code == 200
    seen: set[str] = set()
    caller = api("sub")
    answers: Sequence[httpx.Response] = [await caller.post(f"{QUEUE}/tasks", json={}) for _ in range(brakes.PATIENCE)]
    answers += await asyncio.gather(*[caller.post(f"{QUEUE}/tasks", json={}) for _ in range(brakes.PATIENCE * 2)])
    for answer in answers:
        assert support.code(answer) == "too-many-requests"
        assert answer.json()["requestId"] == answer.headers["x-request-id"]
        seen.add(answer.json()["requestId"])
    assert len(seen) == brakes.PATIENCE * 3
