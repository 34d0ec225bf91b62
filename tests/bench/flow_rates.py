"""What flows cost over HTTP on the local stack: a task list end to end, decisions step by step, many lists at once.

    .venv/bin/python -m tests.bench.flow_rates [--quick]

Part of `make bench`. Workers do nothing and claim by long poll; clients and servers share the machine.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import rich.console
import rich.table

from broker import loops
from core import flow_actions
from tests.support.people import Caller
from tests.support.stack import LocalStack, started
from tests.support.waiting import wait_until

QUEUE, KEY = "/queues/bench/flows", "bench:flows"
BINDINGS = {"submitters": ["task-writer"], "workers": ["reviewer"], "assigners": ["supervisor"]}
GROUPS = [{"execution": "sequential", "tasks": ["step"]}, {"execution": "parallel", "tasks": ["step"]}]
STEPS = 3
_act = flow_actions.PREFIX
_END = {"action": f"{_act}complete-workflow", "result": {"ok": True}}


async def prepare(ada: Caller) -> None:
    """The queue, the definition, and a template for each driver that is measured."""
    await ada.put(QUEUE, {"bindings": BINDINGS})
    await ada.put("/definitions/step", {"queue": KEY})
    await ada.put("/flow-templates/list", {"driver": "groups", "queue": KEY, "groups": GROUPS})
    await ada.put("/flow-templates/decided", {"driver": "decisions", "queue": KEY})


@asynccontextmanager
async def workers(wim: Caller, count: int) -> AsyncGenerator[None]:
    """So many workers that end each task as they get it; of a decision the next of three steps is the result."""

    async def work() -> None:
        while True:
            tasks = (await wim.post(f"{QUEUE}/claims", {"max": 50, "waitSeconds": 30}))["tasks"]
            items = [{"id": t["id"], "execId": t["execId"], "action": "complete", "result": result(t)} for t in tasks]
            if items:
                await wim.post("/tasks/settle", {"items": items})

    working = [asyncio.create_task(work()) for _ in range(count)]
    try:
        yield
    finally:
        await loops.ended(*working)


def result(task: dict[str, Any]) -> Any:
    """What a worker says: a decision, or nothing."""
    if task["definition"] != "decided":
        return {"done": True}
    activity = task["params"].get("activity")
    step = 0 if activity is None else int(activity["label"]) + 1
    if step == STEPS:
        return [_END]
    request = {"definition": "step", "params": {"n": step}, "label": str(step)}
    return [{"action": f"{_act}schedule-task", "task-request": request}]


async def one_by_one(ada: Caller, template: str, times: int) -> list[float]:
    """Milliseconds from the start of a flow to its end, one after another."""
    took: list[float] = []
    for number in range(times):
        began = time.perf_counter()
        flow = await ada.post("/flows", {"template": template, "params": {"n": number}})
        while flow["status"] != "done":
            flow = await ada.get(f"/flows/{flow['id']}")
        took.append((time.perf_counter() - began) * 1000)
        assert flow["outcome"] == "succeeded"
    return took


async def at_once(ada: Caller, count: int) -> float:
    """Lists a second: all are started, then all have ended."""
    label = f"round {time.time_ns()}"
    room = asyncio.Semaphore(64)

    async def start(number: int) -> None:
        async with room:
            await ada.post("/flows", {"template": "list", "params": {"n": number}, "label": label})

    async def through() -> bool:
        return not (await ada.get("/flows", label=label, status="in-progress", limit=1))["items"]

    began = time.perf_counter()
    await asyncio.gather(*(start(number) for number in range(count)))
    await wait_until(through, timeout=300, what="the end of all lists", every=0.05)
    return count / (time.perf_counter() - began)


async def measure(stack: LocalStack, *, quick: bool) -> dict[str, list[float]]:
    """Every figure, a value a round."""
    local, found = stack.local, dict[str, list[float]]()
    async with (
        Caller(local["api"], local["auth"], "demo", "ada") as ada,
        Caller(local["api"], local["auth"], "demo", "wim") as wim,
    ):
        await prepare(ada)
        for _ in range(1 if quick else 3):
            async with workers(wim, 2):
                lists = await one_by_one(ada, "list", 20 if quick else 50)
                decided = await one_by_one(ada, "decided", 20 if quick else 50)
            async with workers(wim, 4):
                rate = await at_once(ada, 200 if quick else 500)
            for name, value in (
                ("list of two groups, ms", statistics.median(lists)),
                ("three steps by decisions, ms", statistics.median(decided)),
                ("lists of two groups at once, lists/s", rate),
            ):
                found.setdefault(name, []).append(value)
    return found


def main() -> None:
    """Start a stack, measure, print the table, stop it."""
    asked = argparse.ArgumentParser(description="Measure flows on the local stack")
    asked.add_argument("--quick", action="store_true")
    quick = asked.parse_args().quick
    with started("flows") as stack:
        found = asyncio.run(measure(stack, quick=quick))
    table = rich.table.Table("figure", "median", "lowest", "highest")
    for name, values in found.items():
        table.add_row(name, *[f"{value:,.1f}" for value in (statistics.median(values), min(values), max(values))])
    rich.console.Console().print(table)


if __name__ == "__main__":
    main()
