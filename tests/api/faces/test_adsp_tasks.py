"""ADSP's tasks (contract adsp 1.1-1.6): bodies, codes, messages, paging, operations."""

import asyncio
import json
import re
from typing import Any

import pytest

from tests.api.faces.adsp_calls import PATH, TASKS, assign, create, message, operate, subject
from tests.support import api as support
from tests.support.api import Api

pytestmark = pytest.mark.usefixtures("queue")

FOREIGN = "11111111-2222-4333-8444-555555555555"
WHEN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


async def test_a_created_task_has_every_field(api: Api) -> None:
    task = await create(api, name="Review", description="d", context={"a": 1}, data={"x": [1]}, priority="High")
    assert WHEN.fullmatch(task.pop("createdOn"))
    assert task.pop("urn") == f"urn:ads:platform:task-service:v1:/tasks/{task.pop('id')}"
    assert task == {
        "name": "Review",
        "description": "d",
        "context": {"a": 1},
        "definition": None,
        "queue": {"namespace": "intake", "name": "strike-reports"},
        "data": {"x": [1]},
        "status": "Pending",
        "priority": "High",
        "startedOn": None,
        "endedOn": None,
        "assignment": None,
    }


async def test_a_create_answers_200_without_a_location_and_a_queue_deletes_nothing(api: Api) -> None:
    answer = await api("sub").post(PATH, json={"name": "x"})
    assert (answer.status_code, answer.headers.get("location")) == (200, None)
    below = await api("ada").delete(f"{PATH}/{answer.json()['id']}")
    assert below.status_code in {404, 405}
    assert (await api("ada").get(f"{TASKS}/{answer.json()['id']}")).status_code == 200


async def test_a_record_id_is_shown_only_when_there_is_one(api: Api) -> None:
    assert (await create(api, recordId="urn:form:1"))["recordId"] == "urn:form:1"
    assert "recordId" not in await create(api)


async def test_a_console_posts_keys_that_mean_nothing(api: Api) -> None:
    """Also what upstream's spread let in: tenant, id, status, times, assignment (10.1.2)."""
    forged: dict[str, Any] = {
        "id": "",
        "namespace": "x",
        "status": "Completed",
        "createdOn": "",
        "queue": {},
        "tenantId": "acme",
    }
    forged |= {"endedOn": "2020-01-01T00:00:00Z", "assignment": {"assignedTo": {"id": "x"}}}
    task = await create(api, **forged)
    assert (task["status"], task["endedOn"], task["assignment"]) == ("Pending", None, None)
    assert (await api("ada", "acme").get(f"{TASKS}/{task['id']}")).status_code == 404
    again = await create(api, **forged | {"id": task["id"], "name": "Overwritten"})
    assert again["id"] != task["id"]
    assert (await api("ada").get(f"{TASKS}/{task['id']}")).json()["name"] == task["name"]


@pytest.mark.parametrize(
    ("body", "listed"),
    [
        ({}, "name (body) - Invalid value, name (body) - Invalid value"),
        ({"name": ""}, "name (body) - Invalid value"),
        ({"name": "x" * 51}, "name (body) - Invalid value"),
        ({"name": 7}, "name (body) - Invalid value"),
        ({"name": "x", "description": None}, "description (body) - Invalid value"),
        (
            {"name": "x", "recordId": 1, "context": None},
            "recordId (body) - Invalid value, context (body) - Invalid value",
        ),
    ],
)
async def test_a_create_that_does_not_fit(api: Api, body: dict[str, Any], listed: str) -> None:
    answer = await api("sub").post(PATH, json=body)
    assert (answer.status_code, message(answer)) == (400, f"Validation failed with error(s): {listed}")


@pytest.mark.parametrize(
    ("given", "shown"), [("Urgent", "Urgent"), ("nonsense", "Normal"), (None, "Normal"), ("1", "Normal"), (3, "Normal")]
)
async def test_an_unknown_priority_is_normal(api: Api, given: Any, shown: str) -> None:
    assert (await create(api, priority=given))["priority"] == shown


async def test_no_acceptable_token_is_bare_text(api: Api) -> None:
    for client in (api(None), api.client("x.y.z")):
        answer = await client.get(TASKS)
        assert (answer.status_code, answer.text) == (401, "Unauthorized")
        assert answer.headers["content-type"].startswith("text/plain")
        assert "www-authenticate" not in answer.headers


async def test_a_malformed_body_comes_before_the_token(api: Api) -> None:
    answer = await api(None).post(PATH, content=b'{"name": ')
    assert (answer.status_code, message(answer)[:24]) == (400, "Malformed request body: ")
    assert (await api("sub").post(PATH, content=b'"text"')).status_code == 400


async def test_a_large_body_is_413(api: Api) -> None:
    assert (await api("sub").post(PATH, json={"name": "x", "description": "y" * 1_100_000})).status_code == 413


async def test_long_texts_are_no_fault(api: Api) -> None:
    task = await create(api, description="d" * 5000, recordId="r" * 400)
    assert len(task["description"]) == 5000


@pytest.mark.parametrize(
    ("task_id", "status", "text"),
    [
        ("nonsense", 400, "Validation failed with error(s): id (params) - Invalid value"),
        (FOREIGN, 404, f"task with ID '{FOREIGN}' could not be found."),
    ],
)
@pytest.mark.parametrize("method", ["GET", "PATCH", "POST", "DELETE"])
async def test_ids_that_lead_nowhere(api: Api, method: str, task_id: str, status: int, text: str) -> None:
    body = None if method in {"GET", "DELETE"} else {"operation": "start"}
    answer = await api("ada").request(method, f"{TASKS}/{task_id}", json=body)
    assert (answer.status_code, message(answer)) == (status, text)


async def test_a_task_is_found_in_its_own_queue_only(api: Api) -> None:
    await support.make_queue(api("ada"), "/api/v1/queues/intake/other")
    task = await create(api)
    assert (await api("wim").get(f"{PATH}/{task['id']}")).json()["id"] == task["id"]
    other = PATH.replace("strike-reports", "other")
    for method in ("GET", "PATCH", "POST"):
        body = {"operation": "start"} if method == "POST" else {} if method == "PATCH" else None
        assert (await api("ada").request(method, f"{other}/{task['id']}", json=body)).status_code == 404


async def test_patch_replaces_and_ignores_what_is_false(api: Api) -> None:
    task = await create(api, description="old", context={"a": 1, "b": 2})
    path = f"{TASKS}/{task['id']}"
    changed = await api("ada").patch(path, json={"name": 12, "description": "", "context": {"c": 3}, "data": {"d": 1}})
    assert changed.status_code == 200, changed.text
    shown = {name: changed.json()[name] for name in ("name", "description", "context", "data")}
    assert shown == {"name": "12", "description": "old", "context": {"c": 3}, "data": {"d": 1}}
    for field in ("description", "context", "data"):
        assert (await api("ada").patch(path, json={field: None})).status_code == 400
    assert (await api("ada").patch(path, json={"name": ""})).status_code == 400


@pytest.mark.parametrize(
    ("given", "status", "shown"),
    [(3, 200, "Urgent"), ("2", 200, "High"), ("Urgent", 200, "Urgent"), ("nonsense", 200, "Normal"), (9, 400, None)],
)
async def test_patch_takes_priorities_as_numbers_and_names(
    api: Api, given: Any, status: int, shown: str | None
) -> None:
    task = await create(api)
    answer = await api("ada").patch(f"{TASKS}/{task['id']}", json={"priority": given})
    assert answer.status_code == status
    if shown is not None:
        assert answer.json()["priority"] == shown
    else:
        assert message(answer) == "Specified priority '9' not recognized."


async def test_a_life_by_operations(api: Api) -> None:
    task, wim = await create(api), api("wim")
    started = (await operate(wim, task, "start")).json()
    assert (started["status"], started["assignment"]) == ("In Progress", None)
    assert WHEN.fullmatch(started["startedOn"])
    data = await wim.patch(f"{TASKS}/{task['id']}/data", json={"seen": True})
    assert data.json()["data"] == {"seen": True}
    assert (await wim.patch(f"{PATH}/{task['id']}/data", content=b"")).json()["data"] == {}
    assert (await wim.patch(f"{PATH}/{task['id']}/data", json=[1])).status_code == 400
    ended = (await operate(wim, task, "complete")).json()
    assert (ended["status"], bool(WHEN.fullmatch(ended["endedOn"]))) == ("Completed", True)


@pytest.mark.parametrize(
    ("before", "operation", "text"),
    [
        (["start"], "start", "Can only start tasks that are Pending."),
        ([], "complete", "Can only complete tasks that are In Progress."),
        (["start", "complete"], "cancel", "Can only cancel tasks that are Pending or In Progress."),
        ([], "dance", "Requested task operation not recognized."),
    ],
)
async def test_an_operation_in_the_wrong_state(api: Api, before: list[str], operation: str, text: str) -> None:
    task = await create(api)
    for each in before:
        assert (await operate(api("wim"), task, each)).status_code == 200
    answer = await operate(api("wim"), task, operation)
    assert (answer.status_code, message(answer)) == (400, text)


async def test_data_needs_a_task_in_progress(api: Api) -> None:
    task = await create(api)
    answer = await api("wim").patch(f"{TASKS}/{task['id']}/data", json={})
    assert (answer.status_code, message(answer)) == (400, "Can only update tasks that are In Progress.")


async def test_cancel_ends_at_once_and_keeps_its_reason(api: Api) -> None:
    task = await create(api)
    await operate(api("wim"), task, "start")
    canceled = (await operate(api("wim"), task, "cancel", reason="a duplicate")).json()
    assert canceled["status"] == "Cancelled"
    native = (await api("ada").get(f"/api/v1/tasks/{task['id']}")).json()
    assert native["reason"]["message"] == "a duplicate"


async def test_set_priority_takes_names_only(api: Api) -> None:
    task = await create(api)
    assert (await operate(api("ann"), task, "set-priority", priority="Urgent")).json()["priority"] == "Urgent"
    for wrong in (2, "2", "urgent", None):
        assert (await operate(api("ann"), task, "set-priority", priority=wrong)).status_code == 400


async def test_assign_and_take_back(api: Api) -> None:
    task = await create(api)
    wim = {"id": subject(api, "wim"), "name": "Wim", "email": "wim@example.org"}
    given = (await operate(api("ann"), task, "assign", assignTo=wim)).json()["assignment"]
    assert given["assignedTo"] == wim
    assert given["assignedBy"]["id"] == subject(api, "ann")
    back = (await operate(api("ann"), task, "assign", assignTo={})).json()["assignment"]
    assert (back["assignedTo"], back["assignedBy"]["id"]) == (None, subject(api, "ann"))
    await operate(api("wim"), task, "start")
    await operate(api("wim"), task, "complete")
    refused = await operate(api("ann"), task, "assign", assignTo=wim)
    assert (refused.status_code, message(refused)) == (400, "Cannot assign Completed or Cancelled task.")
    assert (await operate(api("ann"), task, "assign", assignTo=None)).status_code == 200


async def test_a_worker_takes_a_task_from_another_but_gives_none_back(api: Api) -> None:
    task = await create(api)
    await assign(api, task, "wes")
    assert (await operate(api("wim"), task, "start")).status_code == 403
    mine = {"id": subject(api, "wim"), "name": "Wim", "email": None}
    assert (await operate(api("wim"), task, "assign", assignTo=mine)).status_code == 200
    assert (await operate(api("wim"), task, "assign", assignTo=None)).status_code == 403
    assert (await operate(api("wim"), task, "start")).status_code == 200


async def test_delete_removes_whatever_its_status(api: Api) -> None:
    for steps in ([], ["start"], ["start", "complete"]):
        task = await create(api)
        for step in steps:
            await operate(api("wim"), task, step)
        assert (await api("ada").delete(f"{TASKS}/{task['id']}")).json() == {"deleted": True}
        assert (await api("ada").get(f"{TASKS}/{task['id']}")).status_code == 404


async def test_pages_of_a_queue_show_what_is_open(api: Api) -> None:
    made = [await create(api, priority=["Normal", "Urgent", "High"][n % 3]) for n in range(12)]
    await operate(api("wim"), made[0], "cancel")
    seen: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        query = {"top": "5"} | ({} if after is None else {"after": after})
        page = (await api("rex").get(PATH, params=query)).json()
        assert page["page"]["size"] == len(page["results"])
        assert page["page"].get("after") == after
        seen += page["results"]
        after = page["page"].get("next")
        if after is None:
            break
    ranks = {"Urgent": 0, "High": 1, "Normal": 2}
    wanted = sorted(made[1:], key=lambda task: (ranks[task["priority"]], task["createdOn"], task["id"]))
    assert [task["id"] for task in seen] == [task["id"] for task in wanted]
    start = (await api("rex").get(PATH, params={"after": ""})).json()
    assert [task["id"] for task in start["results"]] == [task["id"] for task in wanted[:10]]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"top": "0"}, "top"),
        ({"top": "5001"}, "top"),
        ({"top": "x"}, "top"),
        ({"after": "%%"}, "after"),
        ({"after": "LTE"}, "after"),
    ],
)
async def test_paging_that_does_not_fit(api: Api, query: dict[str, str], field: str) -> None:
    for path in (PATH, TASKS):
        answer = await api("rex").get(path, params=query)
        assert (answer.status_code, message(answer)) == (
            400,
            f"Validation failed with error(s): {field} (query) - Invalid value",
        )


async def test_all_tasks_by_criteria(api: Api) -> None:
    mine = await create(api, context={"a.b": "$x", "n": 1})
    ended = await create(api, context={"n": 1})
    await operate(api("wim"), ended, "cancel")

    async def found(**criteria: Any) -> set[str]:
        answer = await api("rex").get(TASKS, params={"top": "100", "criteria": json.dumps(criteria)})
        assert answer.status_code == 200, answer.text
        return {task["id"] for task in answer.json()["results"]} & {mine["id"], ended["id"]}

    assert await found() == {mine["id"], ended["id"]}
    assert await found(notEnded=True) == {mine["id"]}
    assert await found(context={"a.b": "$x"}) == {mine["id"]}
    assert await found(context={"n": 1}, tenantId="acme", id="x") == {mine["id"], ended["id"]}
    assert await found(queue={"namespace": "intake", "name": "strike-reports"}) == {mine["id"], ended["id"]}
    assert await found(queue={"namespace": "intake", "name": "none"}) == set()
    for wrong in ("{", "[1]", '{"queue": 3}', "\x00"):
        assert (await api("rex").get(TASKS, params={"criteria": wrong})).status_code == 400


async def test_one_of_fifty_starts_wins(api: Api) -> None:
    task = await create(api)
    answers = await asyncio.gather(*[operate(api("wim"), task, "start") for _ in range(50)])
    codes = sorted(answer.status_code for answer in answers)
    assert codes[0] == 200
    assert set(codes[1:]) <= {400, 409}


async def test_a_patch_that_races_an_assign_loses_nothing(api: Api) -> None:
    for _ in range(10):
        task = await create(api)
        to = {"id": subject(api, "wes"), "name": "Wes", "email": None}
        patch = api("ada").patch(f"{TASKS}/{task['id']}", json={"description": "new", "context": {"k": 1}})
        both = await asyncio.gather(patch, operate(api("ann"), task, "assign", assignTo=to))
        assert [answer.status_code for answer in both] == [200, 200]
        now = (await api("ada").get(f"{TASKS}/{task['id']}")).json()
        assert (now["description"], now["context"]) == ("new", {"k": 1})
        assert now["assignment"]["assignedTo"]["id"] == to["id"]
