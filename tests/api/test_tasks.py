"""Tasks over HTTP: submitted, claimed, ended, changed; and what each caller is refused."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.support import api as support
from tests.support.api import Api


def path(task: dict[str, Any], call: str = "") -> str:
    return f"/api/v1/tasks/{task['id']}{call}"


async def held(api: Api, **body: Any) -> dict[str, Any]:
    """A task that wim holds."""
    await support.submit(api("sub"), **body)
    (task,) = await support.claim(api("wim"))
    return task


def _blank(count: int) -> list[dict[str, Any]]:
    return [{} for _ in range(count)]


# --- submit ---


async def test_a_submitted_task_is_shown_as_it_was_said(api: Api, queue: str) -> None:
    body: dict[str, Any] = {
        "name": "B-737 6/11/1997",
        "description": "Struck at dusk",
        "params": {"cost": 2**53, "big": -(2**63), "text": "$name", "list": [None, 1.5, {"$set": {"a.b": 1}}]},
        "context": {"x.y": {"$z": []}},
        "labels": ["a", "b"],
        "recordId": "r-1",
        "priority": "urgent",
        "expireAt": "2099-01-01T01:00:00.123456+01:00",
        "leaseSeconds": 5,
        "retry": {"maxAttempts": 7},
    }
    answer = await api("sub").post(f"{queue}/tasks", json=body)
    assert answer.status_code == 201
    task = answer.json()
    assert answer.headers["location"] == path(task)
    assert {name: task[name] for name in ("params", "context", "labels", "recordId", "priority")} == {
        name: body[name] for name in ("params", "context", "labels", "recordId", "priority")
    }
    assert (task["state"], task["seq"], task["attemptsLeft"], task["expireAt"]) == (
        "ready",
        1,
        7,
        "2099-01-01T00:00:00.123Z",
    )
    assert (task["limits"]["leaseSeconds"], task["limits"]["startTimeoutSeconds"]) == (5.0, 10.0)
    assert task["limits"]["retry"]["backoff"]["initialSeconds"] == 10.0
    assert (await api("sub").get(path(task))).json() == task
    assert (await support.claim(api("wim")))[0]["params"] == body["params"]


async def test_numbers_of_64_bits_survive_every_way_through(api: Api, queue: str) -> None:
    task = await held(api, params={"n": 2**62}, retry={"maxAttempts": 1})
    failed = await api("wim").post(path(task, "/fail"), json={"execId": task["execId"], "error": {"n": 2**62}})
    assert failed.json()["error"] == {"n": 2**62}
    retried = await api("ada").post(path(task, "/retry"))
    assert (retried.status_code, retried.json()["params"]) == (200, {"n": 2**62})


@pytest.mark.parametrize("when", [{"executeAt": "2099-01-01T00:00:00Z"}, {"delaySeconds": 3600}])
async def test_a_task_for_later_waits(api: Api, queue: str, when: dict[str, Any]) -> None:
    task = await support.submit(api("sub"), **when)
    assert (task["state"], "executeAt" in task) == ("waiting", True)
    assert await support.claim(api("wim")) == []


async def test_a_moment_that_has_passed_means_now(api: Api, queue: str) -> None:
    assert (await support.submit(api("sub"), executeAt="2020-01-01T00:00:00Z"))["state"] == "ready"


async def test_a_repeat_under_a_key_answers_the_task_of_then(api: Api, queue: str) -> None:
    sub, key = api("sub"), {"Idempotency-Key": "strike-1"}
    first = await sub.post(f"{queue}/tasks", json={"params": {"a": 1, "b": 2}}, headers=key)
    await support.claim(api("wim"))
    again = await sub.post(f"{queue}/tasks", json={"params": {"b": 2, "a": 1}}, headers=key)
    assert (again.status_code, again.json()["id"], again.json()["state"]) == (200, first.json()["id"], "in-progress")
    by_field = await sub.post(f"{queue}/tasks", json={"params": {"a": 1, "b": 2}, "dedupKey": "strike-1"})
    assert (by_field.status_code, by_field.json()["id"]) == (200, first.json()["id"])
    other = await sub.post(f"{queue}/tasks", json={"params": {"a": 2}}, headers=key)
    assert (other.status_code, support.code(other), other.json()["taskId"]) == (409, "key-reused", first.json()["id"])
    both = await sub.post(f"{queue}/tasks", json={"dedupKey": "strike-2"}, headers=key)
    assert (both.status_code, support.fields(both)) == (400, ["dedupKey"])


async def test_submits_of_one_key_at_one_moment_make_one_task(api: Api, queue: str) -> None:
    submits = [
        api("sub").post(f"{queue}/tasks", json={"name": "x"}, headers={"Idempotency-Key": "k"}) for _ in range(20)
    ]
    answers = await asyncio.gather(*submits)
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_a_batch_answers_for_each_task_alone(api: Api) -> None:
    schema = {"type": "object", "required": ["airport"]}
    await support.make_queue(api("ada"), paramsSchema=schema)
    good: dict[str, Any] = {"params": {"airport": "JFK"}, "dedupKey": "one"}
    tasks: list[Any] = [
        good,
        {"params": {}},
        {"priority": "top", "wings": 2},
        good,
        {**good, "name": "other"},
        7,
        {"definition": "no"},
    ]
    answer = await api("sub").post(f"{support.QUEUE}/tasks/batch", json={"tasks": tasks})
    results = answer.json()["results"]
    assert [result["status"] for result in results] == [201, 422, 400, 200, 409, 400, 404]
    assert (answer.json()["accepted"], answer.json()["refused"]) == (2, 5)
    assert results[0]["task"]["id"] == results[3]["task"]["id"]
    assert [fault["field"] for fault in results[2]["problem"]["errors"]] == ["priority", "wings"]
    assert results[4]["problem"]["type"] == "urn:penstock:problem:key-reused"
    assert len((await api("ada").get(f"{support.QUEUE}/tasks")).json()["items"]) == 1


async def test_a_batch_is_repeated_safely_under_its_key(api: Api, queue: str) -> None:
    tasks = [{"name": str(n)} for n in range(50)]
    key = {"Idempotency-Key": "sample"}
    first, again = [await api("sub").post(f"{queue}/tasks/batch", json={"tasks": tasks}, headers=key) for _ in range(2)]
    assert {result["status"] for result in first.json()["results"]} == {201}
    assert {result["status"] for result in again.json()["results"]} == {200}
    ids = [[result["task"]["id"] for result in answer.json()["results"]] for answer in (first, again)]
    assert ids[0] == ids[1]


async def test_a_batch_of_a_thousand_is_the_most(api: Api, queue: str) -> None:
    most = await api("sub").post(f"{queue}/tasks/batch", json={"tasks": _blank(1000)})
    assert most.json()["accepted"] == 1000
    more = await api("sub").post(f"{queue}/tasks/batch", json={"tasks": _blank(1001)})
    assert (more.status_code, support.fields(more)) == (400, ["tasks"])
    assert (await api("ada").get(f"{queue}/metrics")).json()["open"] == 1000


# --- claim ---


async def test_claims_are_urgent_first_then_oldest(api: Api, queue: str) -> None:
    made = [
        (p, (await support.submit(api("sub"), priority=p))["id"]) for p in ("low", "high", "urgent", "normal", "high")
    ]
    got = await support.claim(api("wim"), max=10, worker="w-1")
    assert [task["id"] for task in got] == [i for p in ("urgent", "high", "normal", "low") for q, i in made if p == q]
    assert {(task["state"], task["worker"], task["attempt"]) for task in got} == {("in-progress", "w-1", 1)}
    assert len({task["execId"] for task in got}) <= 5


async def test_an_empty_claim_body_asks_for_one(api: Api, queue: str) -> None:
    await support.submit(api("sub"))
    assert len((await api("wim").post(f"{queue}/claims")).json()["tasks"]) == 1


async def test_a_long_poll_is_answered_by_a_submit(api: Api, queue: str) -> None:
    waiting = asyncio.create_task(support.claim(api("wim"), waitSeconds=30))
    await support.somebody_waits(api)
    task = await support.submit(api("sub"))
    assert [got["id"] for got in await waiting] == [task["id"]]


async def test_a_reserved_task_is_started_by_its_fence(api: Api, queue: str) -> None:
    await support.submit(api("sub"))
    (reserved,) = await support.claim(api("wim"), start=False)
    assert (reserved["state"], reserved["attempt"]) == ("requested", 0)
    wrong = await api("wim").post(path(reserved, "/start"), json={"execId": "another"})
    assert (wrong.status_code, support.code(wrong)) == (409, "lease-lost")
    other = await api("wes").post(path(reserved, "/start"), json={"execId": reserved["execId"]})
    assert other.status_code == 403
    started = await api("wim").post(path(reserved, "/start"), json={"execId": reserved["execId"]})
    assert (started.json()["state"], started.json()["attempt"], started.json()["execId"]) == (
        "in-progress",
        1,
        reserved["execId"],
    )


async def test_a_person_picks_a_task_and_has_no_lease(api: Api, queue: str) -> None:
    task = await support.submit(api("sub"))
    picked = (await api("wim").post(path(task, "/start"))).json()
    assert (picked["state"], picked["holder"]["name"], "leaseUntil" in picked) == ("in-progress", "Wim Reviewer", False)
    late = await api("wes").post(path(task, "/start"))
    assert (late.status_code, support.code(late), late.json()["state"]) == (409, "wrong-state", "in-progress")


# --- while it runs, and its end ---


async def test_only_the_holder_reads_the_fence(api: Api, queue: str) -> None:
    await support.submit(api("sub"))
    (task,) = await support.claim(api("wim"))
    assert (await api("wim").get(path(task))).json()["execId"] == task["execId"]
    for other in ("wes", "ada", "sub"):
        assert "execId" not in (await api(other).get(path(task))).json()
    await api("wim").post(path(task, "/complete"), json={"execId": task["execId"]})
    assert "execId" not in (await api("wim").get(path(task))).json()


async def test_a_report_about_what_has_ended_is_told_how_it_ended(api: Api, queue: str) -> None:
    task = await held(api)
    fenced = {"execId": task["execId"]}
    await api("wim").post(path(task, "/fail"), json=fenced | {"error": {"message": "so"}, "retryable": False})
    late = await api("wim").post(path(task, "/complete"), json=fenced)
    assert (late.status_code, support.code(late)) == (409, "wrong-state")
    assert late.json()["detail"].startswith(f"Task {task['id']} has ended already: failed")
    assert late.json()["detail"].endswith("Nothing was changed.")


async def test_a_heartbeat_tells_progress_and_of_a_cancel(api: Api, queue: str) -> None:
    task = await held(api)
    progress = {"current": 3, "total": 10, "unit": "pages", "message": "reading"}
    body = {"execId": task["execId"], "progress": progress}
    beat = (await api("wim").post(path(task, "/heartbeat"), json=body)).json()
    assert (beat["cancelRequested"], beat["leaseUntil"] >= task["leaseUntil"]) == (False, True)
    asked = await api("ann").post(path(task, "/cancel"), json={"reason": "No need"})
    assert (asked.status_code, asked.json()["cancelRequested"], asked.json()["state"]) == (202, True, "in-progress")
    assert asked.json()["progress"] == progress | {"current": 3.0, "total": 10.0}
    beat = (await api("wim").post(path(task, "/heartbeat"), json={"execId": task["execId"]})).json()
    assert beat["cancelRequested"] is True
    released = await api("wim").post(path(task, "/release"), json={"execId": task["execId"]})
    assert (released.json()["outcome"], released.json()["reason"]["message"]) == ("canceled", "No need")


async def test_a_completion_may_be_repeated(api: Api, queue: str) -> None:
    task = await held(api)
    body = {"execId": task["execId"], "result": {"ok": True, "$x": 2**40}}
    first, again = [await api("wim").post(path(task, "/complete"), json=body) for _ in range(2)]
    assert first.json() == again.json()
    assert first.json() | {"endedAt": ""} == {"id": task["id"], "state": "done", "outcome": "succeeded", "endedAt": ""}
    ended = (await api("sub").get(path(task))).json()
    assert (ended["result"], ended["outcome"]) == (body["result"], "succeeded")


async def test_a_failure_waits_and_then_is_a_dead_letter(api: Api) -> None:
    retry = {"maxAttempts": 2, "backoff": {"initialSeconds": 60}}
    await support.make_queue(api("ada"), defaults={"retry": retry})
    task = await held(api)
    first = await api("wim").post(path(task, "/fail"), json={"execId": task["execId"], "error": "no wings"})
    assert (first.json()["state"], first.json()["error"], first.json()["attemptsLeft"]) == ("waiting", "no wings", 1)
    task = await held(api)
    final = await api("wim").post(path(task, "/fail"), json={"execId": task["execId"], "retryable": False})
    assert (final.json()["outcome"], final.json()["dead"]) == ("failed", True)


@pytest.mark.parametrize("call", ["heartbeat", "complete", "fail", "release"])
async def test_only_the_present_fence_in_its_holders_hands_counts(api: Api, queue: str, call: str) -> None:
    task = await held(api)
    other = await api("wes").post(path(task, f"/{call}"), json={"execId": task["execId"]})
    assert (other.status_code, support.code(other)) == (403, "forbidden")
    late = await api("wim").post(path(task, f"/{call}"), json={"execId": "of-before"})
    assert (late.status_code, support.code(late), late.json()["state"]) == (409, "lease-lost", "in-progress")
    await api("ann").post(path(task, "/cancel"), json={"mode": "now"})
    ended = await api("wim").post(path(task, f"/{call}"), json={"execId": task["execId"]})
    assert (ended.status_code, ended.json()["state"]) == (409, "done")
    assert (await api("ada").get(path(task))).json()["outcome"] == "canceled"


async def test_many_ends_in_one_call(api: Api, queue: str) -> None:
    for _ in range(5):
        await support.submit(api("sub"), retry={"maxAttempts": 1})
    tasks = await support.claim(api("wim"), max=5)
    done, failed, back, late, _ = tasks
    items: list[dict[str, Any]] = [
        {"id": done["id"], "execId": done["execId"], "action": "complete", "result": 1},
        {"id": failed["id"], "execId": failed["execId"], "action": "fail", "error": {"why": "x"}},
        {"id": back["id"], "execId": back["execId"], "action": "release"},
        {"id": late["id"], "execId": "of-before", "action": "complete"},
        {"id": "none", "execId": "x", "action": "fail"},
        {"id": done["id"], "execId": done["execId"], "action": "release", "result": 1},
        {"id": done["id"], "execId": done["execId"], "action": "complete", "result": 1},
    ]
    results = (await api("wim").post("/api/v1/tasks/settle", json={"items": items})).json()["results"]
    assert [result["status"] for result in results] == [200, 200, 200, 409, 404, 400, 200]
    assert [result.get("task", {}).get("state") for result in results[:3]] == ["done", "done", "ready"]
    assert results[1]["task"]["outcome"] == "failed"
    assert results[3]["problem"]["type"] == "urn:penstock:problem:lease-lost"
    stranger = (await api("wes").post("/api/v1/tasks/settle", json={"items": items[1:3]})).json()["results"]
    assert [result["status"] for result in stranger] == [403, 409]


# --- changes ---


async def test_cancel_of_what_nobody_runs_is_at_once(api: Api, queue: str) -> None:
    task = await support.submit(api("sub"))
    answer = await api("sub").post(path(task, "/cancel"))
    assert (answer.status_code, answer.json()["outcome"]) == (200, "canceled")
    twice = await api("ann").post(path(task, "/cancel"))
    assert (twice.status_code, support.code(twice), twice.json()["state"]) == (409, "wrong-state", "done")


async def test_an_ended_task_is_run_again(api: Api, queue: str) -> None:
    task = await support.submit(api("sub"))
    await api("ann").post(path(task, "/cancel"))
    assert (await api("ann").post(path(task, "/retry"))).json()["state"] == "ready"
    (again,) = await support.claim(api("wim"))
    await api("wim").post(path(task, "/complete"), json={"execId": again["execId"]})
    assert support.code(await api("ann").post(path(task, "/retry"))) == "wrong-state"


async def test_assignment(api: Api, queue: str) -> None:
    task = await support.submit(api("sub"))
    wes = (await api("wes").get("/api/v1/me")).json()["subject"]
    to_wes = {"to": {"id": wes, "name": "Wes"}}

    async def assign(user: str, body: dict[str, Any]) -> httpx.Response:
        return await api(user).post(path(task, "/assign"), json=body)

    assert (await assign("wim", to_wes)).status_code == 403
    taken = await assign("wim", {"to": "me"})
    assert taken.json()["assignment"]["to"]["name"] == "Wim Reviewer"
    assert (await assign("wes", {"to": "me"})).status_code == 403
    assert await support.claim(api("wes")) == []
    given = await assign("ann", to_wes)
    assert (given.json()["assignment"]["to"]["id"], given.json()["assignment"]["by"]["name"]) == (wes, "Ann Supervisor")
    assert (await api("wim").post(path(task, "/start"))).status_code == 403
    assert (await assign("wim", {"to": None})).status_code == 403
    assert "to" not in (await assign("wes", {"to": None})).json()["assignment"]
    named = await assign("wes", {"to": {"id": wes, "name": "The Boss"}})
    assert named.json()["assignment"]["to"]["name"] == "Wes Reviewer"
    assert (await api("wes").post(path(task, "/start"))).json()["holder"]["id"] == wes


async def test_a_new_priority_is_a_new_place(api: Api, queue: str) -> None:
    _first, second = [await support.submit(api("sub")) for _ in range(2)]
    assert (await api("wim").post(path(second, "/priority"), json={"priority": "urgent"})).status_code == 403
    assert (await api("ann").post(path(second, "/priority"), json={"priority": "urgent"})).json()[
        "priority"
    ] == "urgent"
    assert [task["id"] for task in await support.claim(api("wim"))] == [second["id"]]


async def test_a_patch_changes_what_describes_a_task(api: Api, queue: str) -> None:
    task = await support.submit(api("sub"), name="old", params={"a": 1}, labels=["x"], recordId="r")
    body = {"name": "new", "params": {"b": 2}, "labels": None, "recordId": None, "context": {"c": 1}}
    changed = await api("sub").patch(path(task), json=body, headers={"If-Match": '"1"'})
    assert (changed.headers["etag"], changed.json()["seq"]) == ('"2"', 2)
    now = changed.json()
    assert (now["name"], now["params"], now["labels"], now.get("recordId"), now["context"]) == (
        "new",
        {"b": 2},
        [],
        None,
        {"c": 1},
    )
    assert (await api("sub").patch(path(task), json=body, headers={"If-Match": '"1"'})).status_code == 412
    assert (await api("sub").patch(path(task), json={"priority": "high"})).status_code == 403
    urgent = await api("ada").patch(path(task), json={"priority": "high", "description": "d"})
    assert (urgent.json()["priority"], urgent.json()["description"]) == ("high", "d")
    assert (await api("ada").patch(path(task), json={})).json()["seq"] == urgent.json()["seq"]


async def test_a_deleted_task_is_gone(api: Api, queue: str) -> None:
    task = await support.submit(api("sub"))
    assert (await api("ada").delete(path(task))).status_code == 204
    assert (await api("ada").get(path(task))).status_code == 404
    assert await support.claim(api("wim")) == []
    assert (await api("ada").get(f"{queue}/tasks", params={"state": "done"})).json()["items"] == []


async def test_a_creator_reads_its_own_tasks_only(api: Api, queue: str) -> None:
    mine, theirs = await support.submit(api("sub")), await support.submit(api("intake"))
    assert (await api("sub").get(path(mine))).status_code == 200
    assert (await api("sub").get(path(theirs))).status_code == 403
    assert [task["id"] for task in (await api("sub").get(f"{queue}/tasks")).json()["items"]] == [mine["id"]]
    assert (await api("sub").get(f"{queue}/tasks", params={"createdBy": "somebody"})).json()["items"] == []


async def test_of_patches_of_one_version_one_wins(api: Api, queue: str) -> None:
    task = await support.submit(api("sub"))
    calls = [
        api("sub").patch(path(task), json={"name": str(number)}, headers={"If-Match": '"1"'}) for number in range(10)
    ]
    answers = await asyncio.gather(*calls)
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 9
    (won,) = [answer.json()["name"] for answer in answers if answer.status_code == 200]
    assert (await api("sub").get(path(task))).json()["name"] == won


async def test_each_task_keeps_its_own_result_whichever_ended_with_it(api: Api, queue: str) -> None:
    results: list[Any] = [None, {"ok": True}, {"ok": True}, 1, True, 1.5, [], {}, "x" * 500, {"ok": 1}, None]
    body = {"tasks": [{"name": str(number)} for number in range(len(results))]}
    await api("sub").post(f"{support.QUEUE}/tasks/batch", json=body)
    held = await support.claim(api("wim"), max=len(results))
    items = [
        {"id": task["id"], "execId": task["execId"], "action": "complete", "result": result}
        for task, result in zip(held, results, strict=True)
    ]
    ended = (await api("wim").post("/api/v1/tasks/settle", json={"items": items})).json()["results"]
    assert {each["status"] for each in ended} == {200}
    for task, result in zip(held, results, strict=True):
        kept = (await api("wim").get(f"/api/v1/tasks/{task['id']}")).json()
        assert (kept["outcome"], kept.get("result"), type(kept.get("result"))) == ("succeeded", result, type(result))
