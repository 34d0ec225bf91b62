"""What the pictures of the console show: a day at an airfield's desk, made through the public API."""

import gzip
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import Response

from tests.support import target
from tests.support.people import Caller
from tests.support.stack import LocalStack
from tests.support.waiting import wait_until

Callers = Callable[..., Caller]

BINDINGS = {"submitters": ["task-writer"], "workers": ["reviewer"], "assigners": ["supervisor"], "readers": ["clerk"]}
REPORT = {
    "type": "object",
    "required": ["airport"],
    "properties": {
        "airport": {"title": "Airport", "type": "string"},
        "species": {"title": "Species", "enum": ["Barn owl", "Herring gull", "Mallard", "Unknown"]},
        "cost": {"title": "Cost of repairs", "type": "number", "minimum": 0},
        "seen": {"title": "Seen by the crew", "type": "boolean"},
    },
}
DECISION = {
    "type": "object",
    "required": ["decision"],
    "properties": {
        "decision": {"title": "Decision", "enum": ["repair", "inspect again", "nothing to do"]},
        "cost": {"title": "Estimated cost", "type": "number", "minimum": 0},
        "remarks": {"title": "Remarks", "type": "string", "maxLength": 500},
    },
}
DEADLINES = {
    "dueInSeconds": 14_400,
    "remindBeforeSeconds": [1800],
    "escalations": [
        {"afterSeconds": 0, "raiseTo": "high"},
        {"afterSeconds": 7200, "giveBack": True, "notify": ["desk"]},
    ],
}
STEPS = {
    "fetch": {"definition": "reports/fetch"},
    "weather": {"definition": "reports/weather", "dependsOn": ["fetch"]},
    "damage": {"definition": "reports/damage", "dependsOn": ["fetch"]},
    "decide": {"definition": "reports/decide", "dependsOn": ["weather", "damage"]},
}
DESK = "/queues/airfield/desk"
PIPELINE = "/queues/airfield/pipeline"


async def set_up(stack: LocalStack, caller: Callers, still_open: AsyncExitStack) -> Mapping[str, str]:
    """Make all of it; answers the ids that addresses need. What it listens with is closed by `still_open`."""
    ada, ann, wim, wes, root = [
        await still_open.enter_async_context(caller(name, realm))
        for name, realm in (("ada", "demo"), ("ann", "demo"), ("wim", "demo"), ("wes", "demo"), ("root", "core"))
    ]
    await ada.put(DESK, {"displayName": "Airfield desk", "description": "Strikes that a person looks at",
                         "bindings": BINDINGS, "paramsSchema": REPORT, "deadlines": DEADLINES,
                         "defaults": {"retry": {"maxAttempts": 1}}})  # fmt: skip
    await ada.put(PIPELINE, {"displayName": "Report pipeline", "bindings": BINDINGS})
    ids: dict[str, str] = {}
    ids["task"] = await _work(ada, ann, wim, wes)
    await _flows(ada, wim, ids)
    await _records(ada, ids)
    await _watchers(ada, still_open, ids)
    await _import(stack, ada, ids)
    limits = {
        "queues": 20,
        "openTasks": 5000,
        "storedBytes": 200_000_000,
        "submitsPerSecond": 250,
        "claimsInFlight": 400,
    }
    await root.call("PATCH", "/tenants/demo", {"quotas": limits})
    await root.call("PATCH", "/tenants/acme", {"displayName": "Acme Aviation"})

    async def counted() -> bool:
        return (await ada.get(f"{DESK}/metrics"))["rates"]["lastHour"]["succeeded"] >= 40

    await wait_until(counted, what="the statistics to be written", timeout=90, every=0.2)
    return ids


async def _work(ada: Caller, ann: Caller, wim: Caller, wes: Caller) -> str:
    """Tasks in every state; answers the one that wim is at."""
    review = {"queue": "airfield:desk", "resultSchema": DECISION, "description": "A look at one strike"}
    await ada.put("/definitions/reports/review", review | {"retry": {"maxAttempts": 1}})
    birds = ("Barn owl", "Herring gull", "Mallard", "Unknown")
    airports = ("YYC", "YEG", "LIH", "YVR", "YHZ", "YOW")
    tasks: list[dict[str, Any]] = [
        {
            "name": f"{birds[n % 4]} at {airports[n % 6]}",
            "description": ("Left wing, two feathers", "Engine 2 vibrates", "Seen near the threshold")[n % 3],
            "definition": "reports/review",
            "priority": ("normal", "normal", "high", "low", "urgent")[n % 5],
            "labels": [["night"], ["engine"], ["night", "engine"], []][n % 4],
            "recordId": f"AB-{4100 + n}",
            "params": {"airport": airports[n % 6], "species": birds[n % 4], "cost": 250 * n, "seen": n % 2 == 0},
        }
        for n in range(96)
    ]
    await ada.post(f"{DESK}/tasks/batch", {"tasks": tasks[:60]})
    for worker in (wim, wes):
        for held in (await worker.post(f"{DESK}/claims", {"max": 24}))["tasks"]:
            result = {"decision": "nothing to do", "remarks": "No damage found"}
            await worker.post(f"/tasks/{held['id']}/complete", {"execId": held["execId"], "result": result})
    for held in (await wes.post(f"{DESK}/claims", {"max": 7}))["tasks"]:
        failed = {"execId": held["execId"], "error": {"message": "The photo cannot be read"}, "retryable": False}
        await wes.post(f"/tasks/{held['id']}/fail", failed)
    await ada.post(f"{DESK}/tasks/batch", {"tasks": tasks[60:]})
    left = (await ann.get("/tasks", queue="airfield:desk", limit=20))["items"]
    for n, task in enumerate(left[:8]):
        worker = (wim, wes)[n % 2]
        me = await worker.get("/me")
        await ann.post(f"/tasks/{task['id']}/assign", {"to": {"id": me["subject"], "name": me["name"]}})
    for worker, task in ((wim, left[0]), (wes, left[1])):
        await worker.post(f"/tasks/{task['id']}/start", {})
    mine = str(left[0]["id"])
    await ann.post(
        f"/tasks/{mine}/comments", {"content": "The crew saw a second bird; please look at the other wing, too."}
    )
    await wim.post(
        "/filters", {"name": "Engines at night", "shared": True, "wanted": {"label": "engine", "text": "night"}}
    )
    return mine


async def _flows(ada: Caller, wim: Caller, ids: dict[str, str]) -> None:
    for step in STEPS.values():
        limit = {"concurrency": {"limit": 2, "key": ["airport"]}} if step["definition"] == "reports/weather" else {}
        await ada.put(f"/definitions/{step['definition']}", {"queue": "airfield:pipeline"} | limit)
    await ada.put("/flow-templates/reports", {"driver": "dag", "queue": "airfield:pipeline", "steps": STEPS})
    for label, steps in (("Report AB-4101", 4), ("Report AB-4102", 4), ("Report AB-4103", 2)):
        flow = await ada.post("/flows", {"template": "reports", "label": label, "params": {"report": label[-7:]}})
        for _ in range(steps):
            (held,) = (await wim.post(f"{PIPELINE}/claims", {"waitSeconds": 30}))["tasks"]
            await wim.post(f"/tasks/{held['id']}/complete", {"execId": held["execId"], "result": {"ok": True}})
        ids["flow"] = flow["id"]
    weather = [{"definition": "reports/weather", "params": {"airport": each}} for each in ("YYC", "YYC", "YYC", "LIH")]
    await ada.post(f"{PIPELINE}/tasks/batch", {"tasks": weather})
    await wim.post(f"{PIPELINE}/claims", {"max": 3, "definitions": ["reports/weather"]})


async def _records(ada: Caller, ids: dict[str, str]) -> None:
    for name, expression, words in (
        ("morning-round", "30 6 * * *", "Morning round"),
        ("weekly-report", "0 8 * * MON", "Weekly report"),
        ("quarter-hourly", "*/15 8-18 * * MON-FRI", "Wind measurements"),
    ):
        trigger = {"kind": "cron", "expression": expression, "timeZone": "America/Edmonton"}
        task = {"queue": "airfield:desk", "name": words, "params": {"airport": "YYC"}}
        await ada.put(f"/schedules/{name}", {"displayName": words, "trigger": trigger, "task": task})
    await ada.post("/schedules/morning-round/run")
    select = [
        {"getIn": ["resourceType"], "comparator": "eq", "value": "StrikeReport"},
        {"getIn": ["damage", "cost"], "comparator": "ge", "value": 10_000},
    ]
    params = {"airport": {"$from": "record.airport"}, "cost": {"$from": "record.damage.cost"}}
    task = {"queue": "airfield:desk", "name": "Large damage", "params": params}
    await ada.put("/triggers/large-damage", {"displayName": "Large damage", "selectBy": select, "task": task})
    select = [{"getIn": ["resourceType"], "comparator": "eq", "value": "StrikeReport"}]
    await ada.put(
        "/triggers/pipeline", {"displayName": "Every report", "selectBy": select, "flow": {"template": "reports"}}
    )
    await ada.post("/triggers/pipeline/pause")
    for cost in (12_000, 300, 48_500, 10_000):
        await ada.post("/records", {"resourceType": "StrikeReport", "airport": "YEG", "damage": {"cost": cost}})
    ids["trigger"], ids["schedule"] = "large-damage", "morning-round"


async def _watchers(ada: Caller, still_open: AsyncExitStack, ids: dict[str, str]) -> None:
    async def take(_: Request) -> Response:
        return Response(status_code=200)

    told = await still_open.enter_async_context(target.listening(take))
    await ada.call("PATCH", "/tenants/demo", {"displayName": "Demo Airfield", "httpTargets": {"allow": [told.url]}})
    hook = await ada.post("/webhooks", {"name": "Maintenance desk", "url": f"{told.url}/events"})
    await ada.post("/webhooks", {"name": "Statistics", "url": "https://example.org/strikes", "paused": True})
    await ada.put("/secrets/reports-bucket", {"value": "never shown again"})
    await ada.post(f"{DESK}/tasks", {"name": "Herring gull at YVR", "params": {"airport": "YVR"}})
    ids["webhook"] = hook["id"]
    await wait_until(lambda: len(told.bodies) > 0, what="a delivery", timeout=60, every=0.2)


async def _import(stack: LocalStack, ada: Caller, ids: dict[str, str]) -> None:
    lines = [f'{{"airport": "YYC", "cost": {n}}}' for n in range(240)]
    lines[17], lines[101], lines[180] = '{"airport": 7}', "{oops", '{"species": "Mallard"}'
    address = f"{stack.local['api']}/api/v1{PIPELINE.replace('pipeline', 'desk')}/imports/upload"
    async with httpx.AsyncClient(headers={"Authorization": ada.bearer}, timeout=60) as http:
        query = {
            "fileName": "strikes-november.ndjson.gz",
            "name": "From the archive",
            "label": "archive",
            "priority": "low",
        }
        begun = await http.post(address, params=query, content=gzip.compress("\n".join(lines).encode()))
    ids["import"] = begun.raise_for_status().json()["id"]

    async def done() -> bool:
        return (await ada.get(f"/imports/{ids['import']}"))["state"] == "done"

    await wait_until(done, what="the import to end", timeout=60, every=0.2)
