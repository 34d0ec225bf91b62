"""The jobs API's scheduler, route by route (contract xfsc-and-jobs 4), over a clock that the test moves."""

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
from tests.support.jobs import detail, register, wrong
from tests.support.keycloaks import Issuer

JOBS = "/scheduler/jobs"
FIELDS = {
    "id", "name", "type", "params", "trigger", "start_date", "end_date", "next_run_time", "misfire_grace_time",
    "coalesce", "max_instances", "last_run_time", "last_task_id",
}  # fmt: skip
EVERY = {"type": "reports/scan", "trigger": "interval", "minutes": 1}


@pytest.fixture
def clock() -> FakeClock:
    """Moved by the test; it begins now, so that tokens are valid."""
    return FakeClock(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
async def api(settings: Settings, tokens: Issuer, clock: FakeClock) -> AsyncIterator[Api]:
    async with support.serving(settings, tokens, clock=clock) as running:
        await support.make_queue(running("ada"))
        await register(running)
        yield running
        await support.drop_lanes(running.parts)


@pytest.fixture
def ada(api: Api) -> httpx.AsyncClient:
    return api("ada")


def stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")[:-6] + "Z"


async def make(client: httpx.AsyncClient, name: str = "scan", **body: Any) -> dict[str, Any]:
    answer = await client.post(JOBS, json=EVERY | {"id": name} | body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def pass_by(api: Api, clock: FakeClock, seconds: float) -> None:
    """Let time go by, and the engine look once."""
    clock.advance(timedelta(seconds=seconds))
    record = api.parts.record
    schedulers = (record.schedules, record.firings, record.halts, record.tenants)
    await Scheduler(*schedulers, api.parts.runs, clock=clock).step()


async def tasks(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """Oldest first."""
    return (await client.get("/tasks", params={"sort": "created_at"})).json()["items"]


async def test_a_job_is_made_and_shown(ada: httpx.AsyncClient, clock: FakeClock) -> None:
    answer = await ada.post(JOBS, json=EVERY | {"id": "scan", "name": "Scan", "params": {"a": 1}})
    assert (answer.status_code, answer.headers["location"]) == (201, f"{JOBS}/scan")
    job = answer.json()
    assert set(job) == FIELDS | {"minutes"}
    assert job == {
        "id": "scan",
        "name": "Scan",
        "type": "reports/scan",
        "params": {"a": 1},
        "trigger": "interval",
        "minutes": 1,
        "start_date": None,
        "end_date": None,
        "next_run_time": stamp(clock() + timedelta(minutes=1)),
        "misfire_grace_time": 60,
        "coalesce": False,
        "max_instances": None,
        "last_run_time": None,
        "last_task_id": None,
    }
    assert (await ada.get(f"{JOBS}/scan")).json() == job
    assert (await ada.get(JOBS)).json() == [job]
    again = await ada.post(JOBS, json=EVERY | {"id": "scan"})
    assert again.status_code == 409
    assert "exists already" in detail(again)
    generated = (await ada.post(JOBS, json=EVERY)).json()["id"]
    assert (await ada.get(f"{JOBS}/{generated}")).status_code == 200


async def test_each_firing_is_a_task_that_names_its_job(api: Api, ada: httpx.AsyncClient, clock: FakeClock) -> None:
    begin = clock()
    await make(ada, params={"a": 1})
    for _ in range(2):
        await pass_by(api, clock, 60)
    found = await tasks(ada)
    assert [(task["job_id"], task["type"], task["params"]) for task in found] == [
        ("scan", "reports/scan", {"a": 1})
    ] * 2
    job = (await ada.get(f"{JOBS}/scan")).json()
    assert job["last_run_time"] == stamp(begin + timedelta(minutes=2))
    assert job["last_task_id"] == found[1]["id"]
    assert job["next_run_time"] == stamp(begin + timedelta(minutes=3))


async def test_cron_in_a_time_zone(ada: httpx.AsyncClient) -> None:
    cron: dict[str, Any] = {
        "trigger": "cron",
        "minutes": None,
        "day_of_week": "mon-fri",
        "hour": 8,
        "timezone": "Europe/Berlin",
    }
    job = await make(ada, start_date="2031-06-01", **cron)
    fields = {name: job[name] for name in ("month", "day", "day_of_week", "hour", "minute", "second", "timezone")}
    assert fields == {
        "month": "*",
        "day": "*",
        "day_of_week": "mon,tue,wed,thu,fri",
        "hour": "8",
        "minute": "0",
        "second": "0",
        "timezone": "Europe/Berlin",
    }
    assert (job["start_date"], job["next_run_time"]) == ("2031-05-31T22:00:00.000Z", "2031-06-02T06:00:00.000Z")


async def test_a_date_now_or_later(api: Api, ada: httpx.AsyncClient, clock: FakeClock) -> None:
    later = await make(
        ada, "later", trigger="date", minutes=None, run_date="2031-01-01T12:00:00", timezone="Asia/Tokyo"
    )
    assert (later["run_date"], later["next_run_time"]) == ("2031-01-01T03:00:00.000Z", "2031-01-01T03:00:00.000Z")
    now = await make(ada, "now", trigger="date", minutes=None)
    assert now["run_date"] == stamp(clock())
    await pass_by(api, clock, 1)
    assert [task["job_id"] for task in await tasks(ada)] == ["now"]
    assert (await ada.get(f"{JOBS}/now")).json()["next_run_time"] is None


async def test_pause_resume_and_run(api: Api, ada: httpx.AsyncClient, clock: FakeClock) -> None:
    await make(ada)
    paused = await ada.post(f"{JOBS}/scan/pause")
    assert (paused.status_code, paused.json()["next_run_time"]) == (200, None)
    await pass_by(api, clock, 600)
    assert await tasks(ada) == []
    ran = await ada.post(f"{JOBS}/scan/run")
    assert ran.status_code == 200
    assert [(task["id"], task["job_id"]) for task in await tasks(ada)] == [(ran.json()["last_task_id"], "scan")]
    resumed = await ada.post(f"{JOBS}/scan/resume")
    assert (resumed.status_code, resumed.json()["next_run_time"]) == (200, stamp(clock()))


async def test_the_scheduler_is_paused_for_the_tenant(api: Api, ada: httpx.AsyncClient, clock: FakeClock) -> None:
    await make(ada)
    assert (await ada.get("/scheduler")).json() == {"running": True, "paused_at": None, "paused_by": None}
    for _ in range(2):
        assert (await ada.post("/scheduler/pause")).status_code == 204
    shown = (await ada.get("/scheduler")).json()
    assert shown == {"running": False, "paused_at": stamp(clock()), "paused_by": "Ada Admin"}
    assert (await api("ada", "acme").get("/scheduler")).json()["running"] is True
    await pass_by(api, clock, 120)
    assert await tasks(ada) == []
    for _ in range(2):
        assert (await ada.post("/scheduler/resume")).status_code == 204
    await pass_by(api, clock, 0)
    assert len(await tasks(ada)) == 2


async def test_misfires_coalesce_and_instances(api: Api, ada: httpx.AsyncClient, clock: FakeClock) -> None:
    latest = await make(ada, "latest", coalesce=True, misfire_grace_time=90)
    assert (latest["coalesce"], latest["misfire_grace_time"]) == (True, 90)
    await make(ada, "each", misfire_grace_time=None)
    await make(ada, "single", max_instances=1, misfire_grace_time=None)
    await pass_by(api, clock, 310)
    jobs = [task["job_id"] for task in await tasks(ada)]
    assert {name: jobs.count(name) for name in ("latest", "each", "single")} == {"latest": 1, "each": 5, "single": 1}
    assert (await ada.get(f"{JOBS}/each")).json()["misfire_grace_time"] is None
    assert (await ada.get(f"{JOBS}/single")).json()["max_instances"] == 1


async def test_a_patch_changes_what_it_names(ada: httpx.AsyncClient, clock: FakeClock) -> None:
    before = await make(ada, params={"a": 1}, max_instances=2)
    answer = await ada.patch(f"{JOBS}/scan", json={"name": "New", "params": [2], "max_instances": None})
    assert answer.status_code == 200
    assert answer.json() == before | {"name": "New", "params": [2], "max_instances": None}
    faster = (await ada.patch(f"{JOBS}/scan", json={"seconds": 10})).json()
    assert (faster["seconds"], "minutes" in faster) == (10, False)
    assert faster["next_run_time"] == stamp(clock() + timedelta(seconds=10))
    daily = (await ada.patch(f"{JOBS}/scan", json={"trigger": "cron", "hour": 3, "end_date": "2031-01-01"})).json()
    assert (daily["trigger"], daily["hour"], daily["end_date"]) == ("cron", "3", "2031-01-01T00:00:00.000Z")
    moved = (await ada.patch(f"{JOBS}/scan", json={"timezone": "Asia/Tokyo"})).json()
    assert (moved["hour"], moved["timezone"], moved["end_date"]) == ("3", "Asia/Tokyo", daily["end_date"])
    once = (await ada.patch(f"{JOBS}/scan", json={"trigger": "date", "run_date": "2031-01-01T00:00:00Z"})).json()
    assert (once["trigger"], once["end_date"]) == ("date", None)
    assert wrong(await ada.patch(f"{JOBS}/scan", json={"hour": 3})) == ["body.hour"]


async def test_delete(ada: httpx.AsyncClient) -> None:
    await make(ada)
    assert (await ada.delete(f"{JOBS}/scan")).status_code == 204
    for method, path in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/pause"),
        ("POST", "/resume"),
        ("POST", "/run"),
    ):
        gone = await ada.request(method, f"{JOBS}/scan{path}", json={} if method == "PATCH" else None)
        assert (method, gone.status_code) == (method, 404)
        assert detail(gone)


async def test_a_schedule_without_a_type_is_no_job(ada: httpx.AsyncClient) -> None:
    body = {"trigger": {"kind": "interval", "seconds": 60}, "task": {"queue": "intake:strike-reports"}}
    assert (await ada.put("/api/v1/schedules/plain", json=body)).status_code == 201
    typed = {"trigger": {"kind": "cron", "expression": "0 9 * * FRI#1"}, "task": {"definition": "reports/scan"}}
    assert (await ada.put("/api/v1/schedules/typed", json=typed)).status_code == 201
    assert [(job["id"], job["day"]) for job in (await ada.get(JOBS)).json()] == [("typed", "1st fri")]
    assert (await ada.get(f"{JOBS}/plain")).status_code == 404


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"type": None}, "body.type"),
        ({"type": "unknown"}, "body.type"),
        ({"func": "os:system"}, "body.func"),
        ({"trigger": "hourly"}, "body.trigger"),
        ({"trigger": None}, "body.trigger"),
        ({"minutes": None}, "body.trigger"),
        ({"minutes": 0.001}, "body.trigger"),
        ({"hour": 3}, "body.hour"),
        ({"run_date": "2031-01-01T00:00:00Z"}, "body.run_date"),
        ({"trigger": "cron", "minutes": None}, "body.trigger"),
        ({"trigger": "cron", "minutes": None, "hour": "25"}, "body.hour"),
        ({"trigger": "cron", "minutes": None, "hour": 8, "timezone": "Mars"}, "body.timezone"),
        ({"trigger": "cron", "minutes": None, "day": "13", "day_of_week": "fri"}, "body.day"),
        ({"trigger": "date", "minutes": None, "run_date": "2020-01-01T00:00:00Z"}, "body.run_date"),
        ({"trigger": "date", "minutes": None, "run_date": "soon"}, "body.run_date"),
        ({"end_date": "2020-01-01T00:00:00Z"}, "body.end_date"),
        ({"misfire_grace_time": 0}, "body.misfire_grace_time"),
        ({"max_instances": 0}, "body.max_instances"),
        ({"id": "no spaces"}, "body.id"),
        ({"params": {"n": "x"}, "type": "strict"}, "body.params.n"),
    ],
)
async def test_a_job_that_is_wrong_says_where(
    api: Api, ada: httpx.AsyncClient, body: dict[str, Any], where: str
) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    await register(api, "strict", params_schema=schema)
    sent = {name: value for name, value in (EVERY | body).items() if value is not None}
    assert wrong(await ada.post(JOBS, json=sent)) == [where]
    assert (await ada.get(JOBS)).json() == []


async def test_who_may_do_what(api: Api, ada: httpx.AsyncClient) -> None:
    await make(ada)
    changes: list[tuple[str, str, Any]] = [
        ("POST", JOBS, EVERY),
        ("PATCH", f"{JOBS}/scan", {}),
        ("DELETE", f"{JOBS}/scan", None),
        ("POST", f"{JOBS}/scan/pause", None),
        ("POST", f"{JOBS}/scan/resume", None),
        ("POST", f"{JOBS}/scan/run", None),
    ]
    for method, path, body in [*changes, ("POST", "/scheduler/pause", None), ("POST", "/scheduler/resume", None)]:
        for user in ("wim", "rex", "sub"):
            refused = await api(user).request(method, path, json=body)
            assert (user, method, path, refused.status_code) == (user, method, path, 403)
        nobody = await api(None).request(method, path, json=body)
        assert nobody.status_code == 401
    for method, path, body in changes[1:]:
        assert (await api("ada", "acme").request(method, path, json=body)).status_code == 404
    assert [job["id"] for job in (await api("wim").get(JOBS)).json()] == ["scan"]
    assert (await api("sub").get(JOBS)).json() == (await api("ada", "acme").get(JOBS)).json() == []
    assert (await api("sub").get(f"{JOBS}/scan")).status_code == 403
    assert (await ada.get(f"{JOBS}/scan")).json()["last_task_id"] is None
