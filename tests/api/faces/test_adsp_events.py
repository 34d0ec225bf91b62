"""ADSP's task events (contract adsp 5): its stream, and webhooks with its envelope, with an engine beside them."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from broker import engine
from core.settings import Settings
from deploy.local import issuer
from tests.api.faces.adsp_calls import TASKS, assign, create, message, operate, subject
from tests.api.faces.test_adsp_rights import core_account
from tests.api.webhook_calls import deliveries, receiving, subscribe, took
from tests.support import api as support
from tests.support import serving
from tests.support.api import Api
from tests.support.serving import Heard
from tests.support.waiting import wait_until

STREAM = "/stream/v1/streams/task-updates"
NAMES = ["task-created", "task-assigned", "task-started", "task-completed"]


@pytest.fixture
def settings(mongodb_url: str, rabbitmq_url: str, database_name: str, tokens: issuer.Issuer) -> Settings:
    """A failed delivery rests shortly."""
    return support.settings(mongodb_url, rabbitmq_url, tokens.url, database_name, webhook_retry_seconds=0.1)


@pytest.fixture
async def address(api: Api, queue: str) -> AsyncIterator[str]:
    """The application, served over a port, with an engine beside it."""
    async with serving.listening(api.app) as address, serving.working(api.parts):
        yield address


async def live_out(api: Api, **body: Any) -> dict[str, Any]:
    """A task that is created, assigned, started, completed."""
    task = await create(api, **body)
    await assign(api, task, "wim")
    for step in ("start", "complete"):
        assert (await operate(api("wim"), task, step)).status_code == 200
    return task


def names(heard: list[Heard]) -> list[str]:
    return [each.data["name"] for each in heard]


async def test_the_stream_tells_each_event_with_its_payload(api: Api, address: str) -> None:
    async with serving.hearing(address, api.token("rex"), path=STREAM) as stream:
        task = await create(api, description="d", context={"a": 1}, recordId="urn:r:1", priority="High")
        await operate(api("ann"), task, "set-priority", priority="Urgent")
        await assign(api, task, "wim")
        await operate(api("wim"), task, "start")
        await api("ada").patch(f"{TASKS}/{task['id']}", json={"name": "Other", "priority": 1})
        await api("wim").patch(f"{TASKS}/{task['id']}/data", json={"seen": True})
        ended = (await operate(api("wim"), task, "cancel", reason="a copy")).json()
        await api("ada").delete(f"{TASKS}/{task['id']}")
        heard = await serving.take(stream, 8)
    told = ("created", "priority-set", "assigned", "started", "updated", "data-updated", "cancelled", "deleted")
    assert names(heard) == [f"task-{name}" for name in told]
    assert {each.type for each in heard} == {"message"}
    created, _, assigned, _, updated, data, cancelled, deleted = [each.data for each in heard]
    assert created["payload"]["task"] == task
    assert created == {
        "namespace": "task-service",
        "name": "task-created",
        "timestamp": task["createdOn"],
        "correlationId": "urn:r:1",
        "tenantId": "urn:ads:platform:tenant-service:v2:/tenants/demo",
        "context": {"queueNamespace": "intake", "queueName": "strike-reports", "recordId": "urn:r:1"},
        "payload": {"task": task, "createdBy": {"id": subject(api, "sub"), "name": "Sue Submitter"}},
    }
    assert assigned["context"]["assignedTo"] == subject(api, "wim")
    assert (assigned["payload"]["from"], assigned["payload"]["to"]) == (None, assigned["payload"]["task"]["assignment"])
    assert updated["payload"]["update"] == {"name": "Other", "priority": "Normal"}
    assert data["payload"]["update"] == data["payload"]["task"]["data"] == {"seen": True}
    assert (cancelled["payload"]["reason"], cancelled["payload"]["task"]) == ("a copy", ended)
    assert cancelled["payload"]["cancelledBy"]["id"] == subject(api, "wim")
    assert deleted["payload"]["task"]["status"] == "Cancelled"


async def test_a_stream_that_was_cut_goes_on_where_it_broke_off(api: Api, address: str) -> None:
    """Criterion 5 of the issue: in order, once each."""
    async with serving.hearing(address, api.token("rex"), path=STREAM) as stream:
        first = await live_out(api)
        heard = await serving.take(stream, 2)
    second = await live_out(api)
    resumed = {"Last-Event-ID": heard[-1].id}
    async with serving.hearing(address, api.token("rex"), path=STREAM, headers=resumed) as stream:
        heard += await serving.take(stream, 6)
    async with serving.hearing(address, api.token("rex"), path=STREAM, lastEventId=heard[3].id) as stream:
        again = await serving.take(stream, 4)
    assert again == heard[4:]
    assert [int(each.id) for each in heard] == sorted({int(each.id) for each in heard})
    for task in (first, second):
        assert names([each for each in heard if each.data["payload"]["task"]["id"] == task["id"]]) == NAMES
    # However late they are told, each shows the task as it was then.
    assert [each.data["payload"]["task"]["status"] for each in heard] == [
        *("Pending", "Pending", "In Progress", "Completed"),
    ] * 2


async def test_criteria_choose(api: Api, address: str) -> None:
    def asked(**criteria: Any) -> dict[str, str]:
        return {"path": STREAM, "criteria": json.dumps(criteria)}

    token = api.token("rex")
    async with (
        serving.hearing(address, token, **asked(correlationId="urn:r:2")) as by_record,
        serving.hearing(address, token, **asked(context={"assignedTo": subject(api, "wim")})) as by_person,
        serving.hearing(address, token, **asked(context={"queueName": "other"})) as by_queue,
    ):
        await live_out(api)
        mine = await live_out(api, recordId="urn:r:2")
        await support.make_queue(api("ada"), "/api/v1/queues/intake/other")
        other = await support.submit(api("sub"), "/api/v1/queues/intake/other")
        assert {each.data["payload"]["task"]["id"] for each in await serving.take(by_record, 4)} == {mine["id"]}
        assert names(await serving.take(by_person, 6)) == NAMES[1:] * 2
        assert [each.data["payload"]["task"]["id"] for each in await serving.take(by_queue, 1)] == [other["id"]]


async def test_a_tenant_hears_of_itself_alone(api: Api, address: str) -> None:
    await support.make_queue(api("ada", "acme"))
    core = core_account(api, "urn:ads:platform:push-service:stream-listener")
    token = core.headers["Authorization"].removeprefix("Bearer ")
    async with (
        serving.hearing(address, api.token("ada"), path=STREAM, tenant="acme") as demo,
        serving.hearing(address, token, path=STREAM, tenant="acme") as acme,
    ):
        theirs = await support.submit(api("sub", "acme"))
        ours = await create(api)
        assert (await serving.take(demo, 1))[0].data["payload"]["task"]["id"] == ours["id"]
        assert (await serving.take(acme, 1))[0].data["payload"]["task"]["id"] == theirs["id"]


@pytest.mark.usefixtures("queue")
async def test_who_may_not_listen_and_what_is_no_stream(api: Api) -> None:
    for user in ("nil", "wim", "ann", "sub"):
        refused = await api(user).get(STREAM)
        assert refused.status_code == 403
        assert message(refused).endswith("not permitted to subscribe to stream.")
    unknown = await api("rex").get("/stream/v1/streams/others")
    assert (unknown.status_code, message(unknown)) == (404, "stream with ID 'others' could not be found.")
    for query in ({"criteria": "{"}, {"criteria": "[]"}, {"criteria": '{"context": 1}'}, {"lastEventId": "-1"}):
        assert (await api("rex").get(STREAM, params=query)).status_code == 400
    assert (await api(None).get(STREAM)).text == "Unauthorized"
    nameless = await core_account(api, "task-reader").get(STREAM)
    assert (nameless.status_code, message(nameless)) == (400, "Cannot retrieve task without tenant context.")


async def test_a_webhook_that_was_down_gets_adsps_events_in_order_once(api: Api, queue: str) -> None:
    """Criterion 5 of the issue; signatures are verified by the published library in the receiver."""
    stop = asyncio.Event()
    working = asyncio.create_task(engine.run(api.parts, stop, renew_seconds=0.2))
    try:
        async with receiving(api) as receiver:
            types = ["task-service:task-created", "task-assigned", "task-started", "task-completed"]
            hook = await subscribe(api, receiver, payload="adsp", filter={"types": types})
            receiver.down = True
            first = await live_out(api, recordId="urn:r:3")
            await wait_until(lambda: len(receiver.tried) >= 2, what="tries in vain")
            second = await live_out(api)
            receiver.down = False
            await took(receiver, 8, timeout=30)
            for task in (first, second):
                mine = [each.body for each in receiver.taken if each.body["payload"]["task"]["id"] == task["id"]]
                assert [each["name"] for each in mine] == NAMES
                assert [each["payload"]["task"]["status"] for each in mine] == [
                    *("Pending", "Pending", "In Progress", "Completed")
                ]
            assert len({each.id for each in receiver.taken}) == len(receiver.taken) == 8
            assert [each.body["correlationId"] for each in receiver.taken].count("urn:r:3") == 4
            listed = await deliveries(api, hook, type="task-service:task-completed")
            assert len(listed) == 2
    finally:
        stop.set()
        await working
