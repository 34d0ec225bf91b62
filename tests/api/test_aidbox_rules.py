"""Aidbox's rules (contract aidbox 7.1, 7.2) by a call: as schedules and triggers, with upstream's defaults."""

from typing import Any

import pytest

from tests.support import api as support
from tests.support.api import QUEUE, Api

RULES = "/api/v1/aidbox/scheduler-rules"
SUBSCRIPTIONS = "/api/v1/aidbox/subscription-rules"
KEY = "intake:strike-reports"
MAIL = {"definition": "demo/send-mail", "label": "nightly", "params": {"to": "x@example.org"}}
WELCOME = [
    {"get-in": ["resourceType"], "comparator": "eq", "value": "Patient"},
    {"get-in": [":age"], "comparator": ":ge", "value": 18},
]

UNKNOWN = [{"get-in": ["a"], "comparator": "ne"}]


@pytest.fixture(autouse=True)
async def _defined(api: Api, queue: str) -> None:
    """The definition and the template of the contract's examples."""
    await api("ada").put("/api/v1/definitions/demo/send-mail", json={"queue": KEY})
    await api("ada").put("/api/v1/flow-templates/demo/onboard", json={"driver": "decisions", "queue": KEY})


async def test_a_scheduler_rule_is_a_schedule_with_upstreams_defaults(api: Api) -> None:
    put = await api("ada").put(f"{RULES}/nightly", json={"schedule": "0 3 * * *", "task-request": MAIL})
    assert put.status_code == 201, put.text
    rule = put.json()
    status = rule.pop("status")
    assert rule == {
        "schedule": "0 3 * * *", "execute-on-setup": False, "concurrency-policy": "forbid",
        "start-deadline-seconds": 60, "task-request": MAIL, "paused": False,
    }  # fmt: skip
    assert (status["id"], status["resourceType"], status["executeAt"][10:]) == (
        "nightly", "SchedulerRuleStatus", "T03:00:00.000Z",
    )  # fmt: skip
    schedule = (await api("ada").get("/api/v1/schedules/nightly")).json()
    assert schedule["overlap"] == {"policy": "skip", "maxOpen": 1}
    assert schedule["misfire"] == {"policy": "latest", "graceSeconds": 60}
    assert schedule["task"]["definition"] == "demo/send-mail"
    assert (await api("ada").put(f"{RULES}/nightly", json={"schedule": "0 3 * * *", "task-request": MAIL})).is_success


async def test_a_rule_runs_now_and_its_status_says_so(api: Api) -> None:
    body = {
        "schedule": "*/5 * * * *", "execute-on-setup": True, "concurrency-policy": "allow",
        "start-deadline-seconds": 300, "workflow-request": {"definition": "demo/onboard", "params": {"a": 1}},
    }  # fmt: skip
    assert (await api("ada").put(f"{RULES}/often", json=body)).status_code == 201
    run = (await api("ada").post("/api/v1/schedules/often/run")).json()
    await api("ada").post("/api/v1/schedules/often/pause")
    rule = (await api("ada").get(f"{RULES}/often")).json()
    assert (rule["concurrency-policy"], rule["start-deadline-seconds"], rule["paused"]) == ("allow", 300, True)
    assert rule["status"]["lastScheduleStatus"] == "started"
    assert rule["status"]["lastScheduleReference"] == {"id": run["run"]["id"], "resourceType": "AidboxWorkflow"}
    assert "executeAt" not in rule["status"]
    shown = await api("ada").post("/rpc", json={"method": "awf.workflow/status", "params": {"id": run["run"]["id"]}})
    assert shown.json()["result"]["resource"]["definition"] == "demo/onboard"


async def test_a_subscription_rule_is_a_trigger_and_its_params_are_filled_from_the_record(api: Api) -> None:
    request = {
        "definition": "demo/send-mail", "label": "welcome",
        "params": {"id": "(get-in [:id])", "to": ["(get-in [:telecom 0 :value])"], "text": "get-in touch"},
    }  # fmt: skip
    put = await api("ada").put(f"{SUBSCRIPTIONS}/welcome", json={"select-by": WELCOME, "task-request": request})
    assert put.status_code == 201, put.text
    rule = put.json()
    assert rule["select-by"][1] == {"get-in": ["age"], "comparator": "ge", "value": 18}
    assert rule["task-request"]["params"]["id"] == {"$from": ["record", "id"]}
    assert (await api("ada").get(f"{SUBSCRIPTIONS}/welcome")).json() == rule
    patient = {"resourceType": "Patient", "id": "p-1", "age": 20, "telecom": [{"value": "x@example.org"}]}
    for record, count in ((patient | {"age": 17}, 0), (patient, 1)):
        told = (await api("sub").post("/api/v1/records", json=record)).json()
        assert len(told["tasks"]) == count
    (task,) = (await api("ada").get(f"{QUEUE}/tasks")).json()["items"]
    assert task["params"] == {"id": "p-1", "to": ["x@example.org"], "text": "get-in touch"}
    assert task["name"] == "welcome"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (RULES, {"schedule": "0 3 * * *"}, ""),
        (RULES, {"schedule": "0 3 * * *", "task-request": MAIL, "workflow-request": MAIL}, ""),
        (RULES, {"task-request": MAIL}, "schedule"),
        (RULES, {"schedule": "nightly", "task-request": MAIL}, "trigger.expression"),
        (RULES, {"schedule": "0 3 * * *", "task-request": {"definition": "none"}}, "task.definition"),
        (RULES, {"schedule": "0 3 * * *", "task-request": MAIL, "concurrency-policy": "replace"}, "concurrency-policy"),
        (SUBSCRIPTIONS, {"task-request": MAIL}, "select-by"),
        (SUBSCRIPTIONS, {"select-by": UNKNOWN, "task-request": MAIL}, "select-by.0.comparator"),
        (SUBSCRIPTIONS, {"select-by": WELCOME, "workflow-request": {"definition": "none"}}, "flow.template"),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_refused_with_its_place(api: Api, path: str, body: dict[str, Any], field: str) -> None:
    answer = await api("ada").put(f"{path}/x", json=body)
    assert (answer.status_code, support.fields(answer)) == (400, [field]), answer.text


async def test_a_schedule_without_cron_is_no_rule(api: Api) -> None:
    hourly = {"trigger": {"kind": "interval", "seconds": 3600}, "task": {"queue": KEY}}
    await api("ada").put("/api/v1/schedules/hourly", json=hourly)
    assert (await api("ada").get(f"{RULES}/hourly")).status_code == 409
