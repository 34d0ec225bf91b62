"""Payloads encrypted at rest: a whole life through each face leaves nothing readable in the database, and all of it is
shown to those who may see it.
"""

import asyncio
import base64
import os
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import timedelta
from typing import Any

import bson
import pytest
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from broker import engine
from core.settings import Settings
from core.task import Actor
from store import mongo
from store.masters import Masters
from store.payloads import Payloads
from store.rotation import Rotation
from store.secrets import Secret, Secrets
from store.snapshots import Snapshots
from tests.api import webhook_calls as hooks
from tests.support import api as support
from tests.support import target as targets
from tests.support.api import QUEUE, Api
from tests.support.keycloaks import Issuer
from tests.support.waiting import wait_until

MARK = "zebra7crossing"
"""Nothing else has it in it."""
MASTER = f"one:{base64.b64encode(os.urandom(32)).decode()}"
SCAN = "reports/scan"
STATES = ["waiting", "ready", "requested", "in-progress", "done"]


@pytest.fixture
def settings(mongodb_url: str, rabbitmq_url: str, database_name: str, tokens: Issuer) -> Settings:
    return support.settings(
        mongodb_url, rabbitmq_url, tokens.url, database_name, master_keys=SecretStr(MASTER), adsp_events=True
    )


@pytest.fixture
async def sealed(api: Api) -> AsyncIterator[None]:
    """A queue whose payloads are encrypted, with a definition, and an engine."""
    made = await support.make_queue(api("ada"), encryptPayloads=True)
    assert made["encryptPayloads"] is True
    body = {
        "queue": "intake:strike-reports",
        "retry": {"maxAttempts": 1},
        "concurrency": {"limit": 5, "key": ["airport"]},
    }
    assert (await api("ada").put(f"/api/v1/definitions/{SCAN}", json=body)).status_code == 201
    stop = asyncio.Event()
    working = asyncio.create_task(engine.run(api.parts, stop, renew_seconds=0.2))
    yield
    stop.set()
    await working


async def readable(database: mongo.Database) -> dict[str, int]:
    """How many documents of each collection have the mark in them, as it is or in base64."""
    found: dict[str, int] = {}
    forms = [MARK.encode(), *(base64.b64encode(b"x" * n + MARK.encode())[4:-4] for n in range(3))]
    for name in await database.list_collection_names():
        async for row in database[name].find({}):
            kept = bson.encode(row)
            if any(form in kept for form in forms):
                found[name] = found.get(name, 0) + 1
    return found


async def native(api: Api) -> dict[str, Any]:
    """A life by the native API, its dead letter redriven; answers the task as it is at the end."""
    key = {"Idempotency-Key": "once"}
    body: dict[str, Any] = {
        "definition": SCAN, "params": {"airport": f"{MARK} airport"}, "context": {"a": MARK}, "description": MARK,
        "attachments": [{"name": MARK, "url": f"https://files.example/{MARK}"}], "name": "clear", "labels": ["red"],
    }  # fmt: skip
    first = await api("sub").post(f"{QUEUE}/tasks", json=body, headers=key)
    assert first.status_code == 201, first.text
    again = await api("sub").post(f"{QUEUE}/tasks", json=body, headers=key)
    assert again.json()["id"] == first.json()["id"]
    other = await api("sub").post(f"{QUEUE}/tasks", json=body | {"params": {"airport": "x"}}, headers=key)
    assert support.code(other) == "key-reused"
    path = f"/api/v1/tasks/{first.json()['id']}"
    edited = await api("sub").patch(path, json={"params": {"airport": f"{MARK} airport", "n": 2}})
    assert edited.status_code == 200, edited.text
    assert (await api("sub").post(f"{path}/comments", json={"content": MARK, "title": MARK})).status_code == 201
    (held,) = await support.claim(api("wim"))
    assert held["params"] == {"airport": f"{MARK} airport", "n": 2}
    beat = {"execId": held["execId"], "progress": {"current": 1, "message": MARK}}
    assert (await api("wim").post(f"{path}/heartbeat", json=beat)).status_code == 200
    assert (await api("wim").post(f"{path}/heartbeat", json=beat | {"execId": "x"})).status_code == 409
    assert (await api("sub").get(path)).json()["progress"]["message"] == MARK
    failed = await api("wim").post(f"{path}/fail", json={"execId": held["execId"], "error": {"why": MARK}})
    assert failed.status_code == 200, failed.text
    dead = (await api("ada").get(f"{QUEUE}/tasks", params={"dead": "true"})).json()["items"]
    assert [each["error"] for each in dead] == [{"why": MARK}]
    await api("ada").post(f"{QUEUE}/redrive")
    await wait_until(lambda: _is(api, path, "ready"), what="it is ready again", timeout=60)
    (held,) = await support.claim(api("wim"), waitSeconds=20)
    done = await api("wim").post(f"{path}/complete", json={"execId": held["execId"], "result": {"r": MARK}})
    assert done.status_code == 200, done.text
    return (await api("sub").get(path)).json()


async def _is(api: Api, path: str, state: str) -> bool:
    return (await api("sub").get(path)).json()["state"] == state


async def adsp(api: Api) -> None:
    """A life by ADSP's face."""
    path = "/task/v1/queues/intake/strike-reports/tasks"
    made = await api("sub").post(path, json={"name": "adsp", "data": {"d": MARK}, "context": {"c": MARK}})
    assert made.status_code == 200, made.text
    one = f"/task/v1/tasks/{made.json()['id']}"
    edited = await api("ada").patch(one, json={"description": MARK, "context": {"c": f"{MARK} too"}})
    assert edited.status_code == 200, edited.text
    assert (await api("wim").post(one, json={"operation": "start"})).status_code == 200
    patched = await api("wim").patch(f"{one}/data", json={"d": f"{MARK} too"})
    assert patched.status_code == 200, patched.text
    assert (await api("wim").post(one, json={"operation": "complete"})).status_code == 200
    shown = (await api("ada").get(one)).json()
    assert (shown["data"], shown["description"]) == ({"d": f"{MARK} too"}, MARK)


async def aidbox(api: Api) -> None:
    """A life by Aidbox's face, notifications included."""

    async def rpc(user: str, method: str, **params: Any) -> Any:
        answer = await api(user).post("/rpc", json={"method": method, "params": params})
        assert answer.status_code == 200, (method, answer.text)
        return answer.json()["result"]

    made = await rpc("sub", "awf.task/create-and-execute", definition=SCAN, params={"airport": MARK, "p": MARK})
    (task,) = (await rpc("wim", "awf.task/long-poll", taskDefinitions=[SCAN], timeout=20_000))["resources"]
    assert task["params"] == {"airport": MARK, "p": MARK}
    fence = {"id": task["id"], "execId": task["execId"]}
    await rpc("wim", "awf.task/start", **fence)
    told = {"progress-current": 1, "progress-total": 2, "message": MARK}
    await rpc("wim", "awf.task/notify", **fence, notification="progress", **told)
    await rpc("wim", "awf.task/success", **fence, result={"r": MARK})
    found = (await rpc("sub", "awf.task/status", id=made["resource"]["id"]))["resource"]
    assert found["result"] == {"r": MARK}


async def jobs(api: Api) -> None:
    """A life by the jobs API."""
    made = await api("sub").post("/tasks", json={"type": SCAN, "params": {"airport": MARK}, "tags": ["t"]})
    assert made.status_code == 202, made.text
    (held,) = await support.claim(api("wim"), waitSeconds=20)
    body = {"execId": held["execId"], "result": {"r": MARK}}
    assert (await api("wim").post(f"/api/v1/tasks/{held['id']}/complete", json=body)).status_code == 200
    assert (await api("sub").get(f"/tasks/{made.json()['id']}")).json()["result"] == {"r": MARK}


async def flow(api: Api) -> None:
    """A flow of two steps, the second of which gets the first one's result."""
    template = {
        "driver": "dag", "queue": "intake:strike-reports",
        "steps": {
            "a": {"definition": SCAN, "params": {"airport": {"$from": "input.airport"}}},
            "b": {"definition": SCAN, "dependsOn": ["a"], "params": {"airport": {"$from": "steps.a.result.r"}}},
        },
        "result": {"all": {"$from": "steps.b.result"}},
    }  # fmt: skip
    assert (await api("ada").put("/api/v1/flow-templates/two", json=template)).status_code == 201
    begun = await api("sub").post("/api/v1/flows", json={"template": "two", "params": {"airport": MARK}})
    assert begun.status_code == 201, begun.text
    for _ in range(2):
        (held,) = await support.claim(api("wim"), waitSeconds=20)
        assert held["params"]["airport"] == MARK
        body = {"execId": held["execId"], "result": {"r": MARK}}
        assert (await api("wim").post(f"/api/v1/tasks/{held['id']}/complete", json=body)).status_code == 200
    path = f"/api/v1/flows/{begun.json()['id']}"

    async def ended() -> bool:
        return (await api("sub").get(path)).json().get("result") == {"all": {"r": MARK}}

    await wait_until(ended, what="the flow ends", timeout=60)


async def refused_step(api: Api) -> dict[str, Any]:
    """A flow whose step does not fit its definition; the reason of that."""
    schema = {"type": "object", "properties": {"airport": {"type": "integer"}}}
    numbered = {"queue": "intake:strike-reports", "paramsSchema": schema}
    assert (await api("ada").put("/api/v1/definitions/numbered", json=numbered)).status_code == 201
    steps = {"a": {"definition": "numbered", "params": {"airport": {"$from": "input.airport"}}}}
    template = {"driver": "dag", "queue": "intake:strike-reports", "steps": steps}
    assert (await api("ada").put("/api/v1/flow-templates/unfit", json=template)).status_code == 201
    begun = await api("sub").post("/api/v1/flows", json={"template": "unfit", "params": {"airport": MARK}})
    path = f"/api/v1/flows/{begun.json()['id']}"

    async def ended() -> bool:
        return (await api("sub").get(path)).json().get("outcome") == "failed"

    await wait_until(ended, what="the flow fails", timeout=60)
    return (await api("ada").get(path)).json()


async def events(api: Api) -> list[dict[str, Any]]:
    """What the history tells of all tasks."""
    tasks = (await api("ada").get(f"{QUEUE}/tasks", params={"limit": 100, "state": STATES})).json()["items"]
    told: list[dict[str, Any]] = []
    for task in tasks:
        told += (await api("ada").get(f"/api/v1/tasks/{task['id']}/history")).json()["items"]
    return told


async def test_nothing_is_readable_in_the_database_after_a_life_through_each_face(api: Api, sealed: None) -> None:
    del sealed
    async with hooks.receiving(api) as receiver, hooks.receiving(api) as other:
        receiver.down = other.down = True
        hook = await hooks.subscribe(api, receiver)
        envelopes = await hooks.subscribe(api, other, payload="adsp")
        task = await native(api)
        await adsp(api)
        await aidbox(api)
        await jobs(api)
        await flow(api)
        unfit = await refused_step(api)
        database = api.parts.record.database

        async def all_told() -> bool:
            said = [each for each in await events(api) if MARK in str(each.get("data"))]
            kept = await hooks.deliveries(api, hook), await hooks.deliveries(api, envelopes)
            return {each["type"] for each in said} >= {"updated", "notified"} and all(kept)

        await wait_until(all_told, what="events and deliveries", timeout=60)
        assert await readable(database) == {}
        assert await database["webhookDeliveries"].count_documents({"encrypted": True}) > 5
        assert await database["events"].count_documents({"sealed": {"$exists": True}}) >= 3
    assert (task["params"]["n"], task["result"], task["context"]) == (2, {"r": MARK}, {"a": MARK})
    assert (task["encrypted"], task["description"], task["attachments"][0]["name"]) == (True, MARK, MARK)
    assert "params does not fit its schema" in str(unfit["steps"]), "and not which value"
    (said,) = (await api("sub").get(f"/api/v1/tasks/{task['id']}/comments")).json()["items"]
    assert (said["content"], said["title"]) == (MARK, MARK)
    changed = await api("sub").patch(f"/api/v1/tasks/{task['id']}/comments/1", json={"content": f"{MARK}!"})
    assert changed.json()["content"] == f"{MARK}!"
    assert await readable(database) == {}
    # What goes out on the exchange has no more of it than the database.
    told = await Snapshots(database, Payloads(), opened=False).of("demo", [task["id"]])
    assert MARK not in str(told)


async def test_they_are_found_by_name_record_id_and_labels_alone(api: Api, sealed: None) -> None:
    del sealed
    body: dict[str, Any] = {"name": "Strike at noon", "recordId": "r-77", "labels": ["red"], "params": {"q": MARK}}
    body["description"] = MARK
    made = await support.submit(api("sub"), **body)
    for text, count in (("noon", 1), ("r-77", 1), ("red", 1), (MARK, 0)):
        found = (await api("ada").get(f"{QUEUE}/tasks", params={"text": text, "state": "ready"})).json()["items"]
        assert len(found) == count, text
    row = await api.parts.record.database["tasks"].find_one({"_id": f"demo/{made['id']}"})
    assert row is not None
    assert MARK not in str(row)


async def test_webhooks_and_targets_get_the_payload(api: Api, sealed: None) -> None:
    del sealed
    came: list[Any] = []

    async def take(request: Request) -> Response:
        came.append(await request.json())
        return JSONResponse({"answer": MARK})

    async with hooks.receiving(api) as receiver, targets.listening(take) as target:
        await hooks.subscribe(api, receiver, payload="adsp")
        await hooks.allow(api, target.url)
        body = {"queue": "intake:strike-reports", "target": {"kind": "http", "url": f"{target.url}/x"}}
        assert (await api("ada").put("/api/v1/definitions/pushed", json=body)).status_code == 201
        made = await support.submit(api("sub"), definition="pushed", params={"p": MARK})
        await wait_until(lambda: _is(api, f"/api/v1/tasks/{made['id']}", "done"), what="the push", timeout=60)
        assert came[0]["params"] == {"p": MARK}
        await wait_until(lambda: "task-service:task-completed" in receiver_types(receiver), what="told", timeout=60)
        assert MARK in str([each.body for each in receiver.taken])
        assert (await api("sub").get(f"/api/v1/tasks/{made['id']}")).json()["result"]["answer"] == MARK
        assert await readable(api.parts.record.database) == {}


def receiver_types(receiver: hooks.Receiver) -> list[str]:
    """ADSP's names of what it took."""
    return [f"{each.body['namespace']}:{each.body['name']}" for each in receiver.taken]


async def test_a_new_key_takes_over_while_everything_runs(api: Api, sealed: None) -> None:
    del sealed
    task = await native(api)
    record = api.parts.record
    path = f"/api/v1/tasks/{task['id']}"
    before = [row async for row in record.database["tenantKeys"].find({"tenant": "demo"})]

    async def told() -> bool:
        return any(MARK in str(each.get("data")) for each in await events(api))

    await wait_until(told, what="the edit in the history", timeout=60)
    done = await Rotation(record.database, record.secrets, settled=timedelta()).rotate("demo")
    assert done.payloads >= 3
    after = [row async for row in record.database["tenantKeys"].find({"tenant": "demo"})]
    assert {row["_id"] for row in before}.isdisjoint({row["_id"] for row in after})
    assert (await api("sub").get(path)).json() == task
    assert await told()
    assert (await api("sub").get(f"{path}/comments")).json()["items"][0]["content"] == MARK
    assert await readable(record.database) == {}


async def test_an_erased_key_erases_the_payloads_and_nothing_else(api: Api, sealed: None) -> None:
    del sealed
    task = await native(api)
    waiting = await support.submit(api("sub"), params={"p": MARK})
    database = api.parts.record.database
    await database["tenantKeys"].delete_many({"tenant": "demo"})
    vars(api.parts.record.secrets.sealer)["_known"].clear()
    vars(api.parts.record.secrets.sealer)["_numbers"].clear()
    shown = (await api("sub").get(f"/api/v1/tasks/{task['id']}")).json()
    assert (shown["erased"], shown["name"], shown["outcome"]) == (True, "clear", "succeeded")
    assert not {"params", "result", "description"} & set(shown)
    listed = (await api("ada").get(f"{QUEUE}/tasks", params={"state": STATES})).json()["items"]
    assert {each["id"] for each in listed} == {task["id"], waiting["id"]}
    assert (await api("ada").get(f"/api/v1/tasks/{task['id']}/history")).status_code == 200
    assert (await api("ada").get(f"/api/v1/tasks/{task['id']}/comments")).status_code == 200
    # It goes on, and what is submitted now is sealed with a key of its own.
    (held,) = await support.claim(api("wim"), waitSeconds=20)
    assert (held["id"], held["erased"]) == (waiting["id"], True)
    fresh = await support.submit(api("sub"), params={"p": MARK})
    assert (await api("sub").get(f"/api/v1/tasks/{fresh['id']}")).json()["params"] == {"p": MARK}


async def test_an_export_is_readable_and_sealed_again_by_its_import(api: Api, sealed: None) -> None:
    del sealed
    task = await native(api)
    lines = (await api("ada").get("/api/v1/tenants/demo/export")).text
    assert MARK in lines
    assert (await api("root").delete("/api/v1/tenants/demo", params={"graceSeconds": 0})).status_code == 202

    async def gone() -> bool:
        return (await api("root").get("/api/v1/tenants/demo")).status_code == 404

    await wait_until(gone, what="the tenant is erased", timeout=60)
    made = await api("root").put("/api/v1/tenants/demo", json={"issuer": api.tokens.issuer_of("demo")})
    assert made.status_code == 201, made.text
    put_back = await api("root").post("/api/v1/tenants/demo/import", content=lines)
    assert put_back.status_code == 200, put_back.text
    assert (await api("sub").get(f"/api/v1/tasks/{task['id']}")).json() == task
    assert await readable(api.parts.record.database) == {}


@pytest.fixture
async def keyless(mongodb_url: str, rabbitmq_url: str, database_name: str, tokens: Issuer) -> AsyncGenerator[Api]:
    """An application without a master key."""
    async with support.serving(support.settings(mongodb_url, rabbitmq_url, tokens.url, database_name), tokens) as api:
        yield api
        await support.drop_lanes(api.parts)


async def test_without_a_master_key_a_queue_cannot_ask_for_it(keyless: Api) -> None:
    answer = await keyless("ada").put(QUEUE, json={"bindings": support.BINDINGS, "encryptPayloads": True})
    assert (answer.status_code, support.fields(answer)) == (400, ["encryptPayloads"]), answer.text
    await support.make_queue(keyless("ada"))
    changed = await keyless("ada").patch(QUEUE, json={"encryptPayloads": True})
    assert support.fields(changed) == ["encryptPayloads"]


async def test_another_master_key_than_the_record_s_is_said_and_spoils_nothing(api: Api) -> None:
    await support.make_queue(api("ada"), encryptPayloads=True)
    database = api.parts.record.database
    others = Secrets(database, Masters({"one": os.urandom(32)}))
    ann = Actor(id="u-ann", name="Ann")
    for tenant in ("acme", "demo"):
        kept = Secret(tenant=tenant, name="key", updated_at=api.parts.clock(), updated_by=ann)
        await others.put(kept, "theirs")
        answers = [
            await api("sub").post(f"{QUEUE}/tasks", json={"params": {"p": MARK}}),
            await api("ada").put("/api/v1/secrets/other", json={"value": "ours"}),
        ]
        for answer in answers:
            assert (answer.status_code, support.code(answer)) == (503, "unavailable"), answer.text
            assert "The master key one of this process is another one" in answer.json()["detail"]
    assert await database["tenantKeys"].distinct("tenant") == ["acme", "demo"]
    assert await database["tasks"].count_documents({}) == 0


async def test_it_is_the_queue_s_setting_and_holds_for_new_tasks(api: Api) -> None:
    await support.make_queue(api("ada"))
    clear = await support.submit(api("sub"), params={"p": 1})
    assert "encrypted" not in clear
    changed = await api("ada").patch(QUEUE, json={"encryptPayloads": True})
    assert changed.json()["encryptPayloads"] is True
    hidden = await support.submit(api("sub"), params={"p": 2})
    assert hidden["encrypted"] is True
    held = await support.claim(api("wim"), max=2, waitSeconds=20)
    assert sorted(each["params"]["p"] for each in held) == [1, 2]
    # Both end in one call: the first blindly, the other sealed.
    ends = [{"id": each["id"], "execId": each["execId"], "action": "complete", "result": MARK} for each in held]
    settled = await api("wim").post("/api/v1/tasks/settle", json={"items": ends})
    assert {each["status"] for each in settled.json()["results"]} == {200}, settled.text
    rows = {str(row["_id"]): row async for row in api.parts.record.database["tasks"].find({})}
    assert rows[f"demo/{clear['id']}"]["result"] == MARK
    assert isinstance(rows[f"demo/{hidden['id']}"]["result"], bytes)
    assert (await api("ada").patch(QUEUE, json={"encryptPayloads": None})).json()["encryptPayloads"] is False
