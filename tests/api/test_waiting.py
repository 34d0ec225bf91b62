"""Callers who hang up while they wait, and servers that stop meanwhile."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.types import Message

from api import context, handing
from broker.dispatch import Claim
from core.queue import Queue
from core.settings import Settings
from core.task import Actor, Task
from deploy.local import ports
from tests.support import api as support
from tests.support import serving
from tests.support.api import QUEUE, Api
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def address(api: Api, queue: str) -> AsyncIterator[str]:
    """The application, served over a port."""
    async with serving.listening(api.app) as address:
        yield address


def poll(address: str, token: str) -> asyncio.Task[httpx.Response]:
    """A long poll under way."""

    async def call() -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=address, headers=headers, timeout=70) as client:
            return await client.post(f"{QUEUE}/claims", json={"waitSeconds": 60})

    return asyncio.create_task(call())


async def test_who_hung_up_is_given_nothing(api: Api, address: str) -> None:
    polls = [poll(address, api.token("wim")) for _ in range(5)]
    await support.somebody_waits(api, count=5)
    for each in polls:
        each.cancel()
    await asyncio.gather(*polls, return_exceptions=True)
    await support.nobody_waits(api)
    task = await support.submit(api("sub"))
    assert [held["id"] for held in await support.claim(api("wes"))] == [task["id"]]


async def test_what_was_found_for_one_who_hung_up_goes_back(api: Api, address: str) -> None:
    """The connection breaks between the update that hands out and the answer."""
    tasks = [await support.submit(api("sub")) for _ in range(3)]
    hung_up, noticed = asyncio.Event(), asyncio.Event()

    async def receive() -> Message:
        await hung_up.wait()
        noticed.set()
        return {"type": "http.disconnect"}

    parts = api.parts
    home = await parts.directory.queue("demo", "intake:strike-reports")
    claim = Claim(by=Actor(id="u-wim", name="Wim"), count=10, wait=timedelta(seconds=20))

    async def take(_: Sequence[Queue], gone: asyncio.Event) -> list[Task]:
        found = await parts.lifecycle.claim(home, claim, gone)
        hung_up.set()
        await noticed.wait()
        return found

    request = Request({"type": "http", "app": api.app}, receive)
    assert not await handing.to_caller(request, "demo", (home,), claim, take)
    for task in tasks:
        now = (await api("sub").get(f"/api/v1/tasks/{task['id']}")).json()
        assert (now["state"], now["attemptsLeft"]) == ("ready", task["attemptsLeft"])
    assert {held["id"] for held in await support.claim(api("wes"), max=10)} == {task["id"] for task in tasks}


async def test_a_stop_sends_those_home_who_wait(api: Api, address: str) -> None:
    waiting = poll(address, api.token("wim"))
    await support.somebody_waits(api)
    here: context.Context = api.app.state.context
    here.closing.set()
    async with asyncio.timeout(5):
        answer = await waiting
    assert (answer.status_code, answer.json()) == (200, {"tasks": []})


async def test_sigterm_ends_a_server_at_once_whoever_waits(
    api: Api, queue: str, settings: Settings, tmp_path: Path
) -> None:
    """As the local stack and a container run it; with a long poll and a stream open."""
    port = ports.free()
    environment = os.environ | {
        "PENSTOCK_ENVIRONMENT": "local",
        "PENSTOCK_MONGODB_URL": settings.mongodb_url.get_secret_value(),
        "PENSTOCK_MONGODB_DATABASE": settings.mongodb_database,
        "PENSTOCK_RABBITMQ_URL": settings.rabbitmq_url.get_secret_value(),
        "PENSTOCK_AUTH_URL": settings.auth_url,
        "PENSTOCK_BROKER_PREFIX": settings.broker_prefix,
    }
    log = tmp_path / "log"
    with log.open("wb") as out:
        server = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "api", "--port", str(port)), cwd=ROOT, env=environment, stdout=out, stderr=out
        )
        try:
            address = f"http://127.0.0.1:{port}"
            await wait_until(lambda: _is_ready(address), what="the server to be ready", timeout=30)
            waiting = poll(address, api.token("wim"))
            async with serving.hearing(address, api.token("rex")) as stream:
                await wait_until(lambda: _gauge(address), what="the long poll to be under way")
                server.send_signal(signal.SIGTERM)
                began = time.monotonic()
                assert [each async for each in stream] == []
            assert (await waiting).json() == {"tasks": []}
            # uvicorn passes the signal on to itself once it has stopped.
            assert await server.wait() in {0, -signal.SIGTERM}
            assert time.monotonic() - began < 5
        finally:
            with contextlib.suppress(ProcessLookupError):
                server.kill()
    text = log.read_text()
    assert "Traceback" not in text
    assert '"event":"Application shutdown complete."' in text.replace('": "', '":"')


async def _is_ready(address: str) -> bool:
    async with httpx.AsyncClient() as client:
        try:
            answer = await client.get(f"{address}/health/ready")
        except httpx.TransportError:
            return False
    return answer.json()["status"] == "ready"


async def _gauge(address: str) -> bool:
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"{address}/metrics")).text
    return 'penstock_http_waiting{kind="claim"} 1.0' in text
