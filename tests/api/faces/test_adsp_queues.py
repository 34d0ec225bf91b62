"""ADSP's queues and metrics (contract adsp 1.5, 6), and its lists while a queue moves (10.1.9)."""

import asyncio
from typing import Any

import pytest

from tests.api.faces.adsp_calls import PATH, TASKS, assign, create, message, operate, subject
from tests.support.api import Api, make_queue

pytestmark = pytest.mark.usefixtures("queue")

QUEUE = "/task/v1/queues/intake/strike-reports"
SHOWN: dict[str, Any] = {
    "namespace": "intake",
    "name": "strike-reports",
    "context": {},
    "assignerRoles": ["supervisor"],
    "workerRoles": ["reviewer"],
}


async def test_queues_are_a_bare_array(api: Api) -> None:
    await make_queue(api("ada"), "/api/v1/queues/a b/c", displayName="Named", context={"k": True})
    listed = (await api("nil").get("/task/v1/queues")).json()
    named = {"namespace": "a b", "name": "c", "displayName": "Named", "context": {"k": True}}
    assert listed == [SHOWN | named, SHOWN]
    assert (await api("nil").get("/task/v1/queues/a%20b/c")).json() == SHOWN | named


@pytest.mark.parametrize("call", ["", "/metrics", "/tasks"])
async def test_an_unknown_queue_is_404(api: Api, call: str) -> None:
    answer = await api("ada").get(f"/task/v1/queues/in/none{call}")
    assert (answer.status_code, message(answer)) == (404, "queue with ID 'in:none' could not be found.")
    long = await api("ada").get(f"/task/v1/queues/{'x' * 51}/none{call}")
    assert (long.status_code, message(long)) == (
        400,
        "Validation failed with error(s): namespace (params) - Invalid value",
    )


async def test_metrics_count_by_status_priority_and_person(api: Api) -> None:
    empty = (await api("rex").get(f"{QUEUE}/metrics")).json()
    assert empty == {
        "namespace": "intake",
        "name": "strike-reports",
        "status": {"Pending": 0, "In Progress": 0, "Stopped": 0, "Cancelled": 0, "Completed": 0},
        "priority": {"Normal": 0, "High": 0, "Urgent": 0},
        "assignedTo": {},
        "queue": None,
        "completion": None,
        "rate": None,
    }
    made = [await create(api, priority=["Normal", "High", "Urgent"][n % 3]) for n in range(6)]
    await assign(api, made[0], "wes")
    await assign(api, made[1], "wes")
    await operate(api("wim"), made[2], "start")
    await operate(api("wim"), made[3], "start")
    await operate(api("wim"), made[3], "complete")
    await operate(api("wim"), made[4], "cancel")
    counted = (await api("rex").get(f"{QUEUE}/metrics")).json()
    assert counted["status"] == {"Pending": 3, "In Progress": 1, "Stopped": 0, "Cancelled": 1, "Completed": 1}
    assert counted["priority"] == {"Normal": 2, "High": 2, "Urgent": 2}
    wes = subject(api, "wes")
    assert counted["assignedTo"] == {wes: {"id": wes, "name": "wes", "count": 2}}
    still_open = (await api("rex").get(f"{QUEUE}/metrics", params={"notEnded": "true"})).json()
    assert still_open["status"] == {"Pending": 3, "In Progress": 1, "Stopped": 0, "Cancelled": 0, "Completed": 0}
    assert (await api("rex").get(f"{QUEUE}/metrics", params={"notEnded": "1"})).json()["status"] == counted["status"]
    assert (await api("rex").get(f"{QUEUE}/metrics", params={"notEnded": "perhaps"})).status_code == 400


async def test_event_metrics_are_there_when_asked_for(api: Api) -> None:
    """Their figures come from the statistics, which `tests/broker/test_statistics.py` holds against the events."""
    shown = (await api("rex").get(f"{QUEUE}/metrics", params={"includeEventMetrics": "true"})).json()
    assert (shown["queue"], shown["completion"]) == (None, None)
    assert shown["rate"] | {"since": ""} == {"since": "", "created": 0, "completed": 0, "cancelled": 0}


async def test_a_removed_queue_leaves_tasks_that_an_admin_can_manage(api: Api) -> None:
    """Upstream's orphans are out of everybody's reach (10.1.6)."""
    task = await create(api)
    await api("ada").delete("/api/v1/queues/intake/strike-reports", params={"force": "true"})
    orphan = (await api("ada").get(f"{TASKS}/{task['id']}")).json()
    assert (orphan["queue"], orphan["status"]) == (None, "Cancelled")
    assert (await api("wim").get(f"{TASKS}/{task['id']}")).status_code == 403
    (listed,) = (await api("ada").get(TASKS)).json()["results"]
    assert listed["queue"] is None
    assert (await api("ada").delete(f"{TASKS}/{task['id']}")).json() == {"deleted": True}


async def test_paging_skips_and_repeats_nobody_while_the_queue_moves(api: Api) -> None:
    """2,000 tasks, four workers that drain and two writers that add while a reader goes through the pages."""
    ada, rex = api("ada"), api("rex")
    native = "/api/v1/queues/intake/strike-reports/tasks/batch"
    made: list[str] = []
    for _ in range(2):
        answer = await ada.post(native, json={"tasks": [{"name": "x"} for _ in range(1000)]})
        made += [result["task"]["id"] for result in answer.json()["results"]]
    done = asyncio.Event()
    ended: set[str] = set()

    async def drain() -> None:
        claims = "/api/v1/queues/intake/strike-reports/claims"
        while not done.is_set():
            tasks = (await api("wim").post(claims, json={"max": 5})).json()["tasks"]
            ended.update(task["id"] for task in tasks)
            items = [{"id": task["id"], "execId": task["execId"], "action": "complete"} for task in tasks]
            await api("wim").post("/api/v1/tasks/settle", json={"items": items})

    async def add() -> None:
        while not done.is_set():
            await create(api, priority="Urgent")

    async def read() -> list[str]:
        seen: list[str] = []
        query: dict[str, Any] = {"top": 100}
        while True:
            page = (await rex.get(PATH, params=query)).json()
            seen += [task["id"] for task in page["results"]]
            if "next" not in page["page"]:
                done.set()
                return seen
            query["after"] = page["page"]["next"]

    async with asyncio.TaskGroup() as all_of_them:
        reading = all_of_them.create_task(read())
        for work in (drain, drain, drain, drain, add, add):
            all_of_them.create_task(work())
    seen = reading.result()
    assert len(seen) == len(set(seen))
    assert set(made) - ended <= set(seen)
