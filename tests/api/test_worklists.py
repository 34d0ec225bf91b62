"""Worklists of people over HTTP: the next task, saved filters, bulk actions with their preview."""

import asyncio
from typing import Any

import pytest

from tests.support import api as support
from tests.support import serving
from tests.support.api import QUEUE, Api
from tests.support.waiting import wait_until

NEXT = "/api/v1/worklist/next"
BULK = "/api/v1/bulk-actions"
FILTERS = "/api/v1/filters"
OTHER = "/api/v1/queues/intake/other"


async def following(api: Api, user: str = "wim", **body: Any) -> dict[str, Any] | None:
    """The next task of a person."""
    answer = await api(user).post(NEXT, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["task"]


async def test_the_most_urgent_and_oldest_becomes_the_persons(api: Api, queue: str) -> None:
    for name, priority in (("old", "normal"), ("first", "urgent"), ("second", "urgent")):
        await support.submit(api("sub"), name=name, priority=priority)
    names: list[str] = []
    while (task := await following(api)) is not None:
        names.append(task["name"])
        assert (task["state"], task["holder"]["name"]) == ("in-progress", "Wim Reviewer")
        assert task["assignment"]["to"]["id"] == task["holder"]["id"]
        assert "leaseUntil" not in task
        done = await api("wim").post(f"/api/v1/tasks/{task['id']}/complete", json={"execId": task["execId"]})
        assert done.status_code == 200
    assert names == ["first", "second", "old"]
    history = (await api("wim").get(f"/api/v1/tasks/{task}/history")) if task else None
    assert history is None


async def test_others_tasks_paused_queues_and_tasks_of_machines_are_passed_over(api: Api, queue: str) -> None:
    theirs = await support.submit(api("sub"), name="theirs", priority="urgent")
    await api("wes").post(f"/api/v1/tasks/{theirs['id']}/assign", json={"to": "me"})
    await support.make_queue(api("ada"), OTHER)
    await support.submit(api("sub"), OTHER, name="paused", priority="urgent")
    await api("ada").post(f"{OTHER}/pause")
    pushed = {"queue": "intake:strike-reports", "target": {"kind": "http", "url": "https://example.org/x"}}
    await api("ada").put("/api/v1/definitions/pushed", json=pushed)
    await support.submit(api("sub"), name="pushed", definition="pushed", priority="urgent")
    await support.submit(api("sub"), name="later", delaySeconds=100)
    await support.submit(api("sub"), name="mine", priority="low")
    assert ((await following(api)) or {})["name"] == "mine"
    assert await following(api) is None
    assert ((await following(api, "wes")) or {})["name"] == "theirs"


async def test_what_is_asked_for_narrows_it(api: Api, queue: str) -> None:
    await support.make_queue(api("ada"), OTHER)
    await support.submit(api("sub"), OTHER, name="other", params={"species": "gull"})
    await support.submit(api("sub"), name="starling", params={"species": "starling"}, labels=["red"])
    await support.submit(api("sub"), name="gull", params={"species": "gull"})
    here = ["intake:strike-reports"]
    assert await following(api, queues=here, text="heron") is None
    assert ((await following(api, queues=here, text="gull", start=False)) or {})["name"] == "gull"
    assert await following(api, queues=here, label="blue") is None
    assert await following(api, priority=["urgent"]) is None
    assert ((await following(api, label="red")) or {})["name"] == "starling"
    unknown = await api("wim").post(NEXT, json={"queues": ["intake:nowhere"]})
    assert unknown.status_code == 404


async def test_without_start_it_is_only_assigned_and_the_next_call_gives_another(api: Api, queue: str) -> None:
    for name in ("one", "two"):
        await support.submit(api("sub"), name=name)
    first, second = await following(api, start=False), await following(api, start=False)
    assert first is not None
    assert second is not None
    assert (first["name"], first["state"], "execId" in first) == ("one", "ready", False)
    assert second["name"] == "two"
    assert await following(api, start=False) is None
    assert await following(api, "wes") is None
    begun = await following(api)
    assert begun is not None
    assert (begun["id"], begun["state"]) == (first["id"], "in-progress")


async def test_everybody_who_asks_at_once_gets_another(api: Api, queue: str) -> None:
    await api("sub").post(f"{QUEUE}/tasks/batch", json={"tasks": [{"name": str(n)} for n in range(20)]})
    got = await asyncio.gather(*[following(api, "wim" if n % 2 else "wes") for n in range(24)])
    names = [task["name"] for task in got if task is not None]
    assert len(names) == len(set(names)) == 20


async def test_a_limited_definition_is_passed_over_while_it_is_full(api: Api, queue: str) -> None:
    await api("ada").put(
        "/api/v1/definitions/scan", json={"queue": "intake:strike-reports", "concurrency": {"limit": 1}}
    )
    for name in ("one", "two"):
        await support.submit(api("sub"), name=name, definition="scan", priority="urgent")
    await support.submit(api("sub"), name="plain")
    assert [((await following(api)) or {}).get("name") for _ in range(3)] == ["one", "plain", None]
    waiting = (await api("ann").get(f"{QUEUE}/tasks", params={"state": "ready"})).json()["items"]
    assert [(each["name"], "to" in each["assignment"]) for each in waiting] == [("two", False)]


# --- saved filters ---


async def test_a_saved_filter_is_ones_own_until_it_is_shared(api: Api, queue: str) -> None:
    wanted = {"text": "gull", "assignee": "me", "priority": ["high"], "sort": "-createdAt"}
    made = await api("wim").post(FILTERS, json={"name": "Gulls", "wanted": wanted})
    assert (made.status_code, made.json()["wanted"]) == (201, wanted)
    path = made.headers["location"]
    assert (await api("wes").get(path)).status_code == 404
    assert (await api("wes").get(FILTERS)).json()["items"] == []
    shared = await api("wim").put(path, json={"name": "All gulls", "shared": True, "wanted": {"text": "gull"}})
    assert shared.json()["shared"] is True
    (seen,) = (await api("wes").get(FILTERS)).json()["items"]
    assert (seen["name"], seen["mine"], seen["owner"]["name"]) == ("All gulls", False, "Wim Reviewer")
    assert (await api("wes").delete(path)).status_code == 403
    assert (await api("ada").delete(path)).status_code == 204
    assert (await api("wim").get(path)).status_code == 404


async def test_a_listing_by_a_saved_filter_and_more(api: Api, queue: str) -> None:
    for name, user in (("gull one", "wim"), ("gull two", "wes"), ("starling", "wim")):
        task = await support.submit(api("sub"), name=name)
        await api(user).post(f"/api/v1/tasks/{task['id']}/assign", json={"to": "me"})
    wanted = {"text": "gull", "assignee": "me"}
    saved = (await api("ann").post(FILTERS, json={"name": "x", "shared": True, "wanted": wanted})).json()["id"]

    async def names(user: str, **more: str) -> list[str]:
        answer = await api(user).get("/api/v1/tasks", params={"filter": saved, **more})
        assert answer.status_code == 200, answer.text
        return [each["name"] for each in answer.json()["items"]]

    assert await names("wim") == ["gull one"]
    assert await names("wes") == ["gull two"]
    assert await names("wim", text="starling") == ["starling"]
    assert (await api("wim").get("/api/v1/tasks", params={"filter": "nothing"})).status_code == 404
    assert (await api("wim", "acme").get("/api/v1/tasks", params={"filter": saved})).status_code == 404


async def test_a_filter_that_no_listing_takes_is_refused(api: Api) -> None:
    for wanted in ({"state": "x"}, {"limit": 5}, {"sort": "name"}, {"nothing": 1}):
        answer = await api("wim").post(FILTERS, json={"name": "x", "wanted": wanted})
        assert answer.status_code == 400, wanted
        assert support.fields(answer)[0].startswith("wanted.")


# --- bulk actions ---


async def preview(api: Api, user: str = "ann", **body: Any) -> dict[str, Any]:
    """What it would do."""
    answer = await api(user).post(BULK, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_what_was_previewed_is_what_is_done(api: Api, queue: str) -> None:
    kept = [await support.submit(api("sub"), name=f"gull {n}") for n in range(3)]
    shown = await preview(api, action="priority", priority="urgent", filter={"text": "gull"})
    assert (shown["count"], [each["name"] for each in shown["sample"]]) == (3, ["gull 0", "gull 1", "gull 2"])
    await support.submit(api("sub"), name="gull 3")
    await api("ann").post(f"/api/v1/tasks/{kept[0]['id']}/cancel")
    await api("sub").patch(f"/api/v1/tasks/{kept[1]['id']}", json={"name": "heron"})
    ran = (await api("ann").post(f"{BULK}/{shown['token']}/run")).json()
    assert (ran["state"], ran["total"], ran["done"], ran["skipped"]) == ("done", 3, 1, 2)
    urgent = (await api("ann").get("/api/v1/tasks", params={"priority": "urgent"})).json()["items"]
    assert [each["name"] for each in urgent] == ["gull 2"]
    again = (await api("ann").post(f"{BULK}/{shown['token']}/run")).json()
    assert again == ran
    assert (await api("ada").post(f"{BULK}/{shown['token']}/run")).status_code == 404
    history = (await api("ann").get(f"/api/v1/tasks/{urgent[0]['id']}")).json()
    assert history["seq"] == 2


async def test_assign_give_back_and_cancel_with_a_stored_reason(api: Api, queue: str) -> None:
    tasks = [await support.submit(api("sub"), name=str(n)) for n in range(3)]
    ids = [each["id"] for each in tasks]
    wes = (await api("wes").get("/api/v1/me")).json()["subject"]
    steps: tuple[tuple[dict[str, Any], str], ...] = (
        ({"to": {"id": wes, "name": "Wes"}}, wes),
        ({"to": None}, "none"),
        ({"to": "me"}, "me"),
    )
    for action, assignee in steps:
        shown = await preview(api, action="assign", ids=ids, **action)
        ran = (await api("ann").post(f"{BULK}/{shown['token']}/run")).json()
        assert (ran["done"], ran["skipped"]) == (3, 0)
        found = (await api("ann").get("/api/v1/tasks", params={"assignee": assignee})).json()["items"]
        assert {each["id"] for each in found} == set(ids)
    shown = await preview(api, action="cancel", reason="No birds", filter={"queue": ["intake:strike-reports"]})
    await api("ann").post(f"{BULK}/{shown['token']}/run")
    ended = (await api("ann").get(f"/api/v1/tasks/{ids[0]}")).json()
    assert (ended["outcome"], ended["reason"]["message"]) == ("canceled", "No birds")


async def test_a_large_one_is_done_by_the_engine_and_can_be_stopped(api: Api, queue: str) -> None:
    for _ in range(2):
        await api("sub").post(f"{QUEUE}/tasks/batch", json={"tasks": [{"name": "x"}] * 400})
    shown = await preview(api, action="priority", priority="high", filter={})
    token = shown["token"]
    begun = (await api("ann").post(f"{BULK}/{token}/run")).json()
    assert (begun["state"], begun["done"]) == ("running", 0)

    async def done() -> bool:
        return (await api("ann").get(f"{BULK}/{token}")).json()["state"] == "done"

    async with serving.working(api.parts):
        await wait_until(done, what="the bulk action", timeout=20)
    ended = (await api("ann").get(f"{BULK}/{token}")).json()
    assert (ended["done"], ended["skipped"], ended["total"]) == (800, 0, 800)
    assert len(await support.claim(api("wim"), max=1000)) == 800
    other = await preview(api, action="cancel", mode="now", filter={})
    await api("ann").post(f"{BULK}/{other['token']}/run")
    stopped = (await api("ann").post(f"{BULK}/{other['token']}/stop")).json()
    assert (stopped["state"], stopped["done"]) == ("stopped", 0)


@pytest.mark.parametrize(
    "body",
    [
        {"action": "assign", "filter": {}},
        {"action": "priority", "filter": {}},
        {"action": "priority", "priority": None, "filter": {}},
        {"action": "cancel"},
        {"action": "cancel", "filter": {}, "ids": ["x"]},
        {"action": "cancel", "filter": {}, "to": "me"},
        {"action": "cancel", "filter": {"state": ["done"]}},
        {"action": "erase", "filter": {}},
    ],
)
async def test_an_action_that_makes_no_sense_is_refused(api: Api, queue: str, body: Any) -> None:
    assert (await api("ann").post(BULK, json=body)).status_code == 400


async def test_only_queues_where_the_caller_may_do_it_are_meant(api: Api, queue: str) -> None:
    await support.make_queue(api("ada"), OTHER, bindings={"assigners": ["reviewer"]})
    await support.submit(api("sub"), name="here")
    await support.submit(api("sub"), OTHER, name="there")
    shown = await preview(api, "wim", action="priority", priority="high", filter={})
    assert [each["name"] for each in shown["sample"]] == ["there"]
    named = {"action": "priority", "priority": "high", "filter": {"queue": ["intake:strike-reports"]}}
    assert (await api("wim").post(BULK, json=named)).status_code == 403
    named["filter"] = {"queue": ["intake:nothing"]}
    assert (await api("wim").post(BULK, json=named)).status_code == 404
