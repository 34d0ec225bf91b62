"""Decision flows of two parallel activities, and a worker that decides and does them as a process of its own.

    python -m tests.support.deciding

It works on the local stack of PENSTOCK_HOME until it is killed, and remembers nothing.
"""

import asyncio
from typing import Any

from core.flow_actions import PREFIX
from examples.strike_reports.session import Session, local_stack

QUEUE = "decided:flows"
PATH = "/queues/decided/flows"
TEMPLATE = "decided/pair"
POWERS = {"decided/square": 2, "decided/fourth": 4}
_RETRY = {"maxAttempts": 100, "backoff": {"kind": "fixed", "initialSeconds": 0.2}}
_LIMITS = {"leaseSeconds": 5, "startTimeoutSeconds": 5, "retry": _RETRY}


def login(user: str) -> dict[str, str]:
    """How a user of the local stack gets a token."""
    return {"grant_type": "password", "client_id": "penstock-cli", "username": user, "password": user}


def expected(number: int) -> dict[str, int]:
    """The result of the flow with that number."""
    return {"n": number, "sum": sum(number**power for power in POWERS.values())}


async def prepare(admin: Session) -> None:
    """The queue, the definitions and the template."""
    await admin.call("PUT", PATH, {"bindings": {"submitters": ["task-writer"], "workers": ["reviewer"]}})
    for name in POWERS:
        await admin.call("PUT", f"/definitions/{name}", {"queue": QUEUE, **_LIMITS})
    template = {"driver": "decisions", "queue": QUEUE, "decision": _LIMITS, "resultSchema": {"required": ["n", "sum"]}}
    await admin.call("PUT", f"/flow-templates/{TEMPLATE}", template)


async def answer(worker: Session, task: dict[str, Any]) -> Any:
    """The result of a task: an activity's power, or the next actions of a flow."""
    if task["definition"] != TEMPLATE:
        return task["params"]["n"] ** POWERS[task["definition"]]
    flow = task["params"]["workflow"]
    if "activity" not in task["params"]:
        return [_scheduled(name, flow["params"]) for name in POWERS]
    items = (await worker.call("GET", f"/flows/{flow['id']}/steps/activities/items"))["items"]
    if any(item["status"] != "succeeded" for item in items):
        return [{"action": f"{PREFIX}do-nothing"}]
    result = {"n": flow["params"]["n"], "sum": sum(item["task"]["result"] for item in items)}
    return [{"action": f"{PREFIX}complete-workflow", "result": result}]


def _scheduled(name: str, params: Any) -> dict[str, Any]:
    return {
        "action": f"{PREFIX}schedule-task",
        "task-request": {"definition": name, "params": params, "label": name},
    }


async def work() -> None:
    """Claim, answer, settle, for ever."""
    local = local_stack()
    async with Session(local["api"], local["auth"], "demo", login("wim")) as worker:
        while True:
            tasks = (await worker.post(f"{PATH}/claims", {"max": 40, "waitSeconds": 5}))["tasks"]
            answers = await asyncio.gather(*(answer(worker, task) for task in tasks))
            items = [
                {"id": task["id"], "execId": task["execId"], "action": "complete", "result": result}
                for task, result in zip(tasks, answers, strict=True)
            ]
            if items:
                await worker.post("/tasks/settle", {"items": items})


if __name__ == "__main__":
    asyncio.run(work())
