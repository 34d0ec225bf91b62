"""A limit of two for each key, 8 pollers over HTTP, 500 tasks, engine and API killed: never more than two are held."""

import asyncio
import os
import signal
from collections import Counter
from typing import Any

import pytest

from examples.strike_reports.session import Session
from tests.support import deciding
from tests.support.stack import LocalStack
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.timeout(240)]

PATH, KEY = "/queues/limited/scans", "limited:scans"
LIMIT, TASKS, POLLERS = 2, 500, 8
AIRPORTS = ("KBOS", "KJFK", "KSFO", "KDEN", "KORD")
DEFINITION = {
    "queue": KEY,
    "leaseSeconds": 5,
    "retry": {"maxAttempts": 50, "backoff": {"kind": "fixed", "initialSeconds": 0.1}},
    "concurrency": {"limit": LIMIT, "key": ["airport"]},
}


class Held:
    """Who holds what, as the pollers see it: from the answer to a claim until the end is sent, or the lease is over."""

    def __init__(self) -> None:
        self.now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.done: set[str] = set()

    def take(self, airport: str) -> None:
        """One more."""
        self.now[airport] += 1
        self.most[airport] = max(self.most[airport], self.now[airport])

    def leave(self, airport: str) -> None:
        """One less."""
        self.now[airport] -= 1


async def poll(worker: Session, held: Held, count: int) -> None:
    """Claim and complete until all is done."""
    while len(held.done) < TASKS:
        tasks = (await worker.post(f"{PATH}/claims", {"max": count, "waitSeconds": 1}))["tasks"]
        for task in tasks:
            held.take(task["params"]["airport"])
        await asyncio.sleep(0)
        for task in tasks:
            held.leave(task["params"]["airport"])
        items = [{"id": task["id"], "execId": task["execId"], "action": "complete"} for task in tasks]
        if items:
            settled: dict[str, Any] = await worker.post("/tasks/settle", {"items": items})
            results = zip(items, settled["results"], strict=True)
            held.done |= {item["id"] for item, result in results if result["status"] == 200}


async def kill(stack: LocalStack, role: str) -> None:
    """Without warning; the stack starts another."""
    pid = stack.local["pids"][role]
    os.kill(pid, signal.SIGKILL)

    def again() -> bool:
        return (stack.home / "local.json").exists() and stack.local["pids"].get(role) not in {None, pid}

    await wait_until(again, what=f"{role} again", timeout=60)


async def test_no_limit_is_exceeded_whatever_is_killed(stack: LocalStack) -> None:
    local, held = stack.local, Held()
    async with (
        Session(local["api"], local["auth"], "demo", deciding.login("ada")) as ada,
        Session(local["api"], local["auth"], "demo", deciding.login("wim")) as wim,
    ):
        await ada.call("PUT", PATH, {"bindings": {"submitters": ["task-writer"], "workers": ["reviewer"]}})
        await ada.call("PUT", "/definitions/limited/scan", DEFINITION)
        tasks: list[dict[str, Any]] = [
            {"definition": "limited/scan", "params": {"airport": AIRPORTS[n % len(AIRPORTS)]}} for n in range(TASKS)
        ]
        await ada.post(f"{PATH}/tasks/batch", {"tasks": tasks})
        pollers = [asyncio.create_task(poll(wim, held, 1 + number % 3)) for number in range(POLLERS)]
        for share, role in ((100, "engine"), (250, "api"), (350, "engine")):
            await wait_until(lambda share=share: len(held.done) >= share, what=f"{share} tasks", timeout=60)
            await kill(stack, role)
        await asyncio.wait_for(asyncio.gather(*pollers), 120)
        places = await ada.call("GET", "/definition-places/limited/scan")
    assert len(held.done) == TASKS
    assert dict(held.most) == dict.fromkeys(AIRPORTS, LIMIT)
    assert places["items"] == []
