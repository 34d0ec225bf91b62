"""Flows over HTTP with an engine: each driver to its end, looked at live, canceled, refused where it cannot be."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest

from broker import engine
from core import flow_actions
from tests.support import api as support
from tests.support.api import QUEUE, Api
from tests.support.waiting import wait_until

KEY = "intake:strike-reports"
TEMPLATES = "/api/v1/flow-templates"
FLOWS = "/api/v1/flows"


@pytest.fixture
async def running(api: Api, queue: str) -> AsyncGenerator[None]:
    """An engine that works in this process, and two definitions."""
    for name in ("scan", "decide"):
        body = {"queue": KEY, "retry": {"maxAttempts": 1}}
        await api("ada").put(f"/api/v1/definitions/{name}", json=body)
    stop = asyncio.Event()
    running = asyncio.create_task(engine.run(api.parts, stop))
    yield
    stop.set()
    await running


async def template(api: Api, name: str = "review", **body: Any) -> httpx.Response:
    """Store a flow template."""
    return await api("ada").put(f"{TEMPLATES}/{name}", json={"queue": KEY, **body})


async def start(api: Api, name: str = "review", **body: Any) -> dict[str, Any]:
    """Begin a flow."""
    answer = await api("sub").post(FLOWS, json={"template": name, **body})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def work(api: Api, definition: str, result: Any = None, *, fail: bool = False) -> dict[str, Any]:
    """Take one task of a definition, as soon as there is one, and end it."""
    body = {"definitions": [definition], "waitSeconds": 20}
    (task,) = (await api("wim").post(f"{QUEUE}/claims", json=body)).json()["tasks"]
    fence = {"execId": task["execId"]}
    if fail:
        answer = await api("wim").post(f"/api/v1/tasks/{task['id']}/fail", json=fence | {"error": result})
    else:
        answer = await api("wim").post(f"/api/v1/tasks/{task['id']}/complete", json=fence | {"result": result})
    assert answer.status_code == 200, answer.text
    return task


async def ended(api: Api, flow: dict[str, Any]) -> dict[str, Any]:
    """The flow once it has ended."""
    found: dict[str, Any] = {}

    async def done() -> bool:
        found.update((await api("sub").get(f"{FLOWS}/{flow['id']}")).json())
        return found["status"] == "done"

    await wait_until(done, what="the flow's end")
    return found


GROUPS: dict[str, Any] = {
    "driver": "groups",
    "groups": [{"execution": "sequential", "tasks": ["scan", "decide"]}, {"execution": "parallel", "tasks": ["scan"]}],
}


async def test_a_task_list_hands_results_on(api: Api, running: None) -> None:
    made = await template(api, **GROUPS)
    assert (made.status_code, made.headers["location"]) == (201, f"{TEMPLATES}/review")
    flow = await start(api, params={"n": 1}, label="first")
    assert (flow["status"], flow["label"], [s["status"] for s in flow["steps"]]) == (
        "in-progress",
        "first",
        ["running", "waiting"],
    )
    assert (await work(api, "scan", {"n": 2}))["params"] == {"n": 1}
    assert (await work(api, "decide", {"n": 3}))["params"] == {"n": 2}
    assert (await work(api, "scan", {"n": 4}))["params"] == {"n": 1}
    flow = await ended(api, flow)
    assert (flow["outcome"], [s["status"] for s in flow["steps"]]) == ("succeeded", ["succeeded", "succeeded"])
    first = flow["steps"][0]["items"]
    assert [item["task"]["result"] for item in first] == [{"n": 2}, {"n": 3}]
    assert all(item["task"]["endedAt"] for item in first)
    assert "subgraph" in flow["mermaid"]


async def test_finalizers_make_the_result_of_a_list(api: Api, running: None) -> None:
    groups = [{"execution": "parallel", "tasks": ["scan", "scan"], "finalizer": "decide"}]
    await template(api, driver="groups", groups=groups, finalizer="decide")
    flow = await start(api)
    await asyncio.gather(work(api, "scan", 1), work(api, "scan", 1))
    assert (await work(api, "decide", 2))["params"] == [1, 1]
    assert (await work(api, "decide", {"sum": 2}))["params"] == [2]
    flow = await ended(api, flow)
    assert (flow["outcome"], flow["result"]) == ("succeeded", {"sum": 2})
    assert [step["name"] for step in flow["steps"]] == ["0", "0-final", "final"]


async def test_a_dag_takes_values_and_fans_out(api: Api, running: None) -> None:
    steps = {
        "split": {"definition": "scan"},
        "each": {
            "definition": "decide",
            "dependsOn": ["split"],
            "forEach": {"$from": "steps.split.result.parts"},
            "params": {"part": {"$from": "item"}, "of": {"$from": "input.name"}},
        },
        "late": {"definition": "scan", "dependsOn": ["each"], "params": {"all": {"$from": "steps.each.results"}}},
        "never": {"definition": "scan", "dependsOn": ["split"], "when": {"eq": [{"$from": "input.name"}, "y"]}},
    }
    await template(api, driver="dag", steps=steps, result={"sum": {"$from": "steps.late.result"}})
    flow = await start(api, params={"name": "x"})
    await work(api, "scan", {"parts": [1, 2, 3]})
    parts = [await work(api, "decide", number) for number in (10, 20, 30)]
    assert sorted(task["params"]["part"] for task in parts) == [1, 2, 3]
    assert {task["params"]["of"] for task in parts} == {"x"}
    last = await work(api, "scan", 60)
    by_part = {task["params"]["part"]: number for task, number in zip(parts, (10, 20, 30), strict=True)}
    assert last["params"]["all"] == [by_part[part] for part in (1, 2, 3)]
    flow = await ended(api, flow)
    assert (flow["outcome"], flow["result"]) == ("succeeded", {"sum": 60})
    by_name = {step["name"]: step for step in flow["steps"]}
    assert (by_name["never"]["status"], by_name["each"]["fan"], by_name["each"]["count"]) == ("skipped", True, 3)
    page = (await api("sub").get(f"{FLOWS}/{flow['id']}/steps/each/items", params={"limit": 2})).json()
    assert ([item["index"] for item in page["items"]], page["next"]) == ([0, 1], 2)
    drawn = await api("sub").get(f"{FLOWS}/{flow['id']}/mermaid")
    assert drawn.text.startswith("flowchart TD")


async def test_decisions_go_to_a_worker_one_at_a_time(api: Api, running: None) -> None:
    await template(api, driver="decisions")
    flow = await start(api, params={"n": 1})
    act = flow_actions.PREFIX
    schedule: list[dict[str, Any]] = [
        {"action": f"{act}schedule-task", "task-request": {"definition": name, "params": {}, "label": name}}
        for name in ("scan", "decide")
    ]
    first = await work(api, "review", schedule)
    assert first["params"]["event"] == "awf.workflow.event/workflow-init"
    await work(api, "scan", {"seen": 7})
    second = await work(api, "review", [{"action": f"{act}do-nothing"}])
    assert second["params"]["activity"]["result"] == {"seen": 7}
    await work(api, "decide")
    await work(api, "review", {"action": f"{act}complete-workflow", "result": {"ok": True}})
    flow = await ended(api, flow)
    assert (flow["outcome"], flow["result"]) == ("succeeded", {"ok": True})


BAD_DECISIONS: list[tuple[Any, str]] = [
    ([{"action": "awf.workflow.action/dance"}], "result.0.action"),
    ([{"action": "schedule-task", "task-request": {"definition": "no", "params": {}}}], "result.0.task-request"),
    ("done", "result"),
]


@pytest.mark.parametrize(("answer", "place"), BAD_DECISIONS)
async def test_a_decision_that_cannot_be_is_refused_and_may_be_made_again(
    api: Api, running: None, answer: Any, place: str
) -> None:
    await template(api, driver="decisions")
    flow = await start(api)
    body = {"definitions": ["review"], "waitSeconds": 20}
    (task,) = (await api("wim").post(f"{QUEUE}/claims", json=body)).json()["tasks"]
    path, fence = f"/api/v1/tasks/{task['id']}/complete", {"execId": task["execId"]}
    refused = await api("wim").post(path, json=fence | {"result": answer})
    assert (refused.status_code, support.code(refused)) == (422, "payload-mismatch")
    assert support.fields(refused)[0].startswith(place)
    done = await api("wim").post(path, json=fence | {"result": {"action": "fail", "error": "no"}})
    assert done.status_code == 200
    flow = await ended(api, flow)
    assert (flow["outcome"], flow["error"]) == ("failed", "no")


async def test_a_flow_starts_flows_and_cancels_them(api: Api, running: None) -> None:
    await template(api, "inner", driver="dag", steps={"a": {"definition": "scan"}}, result={"$from": "steps.a.result"})
    outer = {"in": {"template": "inner"}, "out": {"definition": "decide", "dependsOn": ["in"]}}
    await template(api, "outer", driver="dag", steps=outer)
    flow = await start(api, "outer")
    await work(api, "scan", 5)
    await work(api, "decide")
    assert (await ended(api, flow))["outcome"] == "succeeded"

    flow = await start(api, "outer")
    below = (await api("ada").get(FLOWS, params={"parent": flow["id"]})).json()["items"]
    assert [each["template"] for each in below] == ["inner"]
    answer = await api("sub").post(f"{FLOWS}/{flow['id']}/cancel", json={"reason": "enough", "mode": "now"})
    assert answer.status_code == 200
    flow = await ended(api, flow)
    assert (flow["outcome"], flow["reason"]["message"]) == ("canceled", "enough")
    assert (await ended(api, below[0]))["outcome"] == "canceled"
    tasks = (await api("ada").get(f"{QUEUE}/tasks")).json()["items"]
    assert tasks == []


async def test_a_failure_fails_the_flow_and_it_can_be_begun_again(api: Api, running: None) -> None:
    await template(api, driver="dag", steps={"a": {"definition": "scan"}, "b": {"definition": "decide"}})
    flow = await start(api, label="again", params=[1])
    await work(api, "scan", {"why": "broken"}, fail=True)
    flow = await ended(api, flow)
    assert flow["outcome"] == "failed"
    by_name = {step["name"]: step for step in flow["steps"]}
    assert by_name["a"]["items"][0]["task"]["error"] == {"why": "broken"}
    again = await api("sub").post(f"{FLOWS}/{flow['id']}/retry")
    assert (again.status_code, again.json()["params"], again.json()["label"]) == (201, [1], "again")
    open_one = await api("sub").post(f"{FLOWS}/{again.json()['id']}/retry")
    assert (open_one.status_code, support.code(open_one)) == (409, "wrong-state")


async def test_a_flow_waits_for_its_moment_and_ends_in_time(api: Api, running: None) -> None:
    await template(api, driver="dag", overallTimeoutSeconds=0.5, steps={"a": {"definition": "scan"}})
    flow = await ended(api, await start(api))
    assert (flow["outcome"], flow["reason"]["type"]) == ("failed", "overall-timeout")
    later = await start(api, executeAt="2099-01-01T00:00:00Z")
    assert (later["status"], later["executeAt"]) == ("created", "2099-01-01T00:00:00.000Z")


async def test_a_key_begins_one_flow(api: Api, running: None) -> None:
    await template(api, driver="dag", steps={"a": {"definition": "scan"}})
    body: dict[str, Any] = {"template": "review", "params": 1}
    key = {"Idempotency-Key": "k-1"}
    answers = await asyncio.gather(*(api("sub").post(FLOWS, json=body, headers=key) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    other = await api("sub").post(FLOWS, json={"template": "review", "params": 2}, headers=key)
    assert (other.status_code, support.code(other)) == (409, "key-reused")


async def test_a_schedule_starts_flows(api: Api, running: None) -> None:
    await template(api, driver="dag", steps={"a": {"definition": "scan"}})
    body = {"trigger": {"kind": "interval", "seconds": 3600}, "flow": {"template": "review", "label": "due"}}
    made = await api("ada").post("/api/v1/schedules", json=body)
    assert made.status_code == 201, made.text
    fired = await api("ada").post(f"/api/v1/schedules/{made.json()['id']}/run")
    assert fired.status_code == 201, fired.text
    page = (await api("ada").get(FLOWS)).json()["items"]
    assert [(each["label"], each["schedule"]["id"]) for each in page] == [("due", made.json()["id"])]


async def test_flows_are_listed_newest_first(api: Api, running: None) -> None:
    await template(api, driver="dag", steps={"a": {"definition": "scan"}})
    made = [(await start(api, label=str(number % 2)))["id"] for number in range(5)]

    async def page(**query: Any) -> tuple[list[str], str | None]:
        answer = (await api("ada").get(FLOWS, params=query)).json()
        return [each["id"] for each in answer["items"]], answer["next"]

    first, following = await page(limit=3)
    assert first == made[:1:-1]
    assert (await page(after=following))[0] == made[1::-1]
    assert (await page(label="1"))[0] == [made[3], made[1]]
    assert (await page(status="done"))[0] == []
    bad = await api("ada").get(FLOWS, params={"after": "x"})
    assert (bad.status_code, support.code(bad)) == (400, "bad-cursor")
    assert (await api("nil").get(FLOWS)).json()["items"] == []


BAD_TEMPLATES: list[tuple[dict[str, Any], str]] = [
    ({"driver": "groups", "groups": []}, "groups"),
    ({"driver": "groups", "groups": [{"execution": "sideways", "tasks": ["scan"]}]}, "groups.0.execution"),
    ({"driver": "groups", "groups": [{"execution": "parallel", "tasks": []}]}, "groups.0.tasks"),
    ({"driver": "groups", "groups": [{"execution": "parallel", "tasks": ["no"]}]}, "groups.0.tasks.0"),
    ({"driver": "groups", "groups": [{"execution": "parallel", "tasks": ["scan"], "finalizer": "no"}]}, "groups.0.fin"),
    ({"driver": "groups", "groups": [{"execution": "parallel", "tasks": ["scan"]}], "finalizer": "no"}, "finalizer"),
    ({"driver": "dag", "steps": {"a": {"definition": "no"}}}, "steps.a.definition"),
    ({"driver": "dag", "steps": {"a": {"definition": "scan", "dependsOn": ["z"]}}}, "steps.a.dependsOn.0"),
    (
        {"driver": "dag", "steps": {"a": {"definition": "scan", "params": {"x": {"$from": "steps.q.result"}}}}},
        "steps.a.params.x",
    ),
    ({"driver": "magic"}, "driver"),
    ({"driver": "dag", "steps": {"a": {"definition": "scan"}}, "paramsSchema": {"type": 3}}, "paramsSchema"),
    ({"driver": "dag", "steps": {"a": {"definition": "scan"}}, "queue": "no:where"}, "queue"),
]


@pytest.mark.parametrize(("body", "place"), BAD_TEMPLATES)
async def test_a_template_that_cannot_be_is_refused_with_its_path(
    api: Api, queue: str, body: dict[str, Any], place: str
) -> None:
    await api("ada").put("/api/v1/definitions/scan", json={"queue": KEY})
    answer = await template(api, **body)
    assert answer.status_code == 400, answer.text
    assert any(field.startswith(place) for field in support.fields(answer)), support.fields(answer)
    assert (await api("ada").get(f"{TEMPLATES}/review")).status_code == 404


async def test_a_circle_is_refused(api: Api, queue: str) -> None:
    await api("ada").put("/api/v1/definitions/scan", json={"queue": KEY})
    steps = {name: {"definition": "scan", "dependsOn": [other]} for name, other in (("a", "b"), ("b", "a"))}
    answer = await template(api, driver="dag", steps=steps)
    assert answer.status_code == 400
    assert "circle" in answer.json()["errors"][0]["message"]


async def test_input_must_fit(api: Api, running: None) -> None:
    schema = {"type": "object", "required": ["airport"]}
    await template(api, driver="dag", steps={"a": {"definition": "scan"}}, paramsSchema=schema)
    refused = await api("sub").post(FLOWS, json={"template": "review", "params": {}})
    assert (refused.status_code, support.fields(refused)) == (422, ["params"])
    unknown = await api("sub").post(FLOWS, json={"template": "nothing"})
    assert (unknown.status_code, support.code(unknown)) == (404, "not-found")
    assert (await api("ada").get(FLOWS)).json()["items"] == []


async def test_templates_have_versions(api: Api, running: None) -> None:
    one: dict[str, Any] = {"driver": "dag", "steps": {"a": {"definition": "scan"}}}
    await template(api, "review", **one)
    flow = await start(api)
    changed = await template(api, driver="dag", steps={"b": {"definition": "decide"}})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert [*(await api("ada").get(f"{TEMPLATES}/review", params={"version": 1})).json()["steps"]] == ["a"]
    late = await api("ada").put(f"{TEMPLATES}/review", json={"queue": KEY, **one}, headers={"If-Match": '"1"'})
    assert late.status_code == 412
    assert (await api("ada").delete(f"{TEMPLATES}/review")).status_code == 204
    await work(api, "scan")
    assert (await ended(api, flow))["version"] == 1
    assert (await template(api, "review", **one)).json()["version"] == 3
    assert [each["name"] for each in (await api("wim").get(TEMPLATES)).json()["items"]] == ["review"]
    assert (await api("nil").get(TEMPLATES)).json()["items"] == []
