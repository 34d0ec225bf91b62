"""Built-in tasks over Aidbox's RPC and in a workflow: waits, subscriptions, clean-ups; engines come and go."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from broker import engine
from tests.support import api as support
from tests.support.api import QUEUE, Api
from tests.support.waiting import wait_until

KEY = "intake:strike-reports"
ONBOARD = "demo/onboard"
PATIENT = {"get-in": ["resourceType"], "comparator": "eq", "value": "Patient"}


@asynccontextmanager
async def an_engine(api: Api) -> AsyncGenerator[None]:
    """An engine that works in this process."""
    stop = asyncio.Event()
    working = asyncio.create_task(engine.run(api.parts, stop))
    try:
        yield
    finally:
        stop.set()
        await working


@pytest.fixture
async def running(api: Api) -> AsyncGenerator[None]:
    async with an_engine(api):
        yield


async def rpc(api: Api, user: str, method: str, **params: Any) -> Any:
    answer = await api(user).post("/rpc", json={"method": method, "params": params})
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


async def create(api: Api, definition: str, params: Any, *, user: str = "sub", **more: Any) -> dict[str, Any]:
    call = {"definition": definition, "params": params} | more
    return (await rpc(api, user, "awf.task/create-and-execute", **call))["resource"]


async def status(api: Api, task: dict[str, Any]) -> dict[str, Any]:
    return (await rpc(api, "ada", "awf.task/status", id=task["id"]))["resource"]


async def ended(api: Api, task: dict[str, Any]) -> dict[str, Any]:
    """The task once it is done."""

    async def done() -> bool:
        return (await status(api, task))["status"] == "done"

    await wait_until(done, what="the task's end")
    return await status(api, task)


async def report(api: Api, **record: Any) -> None:
    answer = await api("sub").post("/api/v1/records", json=record)
    assert answer.status_code == 201, answer.text


# --- wait ---


async def test_a_wait_is_in_progress_at_once_and_ends_after_its_time(api: Api, queue: str, running: None) -> None:
    began = datetime.now(UTC)
    task = await create(api, "awf.task/wait", {"duration": {"seconds": 1}}, label="pause")
    assert (task["status"], task["retryCount"], task["label"]) == ("in-progress", 1, "pause")
    assert "execId" not in task
    end = await ended(api, task)
    assert (end["outcome"], "result" in end) == ("succeeded", False)
    assert timedelta(seconds=1) <= datetime.now(UTC) - began < timedelta(seconds=5)


async def test_a_wait_until_a_date_that_has_passed_ends_at_once(api: Api, queue: str, running: None) -> None:
    task = await create(api, "awf.task/wait", {"until": "2020-02"})
    assert (await ended(api, task))["outcome"] == "succeeded"


async def test_a_wait_outlives_engines_and_can_be_canceled(api: Api, queue: str) -> None:
    async with an_engine(api):
        short = await create(api, "awf.task/wait", {"duration": {"seconds": 1}})
        long = await create(api, "awf.task/wait", {"duration": {"hours": 100}})
    assert {(await status(api, task))["status"] for task in (short, long)} == {"in-progress"}
    async with an_engine(api):
        assert (await ended(api, short))["outcome"] == "succeeded"
        canceled = (await rpc(api, "sub", "awf.task/cancel", id=long["id"]))["resource"]
        assert (canceled["status"], canceled["outcome"]) == ("done", "canceled")


async def test_a_delayed_wait_begins_at_its_moment(api: Api, queue: str, running: None) -> None:
    at = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    task = await create(api, "awf.task/wait", {"duration": {"seconds": 0}}, executeAt=at)
    assert task["status"] == "waiting"
    assert (await ended(api, task))["retryCount"] == 1


async def test_nobody_is_handed_a_built_in_task(api: Api, queue: str, running: None) -> None:
    await create(api, "awf.task/wait", {"duration": {"hours": 1}})
    polled = await api("ada").post(
        "/rpc", json={"method": "awf.task/poll", "params": {"taskDefinitions": ["awf.task/wait"]}}
    )
    assert polled.status_code == 403 or polled.json()["result"]["resources"] == []


@pytest.mark.parametrize(
    ("definition", "params", "place"),
    [
        ("awf.task/wait", {}, "params"),
        ("awf.task/wait", {"until": "2031-02-30"}, "params.until"),
        ("awf.task/subscribe", {"select-by": [{"get-in": ["a"]}]}, "params.select-by.0"),
        ("awf.task/clean-up-activities", {"rules": []}, "params.rules"),
    ],
)
async def test_params_of_built_ins_are_refused_with_their_place(
    api: Api, queue: str, definition: str, params: Any, place: str
) -> None:
    call = {"method": "awf.task/create-and-execute", "params": {"definition": definition, "params": params}}
    answer = await api("ada").post("/rpc", json=call)
    assert answer.status_code == 422, answer.text
    assert place in {".".join(each["path"]) for each in answer.json()["error"]["errors"]}, answer.text


async def test_built_ins_are_definitions_that_can_be_read(api: Api, queue: str) -> None:
    await create(api, "awf.task/wait", {"duration": {"hours": 1}})
    shown = (await api("ada").get("/api/v1/definitions/awf.task/wait")).json()
    assert shown["target"] == {"kind": "builtin", "name": "awf.task/wait"}
    own = await api("ada").put(
        "/api/v1/definitions/my/pause", json={"queue": KEY, "target": {"kind": "builtin", "name": "awf.task/wait"}}
    )
    assert own.status_code == 201
    unknown = {"queue": KEY, "target": {"kind": "builtin", "name": "awf.task/dance"}}
    refused = await api("ada").put("/api/v1/definitions/my/dance", json=unknown)
    assert (refused.status_code, support.fields(refused)) == (400, ["target.name"])


# --- subscribe ---


async def test_a_subscription_ends_with_the_first_record_that_matches(api: Api, queue: str, running: None) -> None:
    await report(api, resourceType="Patient", name="before")
    adult = PATIENT | {"get-in": ["age"], "comparator": "ge", "value": 18}
    task = await create(api, "awf.task/subscribe", {"select-by": [PATIENT, adult]})
    assert (task["status"], task["retryCount"]) == ("in-progress", 1)
    await report(api, resourceType="Claim", age=40)
    await report(api, resourceType="Patient", age=3)
    await report(api, resourceType="Patient", age=30, name="Ada")
    await report(api, resourceType="Patient", age=50, name="Ben")
    end = await ended(api, task)
    assert end["outcome"] == "succeeded"
    assert end["result"] == {"resource": {"resourceType": "Patient", "age": 30, "name": "Ada"}}


async def test_a_record_that_comes_while_no_engine_runs_is_not_missed(api: Api, queue: str) -> None:
    async with an_engine(api):
        first, second = [await create(api, "awf.task/subscribe", {"select-by": [PATIENT]}) for _ in range(2)]
        await rpc(api, "sub", "awf.task/cancel", id=second["id"])
    await report(api, resourceType="Patient", name="Ada")
    async with an_engine(api):
        assert (await ended(api, first))["result"] == {"resource": {"resourceType": "Patient", "name": "Ada"}}
    assert (await status(api, second))["outcome"] == "canceled"


async def test_another_tenants_records_end_nothing(api: Api, queue: str, running: None) -> None:
    task = await create(api, "awf.task/subscribe", {"select-by": [PATIENT]})
    answer = await api("sub", "acme").post("/api/v1/records", json={"resourceType": "Patient"})
    assert answer.status_code == 201, answer.text
    await report(api, resourceType="Patient", name="ours")
    assert (await ended(api, task))["result"]["resource"]["name"] == "ours"


# --- clean-up ---


async def test_a_clean_up_removes_what_its_rules_name(api: Api, queue: str, running: None) -> None:
    for name in ("demo/scan", "demo/mail"):
        await api("ada").put(f"/api/v1/definitions/{name}", json={"queue": KEY})
    gone = [await support.submit(api("sub"), definition="demo/scan") for _ in range(3)]
    kept = [await support.submit(api("sub"), definition="demo/mail"), await support.submit(api("sub"))]
    for task in [*gone, *kept]:
        await api("ada").post(f"/api/v1/tasks/{task['id']}/cancel", json={})
    still_open = await support.submit(api("sub"), definition="demo/scan")

    async def told() -> bool:
        histories = [(await api("ada").get(f"/api/v1/tasks/{task['id']}/history")).json()["items"] for task in gone]
        return all(len(each) == 2 for each in histories)

    await wait_until(told, what="the events")
    rule = {"retentionPolicy": {"unit": "minute", "value": 0}, "includeDefinitions": ["demo/scan"]}
    task = await create(api, "awf.task/clean-up-activities", {"rules": [rule]}, user="ada")
    end = await ended(api, task)
    counts = {"AidboxTask": 3, "AidboxTaskLog": 6, "AidboxWorkflow": 0}
    assert (end["outcome"], end["result"]) == ("succeeded", {"deletedRowsCount": counts})
    for each in gone:
        assert (await api("ada").get(f"/api/v1/tasks/{each['id']}")).status_code == 404
    for each in [*kept, still_open]:
        assert (await api("ada").get(f"/api/v1/tasks/{each['id']}")).status_code == 200
    young = {"retentionPolicy": {"unit": "day", "value": 1}}
    again = await ended(api, await create(api, "awf.task/clean-up-activities", {"rules": [young]}, user="ada"))
    assert again["result"]["deletedRowsCount"]["AidboxTask"] == 0


async def test_a_clean_up_is_for_admins(api: Api, queue: str) -> None:
    rules = {"rules": [{"retentionPolicy": {"unit": "day", "value": 1}}]}
    call = {"definition": "awf.task/clean-up-activities", "params": rules}
    answer = await api("sub").post("/rpc", json={"method": "awf.task/create-and-execute", "params": call})
    assert answer.status_code == 403, answer.text
    native = await api("sub").post("/api/v1/queues/awf/built-in/tasks", json=call)
    assert native.status_code == 403, native.text


# --- in a workflow ---


@pytest.fixture
async def onboard(api: Api, queue: str, running: None) -> str:
    body = {"driver": "decisions", "queue": KEY}
    answer = await api("ada").put(f"/api/v1/flow-templates/{ONBOARD}", json=body)
    assert answer.status_code == 201, answer.text
    return ONBOARD


async def decide(api: Api, *actions: dict[str, Any]) -> dict[str, Any]:
    """Answer the next decision task."""
    poll = {"workflowDefinitions": [ONBOARD], "timeout": 20_000}
    (task,) = (await rpc(api, "wim", "awf.task/long-poll", **poll))["resources"]
    fence = {"id": task["id"], "execId": task["execId"]}
    await rpc(api, "wim", "awf.task/start", **fence)
    named = [action | {"action": f"awf.workflow.action/{action['action']}"} for action in actions]
    await rpc(api, "wim", "awf.task/success", **fence, result=named)
    return task


def schedule(definition: str, params: Any, label: str) -> dict[str, Any]:
    return {"action": "schedule-task", "task-request": {"definition": definition, "params": params, "label": label}}


async def test_a_workflow_waits_and_subscribes(api: Api, onboard: str) -> None:
    made = (await rpc(api, "sub", "awf.workflow/create-and-execute", definition=ONBOARD, params={}))["resource"]
    await decide(
        api,
        schedule("awf.task/wait", {"duration": {"seconds": 1}}, "pause"),
        schedule("awf.task/subscribe", {"select-by": [PATIENT]}, "patient"),
    )
    waited = await decide(api, {"action": "do-nothing"})
    assert (waited["params"]["activity"]["label"], waited["params"]["activity"]["outcome"]) == ("pause", "succeeded")
    await report(api, resourceType="Patient", name="Ada")
    came = await decide(api, {"action": "complete-workflow", "result": {"ok": True}})
    assert came["params"]["activity"]["result"]["resource"]["name"] == "Ada"

    async def done() -> bool:
        flow = (await rpc(api, "sub", "awf.workflow/status", id=made["id"]))["resource"]
        return flow["status"] == "done" and flow["outcome"] == "succeeded"

    await wait_until(done, what="the workflow's end")
    rule = {"retentionPolicy": {"unit": "minute", "value": 0}, "includeDefinitions": [ONBOARD]}
    cleaned = await ended(api, await create(api, "awf.task/clean-up-activities", {"rules": [rule]}, user="ada"))
    counts = cleaned["result"]["deletedRowsCount"]
    assert (counts["AidboxWorkflow"], counts["AidboxTask"]) == (1, 5)
    gone = await api("sub").post("/rpc", json={"method": "awf.workflow/status", "params": {"id": made["id"]}})
    assert gone.json()["error"]["message"] == "Resource not found"


async def test_a_skipped_wait_lets_the_workflow_go_on(api: Api, onboard: str) -> None:
    made = (await rpc(api, "sub", "awf.workflow/create-and-execute", definition=ONBOARD, params={}))["resource"]
    await decide(api, schedule("awf.task/wait", {"duration": {"hours": 9}}, "pause"))
    whole = {"id": made["id"], "include-activities?": True}

    async def waits() -> bool:
        found = (await rpc(api, "sub", "awf.workflow/status", **whole))["activities"]
        return [each["status"] for each in found] == ["in-progress"]

    await wait_until(waits, what="the wait")
    (wait,) = (await rpc(api, "sub", "awf.workflow/status", **whole))["activities"]
    await rpc(api, "ada", "awf.task/cancel", id=wait["id"])
    skipped = await decide(api, {"action": "complete-workflow", "result": {}})
    assert skipped["params"]["activity"]["outcome"] == "canceled"


async def test_a_clean_up_is_not_decided_on(api: Api, onboard: str) -> None:
    await rpc(api, "sub", "awf.workflow/create-and-execute", definition=ONBOARD, params={})
    rules = {"rules": [{"retentionPolicy": {"unit": "day", "value": 1}}]}
    await decide(api, schedule("awf.task/clean-up-activities", rules, "sweep"))
    refused = await decide(api, {"action": "complete-workflow", "result": {}})
    activity = refused["params"]["activity"]
    assert (activity["outcome"], activity["reason"]["type"]) == ("failed", "invalid")
    assert "cannot be decided on" in activity["reason"]["message"]


async def test_the_queue_of_the_built_ins_is_like_any_other(api: Api, queue: str) -> None:
    await create(api, "awf.task/wait", {"duration": {"hours": 1}})
    listed = (await api("ada").get("/api/v1/queues/awf/built-in/tasks?state=in-progress")).json()
    assert [task["definition"] for task in listed["items"]] == ["awf.task/wait"]
    assert (await api("ada").get(QUEUE)).status_code == 200
