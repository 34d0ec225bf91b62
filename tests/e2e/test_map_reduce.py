"""The 10,000 reports counted by a flow that fans out by a hundred, while engine, API and workers are killed."""

import asyncio
import collections
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local import home as homes
from examples.species_count import flow as example
from examples.strike_reports import reports
from examples.strike_reports.session import Session
from tests.support.people import Caller
from tests.support.stack import LocalStack
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.timeout(240)]

FULL = homes.ROOT.parent / "shared" / "data" / "birdstrikes.csv"


class Workers:
    """Processes of the example's worker; one that ends is started again."""

    def __init__(self, stack: LocalStack, log: Path) -> None:
        self._stack = stack
        self._log = log.open("w")
        self._running = [self._start() for _ in range(3)]

    def kill_one(self) -> None:
        """Without warning, and with a new one in its place."""
        victim = self._running.pop(0)
        victim.kill()
        victim.wait()
        self._running.append(self._start())

    def close(self) -> None:
        """End them all."""
        for each in self._running:
            each.kill()
            each.wait()
        self._log.close()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "examples.species_count.worker"],
            cwd=homes.ROOT,
            env={**os.environ, "PENSTOCK_HOME": str(self._stack.home)},
            stdout=self._log,
            stderr=self._log,
        )


@pytest.fixture
def workers(stack: LocalStack, tmp_path: Path) -> Iterator[Workers]:
    """Three workers."""
    started = Workers(stack, tmp_path / "workers")
    yield started
    started.close()


def expected(file: Path) -> dict[str, int]:
    """The figures by plain Python."""
    return dict(collections.Counter(report["params"]["species"] for report in reports.read(file)))


async def test_the_figures_are_those_of_a_plain_count_whatever_is_killed(
    stack: LocalStack, caller: Callable[..., Caller], workers: Workers
) -> None:
    file = FULL if FULL.exists() else reports.SAMPLE
    local = stack.local
    login = {"grant_type": "password", "client_id": local["client_id"], "username": "ada", "password": "ada"}
    async with Session(local["api"], local["auth"], "demo", login) as admin:
        await example.prepare(admin)
        counting = asyncio.create_task(example.count(admin, file, every=0.2))
        async with caller("ada") as ada:
            for share, role in ((0.1, "engine"), (0.3, "api"), (0.5, None), (0.7, "engine")):
                await _when_done(ada, share, counting)
                if role is None:
                    workers.kill_one()
                else:
                    await _kill(stack, role)
        flow: dict[str, Any] = await counting
    assert flow["outcome"] == "succeeded", flow
    assert flow["result"] == expected(file)
    by_name = {step["name"]: step for step in flow["steps"]}
    assert by_name["map"]["done"] == by_name["map"]["count"] == -(-sum(expected(file).values()) // example.CHUNK)
    assert by_name["map"]["failed"] == 0


async def _when_done(ada: Caller, share: float, counting: "asyncio.Task[Any]") -> None:
    """Wait until that share of the fan-out is done."""

    async def reached() -> bool:
        answer = await ada.call("GET", f"/flows?template={example.TEMPLATE}&limit=1")
        if not answer.is_success or not answer.json()["items"]:
            return counting.done()
        whole = await ada.call("GET", f"/flows/{answer.json()['items'][0]['id']}")
        if not whole.is_success:
            return False
        step = next(each for each in whole.json()["steps"] if each["name"] == "map")
        return counting.done() or (step["count"] > 0 and step["done"] >= share * step["count"])

    await wait_until(reached, what=f"{share:.0%} of the chunks", timeout=90, every=0.05)


async def _kill(stack: LocalStack, role: str) -> None:
    pid = stack.local["pids"][role]
    os.kill(pid, signal.SIGKILL)

    def again() -> bool:
        return (stack.home / "local.json").exists() and stack.local["pids"].get(role) not in {None, pid}

    await wait_until(again, what=f"{role} again", timeout=60)
