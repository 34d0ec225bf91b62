"""Triggers over HTTP: which records start what, once each; looked at, paused, run now; and what is refused."""

import asyncio
from typing import Any

import httpx
import pytest

from broker import triggers as working
from broker.lifecycle import Lifecycle
from core import errors
from core.clock import system_clock
from store.record_sweeps import RecordSweeps
from tests.support import api as support
from tests.support.api import QUEUE, Api

TRIGGERS = "/api/v1/triggers"
KEY = "intake:strike-reports"
STRIKE = {"getIn": ["resourceType"], "comparator": "eq", "value": "StrikeReport"}
COSTLY = {"getIn": ["cost", "total"], "comparator": "ge", "value": 10_000}
PARAMS = {"report": {"$from": "record.id"}, "cost": {"$from": "record.cost.total"}, "by": {"$from": "record.none"}}


@pytest.fixture(autouse=True)
async def _queue(queue: str) -> None:
    """The queue is there."""


async def make(api: Api, **body: Any) -> dict[str, Any]:
    answer = await api("ada").post(
        TRIGGERS, json={"selectBy": [STRIKE], "task": {"queue": KEY, "params": PARAMS}} | body
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


async def report(api: Api, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    answer = await api("sub").post("/api/v1/records", json=body, headers=headers)
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


async def tasks(api: Api) -> list[dict[str, Any]]:
    return (await api("ada").get(f"{QUEUE}/tasks")).json()["items"]


async def runs(api: Api, trigger: dict[str, Any], **asked: Any) -> list[dict[str, Any]]:
    return (await api("ada").get(f"{TRIGGERS}/{trigger['id']}/runs", params=asked)).json()["items"]


def strike(cost: int = 10_000, **more: Any) -> dict[str, Any]:
    return {"resourceType": "StrikeReport", "cost": {"total": cost}} | more


async def test_a_record_that_fits_starts_a_task_with_params_of_it(api: Api) -> None:
    task = {"queue": KEY, "name": "review", "priority": "high", "labels": ["costly"], "params": PARAMS}
    trigger = await make(api, id="costly", selectBy=[STRIKE, COSTLY], task=task)
    for other in (
        strike(9_999),
        {"resourceType": "Other", "cost": {"total": 10_000}},
        {},
        {"resourceType": "StrikeReport"},
    ):
        assert (await report(api, other))["tasks"] == []
    told = await report(api, strike(20_000, id="r-7"))
    (made,) = await tasks(api)
    assert told["tasks"] == [made["id"]]
    assert made["params"] == {"report": "r-7", "cost": 20_000, "by": None}
    assert (made["name"], made["priority"], made["labels"]) == ("review", "high", ["costly"])
    assert made["createdBy"]["name"] == "Trigger costly"
    (entry,) = await runs(api, trigger)
    assert (entry["record"], entry["status"], entry["run"]) == (
        told["id"],
        "submitted",
        {"kind": "task", "id": made["id"]},
    )
    shown = (await api("wim").get(f"{TRIGGERS}/costly")).json()
    assert shown["last"] == {"at": told["receivedAt"], "status": "submitted", "run": entry["run"]}
    assert shown["selectBy"][1] == {"getIn": ["cost", "total"], "comparator": "ge", "value": 10_000}


async def test_a_record_without_an_id_has_that_of_its_receipt(api: Api) -> None:
    await make(api)
    told = await report(api, strike())
    (made,) = await tasks(api)
    assert made["params"]["report"] == told["id"]


async def test_a_record_may_start_flows_and_several_triggers(api: Api) -> None:
    await api("ada").put("/api/v1/definitions/scan", json={"queue": KEY})
    template = {
        "driver": "dag",
        "queue": KEY,
        "steps": {"scan": {"definition": "scan", "params": {"$from": "input.x"}}},
    }
    await api("ada").put("/api/v1/flow-templates/review", json=template)
    await make(api, task=None, flow={"template": "review", "label": "one", "params": {"x": {"$from": "record.cost"}}})
    await make(api, task={"definition": "scan", "params": 1})
    told = await report(api, strike())
    assert (len(told["tasks"]), len(told["flows"])) == (1, 1)
    flow = (await api("ada").get(f"/api/v1/flows/{told['flows'][0]}")).json()
    assert (flow["label"], flow["params"]) == ("one", {"x": {"total": 10_000}})
    assert sorted((task["definition"], str(task["params"])) for task in await tasks(api)) == [
        ("scan", "1"), ("scan", "{'total': 10000}"),
    ]  # fmt: skip


async def test_a_repeated_report_starts_nothing_twice(api: Api) -> None:
    await make(api)
    first = await report(api, strike(), **{"Idempotency-Key": "k"})
    second = await report(api, strike(), **{"Idempotency-Key": "k"})
    assert second["id"] == first["id"]
    assert len(await tasks(api)) == 1
    await asyncio.gather(*(report(api, strike(), **{"Idempotency-Key": "other"}) for _ in range(5)))
    assert len(await tasks(api)) == 2


async def test_what_a_process_left_over_when_it_died_runs_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    trigger = await make(api)

    async def away(*_: object, **__: object) -> Any:
        raise errors.Unavailable(retry_after=1.0)

    with monkeypatch.context() as patched:
        patched.setattr(Lifecycle, "submit", away)
        told = await report(api, strike())
    assert (told["tasks"], await tasks(api)) == ([], [])
    again = await report(api, strike())
    pending = working.Pending(RecordSweeps(api.parts.record.database), api.parts.triggers, clock=_later)
    await pending.step()
    await pending.step()
    assert {each["params"]["report"] for each in await tasks(api)} == {told["id"], again["id"]}
    assert len(await tasks(api)) == 2
    assert [each["record"] for each in await runs(api, trigger)] == [again["id"], told["id"]]

    # As a process leaves it that dies before it notes that all has run.
    records = api.parts.record.database["records"]
    await records.update_one({"_id": f"demo/{told['id']}"}, {"$set": {"triggers": [trigger["id"]]}})
    await pending.step()
    assert len(await tasks(api)) == len(await runs(api, trigger)) == 2
    assert await records.count_documents({"tenant": "demo", "triggers": {"$exists": True}}) == 0


def _later() -> Any:
    return system_clock() + 2 * working.LEFT_OVER


async def test_what_falls_into_a_pause_is_not_made_up_for(api: Api) -> None:
    trigger = await make(api)
    path = f"{TRIGGERS}/{trigger['id']}"
    paused = await api("ada").post(f"{path}/pause")
    assert (paused.json()["paused"], paused.json()["version"]) == (True, 2)
    assert (await api("ada").post(f"{path}/pause")).json()["version"] == 2
    assert (await report(api, strike()))["tasks"] == []
    assert (await api("ada").post(f"{path}/resume")).json()["paused"] is False
    assert len((await report(api, strike()))["tasks"]) == 1
    assert len(await tasks(api)) == 1


async def test_it_runs_now_for_any_record(api: Api) -> None:
    trigger = await make(api, paused=True)
    run = f"{TRIGGERS}/{trigger['id']}/run"
    told = await report(api, {"cost": {"total": 1}})
    first = await api("ada").post(run, json={"recordId": told["id"]}, headers={"Idempotency-Key": "k"})
    assert (first.status_code, first.json()["kind"], first.json()["record"]) == (201, "manual", told["id"])
    assert first.headers["location"] == f"/api/v1/tasks/{first.json()['run']['id']}"
    again = await api("ada").post(run, json={"recordId": told["id"]}, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.json()) == (200, first.json())
    given = await api("ada").post(run, json={"record": {"id": "x", "cost": {"total": 2}}})
    assert given.status_code == 201
    assert sorted(task["params"]["cost"] for task in await tasks(api)) == [1, 2]
    assert [entry["kind"] for entry in await runs(api, trigger)] == ["manual", "manual"]
    wrong: list[dict[str, Any]] = [{}, {"recordId": "none"}, {"recordId": told["id"], "record": {}}]
    for body in wrong:
        assert (await api("ada").post(run, json=body)).status_code == 400


async def test_a_run_that_is_refused_is_told_in_the_history(api: Api) -> None:
    schema = {"type": "object", "properties": {"cost": {"type": "integer", "maximum": 5}}}
    await api("ada").put("/api/v1/definitions/scan", json={"queue": KEY, "paramsSchema": schema})
    trigger = await make(api, task={"definition": "scan", "params": PARAMS})
    told = await report(api, strike())
    assert told["tasks"] == []
    (entry,) = await runs(api, trigger)
    assert (entry["status"], entry["reason"]["type"]) == ("refused", "payload-mismatch")
    assert "params.cost" in entry["reason"]["message"]
    fits = await report(api, strike(5))
    assert len(fits["tasks"]) == 1
    assert [each["status"] for each in await runs(api, trigger, limit=1)] == ["submitted"]
    page = (await api("ada").get(f"{TRIGGERS}/{trigger['id']}/runs?limit=1")).json()
    assert [each["status"] for each in await runs(api, trigger, after=page["next"])] == ["refused"]


async def test_it_is_read_changed_and_removed(api: Api) -> None:
    made = await make(api, id="one", displayName="One")
    path = f"{TRIGGERS}/one"
    twice = await api("ada").post(TRIGGERS, json={"id": "one", "selectBy": [STRIKE], "task": {"queue": KEY}})
    assert (twice.status_code, support.code(twice)) == (409, "already-exists")
    assert (await api("wim").get(path)).headers["etag"] == '"1"'
    assert (await api("wim").get(path, headers={"If-None-Match": '"1"'})).status_code == 304
    changed = await api("ada").patch(
        path, json={"selectBy": [COSTLY], "task": {"name": "x"}}, headers={"If-Match": '"1"'}
    )
    assert changed.status_code == 200, changed.text
    assert (changed.json()["task"]["name"], changed.json()["task"]["params"]) == ("x", PARAMS)
    assert changed.json()["displayName"] == "One"
    stale = await api("ada").patch(path, json={"displayName": "Two"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    whole = {"selectBy": [STRIKE], "task": {"queue": KEY}}
    assert (await api("ada").put(path, json=whole)).json()["version"] == 3
    assert (await api("ada").put(f"{TRIGGERS}/two", json=whole)).status_code == 201
    listed = (await api("wim").get(TRIGGERS)).json()["items"]
    assert [each["id"] for each in listed] == ["one", "two"]
    assert (await api("wim").get(f"{TRIGGERS}?limit=1")).json()["next"] == "one"
    assert (await api("ada").delete(path)).status_code == 204
    assert (await api("ada").get(path)).status_code == 404
    assert (await api("ada").post(f"{path}/pause")).status_code == 404
    assert made["task"]["queue"] == KEY


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"task": {"queue": KEY}}, "selectBy"),
    ({"selectBy": [], "task": {"queue": KEY}}, "selectBy"),
    ({"selectBy": [{"getIn": []}], "task": {"queue": KEY}}, "selectBy.0.getIn"),
    ({"selectBy": [STRIKE | {"comparator": "like"}], "task": {"queue": KEY}}, "selectBy.0.comparator"),
    ({"selectBy": [STRIKE]}, ""),
    ({"selectBy": [STRIKE], "task": {"queue": "no:where"}}, "task.queue"),
    ({"selectBy": [STRIKE], "task": {"definition": "none"}}, "task.definition"),
    ({"selectBy": [STRIKE], "flow": {"template": "none"}}, "flow.template"),
    ({"selectBy": [STRIKE], "task": {"queue": KEY, "params": {"x": {"$from": "input.x"}}}}, "params.x"),
    ({"selectBy": [STRIKE], "task": {"queue": KEY, "params": {"x": {"$from": 1}}}}, "params.x"),
    ({"selectBy": [STRIKE], "task": {"queue": KEY}, "id": "?"}, "id"),
]


@pytest.mark.parametrize(("body", "field"), WRONG)
async def test_what_cannot_be_is_refused_with_its_place(api: Api, body: dict[str, Any], field: str) -> None:
    answer: httpx.Response = await api("ada").post(TRIGGERS, json=body)
    assert (answer.status_code, support.fields(answer)) == (400, [field]), answer.text
    assert (await api("ada").get(TRIGGERS)).json()["items"] == []


async def test_fixed_params_must_fit_their_schema(api: Api) -> None:
    await api("ada").put("/api/v1/definitions/scan", json={"queue": KEY, "paramsSchema": {"type": "object"}})
    task = {"definition": "scan", "params": 1}
    answer = await api("ada").post(TRIGGERS, json={"selectBy": [STRIKE], "task": task})
    assert (answer.status_code, support.fields(answer)) == (422, ["task.params"])
