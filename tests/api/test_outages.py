"""What callers are told while a store is away: at once, with when to try again; and what goes on without it."""

import asyncio
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest
from pydantic import SecretStr

from api import app as applications
from core.settings import Settings
from tests.support import api as support
from tests.support.api import QUEUE, Api
from tests.support.keycloaks import Issuer
from tests.support.proxy import Proxy
from tests.support.waiting import wait_until


@pytest.fixture
async def rabbitmq(rabbitmq_url: str) -> AsyncIterator[Proxy]:
    async with Proxy(rabbitmq_url) as proxy:
        yield proxy


@pytest.fixture
async def mongodb(mongodb_url: str) -> AsyncIterator[Proxy]:
    async with Proxy(mongodb_url) as proxy:
        yield proxy


@pytest.fixture
def settings(settings: Settings, rabbitmq: Proxy, mongodb: Proxy) -> Settings:
    """Both stores behind proxies; a replica set's member would lead the client around its proxy."""
    direct = urlunsplit(urlsplit(mongodb.url)._replace(path="/", query="directConnection=true"))
    return settings.model_copy(
        update={
            "mongodb_url": SecretStr(direct),
            "rabbitmq_url": SecretStr(rabbitmq.url),
            "store_timeout_seconds": 1.0,
            "publish_timeout_seconds": 0.5,
        }
    )


async def test_without_rabbitmq_tasks_are_taken_in_and_none_handed_out(api: Api, queue: str, rabbitmq: Proxy) -> None:
    await rabbitmq.shut()
    broker = api.parts.broker
    await wait_until(lambda: not (broker.publishing.connected or broker.consuming.connected), what="the links to break")
    task = await support.submit(api("sub"))
    refused = await api("wim").post(f"{queue}/claims", json={"waitSeconds": 30})
    assert (refused.status_code, support.code(refused), refused.headers["retry-after"]) == (503, "unavailable", "1")
    ready = await api(None).get("/health/ready")
    assert (ready.status_code, ready.json()["status"], ready.json()["rabbitmq"]) == (200, "degraded", False)
    picked = await api("wim").post(f"/api/v1/tasks/{task['id']}/start")
    assert picked.status_code == 200
    await rabbitmq.reopen()
    await wait_until(lambda: broker.publishing.connected and broker.consuming.connected, what="the links to return")


@pytest.mark.parametrize("way", ["refused", "frozen"])
async def test_without_mongodb_everything_is_refused_in_time(api: Api, queue: str, mongodb: Proxy, way: str) -> None:
    task = await support.submit(api("sub"))
    await api("wim").get("/api/v1/me")
    if way == "refused":
        await mongodb.shut()
    else:
        mongodb.freeze()
    calls = [
        api("sub").post(f"{QUEUE}/tasks", json={}),
        api("sub").post(f"{QUEUE}/tasks/batch", json={"tasks": [{"name": "x"}]}),
        api("wim").get(f"/api/v1/tasks/{task['id']}"),
        api("ada").get(f"{QUEUE}/tasks"),
        api("ada").get(f"{QUEUE}/metrics"),
        api("ada").get("/api/v1/queues"),
        api("wim").post(f"{QUEUE}/claims"),
        api("wim").post(f"/api/v1/tasks/{task['id']}/complete", json={"execId": "x"}),
        api("rex").get("/api/v1/events"),
        api("ada").put(QUEUE, json={}),
    ]
    async with asyncio.timeout(5):
        answers = await asyncio.gather(*calls)
    for answer in answers:
        assert (answer.status_code, support.code(answer)) == (503, "unavailable"), answer.request.url
        assert int(answer.headers["retry-after"]) >= 1
    ready = await api(None).get("/health/ready")
    assert (ready.status_code, ready.json()["status"], ready.json()["mongodb"]) == (503, "unavailable", False)
    assert (await api(None).get("/health/live")).json() == {"status": "live"}
    if way == "refused":
        await mongodb.reopen()
    else:
        mongodb.thaw()

    async def back() -> bool:
        return (await api("wim").get(f"/api/v1/tasks/{task['id']}")).status_code == 200

    await wait_until(back, what="MongoDB to be found again")


async def test_an_api_that_starts_before_its_stores(
    settings: Settings, rabbitmq: Proxy, mongodb: Proxy, tokens: Issuer
) -> None:
    await rabbitmq.shut()
    await mongodb.shut()
    app = applications.build(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://penstock.test") as client,
    ):
        assert (await client.get("/health/live")).status_code == 200
        assert (await client.get("/health/ready")).json()["status"] == "unavailable"
        # By this machine's clock it is expired, which may be wrong: MongoDB's says when it answers.
        claims = {"sub": "s", "aud": "penstock", "exp": int(time.time()) - 600}
        expired = {"Authorization": f"Bearer {tokens.sign('core', {'iss': tokens.issuer_of('core'), **claims})}"}
        refused = await client.get("/api/v1/tenants", headers=expired)
        assert (refused.status_code, support.code(refused)) == (503, "unavailable")
        await mongodb.reopen()
        await rabbitmq.reopen()

        async def ready() -> bool:
            answer = await client.get("/health/ready")
            return answer.json() == {"status": "ready", "mongodb": True, "rabbitmq": True, "rabbitmqBlocked": False}

        await wait_until(ready, what="the stores to be found", timeout=20)
        root = {"Authorization": f"Bearer {tokens.user_token('core', 'root')}"}

        async def prepared() -> bool:
            return (await client.get("/api/v1/tenants", headers=root)).status_code == 200

        await wait_until(prepared, what="the operators' tenant to be registered")
        refused = await client.get("/api/v1/tenants", headers=expired)
        assert (refused.status_code, refused.json()["reason"]) == (401, "expired")
