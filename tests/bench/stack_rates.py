"""What the whole local stack does over HTTP, everything on this machine: pickup latency and rates, medians of rounds.

    make bench            three rounds
    make bench QUICK=1    one short round

Authentication, access rules, events and history are on, as ever. Clients and servers share the cores, so the figures
are for comparing one commit with another on one machine, not promises. `docs/performance.md` will hold what peers do.
"""

import argparse
import asyncio
import itertools
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import rich.console
import rich.table

from tests.support.people import Caller
from tests.support.stack import LocalStack

PAYLOAD = {"applicant": "x" * 200, "number": 4711}
BINDINGS = {"submitters": ["task-writer"], "workers": ["reviewer"], "assigners": ["supervisor"]}
_queues = itertools.count(1)


class Bench:
    """A tenant's admin, a submitter and a worker of a running stack."""

    def __init__(self, ada: Caller, sub: Caller, wim: Caller) -> None:
        self._ada = ada
        self._sub = sub
        self._wim = wim

    async def queue(self) -> str:
        """A new queue's path."""
        path = f"/queues/bench/q{next(_queues)}"
        await self._ada.put(path, {"bindings": BINDINGS})
        return path

    async def pickup(self, tries: int) -> dict[str, float]:
        """Milliseconds from sending a submit to having the task, while one long poll waits on an idle stack."""
        path, took = await self.queue(), list[float]()
        for _ in range(tries):
            waiting = asyncio.create_task(self._wim.post(f"{path}/claims", {"waitSeconds": 30}))
            await asyncio.sleep(0.03)
            began = time.perf_counter()
            await self._sub.post(f"{path}/tasks", {"name": "now", "params": PAYLOAD})
            (task,) = (await waiting)["tasks"]
            took.append((time.perf_counter() - began) * 1000)
            await self._wim.post(f"/tasks/{task['id']}/complete", {"execId": task["execId"]})
        cuts = statistics.quantiles(took, n=100)
        return {"pickup median, ms": statistics.median(took), "pickup 99th, ms": cuts[98]}

    async def by_the_batch(self, count: int, size: int) -> dict[str, float]:
        """Tasks a second: submitted by `size`, then claimed and settled by `size`, eight clients each."""
        path = await self.queue()
        body = {"tasks": [{"name": "batch", "params": PAYLOAD}] * size}
        submit = await _timed(8, count // size, lambda: self._sub.post(f"{path}/tasks/batch", body))

        async def cycle() -> None:
            tasks = (await self._wim.post(f"{path}/claims", {"max": size}))["tasks"]
            items = [{"id": task["id"], "execId": task["execId"], "action": "complete"} for task in tasks]
            await self._wim.post("/tasks/settle", {"items": items})

        work = await _timed(8, count // size, cycle)
        return {
            f"submit by {size}, tasks/s": count / submit,
            f"claim and settle by {size}, tasks/s": count / work,
            f"whole life by {size}, tasks/s": count / (submit + work),
        }

    async def one_by_one(self, count: int) -> dict[str, float]:
        """Tasks a second one call each: submitted, then claimed and completed, 32 clients."""
        path = await self.queue()
        body = {"name": "single", "params": PAYLOAD}
        submit = await _timed(32, count, lambda: self._sub.post(f"{path}/tasks", body))

        async def cycle() -> None:
            (task,) = (await self._wim.post(f"{path}/claims", {"waitSeconds": 5}))["tasks"]
            await self._wim.post(f"/tasks/{task['id']}/complete", {"execId": task["execId"]})

        work = await _timed(32, count, cycle)
        return {"submit by 1, tasks/s": count / submit, "claim and complete by 1, tasks/s": count / work}


async def _timed(clients: int, times: int, call: Callable[[], Awaitable[Any]]) -> float:
    """Seconds for so many calls by so many clients at once."""
    left = iter(range(times))

    async def client() -> None:
        for _ in left:
            await call()

    began = time.perf_counter()
    await asyncio.gather(*[client() for _ in range(clients)])
    return time.perf_counter() - began


async def measure(stack: LocalStack, *, quick: bool) -> dict[str, list[float]]:
    """Every figure, a value a round."""
    local, found = stack.local, dict[str, list[float]]()
    scale = 1 if quick else 5
    async with (
        Caller(local["api"], local["auth"], "demo", "ada") as ada,
        Caller(local["api"], local["auth"], "demo", "sub") as sub,
        Caller(local["api"], local["auth"], "demo", "wim") as wim,
    ):
        bench = Bench(ada, sub, wim)
        for _ in range(1 if quick else 3):
            rounds = [
                await bench.pickup(40 * scale),
                await bench.by_the_batch(2_000 * scale, 100),
                await bench.by_the_batch(2_000 * scale, 50),
                await bench.one_by_one(400 * scale),
            ]
            for figures in rounds:
                for name, value in figures.items():
                    found.setdefault(name, []).append(value)
    return found


def main() -> None:
    """Start a stack, measure, print the table, stop it."""
    asked = argparse.ArgumentParser(description="Measure the local stack")
    asked.add_argument("--quick", action="store_true")
    quick = asked.parse_args().quick
    with tempfile.TemporaryDirectory() as folder:
        stack = LocalStack(Path(folder))
        stack.start()
        try:
            found = asyncio.run(measure(stack, quick=quick))
        finally:
            stack.stop()
    table = rich.table.Table("figure", "median", "lowest", "highest")
    for name, values in found.items():
        table.add_row(name, *[f"{value:,.1f}" for value in (statistics.median(values), min(values), max(values))])
    rich.console.Console().print(table)


if __name__ == "__main__":
    main()
