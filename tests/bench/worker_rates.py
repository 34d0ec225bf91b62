"""What one worker process with default settings carries on the local stack: no-op tasks a second, and their CPU time.

    python -m tests.bench.worker_rates [--tasks 20000] [--rounds 3] [--quick]

The rate is counted from the record, from the first start to the last end. CPU seconds per 1,000 tasks tell what the
figure costs whom, and can be compared where other programs use the machine, too.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pymongo
import rich.console
import rich.table

from deploy.local import home as homes
from tests.support.people import Caller
from tests.support.stack import LocalStack, started

BINDINGS = {"submitters": ["task-writer"], "workers": ["reviewer"]}
PAYLOAD = {"applicant": "x" * 200, "number": 4711}
ROLES = ("worker", "api", "mongod", "rabbitmq", "engine")
_BATCH = 500
_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """What a process has used of the processors so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


class Worker:
    """One worker process, as `penstock worker run` starts it."""

    def __init__(self, stack: LocalStack, name: str, queue: str) -> None:
        sdk = homes.ROOT / "sdk" / "python" / "src"
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"from tests.bench import noop; noop.{name}.run()"],
            cwd=homes.ROOT,
            env={
                **os.environ,
                "PYTHONPATH": f"{homes.ROOT}:{sdk}",
                "PENSTOCK_HOME": str(stack.home),
                "PENSTOCK_LOCAL": "wim",
                "PENSTOCK_BENCH_QUEUE": queue,
            },
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def stop(self) -> None:
        """Ask it to end, and wait for that."""
        self._process.terminate()
        self._process.wait(30)


async def measure(stack: LocalStack, name: str, queue: str, tasks: int) -> Mapping[str, float]:
    """One round: a queue filled, a worker started on it, its figures when all is done."""
    local = stack.local
    path = f"/queues/{queue.replace(':', '/')}"
    async with (
        Caller(local["api"], local["auth"], "demo", "ada") as ada,
        Caller(local["api"], local["auth"], "demo", "sub") as sub,
    ):
        await ada.put(path, {"bindings": BINDINGS})
        for _ in range(tasks // _BATCH):
            await sub.post(f"{path}/tasks/batch", {"tasks": [{"name": "noop", "params": PAYLOAD}] * _BATCH})
        before = {role: cpu_seconds(pid) for role, pid in local["pids"].items()}
        worker = Worker(stack, name, queue)
        try:
            began = time.monotonic()
            while (await ada.get(f"{path}/metrics"))["open"]:
                assert time.monotonic() - began < 120, "the queue was not done within two minutes"
                await asyncio.sleep(0.25)
            used = {role: cpu_seconds(pid) - before[role] for role, pid in local["pids"].items()}
            used["worker"] = cpu_seconds(worker.pid)
        finally:
            worker.stop()
    with pymongo.MongoClient[dict[str, Any]](local["mongodb"]) as client:
        mine = client.get_default_database("penstock")["tasks"].find({"tenant": "demo", "queue": queue})
        done = [(row["startedAt"], row["endedAt"]) for row in mine if row.get("outcome") == "succeeded"]
    assert len(done) == tasks, f"{len(done)} of {tasks} succeeded"
    seconds = (max(end for _, end in done) - min(start for start, _ in done)).total_seconds()
    return {"tasks/s": tasks / seconds} | {role: used[role] * 1000 / tasks for role in ROLES}


def main() -> None:
    """Start a stack, measure both kinds of handlers, print the table, stop it."""
    asked = argparse.ArgumentParser(description="Measure one worker process")
    asked.add_argument("--tasks", type=int, default=20_000)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--quick", action="store_true", help="one short round")
    given = asked.parse_args()
    if given.quick:
        given.tasks, given.rounds = 5_000, 1
    columns = ("handler", "tasks/s", *(f"CPU s/1,000: {each}" for each in ROLES))
    table = rich.table.Table(*columns)
    with started("workers") as stack:
        for number in range(given.rounds):
            for name, kind in (("worker", "thread"), ("coroutines", "coroutine")):
                figures = asyncio.run(measure(stack, name, f"bench:{name}-{number}", given.tasks))
                table.add_row(kind, *[f"{value:,.2f}" for value in figures.values()])
    rich.console.Console().print(table)


if __name__ == "__main__":
    main()
