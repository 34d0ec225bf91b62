"""Decision flows with two parallel activities each, while workers, engine and API are killed at random: each flow ends
once, correctly. PENSTOCK_TEST_FLOWS says how many (300).
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
import pymongo.database
import pytest

from broker import loops
from deploy.local import home as homes
from examples.strike_reports.session import Session
from tests.support import deciding
from tests.support.stack import LocalStack
from tests.support.waiting import wait_until

COUNT = int(os.environ.get("PENSTOCK_TEST_FLOWS", "300"))
pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.timeout(240 + COUNT // 5)]

WORKERS = 3
REST = {"worker": 2.0 if COUNT < 1000 else 8.0, "engine": 32.0, "api": 47.0}
"""Seconds between two kills of a role: the stack gives up on a role that dies three times within a minute."""


class Killer:
    """Kills workers, the engine and the API at random moments; it starts new workers, the stack the others."""

    def __init__(self, stack: LocalStack, log: Path, dice: random.Random) -> None:
        self._stack = stack
        self._log = log.open("w")
        self._dice = dice
        self._workers = [self._start() for _ in range(WORKERS)]
        self.killed = dict.fromkeys(REST, 0)

    async def run(self) -> None:
        """Kill for ever."""
        await asyncio.gather(*(self._haunt(role) for role in REST))

    async def _haunt(self, role: str) -> None:
        await asyncio.sleep(self._dice.uniform(1.0, 3.0))
        while True:
            if role == "worker":
                victim = self._workers.pop(self._dice.randrange(len(self._workers)))
                victim.kill()
                victim.wait()
                self._workers.append(self._start())
            else:
                await self._kill(role)
            self.killed[role] += 1
            await asyncio.sleep(REST[role] * self._dice.uniform(1.0, 1.5))

    async def _kill(self, role: str) -> None:
        def pid() -> int | None:
            return self._stack.local["pids"].get(role) if (self._stack.home / "local.json").exists() else None

        before = pid()
        if before is not None:
            os.kill(before, signal.SIGKILL)
            await wait_until(lambda: pid() not in {None, before}, what=f"{role} again", timeout=60)

    def close(self) -> None:
        """End the workers."""
        for each in self._workers:
            each.kill()
            each.wait()
        self._log.close()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.support.deciding"],
            cwd=homes.ROOT,
            env={**os.environ, "PENSTOCK_HOME": str(self._stack.home)},
            stdout=self._log,
            stderr=self._log,
        )


@pytest.fixture
def killer(stack: LocalStack, tmp_path: Path) -> Iterator[Killer]:
    """Three workers, and who kills them."""
    made = Killer(stack, tmp_path / "workers", random.Random(4))
    yield made
    made.close()


@pytest.fixture
def record(stack: LocalStack) -> Iterator[pymongo.MongoClient[dict[str, Any]]]:
    """The stack's MongoDB."""
    with pymongo.MongoClient[dict[str, Any]](stack.local["mongodb"], tz_aware=True) as client:
        yield client


async def test_each_flow_ends_once_and_correctly_whatever_is_killed(
    stack: LocalStack, killer: Killer, record: pymongo.MongoClient[dict[str, Any]]
) -> None:
    local = stack.local
    began = time.monotonic()
    async with Session(local["api"], local["auth"], "demo", deciding.login("ada")) as ada:
        await deciding.prepare(ada)
        killing = asyncio.create_task(killer.run())
        try:
            await asyncio.gather(start(ada), finished(record))
        finally:
            await loops.ended(killing)
    seconds = time.monotonic() - began
    database = record["penstock"]
    flows = list(database["flows"].find({"template": deciding.TEMPLATE}))
    assert len(flows) == COUNT
    assert {flow["outcome"] for flow in flows} == {"succeeded"}
    for flow in flows:
        assert flow["result"] == deciding.expected(flow["params"]["n"])
    assert sorted(flow["params"]["n"] for flow in flows) == list(range(COUNT))
    tasks = list(database["tasks"].find({"queue": deciding.QUEUE}))
    by_step = {step: [task for task in tasks if task["parent"]["step"] == step] for step in ("activities", "decisions")}
    assert len(by_step["activities"]) == 2 * COUNT
    assert {task["outcome"] for task in tasks} == {"succeeded"}
    assert 2 * COUNT <= len(by_step["decisions"]) <= 3 * COUNT
    await wait_until(lambda: ends(database) == dict.fromkeys((task["_id"] for task in tasks), 1), what="the events")
    again = sum(task["attempt"] > 1 for task in tasks)
    said = f"{COUNT} flows in {seconds:.0f} s; killed {killer.killed}; {again} of {len(tasks)} tasks were tried again"
    sys.stdout.write(f"{said}\n")


async def start(ada: Session) -> None:
    """Begin every flow once: the key makes a repeat after a lost answer harmless."""
    room = asyncio.Semaphore(16)

    async def one(number: int) -> None:
        async with room:
            body = {"template": deciding.TEMPLATE, "params": {"n": number}}
            await ada.post("/flows", body, **{"Idempotency-Key": f"pair-{number}"})

    await asyncio.gather(*(one(number) for number in range(COUNT)))


async def finished(record: pymongo.MongoClient[dict[str, Any]]) -> None:
    """Return when all have ended."""
    flows = record["penstock"]["flows"]

    def over() -> bool:
        return flows.count_documents({"template": deciding.TEMPLATE, "status": "done"}) >= COUNT

    await wait_until(over, what="the end of all flows", timeout=180 + COUNT / 5, every=0.5)


def ends(database: pymongo.database.Database[dict[str, Any]]) -> dict[str, int]:
    """How many ends the events tell of each task."""
    terminal = {"$in": ["succeeded", "failed", "canceled", "expired"]}
    group = {"_id": {"$concat": ["$tenant", "/", "$task"]}, "count": {"$sum": 1}}
    mine = {"queue": deciding.QUEUE, "type": terminal}
    return {
        str(row["_id"]): int(row["count"])
        for row in database["events"].aggregate([{"$match": mine}, {"$group": group}])
    }
