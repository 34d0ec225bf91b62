"""The README's worker on the 10,000 real reports with four processes: stopped, killed in part and as a whole."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
from pymongo.collection import Collection

from deploy.local import home as homes
from examples.strike_reports import reports
from tests.support.people import Caller
from tests.support.stack import LocalStack
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.timeout(300)]

FULL = homes.ROOT.parent / "shared" / "data" / "birdstrikes.csv"
README = homes.ROOT / "sdk" / "python" / "README.md"
COUNT = 10_000

Document = dict[str, Any]


class Programs:
    """Runs programs with the SDK of this checkout against the stack, in a folder of their own."""

    def __init__(self, stack: LocalStack, folder: Path) -> None:
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []
        self._environ = {
            **os.environ,
            "PYTHONPATH": str(homes.ROOT / "sdk" / "python" / "src"),
            "PENSTOCK_HOME": str(stack.home),
        }

    def run(self, *arguments: str, who: str) -> str:
        """A command of the command line, to its end; what it said."""
        command = [sys.executable, "-c", "from penstock.cli.main import main; main()", *arguments]
        ran = subprocess.run(
            command, cwd=self._folder, env=self._environ | {"PENSTOCK_LOCAL": who}, capture_output=True, timeout=120,
            check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr.decode()
        return ran.stdout.decode()

    def start(self, script: str, *, who: str) -> subprocess.Popen[bytes]:
        """A script, in a session of its own."""
        with (self._folder / "output").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, script], cwd=self._folder, env=self._environ | {"PENSTOCK_LOCAL": who},
                stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        self._running.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """`kill -9` of the program and all its processes at once."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def close(self) -> None:
        """End what still runs."""
        for process in self._running:
            if process.poll() is None:
                self.kill(process)


@pytest.fixture
def programs(stack: LocalStack, tmp_path: Path) -> Iterator[Programs]:
    made = Programs(stack, tmp_path)
    yield made
    made.close()


@pytest.fixture
def tasks(stack: LocalStack) -> Iterator[Collection[Document]]:
    """The record itself."""
    with pymongo.MongoClient[Document](stack.local["mongodb"]) as client:
        yield client.get_default_database("penstock")["tasks"]


@pytest.fixture
async def queue(caller: Callable[..., Caller]) -> AsyncIterator[str]:
    """A queue whose leases are short, so that what a killed process held returns soon; another at every run."""
    name = f"readme-worker-{uuid.uuid4().hex[:8]}"
    async with caller("ada") as ada:
        bindings = {"submitters": ["task-writer"], "workers": ["reviewer"]}
        defaults = {"leaseSeconds": 4, "retry": {"maxAttempts": 10}}
        await ada.put(f"/queues/intake/{name}", {"bindings": bindings, "defaults": defaults})
        yield f"intake:{name}"


def children(pid: int) -> list[int]:
    """The worker processes below a supervisor; multiprocessing's own helpers run with other arguments."""
    found = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [child for child in found if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes()]


async def test_ten_thousand_reports_whatever_becomes_of_the_worker(
    programs: Programs, tasks: Collection[Document], queue: str, caller: Callable[..., Caller], tmp_path: Path
) -> None:
    source = next(each for each in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL) if "run(" in each)
    assert len(source.splitlines()) < 15
    assert "processes=4" in source
    (tmp_path / "reviews.py").write_text(source.replace("intake:strike-reports", queue))
    lines = list(reports.read(FULL if FULL.exists() else reports.SAMPLE))
    lines = [each | {"dedupKey": f"{n}"} for n, each in enumerate((lines * (COUNT // len(lines)))[:COUNT])]
    (tmp_path / "reports.ndjson").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    sent = json.loads(
        programs.run("tasks", "submit", queue, "--ndjson", "reports.ndjson", "--whole", "--json", who="sub")
    )
    assert (sent["submitted"], sent["refused"]) == (COUNT, [])
    mine: Document = {"tenant": "demo", "queue": queue}

    async def done(share: float) -> None:
        wanted = int(COUNT * share)
        ended = mine | {"state": "done"}
        await wait_until(lambda: tasks.count_documents(ended) >= wanted, what=f"{wanted} ends", timeout=90, every=0.05)

    first = programs.start("reviews.py", who="wim")
    await done(0.15)
    first.terminate()
    assert await asyncio.to_thread(first.wait, 40) == 0
    held = mine | {"state": {"$in": ["requested", "in-progress"]}}
    await wait_until(lambda: tasks.count_documents(held) == 0, what="a stopped worker to hold nothing")
    spent = mine | {"state": {"$ne": "done"}, "spent": {"$gt": 0}}
    assert tasks.count_documents(spent) == 0, "what it gave back cost no attempt, and no lease ran out"
    assert tasks.count_documents(mine | {"state": "done"}) < COUNT, "it was stopped in the middle of its work"

    second = programs.start("reviews.py", who="wim")
    await done(0.4)
    victim = children(second.pid)[0]
    os.kill(victim, signal.SIGKILL)
    await wait_until(lambda: len(set(children(second.pid)) - {victim}) == 4, what="another in its place", timeout=30)
    await done(0.6)
    programs.kill(second)

    third = programs.start("reviews.py", who="wim")
    await done(1)
    third.terminate()
    assert await asyncio.to_thread(third.wait, 40) == 0
    found = list(tasks.find(mine, {"outcome": 1, "recordId": 1, "result": 1}))
    assert Counter(task["outcome"] for task in found) == {"succeeded": COUNT}
    assert Counter(task["recordId"] for task in found) == Counter(line["recordId"] for line in lines)
    ends: Document = {"tenant": "demo", "queue": queue, "type": {"$in": ["succeeded", "failed", "canceled", "expired"]}}
    events = tasks.database["events"]
    await wait_until(lambda: events.count_documents(ends) >= COUNT, what="every end in the history", timeout=60)
    assert events.count_documents(ends) == COUNT, "nothing ended twice"
