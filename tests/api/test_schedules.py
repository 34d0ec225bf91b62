"""Schedules over HTTP: made, read, changed, paused, run now, looked ahead and back, refused with a reason."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from broker.scheduler import Scheduler
from core.settings import Settings
from tests.support import api as support
from tests.support.api import Api
from tests.support.clock import FakeClock
from tests.support.keycloaks import Issuer

PATH = "/api/v1/schedules"
TASK = {"queue": "intake:strike-reports", "name": "tick", "params": {"a": 1}, "priority": "high", "labels": ["x"]}
MINUTELY = {"trigger": {"kind": "interval", "seconds": 60}, "task": TASK}


@pytest.fixture
def clock() -> FakeClock:
    """Moved by the test; it begins now, so that tokens are valid."""
    return FakeClock(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
async def api(settings: Settings, tokens: Issuer, clock: FakeClock) -> AsyncIterator[Api]:
    async with support.serving(settings, tokens, clock=clock) as running:
        await support.make_queue(running("ada"))
        yield running
        await support.drop_lanes(running.parts)


@pytest.fixture
def ada(api: Api) -> httpx.AsyncClient:
    """A task-admin of demo."""
    return api("ada")


async def put(client: httpx.AsyncClient, name: str = "tick", **body: Any) -> dict[str, Any]:
    answer = await client.put(f"{PATH}/{name}", json=MINUTELY | body)
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


async def pass_by(api: Api, clock: FakeClock, seconds: float) -> None:
    """Let time go by, and the engine look once."""
    clock.advance(timedelta(seconds=seconds))
    record = api.parts.record
    schedulers = (record.schedules, record.firings, record.halts, record.tenants)
    await Scheduler(*schedulers, api.parts.runs, clock=clock).step()


async def tasks(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    return (await client.get("/api/v1/tasks")).json()["items"]


async def test_one_is_made_read_and_shown(ada: httpx.AsyncClient, clock: FakeClock) -> None:
    made = await ada.put(f"{PATH}/nightly", json=MINUTELY | {"description": "x", "jitterSeconds": 5})
    assert (made.status_code, made.headers["location"], made.headers["etag"]) == (201, f"{PATH}/nightly", '"1"')
    view = made.json()
    assert view["trigger"] == {"kind": "interval", "seconds": 60.0}
    assert view["words"] == "Every 0:01:00 (hours:minutes:seconds)"
    assert view["task"] == {"context": {}, **TASK}
    assert view["misfire"] == {"policy": "skip", "graceSeconds": 60.0}
    assert view["overlap"] == {"policy": "allow", "maxOpen": 1}
    assert (view["status"], view["paused"], view["version"]) == ("active", False, 1)
    assert "secret" not in made.text
    assert (await ada.get(f"{PATH}/nightly")).json() == view
    assert (await ada.get(f"{PATH}/nightly", headers={"If-None-Match": '"1"'})).status_code == 304
    generated = await ada.post(PATH, json=MINUTELY)
    assert generated.status_code == 201
    assert generated.headers["location"] == f"{PATH}/{generated.json()['id']}"
    again = await ada.post(PATH, json=MINUTELY | {"id": "nightly"})
    assert (again.status_code, support.code(again)) == (409, "already-exists")
    assert (await ada.get(f"{PATH}/unknown")).status_code == 404


async def test_its_tasks_name_it_and_its_history_names_them(api: Api, ada: httpx.AsyncClient, clock: FakeClock) -> None:
    begin = clock()
    made = await put(ada)
    await pass_by(api, clock, 60)
    await pass_by(api, clock, 60)
    found = await tasks(ada)
    stamps = [(begin + timedelta(minutes=n)).isoformat(timespec="milliseconds")[:-6] + "Z" for n in (1, 2)]
    assert [(task["schedule"], task["params"], task["priority"]) for task in found] == [
        ({"id": "tick", "at": at}, {"a": 1}, "high") for at in stamps
    ]
    first = (await ada.get(f"{PATH}/tick/firings?limit=1")).json()
    second = (await ada.get(f"{PATH}/tick/firings", params={"after": first["next"]})).json()
    assert [(each["at"], each["status"], each["run"]) for each in first["items"] + second["items"]] == [
        (at, "submitted", {"kind": "task", "id": task["id"]})
        for at, task in reversed(list(zip(stamps, found, strict=True)))
    ]
    assert second["next"] is None
    view = (await ada.get(f"{PATH}/tick")).json()
    assert view["last"]["at"] == stamps[1]
    assert view["version"] == made["version"]
    assert (await ada.get(f"{PATH}/tick/firings?after=no-such")).json()["type"].endswith("bad-cursor")


async def test_changes_are_conditional(ada: httpx.AsyncClient) -> None:
    await put(ada)
    changed = await ada.put(f"{PATH}/tick", json=MINUTELY, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    for method in ("PUT", "PATCH", "DELETE"):
        body = None if method == "DELETE" else MINUTELY
        stale = await ada.request(method, f"{PATH}/tick", json=body, headers={"If-Match": '"1"'})
        assert (method, stale.status_code) == (method, 412)
    there = await ada.put(f"{PATH}/tick", json=MINUTELY, headers={"If-None-Match": "*"})
    assert there.status_code == 412
    assert (await ada.delete(f"{PATH}/tick", headers={"If-Match": '"2"'})).status_code == 204
    assert (await ada.get(f"{PATH}/tick")).status_code == 404


async def test_a_patch_changes_what_it_names(ada: httpx.AsyncClient) -> None:
    made = await put(ada, startAt="2030-01-01T00:00:00Z", overlap={"policy": "skip", "maxOpen": 3})
    body = {
        "task": {"priority": None, "leaseSeconds": 30, "labels": None},
        "overlap": {"policy": "replace"},
        "misfire": {"graceSeconds": None},
        "displayName": "Tick",
    }
    changed = (await ada.patch(f"{PATH}/tick", json=body)).json()
    assert changed["task"] == {
        "queue": TASK["queue"],
        "name": "tick",
        "params": {"a": 1},
        "context": {},
        "labels": [],
        "leaseSeconds": 30.0,
        "startTimeoutSeconds": 10.0,
        "overallTimeoutSeconds": None,
        "retry": changed["task"]["retry"],
    }
    assert changed["overlap"] == {"policy": "replace", "maxOpen": 3}
    assert changed["misfire"] == {"policy": "skip", "graceSeconds": None}
    assert (changed["trigger"], changed["startAt"]) == (made["trigger"], made["startAt"])
    dated = await ada.patch(f"{PATH}/tick", json={"trigger": {"kind": "date", "at": "2031-01-01T00:00:00Z"}})
    assert dated.json()["trigger"] == {"kind": "date", "at": "2031-01-01T00:00:00.000Z"}
    assert "startAt" not in dated.json()
    assert dated.json()["displayName"] == "Tick"


async def test_pause_and_resume_are_idempotent(api: Api, ada: httpx.AsyncClient, clock: FakeClock) -> None:
    await put(ada)
    for version in ("2", "2"):
        paused = await ada.post(f"{PATH}/tick/pause")
        assert (paused.json()["status"], paused.json()["nextAt"]) == ("paused", None)
        assert paused.headers["etag"] == f'"{version}"'
    assert (await put(ada, description="still paused"))["paused"] is True
    await pass_by(api, clock, 600)
    assert await tasks(ada) == []
    assert len((await ada.get(f"{PATH}/tick/upcoming")).json()["items"]) == 10
    for _ in range(2):
        resumed = await ada.post(f"{PATH}/tick/resume")
        assert (resumed.json()["status"], resumed.headers["etag"]) == ("active", '"4"')


async def test_run_now(api: Api, ada: httpx.AsyncClient) -> None:
    await put(ada)
    ran = await ada.post(f"{PATH}/tick/run")
    assert (ran.status_code, ran.json()["kind"], ran.json()["status"]) == (201, "manual", "submitted")
    task = (await ada.get(ran.headers["location"])).json()
    assert (task["schedule"]["id"], task["createdBy"]["name"]) == ("tick", "Ada Admin")
    keyed = [await ada.post(f"{PATH}/tick/run", headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [each.status_code for each in keyed] == [201, 200]
    assert keyed[0].json() == keyed[1].json()
    assert len(await tasks(ada)) == 2


async def test_the_next_ten_and_a_preview(ada: httpx.AsyncClient, clock: FakeClock) -> None:
    berlin: dict[str, Any] = {"kind": "cron", "expression": "30 2 * * *", "timeZone": "Europe/Berlin"}
    body: dict[str, Any] = {"trigger": berlin, "startAt": "2031-03-29T12:00:00Z"}
    preview = (await ada.post(f"{PATH}/preview", json=body | {"count": 3})).json()
    assert preview["words"] == "At 02:30 every day (Europe/Berlin)"
    expected = ["2031-03-30T01:00:00.000Z", "2031-03-31T00:30:00.000Z", "2031-04-01T00:30:00.000Z"]
    assert [each["at"] for each in preview["items"]] == expected
    assert (await ada.get(PATH)).json()["items"] == []
    await put(ada, **body, jitterSeconds=60)
    upcoming = (await ada.get(f"{PATH}/tick/upcoming")).json()["items"]
    assert [each["at"] for each in upcoming[:3]] == expected
    assert len(upcoming) == 10
    assert all(each["at"] <= each["runsAt"] < each["at"].replace(":00.000Z", ":59.999Z") for each in upcoming)
    assert (await ada.get(f"{PATH}/tick")).json()["nextAt"] == upcoming[0]["runsAt"]


async def test_the_list_shows_what_one_may_read(api: Api, ada: httpx.AsyncClient) -> None:
    other = "/api/v1/queues/private/matters"
    await support.make_queue(ada, other, bindings={"workers": ["supervisor"]})
    for number in range(3):
        await put(ada, f"s-{number}")
    await put(ada, "private", task={"queue": "private:matters"})
    await ada.post(f"{PATH}/s-1/pause")

    async def listed(user: str, **asked: Any) -> list[str]:
        page = (await api(user).get(PATH, params=asked)).json()
        return [each["id"] for each in page["items"]] + [f"> {page['next']}"] * (page["next"] is not None)

    assert await listed("ada") == ["private", "s-0", "s-1", "s-2"]
    assert await listed("ada", limit=2) == ["private", "s-0", "> s-0"]
    assert await listed("ada", limit=2, after="s-0") == ["s-1", "s-2"]
    assert await listed("rex", queue="private:matters") == ["private"]
    assert await listed("wim") == ["s-0", "s-1", "s-2"]
    assert await listed("wim", queue="private:matters") == []
    assert await listed("ada", paused=True) == ["s-1"]
    assert await listed("ada", definition="none") == []
    assert (await api("wim").get(f"{PATH}/private")).status_code == 403
    assert (await api("ada", "acme").get(f"{PATH}/s-1")).status_code == 404


async def test_all_of_a_tenant_are_paused(api: Api, ada: httpx.AsyncClient, clock: FakeClock) -> None:
    await put(ada, misfire={"policy": "one"})
    halted = (await ada.post("/api/v1/scheduler/pause")).json()
    assert halted["paused"]
    assert (halted["pausedBy"]["name"], (await ada.post("/api/v1/scheduler/pause")).json()) == ("Ada Admin", halted)
    assert (await api("wim").get("/api/v1/scheduler")).json() == halted
    await pass_by(api, clock, 3600)
    assert await tasks(ada) == []
    assert (await ada.post("/api/v1/scheduler/resume")).json() == {"paused": False}
    await pass_by(api, clock, 1)
    assert len(await tasks(ada)) == 2, "one for those that were missed, one within the grace"


REFUSED: list[tuple[dict[str, Any], int, str, str]] = [
    ({"trigger": {"kind": "cron", "expression": "61 * * * *"}}, 400, "trigger.expression", "for example `*/15"),
    (
        {"trigger": {"kind": "cron", "expression": "* * * * *", "timeZone": "Europe/Berln"}},
        400,
        "trigger.timeZone",
        "for example Europe/Berlin",
    ),
    ({"trigger": {"kind": "date", "at": "2020-01-01T00:00:00Z"}}, 400, "trigger.at", "has passed; for example 20"),
    ({"trigger": {"kind": "date", "at": "tomorrow"}}, 400, "trigger.date.at", "as in 2026-01-31T12:00:00Z"),
    ({"trigger": {"kind": "interval", "seconds": 0.5}}, 400, "trigger.interval.seconds", "greater than or equal to 1"),
    ({"trigger": {"kind": "hourly"}}, 400, "trigger", "'cron', 'interval', 'date'"),
    ({"trigger": None}, 400, "trigger", ""),
    ({"endAt": "2020-01-01T00:00:00Z"}, 400, "endAt", "for example 20"),
    ({"startAt": "2031-01-02T00:00:00Z", "endAt": "2031-01-01T00:00:00Z"}, 400, "endAt", "before startAt"),
    ({"startAt": "2031-01-02"}, 400, "startAt", "as in 2026-01-31T12:00:00Z"),
    ({"jitterSeconds": 3601}, 400, "jitterSeconds", "3600"),
    ({"overlap": {"maxOpen": 0}}, 400, "overlap.maxOpen", "greater than or equal to 1"),
    ({"overlap": {"policy": "queue"}}, 400, "overlap.policy", "'allow', 'skip' or 'replace'"),
    ({"task": {"queue": "intake:nothing"}}, 400, "task.queue", "There is no queue intake:nothing"),
    ({"task": {"definition": "nothing"}}, 400, "task.definition", "There is no definition nothing"),
    ({"task": {"queue": "nothing"}}, 400, "task.queue", "match pattern"),
    ({"task": {}}, 400, "task", "for example"),
    ({"task": None}, 400, "", "give task or flow; for example"),
    ({"flow": {"template": "x"}}, 400, "", "not both"),
    ({"task": None, "flow": {}}, 400, "flow.template", "for example"),
    ({"task": None, "flow": {"template": "x"}}, 400, "flow.template", "There is no flow template x"),
    ({"cron": "* * * * *"}, 400, "cron", "no such field"),
]


@pytest.mark.parametrize(("body", "status", "field", "says"), REFUSED, ids=[str(each[0])[:60] for each in REFUSED])
async def test_what_cannot_be_is_refused_with_what_is_wrong(
    ada: httpx.AsyncClient, body: dict[str, Any], status: int, field: str, says: str
) -> None:
    answer = await ada.put(
        f"{PATH}/tick", json={k: v for k, v in (MINUTELY | body).items() if v is not None or k == "trigger"}
    )
    assert answer.status_code == status, answer.text
    assert support.fields(answer) == [field]
    assert says in answer.json()["errors"][0]["message"]
    assert (await ada.get(f"{PATH}/tick")).status_code == 404


async def test_params_must_fit_the_queue(ada: httpx.AsyncClient) -> None:
    await support.make_queue(ada, paramsSchema={"type": "object", "required": ["airport"]})
    refused = await ada.put(f"{PATH}/tick", json=MINUTELY)
    assert (refused.status_code, support.fields(refused)) == (422, ["task.params"])
    unnamed = await ada.put(f"{PATH}/no%20such%20id", json=MINUTELY)
    assert (unnamed.status_code, support.fields(unnamed)) == (400, ["schedule_id"])


async def test_params_come_back_as_they_were_sent(api: Api, ada: httpx.AsyncClient, clock: FakeClock) -> None:
    params = {"$set": {"a.b": 1}, "deep": [[{"x": None}]], "big": 2**53 + 1, "text": "\u2028<&>"}
    await put(ada, task={"queue": TASK["queue"], "params": params})
    assert (await ada.get(f"{PATH}/tick")).json()["task"]["params"] == params
    await pass_by(api, clock, 60)
    assert (await tasks(ada))[0]["params"] == params
