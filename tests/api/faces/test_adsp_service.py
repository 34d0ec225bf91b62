"""What ADSP's clients meet around its routes: probes without a token, pages of other origins; and odd input."""

import json
from typing import Any

import pytest

from tests.api.faces.adsp_calls import PATH, TASKS, assign, create, message, operate
from tests.api.faces.test_adsp_rights import core_account, with_roles
from tests.support.api import Api

EXPORT = "urn:ads:platform:export-service:export-job"
RESOLVER = "urn:ads:platform:directory-service:resource-resolver"
ORIGIN = {"Origin": "https://tasks.example.org"}


async def test_everybody_may_ask_how_it_does_and_what_it_is(api: Api) -> None:
    health = (await api(None).get("/health")).json()
    assert health == {"access": True, "directory": True, "tenant": True, "event": True, "db": True}
    home = (await api(None).get("/", headers={"Accept": "application/json"})).json()
    assert home["name"]
    for link in home["_links"].values():
        if not link["href"].endswith(("/", "task/v1")):
            assert (await api(None).get(link["href"])).status_code == 200
    assert (await api(None).get("/", headers={"Accept": "text/html,*/*"})).headers["location"] == "/console/"
    assert "/task/v1/tasks" in (await api(None).get("/swagger/docs/v1")).json()["paths"]


@pytest.mark.usefixtures("queue")
async def test_pages_of_any_origin_may_call_adsps_paths(api: Api) -> None:
    asked = ORIGIN | {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}
    allowed = await api(None).options(f"{TASKS}/x", headers=asked)
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, "*")
    assert "authorization" in allowed.headers["access-control-allow-headers"]
    assert "PATCH" in allowed.headers["access-control-allow-methods"]
    for answer in (await api("rex").get(PATH, headers=ORIGIN), await api(None).get(PATH, headers=ORIGIN)):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
    native = await api("rex").get("/api/v1/queues", headers=ORIGIN)
    assert "access-control-allow-origin" not in native.headers


@pytest.mark.usefixtures("queue")
async def test_an_export_job_lists_all_and_a_resolver_reads_one(api: Api) -> None:
    task = await create(api)
    tenant = {"tenantId": "demo"}
    for client in (with_roles(api, "demo", EXPORT), core_account(api, EXPORT)):
        (listed,) = (await client.get(TASKS, params=tenant)).json()["results"]
        assert listed["id"] == task["id"]
        assert (await client.get(f"{TASKS}/{task['id']}", params=tenant)).status_code == 403
    for client in (with_roles(api, "demo", RESOLVER), core_account(api, RESOLVER)):
        assert (await client.get(f"{TASKS}/{task['id']}", params=tenant)).json()["id"] == task["id"]
        assert (await client.get(TASKS, params=tenant)).status_code == 403
        assert (await client.get(f"{PATH}/{task['id']}", params=tenant)).status_code == 403
    assert (await with_roles(api, "acme", RESOLVER).get(f"{TASKS}/{task['id']}", params=tenant)).status_code == 404


@pytest.mark.usefixtures("queue")
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "operation"),
        ({"operation": 1}, "operation"),
        ({"operation": "set-priority", "priority": None}, "priority"),
        ({"operation": "set-priority", "priority": 2}, "priority"),
        ({"operation": "cancel", "reason": None}, "reason"),
        ({"operation": "assign", "assignTo": "wim"}, "assignTo"),
    ],
)
async def test_an_operation_below_a_queue_is_checked_before_all_else(
    api: Api, body: dict[str, Any], field: str
) -> None:
    task = await create(api)
    answer = await api("nil").post(f"{PATH}/{task['id']}", json=body)
    assert (answer.status_code, message(answer)) == (
        400,
        f"Validation failed with error(s): {field} (body) - Invalid value",
    )


@pytest.mark.usefixtures("queue")
async def test_operations_below_a_queue_do_what_those_by_id_do(api: Api) -> None:
    task = await create(api)
    path = f"{PATH}/{task['id']}"
    for user, body, status in (
        ("ann", {"operation": "set-priority", "priority": "High"}, "Pending"),
        ("ann", {"operation": "assign", "assignTo": None}, "Pending"),
        ("wim", {"operation": "start"}, "In Progress"),
        ("wim", {"operation": "complete"}, "Completed"),
    ):
        answer = await api(user).post(path, json=body)
        assert (answer.status_code, answer.json().get("status")) == (200, status), answer.text
    canceled = await create(api)
    answer = await api("rex").post(f"{PATH}/{canceled['id']}", json={"operation": "cancel", "reason": "not ours"})
    assert answer.json()["status"] == "Cancelled"
    assert (await api("ada").patch(path, json={"description": "late"})).json()["description"] == "late"


@pytest.mark.usefixtures("queue")
async def test_a_task_may_be_described_and_reprioritised_after_its_end(api: Api) -> None:
    task = await create(api, context={"a": 1})
    await operate(api("wim"), task, "cancel")
    changed = await api("ada").patch(f"{TASKS}/{task['id']}", json={"context": {"b": 2}, "name": "Other"})
    assert (changed.json()["context"], changed.json()["status"]) == ({"b": 2}, "Cancelled")
    urgent = await operate(api("ann"), task, "set-priority", priority="Urgent")
    assert (urgent.status_code, urgent.json()["priority"]) == (200, "Urgent")
    late = await api("wim").patch(f"{TASKS}/{task['id']}/data", json={})
    assert (late.status_code, message(late)) == (400, "Can only update tasks that are In Progress.")


@pytest.mark.usefixtures("queue")
async def test_who_works_on_a_task_that_is_anothers(api: Api) -> None:
    """4.2: progress is refused where it is assigned to somebody else, cancel takes access alone."""
    task = await create(api)
    await assign(api, task, "wes")
    for step in ("start", "complete"):
        refused = await operate(api("wim"), task, step)
        assert (refused.status_code, message(refused).rpartition(" not permitted to ")[2]) == (403, f"{step} task.")
    assert (await operate(api("wim"), task, "cancel")).status_code == 200


@pytest.mark.usefixtures("queue")
async def test_criteria_by_definition(api: Api) -> None:
    await api("ada").put("/api/v1/definitions/reports/scan", json={"queue": "intake:strike-reports"})
    await create(api)
    scan = await api("sub").post("/api/v1/queues/intake/strike-reports/tasks", json={"definition": "reports/scan"})
    query = {"criteria": '{"definition": {"namespace": "reports", "name": "scan"}}'}
    (found,) = (await api("rex").get(TASKS, params=query)).json()["results"]
    assert (found["id"], found["definition"]) == (scan.json()["id"], {"namespace": "reports", "name": "scan"})


def _nested(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels):
        value = {"a": [value]}
    return value


ODD: dict[str, Any] = {
    "null": None,
    "true": True,
    "zero": 0,
    "huge": 2**64,
    "beyond": 2**600,
    "tiny": -(2**70),
    "float": 1e308,
    "empty": "",
    "nul": "a\0b",
    "long": "x" * 300_000,
    "astral": "\U0001f426" * 60,
    "list": [],
    "object": {},
    "dollar": {"$set": {"state": "done"}, "a.b": 1, "": 2},
    "nul key": {"a\0b": 1},
    "reference": {"$ref": "x", "$id": "y", "$db": "z"},
    "deep": _nested(40),
    "deeper": _nested(120),
}
FIELDS = ("name", "description", "context", "data", "recordId", "priority", "definition", "reason", "operation")


@pytest.mark.usefixtures("queue")
@pytest.mark.parametrize("kind", sorted(ODD))
async def test_no_odd_value_is_a_fault_of_ours(api: Api, kind: str) -> None:
    """10.1.7 and 1.1: upstream answers 500 to some of these."""
    task, value = await create(api), ODD[kind]
    by_id, in_queue = f"{TASKS}/{task['id']}", f"{PATH}/{task['id']}"
    assert (await operate(api("wim"), task, "start")).status_code == 200
    faults: list[str] = []

    async def call(user: str, method: str, path: str, **sent: Any) -> None:
        answer = await api(user).request(method, path, **sent)
        if answer.status_code >= 500:
            faults.append(f"{method} {path} {str(sent)[:200]}")

    for field in FIELDS:
        await call("sub", "POST", PATH, json={"name": "x", field: value})
        await call("ada", "PATCH", by_id, json={field: value})
        for path in (by_id, in_queue):
            await call("ann", "POST", path, json={"operation": "set-priority", "priority": "High", field: value})
    for part in ("id", "name", "email"):
        await call("ann", "POST", by_id, json={"operation": "assign", "assignTo": {"id": "x", part: value}})
    await call("ann", "POST", by_id, json={"operation": "assign", "assignTo": value})
    await call("wim", "PATCH", f"{by_id}/data", json={"a": value})
    criteria = [json.dumps(value), *(json.dumps({name: value}) for name in ("context", "queue", "notEnded"))]
    for asked in criteria:
        await call("rex", "GET", TASKS, params={"criteria": asked[:3000]})
        await call("nil", "GET", "/stream/v1/streams/task-updates", params={"criteria": asked[:3000]})
    for query in ("top", "after", "tenantId", "notEnded", "includeEventMetrics"):
        await call("rex", "GET", TASKS, params={query: criteria[0][:3000]})
        await call("rex", "GET", f"{PATH[:-6]}/metrics", params={query: criteria[0][:3000]})
    assert faults == []
    assert (await api("rex").get(PATH, params={"top": "5000"})).status_code == 200


@pytest.mark.usefixtures("queue")
async def test_what_a_reader_has_is_not_sent_again_until_it_changed(api: Api) -> None:
    task = await create(api)
    for path in (f"{TASKS}/{task['id']}", PATH):
        first = await api("rex").get(path)
        tag = first.headers["etag"]
        assert (first.status_code, tag[:3]) == (200, 'W/"')
        again = await api("rex").get(path, headers={"If-None-Match": f'"other", {tag}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        priority = {"High": "Urgent"}.get((await api("ada").get(f"{TASKS}/{task['id']}")).json()["priority"], "High")
        await operate(api("ann"), task, "set-priority", priority=priority)
        changed = await api("rex").get(path, headers={"If-None-Match": tag})
        assert (changed.status_code, changed.headers["etag"] == tag) == (200, False)
    refused = await api("nil").get(f"{TASKS}/{task['id']}", headers={"If-None-Match": "*"})
    assert refused.status_code == 403
