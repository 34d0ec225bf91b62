"""Webhooks over HTTP, with an engine: what is sent, signed, tried again, given up, listed and replayed."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import standardwebhooks
from starlette.requests import Request
from starlette.responses import Response

from api import replies, shown
from broker import engine
from core import webhook
from core.settings import Settings
from deploy.local import issuer
from tests.api import webhook_calls
from tests.api.webhook_calls import HOOKS, allow, deliveries, receiving, subscribe, took
from tests.support import api as support
from tests.support import target as targets
from tests.support.api import QUEUE, Api, code, fields
from tests.support.waiting import wait_until

KEY = "intake:strike-reports"


@pytest.fixture
def settings(mongodb_url: str, rabbitmq_url: str, database_name: str, tokens: issuer.Issuer) -> Settings:
    """A failed delivery rests shortly."""
    return support.settings(mongodb_url, rabbitmq_url, tokens.url, database_name, webhook_retry_seconds=0.1)


@pytest.fixture(autouse=True)
async def running(api: Api, queue: str) -> AsyncGenerator[None]:
    """An engine that works in this process."""
    stop = asyncio.Event()
    working = asyncio.create_task(engine.run(api.parts, stop, renew_seconds=0.2))
    yield
    stop.set()
    await working


async def live_out(api: Api, path: str = QUEUE, **body: Any) -> dict[str, Any]:
    """A task from its submit to its end: created, started, succeeded."""
    task = await support.submit(api("sub"), path, **body)
    (held,) = await support.claim(api("wim"), path)
    await api("wim").post(f"/api/v1/tasks/{task['id']}/complete", json={"execId": held["execId"]})
    return task


async def test_events_are_sent_signed_in_order_and_as_the_stream_has_them(api: Api) -> None:
    async with receiving(api) as receiver:
        hook = await subscribe(api, receiver)
        task = await live_out(api)
        await took(receiver, 3)
        assert receiver.types() == ["created", "started", "succeeded"]
        history = (await api("ada").get(f"/api/v1/tasks/{task['id']}/history")).json()["items"]
        assert [each.body for each in receiver.taken] == history
        found = await api.parts.record.database["events"].count_documents({"task": task["id"]})
        assert found == len({each.id for each in receiver.taken}) == 3
        listed = await deliveries(api, hook)
        assert {each["status"] for each in listed} == {"delivered"}
        assert [each["id"] for each in reversed(listed)] == receiver.tried
        one = (await api("ada").get(f"{HOOKS}/{hook['id']}/deliveries/{receiver.taken[0].id}")).json()
        assert (one["tries"], one["last"]["status"], one["task"], one["queue"]) == (1, 204, task["id"], KEY)
        assert msgspec.json.decode(one["body"]) == history[0]


async def test_a_filter_says_what_is_sent(api: Api) -> None:
    other = "/api/v1/queues/other/things"
    await support.make_queue(api("ada"), other)
    await api("ada").put("/api/v1/definitions/scan", json={"queue": KEY})
    async with receiving(api) as by_type, receiving(api) as by_queue, receiving(api) as by_context:
        await subscribe(api, by_type, filter={"types": ["succeeded"], "namespaces": ["intake"]})
        await subscribe(api, by_queue, filter={"queues": ["other:things"]})
        criteria = {"correlationId": "rec-1", "context": {"queueName": "strike-reports", "definitionName": "scan"}}
        await subscribe(api, by_context, filter={"criteria": criteria, "definitions": ["scan"]})
        await live_out(api, other)
        await live_out(api)
        mine = await support.submit(api("sub"), definition="scan", recordId="rec-1")
        await support.submit(api("sub"), definition="scan", recordId="rec-2")
        await took(by_type, 1)
        await took(by_queue, 3)
        await took(by_context, 1)
        assert [(each.body["type"], each.body["queue"]) for each in by_type.taken] == [("succeeded", KEY)]
        assert {each.body["queue"] for each in by_queue.taken} == {"other:things"}
        assert [each.body["task"] for each in by_context.taken] == [mine["id"]]


async def test_a_receiver_that_was_down_gets_everything_once_in_order(api: Api) -> None:
    async with receiving(api) as receiver, receiving(api) as well:
        hook = await subscribe(api, receiver)
        await subscribe(api, well)
        receiver.down = True
        tasks = [await live_out(api) for _ in range(4)]
        await took(well, 12)
        await wait_until(lambda: len(receiver.tried) >= 6, what="some tries in vain")
        assert (await webhook_calls.shown(api, hook))["failingSince"]
        receiver.down = False
        await took(receiver, 12, timeout=30)
        for task in tasks:
            types = [each.body["type"] for each in receiver.taken if each.body["task"] == task["id"]]
            assert types == ["created", "started", "succeeded"]
        assert len({each.id for each in receiver.taken}) == len(receiver.taken) == 12
        await wait_until(lambda: _well(api, hook), what="a note that it is well again")


async def _well(api: Api, hook: dict[str, Any]) -> bool:
    return "failingSince" not in await webhook_calls.shown(api, hook)


async def test_one_task_that_is_refused_holds_up_no_other(api: Api) -> None:
    async with receiving(api) as receiver:
        hook = await subscribe(api, receiver)
        receiver.refuses = lambda body: body.get("name") == "poison"
        poison = await live_out(api, name="poison")
        fine = await live_out(api, name="fine")
        await took(receiver, 3)
        assert {each.body["task"] for each in receiver.taken} == {fine["id"]}
        pending = await deliveries(api, hook, status="pending", task=poison["id"])
        assert [each["type"] for each in reversed(pending)] == ["created", "started", "succeeded"]
        assert [each["tries"] > 0 for each in reversed(pending)] == [True, False, False]
        receiver.refuses = lambda body: False
        await took(receiver, 6)
        assert [each.body["type"] for each in receiver.taken[3:]] == ["created", "started", "succeeded"]


async def test_what_happens_during_a_pause_follows(api: Api) -> None:
    async with receiving(api) as receiver:
        hook = await subscribe(api, receiver, paused=True)
        path = f"{HOOKS}/{hook['id']}"
        await live_out(api)
        assert (await api("ada").patch(path, json={"paused": False})).json()["status"] == "active"
        await took(receiver, 3)
        assert (await api("ada").patch(path, json={"paused": True})).json()["status"] == "paused"
        await wait_until(lambda: _stopped(api), what="the pump to stop")
        await live_out(api)
        assert len(receiver.taken) == 3
        await api("ada").patch(path, json={"paused": False})
        await took(receiver, 6)
        assert receiver.types() == ["created", "started", "succeeded"] * 2


async def _stopped(api: Api) -> bool:
    return not [task for task in asyncio.all_tasks() if task.get_name().startswith("webhook ")]


async def test_a_cursor_of_another_installation_begins_here(api: Api) -> None:
    """As after its tenant was imported from where there were more events."""
    async with receiving(api) as receiver:
        hook = await subscribe(api, receiver, paused=True)
        await support.submit(api("sub"))
        await wait_until(lambda: api.parts.record.database["events"].count_documents({}), what="an event")
        key = {"_id": f"demo/{hook['id']}"}
        await api.parts.record.database["webhooks"].update_one(key, {"$set": {"cursor": 10**9}})
        await api("ada").patch(f"{HOOKS}/{hook['id']}", json={"paused": False})
        await wait_until(lambda: _reached(api, hook, 1), what="it begins")
        mine = await support.submit(api("sub"))
        await took(receiver, 1)
        assert [each.body["task"] for each in receiver.taken] == [mine["id"]]


async def _reached(api: Api, hook: dict[str, Any], n: int) -> bool:
    return (await webhook_calls.shown(api, hook))["reached"] == n


async def test_nothing_is_left_of_a_removed_webhook(api: Api) -> None:
    async with receiving(api) as receiver:
        hook = await subscribe(api, receiver)
        receiver.down = True
        await support.submit(api("sub"))
        await wait_until(lambda: receiver.tried, what="a try")
        assert (await api("ada").delete(f"{HOOKS}/{hook['id']}")).status_code == 204
        await wait_until(lambda: _stopped(api), what="the pump to stop")
        kept = api.parts.record.database
        await wait_until(lambda: _nothing_of(kept), what="nothing is left")


async def _nothing_of(kept: Any) -> bool:
    counts = [await kept[name].count_documents({}) for name in ("webhooks", "webhookDeliveries", "secrets")]
    return not any(counts)


async def test_a_secret_is_shown_once_and_exchanged_without_a_gap(api: Api) -> None:
    async with receiving(api) as receiver:
        hook = await subscribe(api, receiver)
        old = receiver.secret
        assert old.startswith("whsec_")
        for path in (HOOKS, f"{HOOKS}/{hook['id']}", "/api/v1/secrets"):
            answer = await api("ada").get(path)
            assert old not in answer.text
        assert answer.json()["items"] == []
        rotated = (await api("ada").post(f"{HOOKS}/{hook['id']}/rotate-secret")).json()
        new = rotated["secret"]
        assert new != old
        await wait_until(lambda: _tried(api, hook), what="a signed call")
        sent, body = receiver.target.headers[-1], receiver.target.bodies[-1]
        for secret in (old, new):
            standardwebhooks.Webhook(secret).verify(body, sent)
        receiver.secret = new
        await api("ada").post(f"{HOOKS}/{hook['id']}/rotate-secret", json={"overlapSeconds": 0})
        await api("ada").post(f"{HOOKS}/{hook['id']}/test")
        for secret in (old, new):
            with pytest.raises(standardwebhooks.WebhookVerificationError):
                standardwebhooks.Webhook(secret).verify(receiver.target.bodies[-1], receiver.target.headers[-1])


async def _tried(api: Api, hook: dict[str, Any]) -> bool:
    return (await api("ada").post(f"{HOOKS}/{hook['id']}/test")).json()["taken"]


async def test_a_webhook_without_its_secret_waits_for_another(api: Api) -> None:
    """As after its tenant was imported: secrets do not come along."""
    async with receiving(api) as receiver:
        hook = await subscribe(api, receiver)
        path = f"{HOOKS}/{hook['id']}"
        await api.parts.record.database["secrets"].delete_many({"tenant": "demo"})
        await api("ada").patch(path, json={"name": "Imported"})
        assert "rotate-secret" in (await api("ada").post(f"{path}/test")).json()["error"]
        await support.submit(api("sub"))
        await wait_until(lambda: _failing(api, hook), what="tries in vain")
        receiver.secret = (await api("ada").post(f"{path}/rotate-secret")).json()["secret"]
        await took(receiver, 1)


async def _failing(api: Api, hook: dict[str, Any]) -> bool:
    return not await _well(api, hook)


async def test_a_test_call_says_what_came_of_it(api: Api) -> None:
    async with receiving(api) as receiver:
        hook = await subscribe(api, receiver, paused=True)
        path = f"{HOOKS}/{hook['id']}"
        said = (await api("ada").post(f"{path}/test")).json()
        assert (said["taken"], said["status"]) == (True, 204)
        assert (receiver.types(), receiver.taken[0].body["data"]["webhook"]) == (["webhook-test"], hook["id"])
        receiver.down = True
        said = (await api("ada").post(f"{path}/test")).json()
        assert (said["taken"], said["status"], said["response"]) == (False, 503, "not now")
        statuses = [(each["type"], each["status"]) for each in await deliveries(api, hook)]
        assert sorted(statuses) == [("webhook-test", "delivered"), ("webhook-test", "failed")]


async def test_a_private_address_is_not_called(api: Api) -> None:
    async def answer(_: Request) -> Response:
        return Response(status_code=204)

    async with targets.listening(answer) as target:
        made = (await api("ada").post(HOOKS, json={"name": "x", "url": target.url})).json()
        said = (await api("ada").post(f"{HOOKS}/{made['id']}/test")).json()
        assert not said["taken"]
        assert "not a public address" in said["error"]
        assert not target.bodies
        await allow(api, target.url, realm="acme")
        assert not (await api("ada").post(f"{HOOKS}/{made['id']}/test")).json()["taken"]


async def test_deliveries_are_listed_and_replayed(api: Api) -> None:
    async with receiving(api) as receiver:
        hook = await subscribe(api, receiver)
        path = f"{HOOKS}/{hook['id']}"
        task = await live_out(api)
        await took(receiver, 3)
        await wait_until(lambda: _all_delivered(api, hook, 3), what="all noted")
        first = receiver.taken[0].id
        again = await api("ada").post(f"{path}/deliveries/{first}/replay")
        assert again.status_code == 200, again.text
        await took(receiver, 4)
        assert receiver.taken[3] == receiver.taken[0]
        await wait_until(lambda: _all_delivered(api, hook, 3), what="all noted")
        # What failed for good, as after a day of tries.
        kept = api.parts.record.database["webhookDeliveries"]
        await kept.update_many({"tenant": "demo", "type": {"$ne": "created"}}, {"$set": {"status": "failed"}})
        assert {each["type"] for each in await deliveries(api, hook, status="failed")} == {"started", "succeeded"}
        assert (await api("ada").post(f"{path}/replay", json={"since": "2200-01-01T00:00:00Z"})).json() == {
            "replayed": 0
        }
        since = task["createdAt"]
        assert (await api("ada").post(f"{path}/replay", json={"since": since})).json() == {"replayed": 2}
        await took(receiver, 6)
        assert receiver.types()[4:] == ["started", "succeeded"]
        await wait_until(lambda: _all_delivered(api, hook, 3), what="all noted")
        assert (await api("ada").post(f"{path}/replay", json={"status": "any"})).json() == {"replayed": 3}
        await took(receiver, 9)
        assert receiver.types()[6:] == ["created", "started", "succeeded"]
        pages: list[str] = []
        after: str | None = None
        while True:
            query = {"limit": "2"} | ({} if after is None else {"after": after})
            page = (await api("ada").get(f"{path}/deliveries", params=query)).json()
            pages += [each["id"] for each in page["items"]]
            after = page["next"]
            if after is None:
                break
        assert len(pages) == len(set(pages)) == 3


async def _all_delivered(api: Api, hook: dict[str, Any], count: int) -> bool:
    return [each["status"] for each in await deliveries(api, hook)] == ["delivered"] * count


async def test_a_receiver_that_wants_no_more_is_disabled_and_others_are_told(api: Api) -> None:
    async def answer(_: Request) -> Response:
        return Response(status_code=410)

    async with targets.listening(answer) as gone, receiving(api) as other:
        await allow(api, gone.url)
        await subscribe(api, other, filter={"types": ["webhook-disabled"]})
        made = (await api("ada").post(HOOKS, json={"name": "gone", "url": gone.url})).json()
        await support.submit(api("sub"))
        await took(other, 1)
        assert (other.types(), other.taken[0].body["data"]["webhook"]) == (["webhook-disabled"], made["id"])
        await wait_until(lambda: _status(api, made, "disabled"), what="it is disabled")
        assert "410" in (await webhook_calls.shown(api, made))["disabled"]["reason"]
        resumed = (await api("ada").patch(f"{HOOKS}/{made['id']}", json={"paused": False})).json()
        assert (resumed["status"], "disabled" in resumed) == ("active", False)


async def _status(api: Api, hook: dict[str, Any], wanted: str) -> bool:
    return (await webhook_calls.shown(api, hook))["status"] == wanted


async def test_after_days_of_failure_it_is_disabled(api: Api) -> None:
    async with receiving(api) as receiver:
        hook = await subscribe(api, receiver)
        receiver.down = True
        long_ago = api.parts.clock() - webhook.DISABLE_AFTER - timedelta(minutes=1)
        kept = api.parts.record.database["webhooks"]
        key = {"_id": f"demo/{hook['id']}"}
        await kept.update_one(key, {"$set": {"failingSince": long_ago}})
        await support.submit(api("sub"))
        await wait_until(lambda: _status(api, hook, "disabled"), what="it is disabled")
        receiver.down = False
        await support.submit(api("sub"))
        await api("ada").patch(f"{HOOKS}/{hook['id']}", json={"paused": False})
        await took(receiver, 2)


async def test_a_webhook_is_read_changed_and_removed(api: Api) -> None:
    made = await api("ada").post(HOOKS, json={"name": "a", "url": "https://example.org/x"})
    hook, etag = made.json(), made.headers["etag"]
    path = made.headers["location"]
    assert path == f"{HOOKS}/{hook['id']}"
    assert (hook["status"], hook["payload"], hook["filter"]) == ("active", "native", {})
    changed = await api("ada").patch(
        path, json={"name": "b", "payload": "adsp", "filter": {"types": ["task-created"]}}, headers={"If-Match": etag}
    )
    assert changed.json()["filter"] == {"types": ["task-created"]}
    assert (await api("ada").get(path, headers={"If-None-Match": changed.headers["etag"]})).status_code == 304
    stale = await api("ada").patch(path, json={"name": "c"}, headers={"If-Match": etag})
    assert (stale.status_code, code(stale)) == (412, "precondition-failed")
    wrong = await api("ada").patch(path, json={"filter": {"types": ["succeeded"]}})
    assert (wrong.status_code, fields(wrong)) == (400, ["filter.types"])
    assert [each["name"] for each in (await api("ada").get(HOOKS)).json()["items"]] == ["b"]
    assert (await api("ada").delete(path)).status_code == 204
    assert (await api("ada").get(path)).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "https://e.org"}, "name"),
        ({"name": "x", "url": "ftp://e.org"}, "url"),
        ({"name": "x", "url": "https://u:p@e.org"}, "url"),
        ({"name": "x", "url": "https://e.org", "filter": {"types": []}}, "filter.types"),
        ({"name": "x", "url": "https://e.org", "filter": {"types": ["No Type"]}}, "filter.types"),
        ({"name": "x", "url": "https://e.org", "payload": "adsp", "filter": {"types": ["started"]}}, "filter.types"),
        ({"name": "x", "url": "https://e.org", "secret": "mine"}, "secret"),
    ],
)
async def test_a_webhook_that_does_not_fit(api: Api, body: dict[str, Any], field: str) -> None:
    answer = await api("ada").post(HOOKS, json=body)
    assert (answer.status_code, fields(answer)) == (400, [field])
    assert (await api("ada").get(HOOKS)).json()["items"] == []


async def test_another_tenants_events_are_not_told(api: Api) -> None:
    await support.make_queue(api("ada", "acme"))
    async with receiving(api) as receiver:
        await subscribe(api, receiver)
        await support.submit(api("sub", "acme"))
        mine = await support.submit(api("sub"))
        await took(receiver, 1)
        assert [each.body["task"] for each in receiver.taken] == [mine["id"]]


async def test_the_native_payload_is_what_the_stream_sends(api: Api) -> None:
    await live_out(api, recordId="r", name="n")
    await wait_until(lambda: api.parts.record.database["events"].count_documents({}), what="events")
    for event in (await context_feed(api).since("demo", 0, limit=10)).events:
        assert msgspec.json.decode(replies.encode(shown.event_view(event))) == msgspec.json.decode(
            replies.encode(webhook.native(event))
        )


def context_feed(api: Api) -> Any:
    """The events as callers read them."""
    return api.app.state.context.feed.events
