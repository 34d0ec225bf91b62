"""An executor and a workflow for strike reports, written for Aidbox's RPC and run against Penstock's.

    python -m examples.aidbox_executor.executor [--idle SECONDS]

The executor does the tasks `strikes/assess` and `strikes/notify`. The workflow `strikes/review` decides what follows on
what: a report is assessed, and of a costly or damaging strike the operator of the aircraft is notified. Without --idle
it works until it is interrupted; with it, it ends when nothing came for so long.
"""

import argparse
import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

from examples.aidbox_executor.rpc import Rpc, RpcError
from examples.strike_reports.session import local_stack

WORKFLOW = "strikes/review"
_POLL_MILLISECONDS = 2000
_BATCH = 25
_COSTLY = 10_000


# --- the tasks ---


async def assess(task: dict[str, Any]) -> dict[str, Any]:
    """How severe a report is; one without an airport is refused."""
    report = task["params"]["report"]
    if not report.get("airport"):
        raise ValueError("the report names no airport")
    severe = report["damage"] in {"Medium", "Substantial"} or report["costTotal"] >= _COSTLY
    return {"severity": "severe" if severe else "slight", "cost": report["costTotal"]}


async def notify(task: dict[str, Any]) -> dict[str, Any]:
    """Tells the operator of the aircraft; here it only says whom it would have told."""
    return {"told": task["params"]["operator"]}


TASKS: dict[str, Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]] = {
    "strikes/assess": assess,
    "strikes/notify": notify,
}


# --- the workflow ---


def schedule(definition: str, label: str, params: dict[str, Any]) -> dict[str, Any]:
    """The action that begins a task."""
    request = {"definition": definition, "label": label, "params": params}
    return {"action": "awf.workflow.action/schedule-task", "task-request": request}


def complete(result: dict[str, Any]) -> dict[str, Any]:
    """The action that ends the workflow."""
    return {"action": "awf.workflow.action/complete-workflow", "result": result}


async def decide(rpc: Rpc, task: dict[str, Any]) -> list[dict[str, Any]]:
    """What to do next, from what the workflow has done so far."""
    status = await rpc.call("awf.workflow/status", id=task["requester"]["id"], include_activities_=True)
    report = status["resource"]["params"]["report"]
    done = {each["label"]: each for each in status["activities"]}
    if "assess" not in done:
        return [schedule("strikes/assess", "assess", {"report": report})]
    if done["assess"]["outcome"] != "succeeded":
        return [{"action": "awf.workflow.action/fail", "error": {"message": done["assess"]["error"]["message"]}}]
    severity = done["assess"]["result"]["severity"]
    if severity == "slight":
        return [complete({"severity": severity})]
    if "notify" not in done:
        return [schedule("strikes/notify", "notify", {"operator": report["operator"]})]
    return [complete({"severity": severity} | done["notify"]["result"])]


# --- the loop ---


async def work(rpc: Rpc, *, idle: float | None = None) -> int:
    """Do tasks and decisions; answers how many, when nothing came for `idle` seconds."""
    quiet, count = 0.0, 0
    while idle is None or quiet < idle:
        answer = await rpc.call(
            "awf.task/long-poll",
            taskDefinitions=list(TASKS), workflowDefinitions=[WORKFLOW], maxBatchSize=_BATCH,
            timeout=_POLL_MILLISECONDS,
        )  # fmt: skip
        tasks = answer["resources"]
        quiet = 0.0 if tasks else quiet + _POLL_MILLISECONDS / 1000
        count += len(tasks)
        await asyncio.gather(*(carry_out(rpc, task) for task in tasks))
    return count


async def carry_out(rpc: Rpc, task: dict[str, Any]) -> None:
    """One task that was handed to us: begin it, do it, say how it ended."""
    mine = {"id": task["id"], "execId": task["execId"]}
    try:
        await rpc.call("awf.task/start", **mine)
        if "workflow-definition" in task:
            result: Any = await decide(rpc, task)
        else:
            await rpc.call("awf.task/notify", **mine, notification="awf.task/heartbeat", message="alive")
            result = await TASKS[task["definition"]](task)
        await rpc.call("awf.task/success", **mine, result=result)
    except RpcError as error:
        # Somebody else has it by now, or it was canceled: it is not ours any more.
        print(f"{task['id']}: {error}")
    except (KeyError, ValueError) as error:
        await rpc.call("awf.task/fail", **mine, error={"message": str(error)})


async def run(idle: float | None) -> None:
    """As the client `intake` of the tenant demo, on the local stack, or at AIDBOX_URL."""
    url = os.environ.get("AIDBOX_URL") or local_stack()["api"]
    async with Rpc.at(url, "demo/intake", "intake") as rpc:
        print(f"{await work(rpc, idle=idle)} tasks and decisions")


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--idle", type=float)
    asyncio.run(run(asked.parse_args().idle))
