"""Quotas over HTTP: what a tenant may take, what it has taken, and how it is refused when that is all."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from core import quota
from core.quota import Share
from core.settings import Settings
from store.usage import Usage
from tests.support import api as support
from tests.support import serving
from tests.support.api import QUEUE, Api
from tests.support.keycloaks import Issuer

DEMO = "/api/v1/tenants/demo"


async def limit(api: Api, **quotas: Any) -> None:
    """Give demo these quotas and no others."""
    answer = await api("root").patch(DEMO, json={"quotas": quotas})
    assert answer.status_code == 200, answer.text
    assert answer.json()["quotas"] == quotas


def refused(answer: httpx.Response, name: str, status: int = 429) -> dict[str, Any]:
    """The problem of a quota; fails where the answer is another."""
    assert answer.status_code == status, answer.text
    problem = answer.json()
    assert problem["quota"] == name
    if status == 429:
        assert support.code(answer) == "too-many-requests"
        assert int(answer.headers["retry-after"]) >= 1
    return problem


async def test_only_operators_set_quotas_and_the_tenant_sees_them(api: Api, queue: str) -> None:
    assert (await api("ada").patch(DEMO, json={"quotas": {"queues": 1}})).status_code == 403
    await limit(api, queues=3, openTasks=10, submitsPerSecond=2.5)
    await support.submit(api("sub"), name="one", params={"x": "y" * 1000})
    await support.submit(api("sub"), name="two")
    assert await support.claim(api("wim"))
    usage = (await api("rex").get("/api/v1/usage")).json()
    assert usage["limits"] == {"queues": 3, "openTasks": 10, "submitsPerSecond": 2.5}
    assert (usage["used"]["queues"], usage["used"]["openTasks"], usage["used"]["claimsInFlight"]) == (1, 2, 1)
    assert usage["used"]["storedBytes"] > 1000
    acme = (await api("ada", "acme").get("/api/v1/usage")).json()
    assert (acme["limits"], acme["used"]["openTasks"]) == ({}, 0)
    taken_away = await api("root").patch(DEMO, json={"quotas": None})
    assert taken_away.json()["quotas"] == {}
    for wrong in ({"queues": -1}, {"queues": "1"}, {"submitsPerSecond": 0}, {"tasks": 1}):
        assert (await api("root").patch(DEMO, json={"quotas": wrong})).status_code == 400


async def test_queues_and_open_tasks(api: Api, queue: str) -> None:
    await limit(api, queues=1, openTasks=3)
    other = await api("ada").put("/api/v1/queues/intake/other", json={})
    assert refused(other, "queues") | {"limit": 1, "used": 1} == other.json()
    assert (await api("ada").put(QUEUE, json={})).status_code == 200, "one that is there is changed, not made"
    await support.make_queue(api("ada"))
    await support.submit(api("sub"))
    batch = await api("sub").post(f"{QUEUE}/tasks/batch", json={"tasks": [{"name": "x"}] * 3})
    refused(batch, "openTasks")
    for _ in range(2):
        await support.submit(api("sub"))
    full = await api("sub").post(f"{QUEUE}/tasks", json={})
    assert refused(full, "openTasks")["used"] == 3
    assert (await api("sub", "acme").get("/api/v1/me")).status_code == 200


async def test_payloads_and_stored_bytes(api: Api, queue: str) -> None:
    await limit(api, payloadBytes=100)
    large = await api("sub").post(f"{QUEUE}/tasks", json={"params": {"x": "y" * 100}})
    assert refused(large, "payloadBytes", 413)["limit"] == 100
    await support.submit(api("sub"), params={"x": "y" * 80})
    await limit(api, storedBytes=3000)
    await support.submit(api("sub"), params={"x": "y" * 1000})
    refused(await api("sub").post(f"{QUEUE}/tasks", json={"params": {"x": "y" * 3000}}), "storedBytes")


async def test_claims_in_flight(api: Api, queue: str) -> None:
    for _ in range(2):
        await support.submit(api("sub"))
    await limit(api, claimsInFlight=2)
    assert len(await support.claim(api("wim"), max=2)) == 2

    async def noticed() -> bool:
        return (await api("wim").post(f"{QUEUE}/claims", json={"start": False})).status_code == 429

    await support.wait_until(noticed, what="the number of claims is looked at again")
    refused(await api("wim").post(f"{QUEUE}/claims", json={}), "claimsInFlight")


async def test_long_polls_and_streams_that_are_open_at_once(api: Api, queue: str) -> None:
    await limit(api, longPolls=1, streams=1)
    waiting = asyncio.create_task(api("wim").post(f"{QUEUE}/claims", json={"waitSeconds": 20}))
    await support.somebody_waits(api)
    refused(await api("wes").post(f"{QUEUE}/claims", json={"waitSeconds": 20}), "longPolls")
    assert (await api("wes").post(f"{QUEUE}/claims", json={})).status_code == 200, "one that does not wait is none"
    assert (await api("rex").get("/api/v1/usage")).json()["used"]["longPolls"] == 1
    await support.submit(api("sub"))
    assert len((await waiting).json()["tasks"]) == 1
    assert (await api("rex").get("/api/v1/usage")).json()["used"]["longPolls"] == 0
    async with serving.listening(api.app) as address, serving.hearing(address, api.token("rex")):
        headers = {"Accept": "text/event-stream"}
        refused(await api("rex").get("/api/v1/events", headers=headers), "streams")


async def test_submits_a_second_over_two_replicas(api: Api, queue: str) -> None:
    """Both take from one bucket: together they let in what one would."""
    await limit(api, submitsPerSecond=20)
    usage = Usage(api.parts.record.database)
    now = api.parts.clock()
    first = await usage.take("demo", "submits", wanted=30, rate=20, now=now)
    second = await usage.take("demo", "submits", wanted=30, rate=20, now=now)
    assert (first, second) == (30, 10), "a bucket holds two seconds' worth"
    assert await usage.take("demo", "submits", wanted=30, rate=20, now=now) == 0
    assert await usage.take("demo", "submits", wanted=30, rate=20, now=now + timedelta(seconds=0.5)) == 10
    assert await usage.take("demo", "submits", wanted=1, rate=20, now=now) == 0, "a clock that is behind adds nothing"
    assert await usage.take("acme", "submits", wanted=30, rate=20, now=now) == 30


async def test_submits_beyond_the_rate_are_refused_and_come_through_later(api: Api, queue: str) -> None:
    await limit(api, submitsPerSecond=5)
    answers = [await api("sub").post(f"{QUEUE}/tasks", json={}) for _ in range(40)]
    accepted = [answer for answer in answers if answer.status_code == 201]
    assert 8 <= len(accepted) < 40
    refused(next(answer for answer in answers if answer.status_code != 201), "submitsPerSecond")

    async def again() -> bool:
        return (await api("sub").post(f"{QUEUE}/tasks", json={})).status_code == 201

    await support.wait_until(again, what="the bucket has a token again")


def test_a_batch_larger_than_the_bucket_is_let_in_and_paid_for_later() -> None:
    share = Share()
    share.received(1.0, now=10.0, rate=1.0)
    assert share.may_spend(10.0)
    share.tokens -= 100
    assert not share.may_spend(10.0)
    assert share.wants(1.0) == pytest.approx(100)
    share.received(2.0, now=10.0, rate=1.0)
    assert share.refused_until > 10.0
    assert share.wait(1.0) == pytest.approx(98)


def test_tokens_that_are_not_used_are_given_up() -> None:
    share = Share()
    share.received(5.0, now=10.0, rate=50.0)
    assert share.may_spend(10.9)
    assert not share.may_spend(10.0 + quota.KEEP_SECONDS + 0.1)


@pytest.mark.parametrize("user", ["sub"])
async def test_faces_refuse_in_their_own_words(api: Api, queue: str, user: str) -> None:
    await limit(api, openTasks=0)
    adsp = await api(user).post("/task/v1/queues/intake/strike-reports/tasks", json={"name": "x"})
    assert adsp.status_code == 429, adsp.text


async def test_a_full_replica_has_room_for_a_tenant_that_has_none_of_it(settings: Settings, tokens: Issuer) -> None:
    """Whoever waits with its body half sent fills it; the other tenant comes in all the same."""
    small = settings.model_copy(update={"replica_room": 2})
    async with support.serving(small, tokens) as api:
        await support.make_queue(api("ada"))
        await support.make_queue(api("ada", "acme"))
        going_on = asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield b"{"
            await going_on.wait()
            yield b"}"

        stuck = [asyncio.create_task(api("sub").post(f"{QUEUE}/tasks", content=slowly())) for _ in range(2)]
        fair = api.app.state.context.fair
        await support.wait_until(lambda: fair._total == 2, what="the replica to be full")
        assert (await api("sub", "acme").post(f"{QUEUE}/tasks", json={})).status_code == 201
        full = await api("sub").post(f"{QUEUE}/tasks", json={})
        assert refused(full, "share")["used"] == 2
        assert (await api("sub", "acme").post(f"{QUEUE}/tasks", json={})).status_code == 201
        assert (await api("sub").get(QUEUE)).status_code == 200, "looking takes no place"
        going_on.set()
        assert [(await each).status_code for each in stuck] == [201, 201]
        assert (await api("sub").post(f"{QUEUE}/tasks", json={})).status_code == 201
        await support.drop_lanes(api.parts)


# --- of a queue ---


async def limit_queue(api: Api, **quotas: Any) -> None:
    """Give the queue these quotas and no others."""
    answer = await api("ada").patch(QUEUE, json={"quotas": quotas})
    assert answer.status_code == 200, answer.text
    assert answer.json()["quotas"] == quotas


async def test_a_queue_has_quotas_of_its_own_that_its_people_see(api: Api, queue: str) -> None:
    await limit_queue(api, openTasks=3, claimsInFlight=10, payloadBytes=100, submitsPerSecond=100.0)
    await support.submit(api("sub"))
    await support.submit(api("sub"))
    assert await support.claim(api("wim"))
    usage = (await api("rex").get(f"{QUEUE}/usage")).json()
    assert usage == {
        "limits": {"openTasks": 3, "claimsInFlight": 10, "payloadBytes": 100, "submitsPerSecond": 100.0},
        "used": {"openTasks": 2, "claimsInFlight": 1},
    }
    for wrong in ({"openTasks": -1}, {"submitsPerSecond": 0}, {"queues": 1}):
        assert (await api("ada").patch(QUEUE, json={"quotas": wrong})).status_code == 400
    assert (await api("ada").patch(QUEUE, json={"quotas": None})).json()["quotas"] == {}
    assert (await api("sub").patch(QUEUE, json={"quotas": {}})).status_code == 403


async def test_a_queue_s_open_tasks_and_payloads_leave_other_queues_alone(api: Api, queue: str) -> None:
    other = "/api/v1/queues/intake/other"
    await support.make_queue(api("ada"), other)
    await limit_queue(api, openTasks=1, payloadBytes=100)
    large = await api("sub").post(f"{QUEUE}/tasks", json={"params": {"x": "y" * 100}})
    assert refused(large, "payloadBytes", 413)["limit"] == 100
    await support.submit(api("sub"))
    full = refused(await api("sub").post(f"{QUEUE}/tasks", json={}), "openTasks")
    assert (full["limit"], full["used"], full["queue"]) == (1, 1, "intake:strike-reports")
    batch = await api("sub").post(f"{QUEUE}/tasks/batch", json={"tasks": [{"name": "x"}]})
    refused(batch, "openTasks")
    await support.submit(api("sub"), other, params={"x": "y" * 100})


async def test_a_queue_s_rate_is_a_bucket_of_its_own(api: Api, queue: str) -> None:
    other = "/api/v1/queues/intake/other"
    await support.make_queue(api("ada"), other)
    await limit_queue(api, submitsPerSecond=0.01)
    # A bucket goes into debt once at most.
    tried = [await api("sub").post(f"{QUEUE}/tasks", json={}) for _ in range(4)]
    assert tried[0].status_code == 201
    late = refused(tried[-1], "submitsPerSecond")
    assert (late["limit"], late["queue"]) == (0.01, "intake:strike-reports")
    await support.submit(api("sub"), other)


async def test_a_queue_s_claims_in_flight(api: Api, queue: str) -> None:
    other = "/api/v1/queues/intake/other"
    await support.make_queue(api("ada"), other)
    for path in (QUEUE, QUEUE, other):
        await support.submit(api("sub"), path)
    await limit_queue(api, claimsInFlight=1)
    assert len(await support.claim(api("wim"))) == 1

    async def noticed() -> bool:
        return (await api("wim").post(f"{QUEUE}/claims", json={"start": False})).status_code == 429

    await support.wait_until(noticed, what="the number of claims is looked at again")
    full = refused(await api("wim").post(f"{QUEUE}/claims", json={}), "claimsInFlight")
    assert full["queue"] == "intake:strike-reports"
    assert len(await support.claim(api("wim"), other)) == 1


async def test_who_polls_several_queues_gets_of_those_that_are_not_full(api: Api, queue: str) -> None:
    other = "/api/v1/queues/intake/other"
    await support.make_queue(api("ada"), other)
    for name, home in (("a", "strike-reports"), ("b", "other")):
        body = {"queue": f"intake:{home}"}
        assert (await api("ada").put(f"/api/v1/definitions/{name}", json=body)).status_code == 201
    await limit_queue(api, claimsInFlight=0)
    await support.submit(api("sub"), definition="a")
    await support.submit(api("sub"), other, definition="b")
    poll = {"method": "awf.task/poll", "params": {"taskDefinitions": ["a", "b"], "maxBatchSize": 5}}
    polled = await api("wim").post("/rpc", json=poll)
    assert [each["definition"] for each in polled.json()["result"]["resources"]] == ["b"], polled.text
