"""Worklists over HTTP: filters, orders, and pages that neither skip nor repeat while tasks come and go."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.support import api as support
from tests.support.api import QUEUE, Api

TASKS = f"{QUEUE}/tasks"
OTHER = "/api/v1/queues/intake/other"


async def names(client: httpx.AsyncClient, path: str = TASKS, **params: Any) -> list[str]:
    """The names of the tasks that a listing shows."""
    answer = await client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return [task["name"] for task in answer.json()["items"]]


async def pages(client: httpx.AsyncClient, path: str = TASKS, **params: Any) -> AsyncIterator[list[dict[str, Any]]]:
    """Every page of a listing."""
    while True:
        page = (await client.get(path, params=params)).json()
        yield page["items"]
        if page["next"] is None:
            return
        params["after"] = page["next"]


async def test_open_tasks_come_urgent_first_then_oldest(api: Api, queue: str) -> None:
    for number, priority in enumerate(["low", "urgent", "normal", "urgent"]):
        await support.submit(api("sub"), name=f"{number}", priority=priority)
    assert await names(api("wim")) == ["1", "3", "2", "0"]


@pytest.fixture
async def mixed(api: Api, queue: str) -> Api:
    """Tasks in many ways different."""
    sub = api("sub")
    extra: dict[str, Any] = {"dueDate": "2030-01-01T00:00:00Z", "params": {"what": ["Plane", {"how": "Crash!"}]}}
    await support.submit(sub, name="high", priority="high", labels=["red", "x"], recordId="r-1", **extra)
    odd: dict[str, Any] = {"description": "An (odd) one", "followUpDate": "2030-01-01T00:00:00Z"}
    await support.submit(sub, name="later", delaySeconds=1000, **odd)
    await support.submit(api("intake"), name="theirs", labels=["red"])
    await support.submit(sub, name="gone")
    gone = (await sub.get(TASKS, params={"text": "gone"})).json()["items"][0]
    await api("ann").post(f"/api/v1/tasks/{gone['id']}/cancel")
    await support.submit(sub, name="dead", retry={"maxAttempts": 1}, priority="urgent")
    (dead,) = await support.claim(api("wim"))
    await api("wim").post(f"/api/v1/tasks/{dead['id']}/fail", json={"execId": dead["execId"], "error": "e"})
    theirs = (await api("intake").get(TASKS)).json()["items"][0]
    await api("wes").post(f"/api/v1/tasks/{theirs['id']}/assign", json={"to": "me"})
    return api


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, {"high", "later", "theirs"}),
        ({"state": "waiting"}, {"later"}),
        ({"state": ["ready", "done"]}, {"high", "theirs", "gone", "dead"}),
        ({"outcome": "canceled"}, {"gone"}),
        ({"outcome": ["canceled", "failed"]}, {"gone", "dead"}),
        ({"dead": "true"}, {"dead"}),
        ({"state": "done", "dead": "false"}, {"gone"}),
        ({"priority": ["high", "low"]}, {"high"}),
        ({"label": "red"}, {"high", "theirs"}),
        ({"recordId": "r-1"}, {"high"}),
        ({"text": "(ODD)"}, {"later"}),
        ({"text": "r-1"}, {"high"}),
        ({"text": "LAT*"}, {"later"}),
        ({"text": "plane crash"}, {"high"}),
        ({"text": "plane boat"}, set[str]()),
        ({"dueTo": "2030-01-02T00:00:00Z"}, {"high"}),
        ({"dueFrom": "2030-01-02T00:00:00Z"}, set[str]()),
        ({"followUpFrom": "2030-01-01T00:00:00Z", "sort": "followUpDate"}, {"later"}),
        ({"text": ".*"}, set[str]()),
        ({"assignee": "none"}, {"high", "later"}),
        ({"createdFrom": "2099-01-01T00:00:00Z"}, set[str]()),
        ({"createdTo": "2099-01-01T00:00:00+02:00"}, {"high", "later", "theirs"}),
        ({"endedFrom": "2020-01-01T00:00:00Z"}, {"gone", "dead"}),
    ],
)
async def test_filters(mixed: Api, params: dict[str, Any], expected: set[str]) -> None:
    found = await names(mixed("ann"), **params)
    assert (set(found), len(found)) == (expected, len(expected))


async def test_filters_about_people(mixed: Api) -> None:
    wes = (await mixed("wes").get("/api/v1/me")).json()["subject"]
    assert await names(mixed("wes"), assignee="me") == ["theirs"]
    assert await names(mixed("ann"), assignee=wes) == ["theirs"]
    assert set(await names(mixed("sub"), createdBy="me")) == {"high", "later"}


@pytest.mark.parametrize("sort", ["place", "createdAt", "-createdAt", "-updatedAt", "endedAt", "-endedAt", "dueDate"])
async def test_every_order_pages_through_everything_once(api: Api, queue: str, sort: str) -> None:
    due = "2030-01-01T00:00:{}Z"
    tasks = [{"name": str(n), "priority": ["low", "high"][n % 2], "dueDate": due.format(10 + n % 5)} for n in range(23)]
    await api("sub").post(f"{TASKS}/batch", json={"tasks": tasks})
    if sort.endswith("endedAt"):
        await api("ada").post(f"{queue}/purge")
    seen = [task async for page in pages(api("ada"), sort=sort, limit=5) for task in page]
    assert len({task["id"] for task in seen}) == len(seen) == 23
    field = sort.removeprefix("-")
    if field != "place":
        values = [task[field] for task in seen]
        assert values == sorted(values, reverse=sort.startswith("-"))


async def test_pages_neither_skip_nor_repeat_while_the_queue_drains(api: Api, queue: str) -> None:
    """Every task that was open all the time is seen exactly once."""
    tasks = [{"name": str(n), "priority": ["low", "normal", "high"][n % 3]} for n in range(300)]
    await api("sub").post(f"{TASKS}/batch", json={"tasks": tasks})
    done: set[str] = set()

    async def drain() -> None:
        for _ in range(10):
            held = await support.claim(api("wim"), max=15)
            items = [{"id": task["id"], "execId": task["execId"], "action": "complete"} for task in held]
            await api("wim").post("/api/v1/tasks/settle", json={"items": items})
            done.update(task["id"] for task in held)
            await support.submit(api("sub"), name="new")

    draining = asyncio.create_task(drain())
    seen = [task async for page in pages(api("ada"), limit=7) for task in page]
    await draining
    ids = [task["id"] for task in seen]
    assert len(ids) == len(set(ids))
    left = {task["id"] async for page in pages(api("ada"), limit=1000) for task in page if task["name"] != "new"}
    assert len(left) + len(done) >= 300
    assert left <= set(ids)


async def test_the_tenants_list_spans_what_the_caller_may_read(api: Api, queue: str) -> None:
    await support.make_queue(api("ada"), OTHER, bindings={"workers": ["somebody-else"]})
    await support.submit(api("sub"), name="mine")
    await support.submit(api("sub"), OTHER, name="other")
    await support.submit(api("intake"), OTHER, name="theirs")
    path = "/api/v1/tasks"
    assert set(await names(api("rex"), path)) == {"mine", "other", "theirs"}
    assert await names(api("wim"), path) == ["mine"]
    assert await names(api("wim"), path, queue="intake:other") == []
    assert set(await names(api("sub"), path)) == {"mine", "other"}
    assert set(await names(api("sub"), path, createdBy="me", queue="intake:other")) == {"other"}
    assert await names(api("sub"), path, createdBy="somebody") == []
    assert await names(api("nil"), path) == []
    assert await names(api("ada"), path, queue=["intake:other", "no:such"]) == ["other", "theirs"]


async def test_metrics_count_what_is_open(mixed: Api) -> None:
    metrics = (await mixed("ann").get(f"{QUEUE}/metrics")).json()
    assert metrics["open"] == 3
    assert metrics["byState"] == {"waiting": 1, "ready": 2, "requested": 0, "in-progress": 0}
    assert metrics["byPriority"] == {"low": 0, "normal": 2, "high": 1, "urgent": 0}
    assert [(each.get("name"), each["count"]) for each in metrics["byAssignee"]] == [("Wes Reviewer", 1), (None, 2)]
    assert metrics["deadLetters"] == 1
    high = (await mixed("ann").get(TASKS, params={"text": "high"})).json()["items"][0]
    assert metrics["oldestReadyAt"] == high["createdAt"]
    assert 0 <= metrics["oldestAgeSeconds"] < 60
    empty = (await mixed("ada").put(OTHER, json={})).json()
    assert empty["version"] == 1
    none = (await mixed("ada").get(f"{OTHER}/metrics")).json()
    assert (none["open"], none["oldestReadyAt"], none["waitSeconds"]) == (0, None, None)
