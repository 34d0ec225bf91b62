"""Queues over HTTP: made, read, changed, removed; conditional on what was read."""

import asyncio
from typing import Any

import pytest

from tests.support import api as support
from tests.support.api import QUEUE, Api

OTHER = "/api/v1/queues/Back Office/a_b-C 1"


async def test_a_queue_is_created_then_replaced(api: Api) -> None:
    ada = api("ada")
    made = await ada.put(QUEUE, json={"displayName": "Reports", "bindings": {"workers": ["reviewer"]}})
    assert (made.status_code, made.headers["etag"], made.headers["location"]) == (201, '"1"', QUEUE)
    assert made.json()["bindings"] == {"submitters": [], "workers": ["reviewer"], "assigners": [], "readers": []}
    assert "manage" in made.json()["rights"]
    again = await ada.put(QUEUE, json={"description": "All new"})
    assert (again.status_code, again.headers["etag"], again.json().get("displayName")) == (200, '"2"', None)
    assert again.json()["bindings"]["workers"] == []
    assert again.json()["createdAt"] == made.json()["createdAt"]


async def test_a_name_with_spaces_is_a_name(api: Api) -> None:
    made = await api("ada").put(OTHER, json={})
    assert made.json()["key"] == "Back Office:a_b-C 1"
    assert (await api("ada").get(made.headers["location"])).json() == made.json()


async def test_adsp_spells_two_bindings_differently(api: Api) -> None:
    made = await api("ada").put(QUEUE, json={"assignerRoles": ["supervisor"], "workerRoles": ["reviewer"]})
    assert made.json()["bindings"] == {
        "submitters": [],
        "workers": ["reviewer"],
        "assigners": ["supervisor"],
        "readers": [],
    }
    both = await api("ada").put(QUEUE, json={"workerRoles": ["a"], "bindings": {"workers": ["b"]}})
    assert (both.status_code, support.code(both)) == (400, "invalid")


async def test_defaults_are_kept_as_they_were_said(api: Api) -> None:
    retry = {
        "maxAttempts": 5,
        "backoff": {"kind": "exponential", "initialSeconds": 0.5, "maxSeconds": 60, "jitter": 0.5},
    }
    defaults = {"priority": "high", "leaseSeconds": 0.25, "overallTimeoutSeconds": 90, "retry": retry}
    made = await api("ada").put(QUEUE, json={"defaults": defaults})
    assert made.json()["defaults"] == defaults | {"startTimeoutSeconds": 10.0}
    none = await api("ada").patch(QUEUE, json={"defaults": {"leaseSeconds": None}})
    assert none.json()["defaults"] == made.json()["defaults"] | {"leaseSeconds": None}


async def test_if_match_guards_every_change(api: Api, queue: str) -> None:
    ada = api("ada")
    calls: list[tuple[str, Any]] = [("PUT", {}), ("PATCH", {"description": "x"}), ("DELETE", None)]
    for method, body in calls:
        late = await ada.request(method, queue, json=body, headers={"If-Match": '"7"'})
        assert (late.status_code, support.code(late)) == (412, "precondition-failed"), method
    right = await ada.patch(queue, json={"description": "x"}, headers={"If-Match": 'W/"1", "1"'})
    assert (right.status_code, right.headers["etag"]) == (200, '"2"')
    assert (await ada.put(queue, json={}, headers={"If-Match": "*"})).status_code == 200
    assert (await ada.put(OTHER, json={}, headers={"If-Match": "*"})).status_code == 412
    assert (await ada.delete(queue, headers={"If-Match": '"3"'})).json() == {"canceled": 0}


async def test_if_none_match_creates_only_and_saves_a_read(api: Api, queue: str) -> None:
    ada = api("ada")
    only = {"If-None-Match": "*"}
    assert (await ada.put(queue, json={}, headers=only)).status_code == 412
    assert (await ada.put(OTHER, json={}, headers=only)).status_code == 201
    assert (await ada.put(OTHER, json={}, headers={"If-None-Match": '"1"'})).status_code == 400
    known = await ada.get(queue, headers={"If-None-Match": 'W/"1"'})
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", '"1"')
    assert (await ada.get(queue, headers={"If-None-Match": '"2"'})).status_code == 200


async def test_a_patch_merges_bindings_and_defaults_one_level_deep(api: Api) -> None:
    ada = api("ada")
    await ada.put(QUEUE, json={"displayName": "A", "bindings": support.BINDINGS, "defaults": {"priority": "low"}})
    body: dict[str, Any] = {"displayName": None, "bindings": {"readers": ["auditor"]}, "defaults": {"leaseSeconds": 5}}
    changed = (await ada.patch(QUEUE, json=body)).json()
    assert "displayName" not in changed
    assert changed["bindings"] == support.BINDINGS | {"readers": ["auditor"]}
    assert (changed["defaults"]["priority"], changed["defaults"]["leaseSeconds"]) == ("low", 5.0)
    nothing = (await ada.patch(QUEUE, json={"bindings": None})).json()
    assert all(roles == [] for roles in nothing["bindings"].values())


async def test_patches_at_the_same_moment_lose_nothing(api: Api, queue: str) -> None:
    names = ["submitters", "workers", "assigners", "readers"]

    async def bind(name: str) -> None:
        while (await api("ada").patch(queue, json={"bindings": {name: [f"{name}-role"]}})).status_code == 409:
            pass

    await asyncio.gather(*[bind(name) for name in names])
    assert (await api("ada").get(queue)).json()["bindings"] == {name: [f"{name}-role"] for name in names}


async def test_a_queue_with_open_tasks_goes_by_force_only(api: Api, queue: str) -> None:
    task = await support.submit(api("sub"))
    refused = await api("ada").delete(queue)
    assert (refused.status_code, support.code(refused), refused.json()["open"]) == (409, "queue-not-empty", 1)
    assert (await api("ada").delete(queue, params={"force": "true"})).json() == {"canceled": 1}
    assert (await api("ada").get(queue)).status_code == 404
    orphan = await api("ada").get(f"/api/v1/tasks/{task['id']}")
    assert orphan.json()["outcome"] == "canceled"


async def test_what_a_deleted_queue_leaves_is_the_admins(api: Api, queue: str) -> None:
    task = await support.submit(api("sub"))
    await api("ada").delete(queue, params={"force": "true"})
    path = f"/api/v1/tasks/{task['id']}"
    assert (await api("wim").get(path)).status_code == 403
    assert (await api("sub").get(path)).status_code == 200
    again = await api("ada").post(f"{path}/retry")
    assert (again.status_code, support.code(again)) == (409, "conflict")
    assert (await api("ada").delete(path)).status_code == 204
    assert (await api("ada").get(path)).status_code == 404


async def test_a_paused_queue_takes_and_gives_nothing(api: Api, queue: str) -> None:
    assert (await api("ada").post(f"{queue}/pause")).json()["paused"] is True
    task = await support.submit(api("sub"))
    assert await support.claim(api("wim")) == []
    assert (await api("ada").post(f"{queue}/resume")).json()["paused"] is False
    assert [held["id"] for held in await support.claim(api("wim"))] == [task["id"]]


async def test_a_purge_cancels_what_is_open(api: Api, queue: str) -> None:
    for _ in range(3):
        await support.submit(api("sub"))
    assert (await api("ada").post(f"{queue}/purge")).json() == {"canceled": 3}
    assert (await api("ada").post(f"{queue}/purge")).json() == {"canceled": 0}


async def test_the_list_shows_what_concerns_the_caller(api: Api) -> None:
    ada = api("ada")
    for number in range(5):
        workers = ["reviewer"] if number % 2 else ["other"]
        await support.make_queue(ada, f"/api/v1/queues/n{number % 2}/q{number}", bindings={"workers": workers})
    assert [q["key"] for q in (await api("wim").get("/api/v1/queues")).json()["items"]] == ["n1:q1", "n1:q3"]
    assert (await api("nil").get("/api/v1/queues")).json() == {"items": [], "next": None}
    assert len((await api("rex").get("/api/v1/queues", params={"namespace": "n0"})).json()["items"]) == 3
    keys: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await ada.get("/api/v1/queues", params={"limit": 2} | cursor)).json()
        keys += [q["key"] for q in page["items"]]
        if page["next"] is None:
            break
        cursor = {"after": page["next"]}
    assert keys == ["n0:q0", "n0:q2", "n0:q4", "n1:q1", "n1:q3"]


async def test_rights_tell_each_caller_what_it_may_do(api: Api, queue: str) -> None:
    def rights(answer: Any) -> set[str]:
        return set(answer.json()["rights"])

    assert {"work", "read"} <= rights(await api("wim").get(queue))
    assert rights(await api("sub").get(queue)) == {"submit"}
    assert "manage" in rights(await api("ada").get(queue))
    assert (await api("nil").get(queue)).status_code == 403


async def test_params_must_fit_the_queues_schema(api: Api) -> None:
    schema = {"type": "object", "required": ["airport"], "properties": {"airport": {"type": "string"}}}
    await support.make_queue(api("ada"), paramsSchema=schema)
    wrong = await api("sub").post(f"{QUEUE}/tasks", json={"params": {"airport": 1}})
    assert (wrong.status_code, support.code(wrong), support.fields(wrong)) == (
        422,
        "payload-mismatch",
        ["params.airport"],
    )
    assert (await api("sub").post(f"{QUEUE}/tasks", json={"params": {"airport": "JFK"}})).status_code == 201


@pytest.mark.parametrize("schema", [{"type": "nonsense"}, {"$ref": "http://example.com/schema.json"}])
async def test_a_schema_that_cannot_be_used_is_refused(api: Api, schema: dict[str, Any]) -> None:
    answer = await api("ada").put(QUEUE, json={"paramsSchema": schema})
    assert (answer.status_code, support.fields(answer)) == (400, ["paramsSchema"])
    assert (await api("ada").get(QUEUE)).status_code == 404
