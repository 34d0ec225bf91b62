"""Aidbox's RPC over HTTP (contract aidbox): every method and field, its examples as they are, every refusal typed."""

import asyncio
import base64
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
import yaml

from api.faces import aidbox_input as asked
from broker import engine
from tests.support import api as support
from tests.support.api import QUEUE, Api
from tests.support.waiting import wait_until

MAIL = "demo/send-mail"
ONBOARD = "demo/onboard"


@pytest.fixture
async def mail(api: Api, queue: str) -> str:
    """A definition as the contract's examples use it."""
    body = {
        "queue": "intake:strike-reports",
        "paramsSchema": {"type": "object", "required": ["to"]},
        "resultSchema": {"type": ["object", "null"]},
        "errorSchema": {"type": ["object", "null"]},
        "retry": {"maxAttempts": 2, "backoff": {"kind": "fixed", "initialSeconds": 0}},
    }
    answer = await api("ada").put(f"/api/v1/definitions/{MAIL}", json=body)
    assert answer.status_code == 201, answer.text
    return MAIL


@pytest.fixture
async def running(api: Api) -> AsyncGenerator[None]:
    """An engine that works in this process."""
    stop = asyncio.Event()
    working = asyncio.create_task(engine.run(api.parts, stop))
    yield
    stop.set()
    await working


async def raw(api: Api, user: str, method: str, **params: Any) -> httpx.Response:
    """The whole answer to one call."""
    return await api(user).post("/rpc", json={"method": method, "params": params})


async def rpc(api: Api, user: str, method: str, **params: Any) -> Any:
    """The result of one call that is granted."""
    answer = await raw(api, user, method, **params)
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"result"}
    return answer.json()["result"]


async def refused(api: Api, user: str, method: str, **params: Any) -> dict[str, Any]:
    """The error of one call that is refused with 422."""
    answer = await raw(api, user, method, **params)
    assert answer.status_code == 422, answer.text
    assert set(answer.json()) == {"error"}
    return answer.json()["error"]


async def create(api: Api, **more: Any) -> dict[str, Any]:
    """A task to send a mail."""
    params = {"definition": MAIL, "params": {"to": "x@example.org"}} | more
    return (await rpc(api, "sub", "awf.task/create-and-execute", **params))["resource"]


async def taken(api: Api, *, start: bool = True) -> dict[str, Any]:
    """A task that wim polled, and started."""
    poll = {"taskDefinitions": [MAIL], "timeout": 20_000}
    (task,) = (await rpc(api, "wim", "awf.task/long-poll", **poll))["resources"]
    if start:
        fence = {"id": task["id"], "execId": task["execId"]}
        task = (await rpc(api, "wim", "awf.task/start", **fence))["resource"]
    return task


def fence_of(task: dict[str, Any]) -> dict[str, str]:
    """What a holder repeats."""
    return {"id": task["id"], "execId": task["execId"]}


# --- tasks ---


async def test_c2_create(api: Api, mail: str) -> None:
    task = await create(api, label="welcome")
    assert task | {"id": "", "meta": {}, "requester": {}} == {
        "id": "",
        "resourceType": "AidboxTask",
        "definition": MAIL,
        "label": "welcome",
        "params": {"to": "x@example.org"},
        "status": "ready",
        "requester": {},
        "meta": {},
    }
    assert task["meta"]["createdAt"] == task["meta"]["lastUpdated"]
    assert task["meta"]["createdAt"].endswith("000Z")
    assert task["meta"]["versionId"] == "1"
    assert (task["requester"]["resourceType"], task["requester"]["display"]) == ("User", "Sue Submitter")


async def test_a_task_waits_for_its_moment_under_the_id_it_was_given(api: Api, mail: str) -> None:
    task = await create(api, id="t-1", executeAt="2099-01-01T00:00:00")
    assert (task["id"], task["status"], task["executeAt"]) == ("t-1", "waiting", "2099-01-01T00:00:00")
    again = await refused(api, "sub", "awf.task/create-and-execute", definition=MAIL, params={"to": "y"}, id="t-1")
    assert again["type"] == "task-already-exists"


async def test_c4_to_c11_poll_start_notify_fail(api: Api, mail: str, running: None) -> None:
    await create(api)
    task = await taken(api, start=False)
    assert (task["status"], "retryCount" in task) == ("requested", False)
    started = (await rpc(api, "wim", "awf.task/start", **fence_of(task)))["resource"]
    assert (started["status"], started["retryCount"], started["execId"]) == ("in-progress", 1, task["execId"])
    for kind in ("awf.task/heartbeat", "heartbeat", "progress"):
        told = {"notification": kind, "message": "alive", "progress-current": 3, "progress-total": 9}
        beat = await rpc(api, "wim", "awf.task/notify", **fence_of(task), **told, **{"progress-unit": "rows"})
        assert beat["inProgressTimeoutAt"] > started["meta"]["lastUpdated"]
        assert beat["cancelRequested"] is False
    failed = await rpc(api, "wim", "awf.task/fail", **fence_of(task), error={"message": "smtp down"})
    assert failed["resource"]["status"] in {"waiting", "ready"}

    async def ready() -> bool:
        return (await rpc(api, "sub", "awf.task/status", id=task["id"]))["resource"]["status"] == "ready"

    await wait_until(ready, what="the second attempt")
    last = await taken(api)
    assert last["execId"] != task["execId"]
    end = (await rpc(api, "wim", "awf.task/fail", **fence_of(last), error={"message": "smtp down"}))["resource"]
    assert (end["status"], end["outcome"], end["retryCount"]) == ("done", "failed", 2)
    assert end["error"] == {"message": "smtp down"}
    assert end["outcomeReason"] == {"type": "awf.task/failed-by-executor", "message": "Failed by executor"}
    log: list[dict[str, Any]] = []

    async def written() -> bool:
        log[:] = (await rpc(api, "sub", "awf.task/status", id=task["id"], **{"include-log?": True}))["log"]
        return len(log) == 11

    await wait_until(written, what="the log of the last step")
    assert [row["action"].partition("/")[2] for row in log] == [
        "create-and-execute", "poll", "start", "notify", "notify", "notify", "fail", "ready", "poll", "start", "fail",
    ]  # fmt: skip
    assert log[5]["action-params"]["progress-current"] == 3
    assert (log[1]["scheduled"]["action"], log[1]["scheduled"]["delay"]) == (
        "awf.task/requested-to-start-timeout",
        10_000,
    )
    assert log[2]["scheduled"]["action"] == log[3]["re-scheduled"]["action"] == "awf.task/in-progress-timeout"
    assert log[3]["re-scheduled"]["at"] > log[2]["scheduled"]["at"]
    assert log[6]["scheduled"]["at"] >= log[6]["meta"]["createdAt"]
    assert "scheduled" not in log[0]
    assert all(row["subject"] == {"id": task["id"], "resourceType": "AidboxTask"} for row in log)
    assert (log[2]["status-before"], log[2]["status-after"]) == ("requested", "in-progress")


async def test_success_and_the_settings(api: Api, mail: str) -> None:
    await create(api)
    task = await taken(api)
    done = (await rpc(api, "wim", "awf.task/success", **fence_of(task), result={"sent": True}))["resource"]
    assert (done["status"], done["outcome"], done["result"]) == ("done", "succeeded", {"sent": True})
    assert "outcomeReason" not in done
    said = await rpc(api, "sub", "awf.task/status", id=task["id"], **{"include-settings?": True})
    assert said["settings"] == {
        "requestedToStartTimeout": 10_000,
        "inProgressTimeout": 120_000,
        "retryDelay": 0,
        "allowedRetryCount": 2,
    }
    assert "log" not in said


async def test_the_official_sdk_says_result_where_it_fails(api: Api, mail: str) -> None:
    await create(api)
    task = await taken(api)
    failed = (await rpc(api, "wim", "awf.task/fail", **fence_of(task), result={"message": "no"}))["resource"]
    assert failed["error"] == {"message": "no"}


async def test_cancel_ends_a_running_task_at_once(api: Api, mail: str) -> None:
    await create(api)
    task = await taken(api)
    canceled = (await rpc(api, "sub", "awf.task/cancel", id=task["id"]))["resource"]
    assert (canceled["status"], canceled["outcome"]) == ("done", "canceled")
    assert "outcomeReason" not in canceled
    again = await refused(api, "sub", "awf.task/cancel", id=task["id"])
    assert again["type"] == "task-has-been-done"
    assert again["message"] == f"Task id:'{task['id']}' has already been done. Couldn't cancel it."
    late = await refused(api, "wim", "awf.task/success", **fence_of(task), result={})
    assert late["type"] in {"exec-id-mismatch", "wrong-state"}


@pytest.mark.parametrize("method", ["start", "notify", "success", "fail"])
async def test_an_old_exec_id_is_refused(api: Api, mail: str, method: str) -> None:
    await create(api)
    old = await taken(api)
    await rpc(api, "wim", "awf.task/fail", **fence_of(old), error={})
    said = await refused(api, "wim", f"awf.task/{method}", **fence_of(old), notification="heartbeat")
    assert (said["type"], said["method"]) == ("exec-id-mismatch", f"awf.task/{method}")


async def test_long_poll_answers_as_soon_as_there_is_something(api: Api, mail: str) -> None:
    empty = await rpc(api, "wim", "awf.task/long-poll", taskDefinitions=[MAIL], timeout=1)
    assert empty == {"resources": []}
    polling = asyncio.create_task(rpc(api, "wim", "awf.task/long-poll", taskDefinitions=[MAIL], timeout=20_000))
    await support.somebody_waits(api)
    task = await create(api)
    assert [each["id"] for each in (await polling)["resources"]] == [task["id"]]


async def test_polls_take_what_they_name_up_to_their_batch(api: Api, mail: str) -> None:
    await api("ada").put("/api/v1/definitions/other", json={"queue": "intake:strike-reports"})
    for _ in range(3):
        await create(api)
    other = await rpc(api, "sub", "awf.task/create-and-execute", definition="other", params={})
    named = await rpc(api, "wim", "awf.task/poll", taskDefinitions=["other"], maxBatchSize=5)
    assert [each["id"] for each in named["resources"]] == [other["resource"]["id"]]
    assert len((await rpc(api, "wim", "awf.task/poll", taskDefinitions=[MAIL], maxBatchSize=2))["resources"]) == 2
    assert len((await rpc(api, "wim", "awf.task/poll", maxBatchSize=5))["resources"]) == 1


async def test_twenty_pollers_never_get_the_same(api: Api, mail: str) -> None:
    ids = {(await create(api))["id"] for _ in range(60)}

    async def drain() -> list[str]:
        got: list[str] = []
        while found := (await rpc(api, "wim", "awf.task/poll", taskDefinitions=[MAIL], maxBatchSize=2))["resources"]:
            got += [each["id"] for each in found]
        return got

    taken = [each for got in await asyncio.gather(*(drain() for _ in range(20))) for each in got]
    assert (len(taken), set(taken)) == (60, ids)


async def test_list_filters_sorts_and_pages(api: Api, mail: str) -> None:
    await api("ada").put("/api/v1/definitions/other", json={"queue": "intake:strike-reports"})
    made = [(await create(api, label=f"mail {number}"))["id"] for number in range(3)]
    other = (await rpc(api, "sub", "awf.task/create-and-execute", definition="other", params={}))["resource"]["id"]
    done = await taken(api)
    await rpc(api, "wim", "awf.task/success", **fence_of(done), result=None)

    async def ids(**params: Any) -> list[str]:
        return [each["id"] for each in (await rpc(api, "ada", "awf.task/list", **params))["resources"]]

    assert await ids() == [other, *reversed(made)]
    assert await ids(sort={"createdAt": "asc"}) == [*made, other]
    assert (await ids(sort={"lastUpdated": "desc"}))[0] == done["id"]
    assert await ids(filter={"includeDefinitions": ["other"]}) == [other]
    assert await ids(filter={"excludeDefinitions": ["other"]}) == [*reversed(made)]
    assert await ids(filter={"status": "done"}) == [done["id"]]
    assert await ids(filter={"outcome": "succeeded"}) == [done["id"]]
    assert await ids(filter={"outcome": "failed"}) == []
    assert await ids(filter={"status": "created"}) == []
    assert await ids(filter={"ilike": "MAIL 2"}) == [made[2]]
    first = await rpc(api, "ada", "awf.task/list", limit=3)
    rest = await rpc(api, "ada", "awf.task/list", limit=3, after=first["next"])
    assert [each["id"] for each in (*first["resources"], *rest["resources"])] == [other, *reversed(made)]
    assert "next" not in rest
    assert await rpc(api, "nil", "awf.task/list") == {"resources": []}


async def test_who_asked_for_a_task(api: Api, mail: str, running: None) -> None:
    order = {"queue": "intake:strike-reports", "definition": MAIL, "params": {"to": "x@example.org"}}
    body = {"trigger": {"kind": "interval", "seconds": 3600}, "task": order}
    rule = (await api("ada").post("/api/v1/schedules", json=body)).json()
    await api("ada").post(f"/api/v1/schedules/{rule['id']}/run", json={})
    task = await taken(api)
    requester = {"service": "awf.scheduler/task-scheduler-service-engine", "rule": rule["id"]}
    assert (task["requester"], task["params"]) == (requester, {"to": "x@example.org"})
    program = await api("intake").post(
        "/rpc",
        json={"method": "awf.task/create-and-execute", "params": {"definition": MAIL, "params": {"to": "y"}}},
    )
    assert program.json()["result"]["resource"]["requester"]["resourceType"] == "Client"


async def test_poll_takes_one_and_long_poll_waits_a_minute_unless_told_otherwise(api: Api, mail: str) -> None:
    for _ in range(2):
        await create(api)
    assert len((await rpc(api, "wim", "awf.task/poll", taskDefinitions=[MAIL]))["resources"]) == 1
    assert len((await rpc(api, "wim", "awf.task/long-poll", taskDefinitions=[MAIL]))["resources"]) == 1
    assert asked.LongPoll().timeout == 60_000


# --- workflows ---


@pytest.fixture
async def onboard(api: Api, mail: str, running: None) -> str:
    """A workflow that is decided by a worker."""
    body = {"driver": "decisions", "queue": "intake:strike-reports", "resultSchema": {"type": "object"}}
    answer = await api("ada").put(f"/api/v1/flow-templates/{ONBOARD}", json=body)
    assert answer.status_code == 201, answer.text
    return ONBOARD


async def decision(api: Api) -> dict[str, Any]:
    """The next decision task, started."""
    poll = {"workflowDefinitions": [ONBOARD], "timeout": 20_000}
    (task,) = (await rpc(api, "wim", "awf.task/long-poll", **poll))["resources"]
    return (await rpc(api, "wim", "awf.task/start", **fence_of(task)))["resource"]


async def decide(api: Api, *actions: dict[str, Any], single: bool = False) -> dict[str, Any]:
    """Answer the next decision."""
    task = await decision(api)
    result = actions[0] if single else list(actions)
    await rpc(api, "wim", "awf.task/success", **fence_of(task), result=result)
    return task


def schedule(label: str, definition: str = MAIL, kind: str = "task") -> dict[str, Any]:
    """The action that schedules an activity."""
    request = {"definition": definition, "label": label, "params": {"to": "x@example.org"}}
    return {"action": f"awf.workflow.action/schedule-{kind}", "task-request": request}


async def send(api: Api) -> dict[str, Any]:
    """Do the next mail."""
    poll = {"taskDefinitions": [MAIL], "timeout": 20_000}
    (task,) = (await rpc(api, "wim", "awf.task/long-poll", **poll))["resources"]
    await rpc(api, "wim", "awf.task/start", **fence_of(task))
    await rpc(api, "wim", "awf.task/success", **fence_of(task), result={"sent": 1})
    return task


async def ended(api: Api, flow_id: str) -> dict[str, Any]:
    """The workflow once it is done."""
    found: dict[str, Any] = {}

    async def done() -> bool:
        found.update((await rpc(api, "sub", "awf.workflow/status", id=flow_id))["resource"])
        return found["status"] == "done"

    await wait_until(done, what="the workflow's end")
    return found


async def test_c20_to_c29_a_workflow(api: Api, onboard: str) -> None:
    params = {"definition": ONBOARD, "params": {"name": "x"}, "label": "one", "id": "w-1"}
    made = (await rpc(api, "sub", "awf.workflow/create-and-execute", **params))["resource"]
    assert (made["id"], made["resourceType"], made["status"]) == ("w-1", "AidboxWorkflow", "in-progress")
    first = await decision(api)
    assert (first["definition"], first["workflow-definition"]) == ("awf.workflow/decision-task", ONBOARD)
    assert first["requester"] == {"id": "w-1", "resourceType": "AidboxWorkflow"}
    assert first["params"]["event"] == "awf.workflow.event/workflow-init"
    assert first["params"]["workflow"]["params"] == {"name": "x"}
    await rpc(api, "wim", "awf.task/success", **fence_of(first), result=[schedule("step-1")])
    sent = await send(api)
    assert (sent["label"], sent["requester"]) == ("step-1", {"id": "w-1", "resourceType": "AidboxWorkflow"})
    second = await decide(api, {"action": "awf.workflow.action/complete-workflow", "result": {"ok": True}}, single=True)
    assert second["params"]["event"] == "awf.workflow.event/task-completed"
    assert second["params"]["task-id"] == sent["id"]
    assert second["params"]["activity"]["result"] == {"sent": 1}
    flow = await ended(api, "w-1")
    assert (flow["outcome"], flow["result"]) == ("succeeded", {"ok": True})
    whole = {"include-activities?": True, "include-decisions?": True}
    said = await rpc(api, "sub", "awf.workflow/status", id="w-1", **whole)
    assert [each["id"] for each in said["activities"]] == [sent["id"]]
    assert said["decisions"][0]["result"] == [schedule("step-1")]
    late = await refused(api, "sub", "awf.workflow/cancel", id="w-1")
    assert late["type"] == "workflow-has-been-done"
    assert late["message"] == "Workflow id:'w-1' has already been done. Couldn't cancel it."


async def test_cancel_takes_child_workflows_along(api: Api, onboard: str) -> None:
    outer = (await rpc(api, "sub", "awf.workflow/create-and-execute", definition=ONBOARD, params={}))["resource"]
    await decide(api, schedule("inner", ONBOARD, "workflow"), schedule("mail"))
    activities = {"id": outer["id"], "include-activities?": True}

    async def begun() -> bool:
        return len((await rpc(api, "sub", "awf.workflow/status", **activities))["activities"]) == 2

    await wait_until(begun, what="both activities")
    await rpc(api, "sub", "awf.workflow/cancel", id=outer["id"])
    assert (await ended(api, outer["id"]))["outcome"] == "canceled"
    said = await rpc(api, "sub", "awf.workflow/status", **activities)
    assert {each["resourceType"] for each in said["activities"]} == {"AidboxTask", "AidboxWorkflow"}
    assert {each["outcome"] for each in said["activities"]} == {"canceled"}


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ({"action": "awf.workflow.action/fail", "error": {"why": "no"}}, "awf.workflow/failed-by-executor"),
        ({"action": "awf.workflow.action/unknown-error"}, "awf.executor/unknown-error"),
    ],
)
async def test_a_decision_fails_the_workflow(api: Api, onboard: str, action: dict[str, Any], kind: str) -> None:
    flow = (await rpc(api, "sub", "awf.workflow/create-and-execute", definition=ONBOARD, params={}))["resource"]
    await decide(api, action)
    end = await ended(api, flow["id"])
    assert (end["outcome"], end["outcomeReason"]["type"]) == ("failed", kind)


async def test_a_decision_that_cannot_be_is_refused(api: Api, onboard: str) -> None:
    await rpc(api, "sub", "awf.workflow/create-and-execute", definition=ONBOARD, params={})
    task = await decision(api)
    for result, path in (
        ([{"action": "awf.workflow.action/dance"}], "result.0.action"),
        ([schedule("a"), schedule("a")], "result.1.task-request.label"),
        ([schedule("a", "no/such")], "result.0.task-request.definition"),
    ):
        said = await refused(api, "wim", "awf.task/success", **fence_of(task), result=result)
        assert (said["type"], ".".join(said["errors"][0]["path"])) == ("payload-mismatch", path)
    await rpc(api, "wim", "awf.task/success", **fence_of(task), result=[])


async def test_workflows_are_listed(api: Api, onboard: str) -> None:
    made = [
        (await rpc(api, "sub", "awf.workflow/create-and-execute", definition=ONBOARD, params={}, label=f"n {n}"))[
            "resource"
        ]["id"]
        for n in range(3)
    ]

    async def ids(**params: Any) -> list[str]:
        return [each["id"] for each in (await rpc(api, "ada", "awf.workflow/list", **params))["resources"]]

    assert await ids() == [*reversed(made)]
    assert await ids(sort={"createdAt": "asc"}) == made
    assert await ids(filter={"status": "done"}) == []
    assert await ids(filter={"ilike": "N 1"}) == [made[1]]
    first = await rpc(api, "ada", "awf.workflow/list", limit=2)
    assert await ids(limit=2, after=first["next"]) == [made[0]]


async def test_a_child_workflow_tells_of_its_end(api: Api, onboard: str) -> None:
    outer = (await rpc(api, "sub", "awf.workflow/create-and-execute", definition=ONBOARD, params={}))["resource"]
    await decide(api, schedule("inner", ONBOARD, "workflow"))
    inner = await decide(api, {"action": "awf.workflow.action/complete-workflow", "result": {"inner": 1}})
    assert inner["params"]["workflow"]["label"] == "inner"
    told = await decide(api, {"action": "awf.workflow.action/complete-workflow", "result": {"outer": 1}})
    assert told["params"]["event"] == "awf.workflow.event/workflow-completed"
    assert told["params"]["workflow-id"] == inner["requester"]["id"]
    assert told["params"]["activity"]["result"] == {"inner": 1}
    child = (await api("sub").get(f"/AidboxWorkflow/{inner['requester']['id']}")).json()
    assert child["requester"] == {"id": outer["id"], "resourceType": "AidboxWorkflow"}
    assert (await ended(api, outer["id"]))["result"] == {"outer": 1}


async def test_doing_nothing_waits_for_the_other_activity(api: Api, onboard: str) -> None:
    flow = (await rpc(api, "sub", "awf.workflow/create-and-execute", definition=ONBOARD, params={}))["resource"]
    await decide(api, schedule("one"), schedule("two"))
    await send(api)
    await decide(api, {"action": "do-nothing"})
    await send(api)
    await decide(api, {"action": "complete-workflow", "result": {}})
    assert (await ended(api, flow["id"]))["outcome"] == "succeeded"


async def test_a_decision_that_fails_for_good_fails_the_workflow(api: Api, mail: str, running: None) -> None:
    body = {"driver": "decisions", "queue": "intake:strike-reports", "decision": {"retry": {"maxAttempts": 1}}}
    answer = await api("ada").put(f"/api/v1/flow-templates/{ONBOARD}", json=body)
    assert answer.status_code == 201, answer.text
    flow = (await rpc(api, "sub", "awf.workflow/create-and-execute", definition=ONBOARD, params={}))["resource"]
    task = await decision(api)
    await rpc(api, "wim", "awf.task/fail", **fence_of(task), error={"message": "no idea"})
    end = await ended(api, flow["id"])
    assert (end["outcome"], end["outcomeReason"]["type"]) == ("failed", "awf.task/failed-due-to-in-progress-timeout")


async def test_a_workflow_begins_at_its_moment(api: Api, onboard: str) -> None:
    when = "2099-01-01T00:00:00"
    made = await rpc(api, "sub", "awf.workflow/create-and-execute", definition=ONBOARD, params={}, executeAt=when)
    flow = made["resource"]
    assert (flow["status"], flow["executeAt"]) == ("created", when)
    listed = await rpc(api, "ada", "awf.workflow/list", filter={"status": "created"})
    assert [each["id"] for each in listed["resources"]] == [flow["id"]]
    await rpc(api, "sub", "awf.workflow/cancel", id=flow["id"])
    assert (await ended(api, flow["id"]))["outcome"] == "canceled"


# --- resources ---


async def test_resources_are_read_by_their_address(api: Api, onboard: str) -> None:
    flow = (await rpc(api, "sub", "awf.workflow/create-and-execute", definition=ONBOARD, params={"name": "x"}))[
        "resource"
    ]
    first = await decision(api)
    read = (await api("sub").get(f"/AidboxWorkflow/{first['requester']['id']}")).json()
    assert (read["id"], read["params"], read["status"]) == (flow["id"], {"name": "x"}, "in-progress")
    task = await create(api)
    assert (await api("sub").get(f"/AidboxTask/{task['id']}")).json() == task
    for path in (f"/AidboxTask/{flow['id']}", f"/AidboxWorkflow/{task['id']}", "/AidboxTask/none"):
        assert (await api("sub").get(path)).status_code == 404
    assert (await api("sub", "acme").get(f"/AidboxTask/{task['id']}")).status_code == 404
    assert (await api("nil").get(f"/AidboxTask/{task['id']}")).status_code == 403
    for path in (
        "/AidboxTask/*",
        "/AidboxWorkflow/*",
        f"/AidboxTask?definition={'d' * 200}",
        f"/execution/{'e' * 400}",
    ):
        assert (await api("sub").get(path)).json()["error"]["type"] == "invalid", path
        assert (await api(None).get(path)).status_code == 401, path
    assert (await api(None).get(f"/AidboxTask/{task['id']}")).status_code == 401
    as_yaml = await api("sub").get(f"/AidboxTask/{task['id']}?_format=yaml")
    assert yaml.safe_load(as_yaml.text)["id"] == task["id"]


async def test_resources_are_searched(api: Api, onboard: str) -> None:
    flow = (await rpc(api, "sub", "awf.workflow/create-and-execute", definition=ONBOARD, params={}))["resource"]
    await decide(api, schedule("one"))

    async def ids(path: str) -> list[str]:
        bundle = (await api("ada").get(path)).json()
        assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "searchset")
        assert bundle["total"] >= len(bundle["entry"])
        return [each["resource"]["id"] for each in bundle["entry"]]

    async def there() -> bool:
        return len(await ids(f"/AidboxTask?definition={MAIL}&requester.id={flow['id']}")) == 1

    await wait_until(there, what="the activity")
    alone = await create(api)
    of_flow = await ids(f"/AidboxTask?requester.id={flow['id']}&.status=ready")
    assert len(of_flow) == 1
    assert await ids("/AidboxTask?.status=ready") == [alone["id"], *of_flow]
    assert await ids(f"/AidboxTask?definition-not={MAIL}&.status=ready") == []
    assert await ids(f"/AidboxWorkflow?definition={ONBOARD}&.status=in-progress") == [flow["id"]]
    total = (await api("ada").get("/AidboxTask?.status=ready&_count=0")).json()
    assert (total["total"], total["entry"]) == (2, [])
    assert (await api("ada").get("/AidboxTask?.status=lost")).status_code == 422


async def test_the_older_way_to_execute(api: Api, mail: str) -> None:
    made = await api("sub").post(f"/execution/{MAIL}", json={"to": "x@example.org"})
    assert (made.status_code, set(made.json())) == (201, {"id"})
    read = await api("sub").get(f"/execution/{MAIL}/{made.json()['id']}")
    assert (read.json()["definition"], read.json()["params"]) == (MAIL, {"to": "x@example.org"})
    assert (await api("sub").get(f"/execution/other/{made.json()['id']}")).status_code == 404
    assert (await api("sub").post(f"/execution/{MAIL}", json={})).status_code == 422
    assert (await api("sub").post(f"/execution/{MAIL}", json=[1])).status_code == 422


# --- time limits ---


@pytest.fixture
async def hasty(api: Api, mail: str, running: None) -> str:
    """The definition with time limits that a test can wait for."""
    limits = {"startTimeoutSeconds": 0.5, "leaseSeconds": 0.5}
    retry = {"maxAttempts": 2, "backoff": {"kind": "exponential", "initialSeconds": 0.2}}
    answer = await api("ada").patch(f"/api/v1/definitions/{MAIL}", json=limits | {"retry": retry})
    assert answer.status_code == 200, answer.text
    return mail


async def reached(api: Api, task: dict[str, Any], status: str) -> dict[str, Any]:
    """The task once it has that status."""
    found: dict[str, Any] = {}

    async def there() -> bool:
        found.update((await rpc(api, "sub", "awf.task/status", id=task["id"]))["resource"])
        return found["status"] == status

    await wait_until(there, what=status)
    return found


async def test_what_is_not_started_in_time_is_ready_again_and_costs_no_attempt(api: Api, hasty: str) -> None:
    await create(api)
    old = await taken(api, start=False)
    again = await reached(api, old, "ready")
    assert "retryCount" not in again
    said = await refused(api, "wim", "awf.task/start", **fence_of(old))
    assert said["type"] == "exec-id-mismatch"
    new = await taken(api)
    assert (new["id"], new["retryCount"], new["execId"] == old["execId"]) == (old["id"], 1, False)


async def test_attempts_without_a_heartbeat_are_tried_again_and_then_fail(api: Api, hasty: str) -> None:
    began = await create(api)
    first = await taken(api)
    waits = await reached(api, first, "waiting")
    assert waits["executeAt"] > began["meta"]["createdAt"]
    assert "outcome" not in waits
    second = await taken(api)
    assert second["retryCount"] == 2
    end = await reached(api, second, "done")
    assert (end["outcome"], end["retryCount"]) == ("failed", 2)
    assert end["outcomeReason"]["type"] == "awf.task/failed-due-to-in-progress-timeout"
    assert end["outcomeReason"]["message"]
    for method in ("notify", "success", "fail"):
        late = await refused(api, "wim", f"awf.task/{method}", **fence_of(first), notification="heartbeat")
        assert late["type"] == "exec-id-mismatch"


async def test_a_heartbeat_keeps_what_runs(api: Api, hasty: str) -> None:
    await create(api)
    task = await taken(api)
    until = task["meta"]["lastUpdated"]
    for _ in range(4):
        await asyncio.sleep(0.2)
        beat = await rpc(api, "wim", "awf.task/notify", **fence_of(task), notification="heartbeat")
        assert beat["inProgressTimeoutAt"] > until
        until = beat["inProgressTimeoutAt"]
    done = (await rpc(api, "wim", "awf.task/success", **fence_of(task), result={}))["resource"]
    assert (done["outcome"], done["retryCount"]) == ("succeeded", 1)


# --- the wire ---


async def test_many_requests_at_once_have_each_its_answer(api: Api, mail: str) -> None:
    calls: list[Any] = [
        {"method": "awf.task/create-and-execute", "params": {"definition": MAIL, "params": {"to": "x"}}},
        {"method": "awf.task/dance", "params": {}},
        {"method": "awf.task/list"},
        "nonsense",
    ]
    answer = await api("sub").post("/rpc", json=calls)
    assert answer.status_code == 200
    created, unknown, listed, nonsense = answer.json()
    assert created["result"]["resource"]["status"] == "ready"
    assert (unknown["error"]["type"], unknown["error"]["method"]) == ("method-not-found", "awf.task/dance")
    assert len(listed["result"]["resources"]) == 1
    assert nonsense["error"]["type"] == "invalid-request"
    empty = await api("sub").post("/rpc", json=[])
    assert (empty.status_code, empty.json()["error"]["type"]) == (422, "invalid-request")


async def test_the_method_may_stand_in_the_address(api: Api, mail: str) -> None:
    answer = await api("sub").post("/rpc?_m=awf.task/list", json={"params": {}})
    assert answer.json() == {"result": {"resources": []}}
    both = await api("sub").post("/rpc?_m=nonsense", json={"method": "awf.task/list", "params": {}})
    assert both.status_code == 200


async def test_yaml_in_and_out(api: Api, mail: str) -> None:
    text = f"method: awf.task/create-and-execute\nparams:\n  definition: {MAIL}\n  params: {{to: 2031-01-01}}\n"
    answer = await api("sub").post("/rpc", content=text, headers={"Content-Type": "text/yaml"})
    assert answer.headers["content-type"].startswith("text/yaml")
    assert yaml.safe_load(answer.text)["result"]["resource"]["params"] == {"to": "2031-01-01"}
    asked = await api("sub").post("/rpc?_format=yaml", json={"method": "awf.task/list"})
    assert yaml.safe_load(asked.text)["result"]["resources"][0]["definition"] == MAIL
    bomb = "a: &a [1, 1]\nb: [*a, *a]\n"
    for bad in (bomb, "a: [", "? [1]\n: 2"):
        refusal = await api("sub").post("/rpc", content=bad, headers={"Content-Type": "text/yaml"})
        assert refusal.status_code == 422
        assert yaml.safe_load(refusal.text)["error"]["type"] in {"invalid-request", "method-not-found"}


def basic(user: str, secret: str) -> dict[str, str]:
    """An Authorization header of HTTP Basic."""
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{secret}'.encode()).decode()}"}


async def test_programs_log_in_by_basic(api: Api, mail: str) -> None:
    call = {"method": "awf.task/create-and-execute", "params": {"definition": MAIL, "params": {"to": "x"}}}
    nobody = api(None)
    for path, user in (("/rpc", "demo/intake"), ("/rpc/demo", "intake")):
        answer = await nobody.post(path, json=call, headers=basic(user, "intake"))
        assert answer.status_code == 200, answer.text
        assert answer.json()["result"]["resource"]["requester"]["resourceType"] == "Client"
    for path, user, secret in (
        ("/rpc/demo", "intake", "wrong"),
        ("/rpc/demo", "nobody", "x"),
        ("/rpc", "intake", "intake"),
        ("/rpc/nowhere", "intake", "intake"),
    ):
        answer = await nobody.post(path, json=call, headers=basic(user, secret))
        assert (answer.status_code, answer.json()["error"]["type"]) == (401, "unauthenticated")
        assert "Basic" not in answer.headers["www-authenticate"]
    absent = await nobody.post("/rpc", json=call)
    assert absent.status_code == 401
    forged = await nobody.post("/rpc", json=call, headers={"Authorization": "Basic %%%"})
    assert forged.status_code == 401


BAD: list[tuple[str, dict[str, Any], str, str]] = [
        ("awf.task/create-and-execute", {"params": {}}, "invalid-params", "params.definition"),
        ("awf.task/create-and-execute", {"definition": 7, "params": {}}, "invalid-params", "params.definition"),
        ("awf.task/create-and-execute", {"definition": MAIL, "params": 7}, "invalid-params", "params.params"),
        ("awf.task/create-and-execute", {"definition": "no/such", "params": {}}, "definition-not-found",
         "params.definition"),
        ("awf.task/create-and-execute", {"definition": MAIL, "params": {}}, "payload-mismatch", "params"),
        ("awf.task/create-and-execute", {"definition": MAIL, "params": {"to": "x"}, "executeAt": "soon"},
         "invalid-params", "params.executeAt"),
        ("awf.task/create-and-execute", {"definition": MAIL, "params": {"to": "x"}, "id": "no spaces"},
         "invalid-params", "params.id"),
        ("awf.task/status", {}, "invalid-params", "params.id"),
        ("awf.task/status", {"id": "x", "include-log?": "yes"}, "invalid-params", "params.include-log?"),
        ("awf.task/list", {"sort": {"createdAt": "asc", "lastUpdated": "asc"}}, "invalid-params", "params.sort"),
        ("awf.task/list", {"filter": {"status": "lost"}}, "invalid-params", "params.filter.status"),
        ("awf.task/list", {"after": "x"}, "bad-cursor", "after"),
        ("awf.task/poll", {"taskDefinitions": ["no/such"]}, "definition-not-found", "params.taskDefinitions.0"),
        ("awf.task/poll", {"workflowDefinitions": ["no"]}, "definition-not-found", "params.workflowDefinitions.0"),
        ("awf.task/poll", {"maxBatchSize": 0}, "invalid-params", "params.maxBatchSize"),
        ("awf.task/long-poll", {"timeout": -1}, "invalid-params", "params.timeout"),
        ("awf.task/notify", {"id": "x", "execId": "y", "notification": "shout"}, "invalid-params",
         "params.notification"),
        ("awf.task/notify", {"id": "x", "execId": "y", "notification": "progress"}, "invalid-params", "params"),
        ("awf.workflow/create-and-execute", {"definition": "no", "params": {}}, "definition-not-found",
         "params.definition"),
        ("awf.workflow/list", {"filter": 3}, "invalid-params", "params.filter"),
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: f"{bad[0]} {bad[3]}")
async def test_bad_input_is_refused_with_its_place(
    api: Api, mail: str, bad: tuple[str, dict[str, Any], str, str]
) -> None:
    method, params, kind, path = bad
    user = "wim" if "poll" in method or "notify" in method else "sub"
    said = await refused(api, user, method, **params)
    assert (said["type"], ".".join(said["errors"][0]["path"])) == (kind, path)
    assert said["method"] == method
    assert (await rpc(api, "ada", "awf.task/list"))["resources"] == []


@pytest.mark.parametrize("method", ["task/status", "task/cancel", "workflow/status", "workflow/cancel"])
async def test_what_is_not_there_is_not_found(api: Api, mail: str, method: str) -> None:
    said = await refused(api, "ada", f"awf.{method}", id="nothing")
    assert (said["type"], said["message"]) == ("resource-not-found", "Resource not found")


@pytest.mark.parametrize("field", ["result", "error"])
async def test_results_and_errors_must_fit(api: Api, mail: str, field: str) -> None:
    await create(api)
    task = await taken(api)
    method = "success" if field == "result" else "fail"
    said = await refused(api, "wim", f"awf.task/{method}", **fence_of(task), **{field: "text"})
    assert (said["type"], said["errors"][0]["path"]) == ("payload-mismatch", [field])
    assert (await rpc(api, "sub", "awf.task/status", id=task["id"]))["resource"]["status"] == "in-progress"


async def test_nothing_of_another_tenant_and_nothing_without_a_role(api: Api, mail: str) -> None:
    task = await create(api)
    for user, realm in (("ada", "acme"), ("wim", "acme")):
        answer = await api(user, realm).post("/rpc", json={"method": "awf.task/status", "params": {"id": task["id"]}})
        assert (answer.status_code, answer.json()["error"]["type"]) == (422, "resource-not-found")
    for user, method, params in (
        ("nil", "awf.task/status", {"id": task["id"]}),
        ("nil", "awf.task/cancel", {"id": task["id"]}),
        ("wim", "awf.task/create-and-execute", {"definition": MAIL, "params": {"to": "x"}}),
        ("sub", "awf.task/poll", {"taskDefinitions": [MAIL]}),
    ):
        answer = await raw(api, user, method, **params)
        assert (answer.status_code, answer.json()["error"]["type"]) == (403, "forbidden"), f"{user} {method}"
    held = await taken(api)
    other = await raw(api, "wes", "awf.task/success", **fence_of(held), result={})
    assert other.status_code == 403
    assert "execId" not in (await rpc(api, "sub", "awf.task/status", id=task["id"]))["resource"]
    assert QUEUE
