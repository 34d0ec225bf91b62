"""The XFSC task service over HTTP (contract xfsc-and-jobs 1 and 2), with a policy service, targets and an engine."""

import asyncio
import json
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from broker import engine, triggers
from broker.lifecycle import Lifecycle
from core import errors
from core.clock import system_clock
from store.record_sweeps import RecordSweeps
from tests.support import target as targets
from tests.support.api import Api
from tests.support.target import Target
from tests.support.waiting import wait_until

TASKS: dict[str, dict[str, str]] = {
    "echo": {"requestPolicy": "p/echo"},
    "one": {"requestPolicy": "p/one"},
    "inc": {"requestPolicy": "p/inc"},
    "boom": {"requestPolicy": "p/boom"},
    "get": {"method": "GET", "url": "U/ok"},
    "srv500": {"method": "POST", "url": "U/500"},
    "text": {"method": "POST", "url": "U/text"},
    "none": {},
    "both": {"requestPolicy": "p/one", "method": "GET", "url": "U/ok"},
    "chain": {"requestPolicy": "p/one", "responsePolicy": "p/inc", "finalPolicy": "p/inc"},
    "ns": {"requestPolicy": "p/echo", "cacheNamespace": "login", "cacheScope": "user"},
}


async def _answer(request: Request) -> Response:
    path = request.path_params["path"]
    body = await request.body()
    if path == "policy/p/echo/evaluation":
        return Response(body, media_type="application/json")
    if path == "policy/p/one/evaluation":
        return JSONResponse({"n": 1})
    if path == "policy/p/inc/evaluation":
        return JSONResponse({**json.loads(body), "n": json.loads(body).get("n", 0) + 1})
    if path == "ok":
        return JSONResponse({"ok": True})
    if path == "text":
        return PlainTextResponse("hello")
    return JSONResponse({"err": 1}, status_code=500)


@pytest.fixture
async def services(api: Api, queue: str) -> AsyncGenerator[Target]:
    """The policy service, the targets, the templates of the contract's examples, and an engine."""
    stop = asyncio.Event()
    async with targets.listening(_answer) as target:
        settings = {"policyUrl": target.url, "httpTargets": {"allow": [target.url]}}
        assert (await api("ada").patch("/api/v1/tenants/demo", json=settings)).status_code == 200
        for name, template in TASKS.items():
            body = {key: value.replace("U/", f"{target.url}/") for key, value in template.items()}
            answer = await api("ada").put(f"/v1/taskTemplates/{name}", json={"name": name, **body})
            assert answer.status_code == 200, answer.text
        working = asyncio.create_task(engine.run(api.parts, stop))
        yield target
        stop.set()
        await working


async def make_list(api: Api, name: str, *groups: tuple[str, list[str]], **more: str) -> None:
    """A list template."""
    body = {"groups": [{"execution": execution, "tasks": tasks} for execution, tasks in groups]}
    answer = await api("ada").put(f"/v1/taskListTemplates/{name}", json=body | more)
    assert answer.status_code == 200, answer.text


async def task(api: Api, name: str, body: Any = None, **headers: str) -> str:
    """A task of a template; its id."""
    answer = await api("sub").post(f"/v1/task/{name}", json={} if body is None else body, headers=headers)
    assert (answer.status_code, [*answer.json()]) == (200, ["taskID"]), answer.text
    return answer.json()["taskID"]


async def result(api: Api, task_id: str) -> httpx.Response:
    """The result of a task once there is one."""
    found: list[httpx.Response] = []

    async def there() -> bool:
        found[:] = [await api("sub").get(f"/v1/taskResult/{task_id}")]
        return found[0].status_code == 200

    await wait_until(there, what="the result")
    return found[0]


async def run_list(api: Api, name: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
    """The last status of a list, with its code."""
    answer = await api("sub").post(f"/v1/taskList/{name}", json={} if body is None else body, headers=headers)
    assert (answer.status_code, [*answer.json()]) == (200, ["taskListID"]), answer.text
    list_id, found = answer.json()["taskListID"], list[httpx.Response]()

    async def over() -> bool:
        found[:] = [await api("sub").get(f"/v1/taskListStatus/{list_id}")]
        return found[0].status_code not in {201, 202}

    await wait_until(over, what="the list's end")
    return found[0].status_code, found[0].json()


def states(status: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """The states of groups and their tasks."""
    return [(group["status"], [each["status"] for each in group["tasks"]]) for group in status["groups"]]


async def test_a_task_and_its_result(api: Api, services: Target) -> None:
    answer = await result(api, await task(api, "echo", {"b": 1, "a": "<&>", "big": 2**60}))
    assert answer.json() == {"b": 1, "a": "<&>", "big": 2**60}
    assert answer.content.endswith(b"\n")
    assert (await result(api, await task(api, "get"))).json() == {"ok": True}
    assert (await result(api, await task(api, "text"))).json() == "hello"
    assert (await result(api, await task(api, "both"))).json() == {"n": 1}
    assert (await result(api, await task(api, "chain"))).json() == {"n": 3}


async def test_any_status_of_a_target_is_success(api: Api, services: Target) -> None:
    assert (await result(api, await task(api, "srv500"))).json() == {"err": 1}


@pytest.mark.parametrize("body", ["[1, 2]", '"x"', "null", "7", '{"a": 1} trailing'])
async def test_any_json_is_a_payload_in_any_content_type(api: Api, services: Target, body: str) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await api("sub").post("/v1/task/echo", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    wanted, _ = json.JSONDecoder().raw_decode(body)
    assert (await result(api, answer.json()["taskID"])).json() == wanted


async def test_where_a_result_is_cached_is_kept_with_it(api: Api, services: Target) -> None:
    plain = await result(api, await task(api, "ns"))
    assert (plain.headers["x-cache-namespace"], plain.headers["x-cache-scope"]) == ("login", "user")
    named = await result(api, await task(api, "ns", **{"x-cache-namespace": "other", "x-cache-scope": ""}))
    assert (named.headers["x-cache-namespace"], named.headers["x-cache-scope"]) == ("other", "user")
    bare = await result(api, await task(api, "echo"))
    assert "x-cache-namespace" not in bare.headers


async def test_a_sequential_group_hands_results_on(api: Api, services: Target) -> None:
    await make_list(api, "seq", ("sequential", ["one", "inc", "inc"]), ("sequential", ["echo"]))
    code, status = await run_list(api, "seq", {"n": 10})
    assert (code, status["status"], states(status)) == (200, "done", [("done", ["done"] * 3), ("done", ["done"])])
    assert [group["type"] for group in status["groups"]] == ["sequential", "sequential"]
    values = [(await result(api, each["id"])).json() for each in status["groups"][0]["tasks"]]
    assert values == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert (await result(api, status["groups"][1]["tasks"][0]["id"])).json() == {"n": 10}


async def test_a_failure_ends_its_sequential_group_and_no_other(api: Api, services: Target) -> None:
    await make_list(api, "bad", ("sequential", ["one", "boom", "inc"]), ("parallel", ["echo", "boom", "one"]))
    code, status = await run_list(api, "bad", {"n": 5})
    assert (code, status["status"]) == (207, "failed")
    assert states(status) == [("failed", ["done", "failed", "failed"]), ("failed", ["done", "failed", "done"])]
    assert (await result(api, status["groups"][0]["tasks"][0]["id"])).json() == {"n": 1}
    gone = await api("sub").get(f"/v1/taskResult/{status['groups'][0]['tasks'][1]['id']}")
    assert (gone.status_code, gone.json()["kind"], gone.json()["message"]) == (404, 5, "task is not found")


async def test_a_task_with_nothing_to_do_fails_its_list(api: Api, services: Target) -> None:
    await make_list(api, "nothing", ("parallel", ["none", "one"]))
    code, status = await run_list(api, "nothing")
    assert (code, states(status)) == (207, [("failed", ["failed", "done"])])


async def test_a_lists_headers_reach_its_tasks(api: Api, services: Target) -> None:
    await make_list(api, "cached", ("parallel", ["echo", "ns"]), cacheNamespace="list", cacheScope="all")
    _, status = await run_list(api, "cached", **{"x-cache-scope": "mine"})
    for each in status["groups"][0]["tasks"]:
        answer = await result(api, each["id"])
        assert (answer.headers["x-cache-namespace"], answer.headers["x-cache-scope"]) == ("list", "mine")


@pytest.mark.parametrize(
    ("call", "body", "expected"),
    [
        ("POST /v1/task/nothing", "{}", (404, 5, "task template not found")),
        ("POST /v1/taskList/nothing", "{}", (404, 5, "taskList template not found")),
        ("POST /v1/task/echo", "", (400, 1, "missing required payload")),
        ("GET /v1/taskResult/nothing", "", (404, 5, "task is not found")),
        ("GET /v1/taskListStatus/nothing", "", (404, 5, "taskList is not found")),
    ],
)
async def test_refusals_have_upstreams_kinds_and_words(
    api: Api, services: Target, call: str, body: str, expected: tuple[int, int, str]
) -> None:
    answer = await api("sub").request(*call.split(), content=body)
    assert (answer.status_code, answer.json()["kind"], answer.json()["message"]) == expected
    assert len(answer.json()["id"]) == 16


async def test_bad_json_and_unfinished_results(api: Api, services: Target) -> None:
    bad = await api("sub").post("/v1/task/echo", content="{")
    assert (bad.status_code, bad.json()["kind"]) == (400, 1)
    await api("ada").post("/api/v1/queues/xfsc/tasks/pause")
    waiting = await task(api, "echo")
    early = await api("sub").get(f"/v1/taskResult/{waiting}")
    assert (early.status_code, early.json()["message"]) == (404, "no result, task is not completed")


async def test_a_list_that_names_a_removed_task_is_refused(api: Api, services: Target) -> None:
    await make_list(api, "short", ("parallel", ["one"]))
    assert (await api("ada").delete("/v1/taskTemplates/one")).status_code == 204
    answer = await api("sub").post("/v1/taskList/short", json={})
    assert (answer.status_code, answer.json()["message"]) == (404, "failed to create tasks for taskList")


async def test_templates_are_read_as_they_were_written(api: Api, services: Target) -> None:
    found = (await api("ada").get("/v1/taskTemplates/chain")).json()
    assert found == {"name": "chain", "queue": "xfsc:tasks", **TASKS["chain"]}
    await make_list(api, "l", ("parallel", ["one"]), cacheNamespace="x")
    kept = (await api("ada").get("/v1/taskListTemplates/l")).json()
    assert kept["groups"] == [{"execution": "parallel", "tasks": ["one"]}]
    assert kept["cacheNamespace"] == "x"
    assert (await api("ada").delete("/v1/taskListTemplates/l")).status_code == 204
    assert (await api("ada").get("/v1/taskListTemplates/l")).status_code == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("taskTemplates/x", '{"url": 7}'),
        ("taskListTemplates/x", '{"groups": []}'),
        ("taskListTemplates/x", '{"groups": [{"execution": "sideways", "tasks": ["one"]}]}'),
        ("taskListTemplates/x", '{"groups": [{"execution": "parallel", "tasks": ["nothing"]}]}'),
        ("taskListTemplates/x", '{"groups": [{"execution": "parallel", "tasks": []}]}'),
    ],
)
async def test_templates_that_cannot_be_are_refused(api: Api, services: Target, path: str, body: str) -> None:
    answer = await api("ada").put(f"/v1/{path}", content=body)
    assert (answer.status_code, answer.json()["kind"]) == (400, 1)
    assert (await api("ada").get(f"/v1/{path}")).status_code == 404


async def test_rights_are_those_of_the_queue(api: Api, services: Target) -> None:
    assert (await api(None).post("/v1/task/echo", json={})).status_code == 401
    for user in ("nil", "wim"):
        answer = await api(user).post("/v1/task/echo", json={})
        assert (answer.status_code, answer.json()["kind"]) == (403, 3)
    assert (await api("sub").put("/v1/taskTemplates/x", json={})).status_code == 403
    made = await task(api, "echo")
    await result(api, made)
    assert (await api("nil").get(f"/v1/taskResult/{made}")).status_code == 403
    assert (await api("ada", "acme").get(f"/v1/taskResult/{made}")).status_code == 404


async def test_an_event_sets_off_its_task_once(api: Api, services: Target) -> None:
    event = {"key": "vc", "namespace": "login", "scope": "user", "taskName": "echo"}
    kept = await api("ada").put("/v1/eventTasks/vc", json=event)
    assert (kept.status_code, kept.json()) == (200, event)
    assert (await api("ada").get("/v1/eventTasks/vc")).json() == event
    report, once = {"key": "vc,login,user", "more": [1]}, {"Idempotency-Key": "e-1"}
    answers = [await api("sub").post("/api/v1/records", json=report, headers=once) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    (task_id,) = answers[0].json()["tasks"]
    assert answers[1].json()["tasks"] == [task_id]
    assert (await result(api, task_id)).json() == {
        "key": "vc",
        "namespace": "login",
        "scope": "user",
        "TaskName": "echo",
    }
    for other in ({"key": "vc"}, {"key": "vc", "namespace": "login"}, {"what": "else"}):
        assert (await api("sub").post("/api/v1/records", json=other)).json()["tasks"] == []
    for body, wrong in (
        ({"key": "x", "taskName": "get"}, 400),
        ({"key": "x", "taskName": "no"}, 404),
        ({"taskName": "echo"}, 400),
    ):
        assert (await api("ada").put("/v1/eventTasks/bad", json=body)).status_code == wrong
    assert (await api("ada").get("/v1/eventTasks/bad")).status_code == 404
    assert (await api("ada").delete("/v1/eventTasks/vc")).status_code == 204
    assert (await api("sub").post("/api/v1/records", json=event)).json()["tasks"] == []
    bad = await api("sub").post("/api/v1/records", json={"key": "x", "scope": 7})
    assert bad.status_code == 400


async def test_an_event_whose_task_cannot_be_submitted_yet_is_not_lost(
    api: Api, services: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = {"key": "vc", "namespace": "login", "scope": "user", "taskName": "echo"}
    await api("ada").put("/v1/eventTasks/vc", json=event)

    async def away(*_: object, **__: object) -> Any:
        raise errors.Unavailable(retry_after=1.0)

    report, once = {"key": "vc,login,user"}, {"Idempotency-Key": "e-1"}
    with monkeypatch.context() as patched:
        patched.setattr(Lifecycle, "submit", away)
        told = await api("sub").post("/api/v1/records", json=report, headers=once)
    assert (told.status_code, told.json()["tasks"]) == (201, [])

    def later() -> datetime:
        return system_clock() + 2 * triggers.LEFT_OVER

    pending = triggers.Pending(RecordSweeps(api.parts.record.database), api.parts.triggers, clock=later)
    for _ in range(2):
        await pending.step()
    again = await api("sub").post("/api/v1/records", json=report, headers=once)
    (task_id,) = again.json()["tasks"]
    assert (await result(api, task_id)).json()["TaskName"] == "echo"
    made = await api("ada").get("/api/v1/tasks", params={"state": ["ready", "in-progress", "done"]})
    assert [each["id"] for each in made.json()["items"]] == [task_id]
    assert await api.parts.record.database["records"].count_documents({"triggers": {"$exists": True}}) == 0


async def test_a_list_is_created_until_a_task_of_it_is_taken(api: Api, services: Target) -> None:
    await api("ada").post("/api/v1/queues/xfsc/tasks/pause")
    await make_list(api, "held", ("sequential", ["one"]))
    made = (await api("sub").post("/v1/taskList/held", json={})).json()["taskListID"]
    answer = await api("sub").get(f"/v1/taskListStatus/{made}")
    assert (answer.status_code, answer.json()["status"], states(answer.json())) == (
        201,
        "created",
        [("created", ["created"])],
    )


async def test_it_says_that_it_is_up(api: Api) -> None:
    for path in ("/liveness", "/readiness"):
        answer = await api(None).get(path)
        assert (answer.status_code, answer.json()["status"]) == (200, "up")
