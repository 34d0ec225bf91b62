"""Aidbox's bulk import by RPC (contract aidbox 6.2): a task for a file, a workflow of one task for each of many."""

import asyncio
import gzip
import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from broker import engine
from core import import_tasks, imports
from tests.support import api as support
from tests.support import target as targets
from tests.support.api import QUEUE, Api
from tests.support.target import Target
from tests.support.waiting import wait_until

KEY = "intake:strike-reports"
FILES: dict[str, bytes] = {
    "/files/a.ndjson": b"".join(b'{"id": "a%d"}\n' % number for number in range(700)),
    "/files/b.ndjson": b'{"id": "b1"}\n{oops}\n{"id": "b2"}\n',
    "/files/c.ndjson.gz": gzip.compress(b'{"id": "c1"}\n'),
}


@pytest.fixture(autouse=True)
async def running(api: Api, queue: str) -> AsyncGenerator[None]:
    """An engine that works in this process."""
    stop = asyncio.Event()
    working = asyncio.create_task(engine.run(api.parts, stop))
    yield
    stop.set()
    await working


@pytest.fixture
async def files(api: Api, queue: str) -> AsyncGenerator[Target]:
    """A server of the files, which the tenant may reach."""

    async def answer(request: Request) -> Response:
        found = FILES.get(request.url.path)
        return Response(status_code=404) if found is None else Response(found)

    async with targets.listening(answer) as target:
        await api("ada").patch("/api/v1/tenants/demo", json={"httpTargets": {"allow": [target.url]}})
        yield target


async def define(api: Api, *, retry: dict[str, Any] | None = None, **options: Any) -> None:
    """The tenant binds the names to its queue."""
    target = {"kind": "builtin", "name": import_tasks.TASK} | ({"options": options} if options else {})
    definition: dict[str, Any] = {"queue": KEY, "target": target, "retry": retry or {"maxAttempts": 1}}
    answer = await api("ada").put(f"/api/v1/definitions/{import_tasks.TASK}", json=definition)
    assert answer.status_code in {200, 201}, answer.text
    template = {"driver": "decisions", "queue": KEY}
    answer = await api("ada").put(f"/api/v1/flow-templates/{import_tasks.WORKFLOW}", json=template)
    assert answer.status_code in {200, 201}, answer.text


async def rpc(api: Api, method: str, **params: Any) -> httpx.Response:
    return await api("ada").post("/rpc", json={"method": method, "params": params})


async def start(api: Api, params: dict[str, Any]) -> str:
    made = await rpc(api, "awf.task/create-and-execute", definition=import_tasks.TASK, params=params)
    assert made.status_code == 200, made.text
    return made.json()["result"]["resource"]["id"]


async def ended(api: Api, kind: str, resource: str) -> dict[str, Any]:
    """The task or workflow once it is done."""
    found: dict[str, Any] = {}

    async def done() -> bool:
        answer = await rpc(api, f"awf.{kind}/status", id=resource)
        found.clear()
        found.update(answer.json()["result"]["resource"])
        return found["status"] == "done"

    await wait_until(done, what=f"the {kind}'s end", timeout=30, every=0.05)
    return found


async def lines_of(api: Api, import_id: str) -> list[dict[str, Any]]:
    page = (await api("ada").get(f"{QUEUE}/tasks?limit=1000")).json()
    assert page["next"] is None
    return [task for task in page["items"] if task["id"].startswith(import_id)]


async def test_a_file_is_imported_by_a_task(api: Api, files: Target) -> None:
    await define(api)
    params = {"input": {"url": f"{files.url}/files/a.ndjson", "resourceType": "Patient"}, "type": "fhir"}
    done = await ended(api, "task", await start(api, params))
    assert done["outcome"] == "succeeded"
    assert done["result"]["imported-resources"] == 700
    assert done["result"]["refused-lines"] == 0
    tasks = await lines_of(api, done["result"]["import"])
    assert [task["params"]["id"] for task in tasks] == [f"a{number}" for number in range(700)]
    assert {tuple(task["labels"]) for task in tasks} == {("Patient",)}
    native = (await api("ada").get(f"/api/v1/imports/{done['result']['import']}")).json()
    assert (native["task"], native["outcome"]) == (done["id"], "succeeded")


async def test_lines_are_of_the_resource_types_definition_where_the_queue_has_one(api: Api, files: Target) -> None:
    await define(api, recordIdField="id", priority="high", labels=["bulk"])
    schema = {"type": "object", "properties": {"id": {"const": "b1"}}}
    await api("ada").put("/api/v1/definitions/Patient", json={"queue": KEY, "paramsSchema": schema})
    params = {"input": {"url": f"{files.url}/files/b.ndjson", "resourceType": "Patient"}, "contentEncoding": "plain"}
    done = await ended(api, "task", await start(api, params))
    assert (done["result"]["imported-resources"], done["result"]["refused-lines"]) == (1, 2)
    (task,) = await lines_of(api, done["result"]["import"])
    assert (task["definition"], task["recordId"], task["priority"]) == ("Patient", "b1", "high")
    assert task["labels"] == ["bulk", "Patient"]
    errors = (await api("ada").get(f"/api/v1/imports/{done['result']['import']}/errors")).json()["items"]
    assert [each["line"] for each in errors] == [2, 3]


async def test_a_workflow_has_a_task_for_each_file_and_the_totals(api: Api, files: Target) -> None:
    await define(api)
    inputs = [
        {"url": f"{files.url}{path}", "resourceType": kind}
        for path, kind in (("/files/a.ndjson", "Patient"), ("/files/b.ndjson", "Group"), ("/files/b.ndjson", "Group"))
    ]
    made = await rpc(
        api, "awf.workflow/create-and-execute", definition=import_tasks.WORKFLOW, params={"inputs": inputs}
    )
    done = await ended(api, "workflow", made.json()["result"]["resource"]["id"])
    assert done["outcome"] == "succeeded", done
    assert done["result"] == {
        "message": "All 3 files were imported.", "total-files": 3, "total-imported-resources": 704,
    }  # fmt: skip
    status = await rpc(api, "awf.workflow/status", **{"id": done["id"], "include-activities?": True})
    activities = status.json()["result"]["activities"]
    assert [each["label"] for each in activities] == [
        f"Patient {inputs[0]['url']}", f"Group {inputs[1]['url']}", f"Group {inputs[2]['url']} (2)",
    ]  # fmt: skip
    assert {each["definition"] for each in activities} == {import_tasks.TASK}


@pytest.mark.parametrize("path", ["/v2/$import", "/v2/fhir/$import"])
async def test_the_import_call_of_upstream_is_a_workflow_shown_file_by_file(api: Api, files: Target, path: str) -> None:
    await define(api)
    inputs = [{"url": f"{files.url}/files/{name}", "resourceType": "X"} for name in ("b.ndjson", "none")]
    begun = await api("ada").post(path, json={"id": "i-1", "type": "aidbox", "inputs": inputs})
    assert begun.status_code == 200, begun.text
    assert begun.headers["content-location"] == "/v2/$import/i-1"
    assert (await ended(api, "workflow", "i-1"))["outcome"] == "failed"
    shown = (await api("ada").get(begun.headers["content-location"])).json()
    assert (shown["type"], shown["status"], shown["outcome"]) == ("aidbox", "done", "failed")
    good, bad = shown["inputs"]
    assert good | {"result": {}} == inputs[0] | {"status": "done", "outcome": "succeeded", "result": {}}
    assert (good["result"]["imported-resources"], bad["outcome"], bad["error"]["type"]) == (
        2,
        "failed",
        "source-not-found",
    )

    again = await api("ada").post(path, json={"id": "i-1", "inputs": inputs})
    assert (again.status_code, again.json()["error"]["type"]) == (422, "workflow-already-exists")
    assert (await api("ada").get("/v2/$import/none")).status_code == 404
    assert (await api("ada", "acme").get("/v2/$import/i-1")).status_code == 404
    assert (await api("nil").get("/v2/$import/i-1")).status_code == 403
    assert (await api(None).post(path, json={})).status_code == 401
    wrong: list[Any] = [{}, {"inputs": [{}]}, {"inputs": 1}, [], {"id": 5, "inputs": []}]
    for body in wrong:
        refused = await api("ada").post(path, json=body)
        assert (refused.status_code, "error" in refused.json()) == (422, True), refused.text


async def test_a_workflow_fails_when_a_file_cannot_be_imported_and_imports_the_others(api: Api, files: Target) -> None:
    await define(api)
    inputs = [{"url": f"{files.url}/files/{name}", "resourceType": "X"} for name in ("none", "c.ndjson.gz")]
    made = await rpc(
        api, "awf.workflow/create-and-execute", definition=import_tasks.WORKFLOW, params={"inputs": inputs}
    )
    done = await ended(api, "workflow", made.json()["result"]["resource"]["id"])
    assert (done["outcome"], done["outcomeReason"]["type"]) == ("failed", "awf.workflow/failed-by-executor")
    assert done["error"] == {
        "message": "1 of 2 files could not be imported.", "failed-files": 1, "total-files": 2,
        "total-imported-resources": 1,
    }  # fmt: skip
    empty = await rpc(api, "awf.workflow/create-and-execute", definition=import_tasks.WORKFLOW, params={"inputs": []})
    done = await ended(api, "workflow", empty.json()["result"]["resource"]["id"])
    assert done["result"]["total-files"] == 0


async def test_a_task_whose_file_is_away_for_a_while_goes_on_with_its_next_attempt(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "_FIRST_REST", 0.01)
    monkeypatch.setattr(imports, "MOST_FAILURES", 1)
    tries: list[int] = []

    async def answer(_: Request) -> Response:
        tries.append(len(tries))
        return Response(status_code=503) if len(tries) < 4 else Response(FILES["/files/a.ndjson"])

    async with targets.listening(answer) as target:
        await api("ada").patch("/api/v1/tenants/demo", json={"httpTargets": {"allow": [target.url]}})
        await define(api, retry={"maxAttempts": 3, "backoff": {"kind": "fixed", "initialSeconds": 0.05}})
        done = await ended(api, "task", await start(api, {"input": {"url": target.url, "resourceType": "X"}}))
    assert (done["outcome"], done["retryCount"]) == ("succeeded", 2), done
    assert done["result"]["imported-resources"] == 700
    assert len((await api("ada").get("/api/v1/imports")).json()["items"]) == 1


async def test_cancelling_the_task_ends_its_import(api: Api) -> None:
    go_on = asyncio.Event()

    async def slow() -> AsyncGenerator[bytes]:
        yield FILES["/files/a.ndjson"]
        await go_on.wait()
        yield FILES["/files/a.ndjson"]

    async def answer(_: Request) -> Response:
        return targets.streamed(slow())

    async with targets.listening(answer) as target:
        await api("ada").patch("/api/v1/tenants/demo", json={"httpTargets": {"allow": [target.url]}})
        await define(api)
        task = await start(api, {"input": {"url": target.url, "resourceType": "X"}})
        job: dict[str, Any] = {}

        async def begun() -> bool:
            items = (await api("ada").get("/api/v1/imports")).json()["items"]
            job.update(items[0] if items else {})
            return bool(items) and items[0]["progress"]["accepted"] > 0

        await wait_until(begun, what="the first batch")
        progress: dict[str, Any] = {}

        async def beaten() -> bool:
            progress.update((await api("ada").get(f"/api/v1/tasks/{task}")).json().get("progress") or {})
            return progress.get("current") == job["progress"]["lines"]

        await wait_until(beaten, what="progress of the task")
        assert progress["unit"] == "line"
        canceled = await rpc(api, "awf.task/cancel", id=task)
        assert canceled.json()["result"]["resource"]["outcome"] == "canceled"

        async def asked() -> bool:
            return (await api("ada").get(f"/api/v1/imports/{job['id']}")).json()["cancelRequested"]

        await wait_until(asked, what="the import to be asked to stop")
        go_on.set()

        async def over() -> bool:
            job.update((await api("ada").get(f"/api/v1/imports/{job['id']}")).json())
            return job["state"] == "done"

        await wait_until(over, what="the import's end")
    assert job["outcome"] == "canceled"


async def test_what_cannot_be_imported_is_refused_with_its_place(api: Api, files: Target) -> None:
    await define(api, allow=[f"{files.url}/files"])
    for params, path in (
        ({}, "input"),
        ({"input": {"url": "x"}}, "input"),
        ({"input": {"url": "ftp://x", "resourceType": "X"}}, "input"),
        ({"input": {"url": "https://x/y", "resourceType": "X"}, "contentEncoding": "br"}, "contentEncoding"),
    ):
        refused = await rpc(api, "awf.task/create-and-execute", definition=import_tasks.TASK, params=params)
        assert refused.status_code == 422
        assert path in json.dumps(refused.json()["error"]["errors"])
    elsewhere = await ended(
        api, "task", await start(api, {"input": {"url": f"{files.url}/other", "resourceType": "X"}})
    )
    assert (elsewhere["outcome"], elsewhere["error"]["type"]) == ("failed", "invalid")
    assert elsewhere["error"]["errors"][0]["field"] == "params.input.url"
    gone = await ended(api, "task", await start(api, {"input": {"url": f"{files.url}/files/0", "resourceType": "X"}}))
    assert (gone["outcome"], gone["error"]["type"]) == ("failed", "source-not-found")
    assert gone["outcomeReason"]["type"] == "awf.task/failed-by-executor"


@pytest.mark.parametrize(
    ("target", "field"),
    [
        ({"name": import_tasks.TASK, "options": {"secretRef": "x"}}, "target.builtin.options"),
        ({"name": import_tasks.TASK, "options": {"allow": ["ftp://x"]}}, "target.builtin.options.allow.0"),
        ({"name": "awf.task/wait", "options": {"allow": ["s3://x"]}}, "target.builtin"),
    ],
)
async def test_options_that_make_no_sense_are_refused(api: Api, target: dict[str, Any], field: str) -> None:
    body = {"queue": KEY, "target": {"kind": "builtin"} | target}
    answer = await api("ada").put("/api/v1/definitions/awf.x", json=body)
    assert (answer.status_code, support.fields(answer)) == (400, [field]), answer.text
