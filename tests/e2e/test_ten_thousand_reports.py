"""The 10,000 real reports through intake and four triage processes, while parts of the platform are killed."""

import collections
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pymongo
import pytest
from pymongo.database import Database

from deploy.local import home as homes
from examples.strike_reports import reports
from tests.support.people import Caller
from tests.support.stack import LocalStack
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.timeout(300)]

FULL = homes.ROOT.parent / "shared" / "data" / "birdstrikes.csv"
COUNT = 10_000
KILLS = ("api", "engine", "rabbitmq")
LEASE_SECONDS = 4
QUEUE = "/queues/intake/strike-reports"


@pytest.fixture
def reports_file(tmp_path: Path) -> Path:
    """The full file beside the checkout, or where there is none the sample twenty times over."""
    if FULL.exists():
        return FULL
    header, *rows = reports.SAMPLE.read_text().splitlines()
    repeated = tmp_path / "repeated.csv"
    repeated.write_text("\n".join([header, *rows * (COUNT // len(rows))]) + "\n")
    return repeated


@pytest.fixture
async def ada(stack: LocalStack, caller: Callable[..., Caller]) -> AsyncIterator[Caller]:
    """The tenant's admin; the queue is emptied first, and its leases are short so that lost hand-outs return soon."""
    async with caller("ada") as admin:
        await admin.post(f"{QUEUE}/purge")
        retry = {"maxAttempts": 20, "backoff": {"kind": "fixed", "initialSeconds": 0.1}}
        changed = await admin.call("PATCH", QUEUE, {"defaults": {"leaseSeconds": LEASE_SECONDS, "retry": retry}})
        assert changed.status_code == 200, changed.text
        yield admin


class Program:
    """One of the example's programs, run as a person would; what it prints is kept for the case that it fails."""

    def __init__(self, stack: LocalStack, output: Path, name: str, *arguments: str) -> None:
        self._output = output / f"{name}-{uuid.uuid4().hex[:8]}"
        with self._output.open("w") as prints:
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"examples.strike_reports.{name}", *arguments],
                cwd=homes.ROOT,
                env={**os.environ, "PENSTOCK_HOME": str(stack.home)},
                stdout=prints,
                stderr=prints,
            )

    @property
    def runs(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def succeeds(self, *, seconds: float) -> None:
        """Wait for its end; fails with what it printed."""
        code = self._process.wait(seconds)
        assert code == 0, self._output.read_text()


async def test_every_report_is_triaged_exactly_once_whatever_is_killed(
    stack: LocalStack, ada: Caller, reports_file: Path, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    ledger.touch()
    Program(stack, tmp_path, "intake", str(reports_file)).succeeds(seconds=120)
    assert (await ada.get(f"{QUEUE}/metrics"))["open"] == COUNT

    drain = ("--until-empty", "--ledger", str(ledger))
    triage = Program(stack, tmp_path, "triage", "--processes", "4", *drain)
    for number, role in enumerate(KILLS, 1):
        wanted = COUNT * number // 5
        await wait_until(lambda wanted=wanted: _lines(ledger) >= wanted, what=f"{wanted} ends", timeout=120)
        pid = stack.local["pids"][role]
        os.kill(pid, signal.SIGKILL)
        await wait_until(lambda role=role, pid=pid: _restarted(stack, role, pid), what=f"{role} again", timeout=60)

    async def nothing_open() -> bool:
        answer = await ada.call("GET", f"{QUEUE}/metrics")
        if not triage.runs and answer.is_success and answer.json()["open"] > 0:
            # The workers saw an empty queue while hand-outs that died with the API were still leased.
            Program(stack, tmp_path, "triage", "--processes", "1", *drain).succeeds(seconds=60)
        return answer.is_success and answer.json()["open"] == 0

    await wait_until(nothing_open, what="no report to be open", timeout=120, every=0.5)
    triage.succeeds(seconds=60)
    with pymongo.MongoClient[dict[str, Any]](stack.local["mongodb"]) as client:
        database = client.get_default_database("penstock")
        names = _check_tasks(database, reports_file)
        await wait_until(
            lambda: _count_ends(database, names) >= COUNT, what="every end to be in the history", timeout=60
        )
        assert _count_ends(database, names) == COUNT
    ids = [json.loads(line)["id"] for line in ledger.read_text().splitlines()]
    assert len(set(ids)) == len(ids), "an end was accepted from two workers"


def _lines(ledger: Path) -> int:
    with ledger.open("rb") as lines:
        return sum(1 for _ in lines)


def _restarted(stack: LocalStack, role: str, pid: int) -> bool:
    return (stack.home / "local.json").exists() and stack.local["pids"].get(role) not in {None, pid}


def _check_tasks(database: Database[dict[str, Any]], reports_file: Path) -> list[str]:
    """Straight from the record: one task a report, each succeeded; answers their ids."""
    mine = {"tenant": "demo", "queue": "intake:strike-reports", "recordId": {"$regex": f"^{reports_file.stem}-"}}
    tasks = list(database["tasks"].find(mine, {"outcome": 1, "recordId": 1}))
    assert len(tasks) == len({task["recordId"] for task in tasks}) == COUNT
    assert collections.Counter(task["outcome"] for task in tasks) == {"succeeded": COUNT}
    return [str(task["_id"]).partition("/")[2] for task in tasks]


def _count_ends(database: Database[dict[str, Any]], names: list[str]) -> int:
    """How often the history says that one of them ended."""
    ended = {"$in": ["succeeded", "failed", "canceled", "expired"]}
    return database["events"].count_documents({"tenant": "demo", "task": {"$in": names}, "type": ended})
