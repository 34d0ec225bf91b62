"""The jobs API's tasks, route by route and status by status (contract xfsc-and-jobs 4)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from api import waiting
from api.feed import Feed
from core.task import DueKind
from tests.support import api as support
from tests.support import serving
from tests.support.api import Api
from tests.support.jobs import QUEUE, detail, register, wrong
from tests.support.waiting import wait_until

FIELDS = {
    "id", "type", "params", "status", "priority", "queue", "attempts", "max_retries", "retry_delay", "timeout",
    "scheduled_at", "created_at", "started_at", "finished_at", "result", "error", "progress", "idempotency_key", "tags",
    "job_id",
}  # fmt: skip


@pytest.fixture
async def sub(api: Api, queue: str) -> httpx.AsyncClient:
    """A client that may submit; the type `reports/scan` is registered."""
    await register(api)
    return api("sub")


async def submit(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post("/tasks", json={"type": "reports/scan"} | body)
    assert answer.status_code == 202, answer.text
    return answer.json()


async def start(api: Api) -> dict[str, Any]:
    """Wim works on the next task."""
    (held,) = await support.claim(api("wim"))
    return held


async def end(api: Api, held: dict[str, Any], how: str, **body: Any) -> None:
    answer = await api("wim").post(f"/api/v1/tasks/{held['id']}/{how}", json={"execId": held["execId"]} | body)
    assert answer.is_success, answer.text


async def test_a_submit_is_accepted_and_shown(sub: httpx.AsyncClient) -> None:
    answer = await sub.post("/tasks", json={"type": "reports/scan", "params": {"n": 1}, "priority": 1, "tags": ["a"]})
    assert answer.status_code == 202
    task = answer.json()
    assert set(task) == FIELDS
    assert answer.headers["location"] == f"/tasks/{task['id']}"
    shown = {name: task[name] for name in ("type", "params", "status", "priority", "queue", "attempts", "tags")}
    assert shown == {
        "type": "reports/scan",
        "params": {"n": 1},
        "status": "pending",
        "priority": 1,
        "queue": QUEUE,
        "attempts": 0,
        "tags": ["a"],
    }
    assert (task["max_retries"], task["retry_delay"], task["timeout"]) == (1, 10.0, 120.0)
    for name in ("scheduled_at", "started_at", "finished_at", "result", "error", "progress", "job_id"):
        assert task[name] is None, name
    assert (await sub.get(f"/tasks/{task['id']}")).json() == task


@pytest.mark.parametrize(("number", "shown"), [(-9, -1), (0, 0), (1, 1), (2, 2), (9, 2)])
async def test_priorities_are_numbers(sub: httpx.AsyncClient, number: int, shown: int) -> None:
    assert (await submit(sub, priority=number))["priority"] == shown


async def test_at_a_time_or_after_a_delay(sub: httpx.AsyncClient) -> None:
    at = await submit(sub, run_at="2031-01-01T12:00:00+02:00")
    assert (at["status"], at["scheduled_at"]) == ("scheduled", "2031-01-01T10:00:00.000Z")
    without_offset = await submit(sub, run_at="2031-01-01T12:00:00")
    assert without_offset["scheduled_at"] == "2031-01-01T12:00:00.000Z"
    delayed = await submit(sub, delay=3600)
    due = datetime.fromisoformat(delayed["scheduled_at"]) - datetime.fromisoformat(delayed["created_at"])
    assert due == timedelta(hours=1)
    assert (await submit(sub, run_at="2020-01-01T00:00:00Z"))["status"] == "pending"


async def test_limits_of_its_own(api: Api, sub: httpx.AsyncClient) -> None:
    task = await submit(sub, max_retries=0, retry_delay=7200, timeout=5)
    assert (task["max_retries"], task["retry_delay"], task["timeout"]) == (0, 7200.0, 5.0)
    held = await start(api)
    assert held["limits"]["retry"]["maxAttempts"] == 1
    await end(api, held, "fail", error={"type": "Boom", "message": "no", "more": 1})
    failed = (await sub.get(f"/tasks/{task['id']}")).json()
    assert (failed["status"], failed["error"], failed["attempts"]) == ("failed", {"type": "Boom", "message": "no"}, 1)
    assert failed["finished_at"] is not None


async def test_a_key_makes_it_once(sub: httpx.AsyncClient) -> None:
    task = await submit(sub, idempotency_key="k", params=[1])
    again = await sub.post("/tasks", json={"type": "reports/scan", "params": [1]}, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.json(), again.headers["location"]) == (200, task, f"/tasks/{task['id']}")
    other = await sub.post("/tasks", json={"type": "reports/scan", "params": [2], "idempotency_key": "k"})
    assert other.status_code == 409
    assert "another request" in detail(other)
    assert task["idempotency_key"] == "k"


async def test_a_life_in_the_words_of_this_api(api: Api, sub: httpx.AsyncClient) -> None:
    path = f"/tasks/{(await submit(sub))['id']}"

    async def shown() -> dict[str, Any]:
        return (await sub.get(path)).json()

    held = await start(api)
    assert ((await shown())["status"], (await shown())["attempts"]) == ("in_progress", 1)
    progress = {"execId": held["execId"], "progress": {"current": 3, "total": 9}}
    await api("wim").post(f"/api/v1/tasks/{held['id']}/heartbeat", json=progress)
    assert (await shown())["progress"] == {"current": 3.0, "total": 9.0}
    await end(api, held, "fail", error="broken pipe")
    retrying = await shown()
    assert (retrying["status"], retrying["error"]) == (
        "retrying",
        {"type": "failed-by-worker", "message": "broken pipe"},
    )
    assert retrying["scheduled_at"] is not None
    await _wake(api, held["id"])
    again = await start(api)
    await end(api, again, "complete", result={"found": 2})
    done = await shown()
    assert (done["status"], done["result"], done["error"], done["attempts"]) == ("completed", {"found": 2}, None, 2)


async def _wake(api: Api, task_id: str) -> None:
    """Let the task's retry be due, as the engine does in time."""
    record = api.parts.record
    task = await record.tasks.get("demo", task_id)
    assert task is not None
    assert task.due_kind is DueKind.EXECUTE
    assert task.due_at is not None
    assert await record.sweeps.wake([task], task.due_at) == 1
    woken = await record.tasks.get("demo", task_id)
    assert woken is not None
    await api.parts.desk.offer([woken])


async def test_delete_cancels_what_waits_at_once(api: Api, sub: httpx.AsyncClient) -> None:
    for body in ({}, {"delay": 60}):
        task = await submit(sub, **body)
        for _ in range(2):
            gone = await sub.delete(f"/tasks/{task['id']}")
            assert (gone.status_code, gone.json()["status"], gone.json()["error"]) == (200, "cancelled", None)


async def test_delete_asks_what_runs_to_stop(api: Api, sub: httpx.AsyncClient) -> None:
    task = await submit(sub)
    held = await start(api)
    for _ in range(2):
        asked = await sub.delete(f"/tasks/{task['id']}")
        assert (asked.status_code, asked.json()["status"]) == (202, "cancelling")
    beat = await api("wim").post(f"/api/v1/tasks/{task['id']}/heartbeat", json={"execId": held["execId"]})
    assert beat.json()["cancelRequested"] is True
    await end(api, held, "release")
    assert (await sub.delete(f"/tasks/{task['id']}")).status_code == 200


async def test_delete_refuses_what_has_ended(api: Api, sub: httpx.AsyncClient) -> None:
    task = await submit(sub)
    await end(api, await start(api), "complete")
    refused = await sub.delete(f"/tasks/{task['id']}")
    assert refused.status_code == 409
    assert task["id"] in detail(refused)


async def test_retry_of_what_failed_or_was_cancelled(api: Api, sub: httpx.AsyncClient) -> None:
    ann, task = api("ann"), await submit(sub, max_retries=0)
    refused = await ann.post(f"/tasks/{task['id']}/retry")
    assert refused.status_code == 409
    assert "retried" in detail(refused)
    await end(api, await start(api), "fail")
    for _ in ("failed", "cancelled"):
        again = await ann.post(f"/tasks/{task['id']}/retry")
        assert (again.status_code, again.json()["status"]) == (202, "pending")
        await sub.delete(f"/tasks/{task['id']}")
    await ann.post(f"/tasks/{task['id']}/retry")
    await end(api, await start(api), "complete")
    assert (await ann.post(f"/tasks/{task['id']}/retry")).status_code == 409


async def test_a_long_poll_is_answered_when_the_task_ends(api: Api, sub: httpx.AsyncClient) -> None:
    task = await submit(sub)
    held = await start(api)
    poll = asyncio.create_task(sub.get(f"/tasks/{task['id']}", params={"wait": 30}))
    await asyncio.sleep(0)
    await end(api, held, "complete", result=1)
    answer = await asyncio.wait_for(poll, 10)
    assert (answer.json()["status"], answer.json()["result"]) == ("completed", 1)
    again = await sub.get(f"/tasks/{task['id']}", params={"wait": 30})
    assert again.json() == answer.json()


async def test_a_long_poll_is_told_by_the_event(
    api: Api, sub: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an engine there is no need to look again: the look is put off beyond the test."""
    monkeypatch.setattr(waiting, "LOOK_SECONDS", 60.0)
    feed: Feed = api.app.state.context.feed
    async with serving.working(api.parts), feed.following("demo") as tail:
        task = await submit(sub)
        held = await start(api)
        await wait_until(lambda: len(tail.behind(tail.floor)) >= 2, what="the feed has heard of it")
        poll = asyncio.create_task(sub.get(f"/tasks/{task['id']}", params={"wait": 60}))
        await wait_until(lambda: tail.followers == 2, what="somebody waits")
        await end(api, held, "complete")
        assert (await asyncio.wait_for(poll, 20)).json()["status"] == "completed"


async def test_a_long_poll_ends_after_its_time(sub: httpx.AsyncClient) -> None:
    task = await submit(sub)
    answer = await sub.get(f"/tasks/{task['id']}", params={"wait": 0.1})
    assert (answer.status_code, answer.json()["status"]) == (200, "pending")


async def test_a_long_poll_ends_with_the_server(api: Api, sub: httpx.AsyncClient) -> None:
    task = await submit(sub)
    poll = asyncio.create_task(sub.get(f"/tasks/{task['id']}", params={"wait": 30}))
    await asyncio.sleep(0)
    api.app.state.context.closing.set()
    assert (await asyncio.wait_for(poll, 5)).json()["status"] == "pending"


async def test_pages_and_filters(api: Api, sub: httpx.AsyncClient) -> None:
    await register(api, "other")
    made = [await submit(sub, priority=number % 4 - 1, tags=[f"t{number % 2}"]) for number in range(6)]
    made.append(await submit(sub, type="other", delay=60))
    ids = [task["id"] for task in made]

    async def listed(**asked: Any) -> list[int]:
        answer = await sub.get("/tasks", params=asked)
        assert answer.status_code == 200, answer.text
        return [ids.index(task["id"]) for task in answer.json()["items"]]

    assert await listed() == [6, 5, 4, 3, 2, 1, 0]
    assert await listed(sort="created_at") == [0, 1, 2, 3, 4, 5, 6]
    assert await listed(type="other") == await listed(status="scheduled") == [6]
    assert await listed(status=["pending", "scheduled"], type=["reports/scan", "other"]) == [6, 5, 4, 3, 2, 1, 0]
    assert await listed(priority=[-1, 2]) == [4, 3, 0]
    assert await listed(tag="t1") == [5, 3, 1]
    assert await listed(queue=QUEUE, limit=2) == [6, 5]
    assert await listed(queue="no:such") == []
    assert await listed(offset=5) == [1, 0]
    assert await listed(created_after=made[5]["created_at"]) == [6, 5]
    assert await listed(created_before=made[1]["created_at"]) == [0]
    assert await listed(scheduled_after="2020-01-01T00:00:00Z") == [6]
    assert await listed(scheduled_before="2020-01-01T00:00:00Z") == []


async def test_every_status_is_a_filter(api: Api, sub: httpx.AsyncClient) -> None:
    names = ["completed", "failed", "retrying", "cancelling", "in_progress", "cancelled", "pending", "scheduled"]
    made: dict[str, str] = {}
    for name in names:
        body = {"failed": {"max_retries": 0}, "scheduled": {"delay": 60}}.get(name, {})
        made[name] = (await submit(sub, **body))["id"]
        if name in {"pending", "scheduled"}:
            continue
        held = await start(api)
        if name in {"cancelling", "cancelled"}:
            await sub.delete(f"/tasks/{held['id']}")
        if name == "completed":
            await end(api, held, "complete")
        elif name in {"failed", "retrying"}:
            await end(api, held, "fail")
        elif name == "cancelled":
            await end(api, held, "release")
    for name in names:
        found = (await sub.get("/tasks", params={"status": name})).json()["items"]
        assert [(task["id"], task["status"]) for task in found] == [(made[name], name)]
    for alias in ("running", "in-progress"):
        assert len((await sub.get("/tasks", params={"status": alias})).json()["items"]) == 1
    finished = await sub.get("/tasks", params={"finished_after": "2020-01-01T00:00:00Z"})
    assert {task["status"] for task in finished.json()["items"]} == {"completed", "failed", "cancelled"}


async def test_cursors_neither_skip_nor_repeat(sub: httpx.AsyncClient) -> None:
    made = [(await submit(sub, priority=number % 3))["id"] for number in range(7)]
    found: list[str] = []
    cursor: str | None = None
    while True:
        asked: dict[str, Any] = {"limit": 3} | ({} if cursor is None else {"cursor": cursor})
        page = (await sub.get("/tasks", params=asked)).json()
        assert "total" not in page
        found += [task["id"] for task in page["items"]]
        if not found[3:4]:
            await submit(sub)
        if (cursor := page["next_cursor"]) is None:
            break
    assert found == made[::-1]
    by_offset = (await sub.get("/tasks", params={"limit": 3, "offset": 3})).json()
    assert (by_offset["total"], [task["id"] for task in by_offset["items"]]) == (8, made[::-1][2:5])
    beyond = (await sub.get("/tasks", params={"offset": 100})).json()
    assert beyond == {"items": [], "total": 8, "next_cursor": None}


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "body.type"),
        ({"type": "unknown"}, "body.type"),
        ({"type": "os:system"}, "body.type"),
        ({"type": "reports/scan", "func": "os:system"}, "body.func"),
        ({"type": "reports/scan", "priority": "high"}, "body.priority"),
        ({"type": "reports/scan", "run_at": "tomorrow"}, "body.run_at"),
        ({"type": "reports/scan", "run_at": "2031-01-01T00:00:00Z", "delay": 5}, "body"),
        ({"type": "reports/scan", "delay": -1}, "body.delay"),
        ({"type": "reports/scan", "max_retries": 1000}, "body.max_retries"),
        ({"type": "reports/scan", "timeout": 0}, "body.timeout"),
        ({"type": "reports/scan", "queue": "other:queue"}, "body.queue"),
        ({"type": "strict", "params": {}}, "body.params"),
        ([], "body"),
    ],
)
async def test_a_submit_that_is_wrong_says_where(api: Api, sub: httpx.AsyncClient, body: Any, where: str) -> None:
    await register(api, "strict", params_schema={"type": "object", "required": ["n"]})
    assert wrong(await sub.post("/tasks", json=body)) == [where]
    assert (await sub.get("/tasks")).json()["items"] == []


@pytest.mark.parametrize(
    "asked",
    ["status=done", "priority=high", "limit=0", "limit=1001", "sort=name", "created_after=x", "cursor=%00", "page=1",
     "cursor=abcdefghijklmnop&offset=1", "offset=10001"],
)  # fmt: skip
async def test_a_filter_that_is_wrong_is_refused(sub: httpx.AsyncClient, asked: str) -> None:
    assert wrong(await sub.get(f"/tasks?{asked}"))[0].startswith("query")


async def test_what_is_not_json_is_refused(sub: httpx.AsyncClient) -> None:
    assert wrong(await sub.post("/tasks", content=b"{")) == ["body"]
    assert wrong(await sub.get("/tasks/x?wait=-1")) == ["query.wait"]


async def test_who_may_do_what(api: Api, sub: httpx.AsyncClient) -> None:
    task = await submit(sub)
    path = f"/tasks/{task['id']}"
    for method, where in (
        ("GET", path),
        ("DELETE", path),
        ("POST", f"{path}/retry"),
        ("POST", "/tasks"),
        ("GET", "/tasks"),
    ):
        nobody = await api(None).request(method, where)
        assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Bearer")
        assert detail(nobody)
    for method, where in (("GET", path), ("DELETE", path), ("POST", f"{path}/retry")):
        foreign = await api("ada", "acme").request(method, where)
        assert foreign.status_code == 404
        assert detail(foreign) == f"There is no task {task['id']}."
    refused = [
        await api("nil").get(path),
        await api("nil").delete(path),
        await api("wim").delete(path),
        await sub.post(f"{path}/retry"),
        await api("wim").post("/tasks", json={"type": "reports/scan"}),
    ]
    assert [answer.status_code for answer in refused] == [403] * 5
    assert all(detail(answer) for answer in refused)
    assert (await api("nil").get("/tasks")).json()["items"] == []
    assert (await api("ada", "acme").get("/tasks")).json()["items"] == []
    assert wrong(await api("sub", "acme").post("/tasks", json={"type": "reports/scan"})) == ["body.type"]
    assert [each["id"] for each in (await api("wim").get("/tasks")).json()["items"]] == [task["id"]]


async def test_times_are_rfc_3339_in_utc(sub: httpx.AsyncClient) -> None:
    made = datetime.fromisoformat((await submit(sub))["created_at"])
    assert made.tzinfo == UTC
