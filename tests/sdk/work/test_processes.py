"""Workers as programs: signals, several processes, deaths, and nothing lost by any of it."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from penstock import AsyncClient, NewTask

from tests.sdk.conftest import Server
from tests.support.waiting import wait_until

SOURCES = Path(__file__).parents[3] / "sdk" / "python" / "src"
PROGRAM = """
import os, sys, time
from penstock import Worker

worker = Worker(drain_seconds=20, concurrency=4)

@worker.task(os.environ["QUEUE"])
def work(ctx):
    hold = os.path.exists(os.environ["HOLD"])
    open(f"{os.environ['HOLD']}.{ctx.id}.{ctx.attempt}", "w").close()
    while os.path.exists(os.environ["HOLD"]):
        time.sleep(0.01)
    return {"pid": os.getpid(), "held": hold}

if __name__ == "__main__":
    worker.run(processes=int(sys.argv[1]))
"""
"""A worker whose handlers leave a file when they begin, and end when the file HOLD is gone."""


class Program:
    """A running worker program."""

    def __init__(self, process: asyncio.subprocess.Process, hold: Path) -> None:
        self.process = process
        self.hold = hold

    @property
    def children(self) -> set[int]:
        """Its worker processes."""
        found: set[int] = set()
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                pid, rest = stat.read_text().split(" (", 1)
                state, parent = rest.rpartition(") ")[2].split()[:2]
                if int(parent) == self.process.pid and state != "Z":
                    found.add(int(pid))
        return found

    def tell(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send it a signal."""
        # Not send_signal: that polls, and takes the exit code away from asyncio's own watcher.
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, number)


Start = Callable[[int], contextlib.AbstractAsyncContextManager[Program]]


@pytest.fixture
def program(server: Server, queue: str, tmp_path: Path) -> Start:
    """Starts the program with so many processes."""
    file, hold = tmp_path / "reviews.py", tmp_path / "hold"
    file.write_text(PROGRAM)
    hold.touch()

    @asynccontextmanager
    async def start(processes: int) -> AsyncGenerator[Program]:
        environment = {
            **os.environ, **server.environment("wim"), "PYTHONPATH": str(SOURCES), "QUEUE": queue, "HOLD": str(hold),
        }  # fmt: skip
        process = await asyncio.create_subprocess_exec(sys.executable, str(file), str(processes), env=environment)
        running = Program(process, hold)
        try:
            yield running
        finally:
            hold.unlink(missing_ok=True)
            for pid in (*running.children, process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await process.wait()

    return start


async def count(client: AsyncClient, queue: str, state: str) -> int:
    metrics = await client.queues.metrics(queue)
    return metrics.by_state.get(state, 0)


async def running(worker: Program, wanted: int) -> None:
    """Return when so many handlers have begun."""
    begun = worker.hold.parent
    await wait_until(lambda: len(list(begun.glob("hold.*"))) == wanted, what=f"{wanted} to run", timeout=30)


async def results(client: AsyncClient, queue: str, wanted: int) -> list[dict[str, object]]:
    """The results of so many tasks that succeeded."""

    async def look() -> list[dict[str, object]]:
        found = [task.result async for task in client.tasks.list(queue, outcome="succeeded", state="done")]
        return found if len(found) == wanted else []

    return await wait_until(look, what=f"{wanted} results", timeout=30)


@pytest.mark.parametrize(("processes", "number"), [(1, signal.SIGTERM), (1, signal.SIGINT), (2, signal.SIGTERM)])
async def test_a_signal_lets_it_finish_what_runs(
    program: Start,
    ada: AsyncClient,
    queue: str,
    processes: int,
    number: signal.Signals,
) -> None:
    await ada.tasks.submit_many(queue, [NewTask() for _ in range(20)])
    async with program(processes) as worker:
        await running(worker, 4 * processes)
        worker.tell(number)
        worker.hold.unlink()
        assert await asyncio.wait_for(worker.process.wait(), 30) == 0
        ended = await ada.queues.metrics(queue)
        assert ended.by_state.get("in-progress", 0) == 0
        assert ended.by_state.get("waiting", 0) == 0
        found = [task async for task in ada.tasks.list(queue, state="done")]
        assert len(found) + ended.by_state["ready"] == 20
        assert len(found) >= 4 * processes
        assert all(task.attempt == 1 for task in found)


async def test_a_second_signal_gives_everything_back(program: Start, ada: AsyncClient, queue: str) -> None:
    await ada.tasks.submit_many(queue, [NewTask() for _ in range(2)])
    async with program(1) as worker:
        await running(worker, 2)

        def told() -> bool:
            # Signals of the same kind that come before the first is seen are one signal.
            worker.tell()
            return worker.process.returncode is not None

        await wait_until(told, what="it to end", every=0.1)
        assert worker.process.returncode == 1, "handlers were left behind"
    assert await count(ada, queue, "ready") == 2


async def test_a_killed_process_is_replaced_and_its_tasks_come_back(
    program: Start, ada: AsyncClient, queue: str
) -> None:
    await ada.tasks.submit_many(queue, [NewTask() for _ in range(8)])
    async with program(2) as worker:
        await running(worker, 8)
        victim = min(worker.children)
        os.kill(victim, signal.SIGKILL)
        await wait_until(lambda: len(worker.children - {victim}) == 2, what="another process")
        worker.hold.unlink()
        pids = {result["pid"] for result in await results(ada, queue, 8)}
        assert victim not in pids
        worker.tell()
        assert await asyncio.wait_for(worker.process.wait(), 30) == 0
    attempts = sorted([task.attempt async for task in ada.tasks.list(queue, state="done")])
    assert attempts == [1, 1, 1, 1, 2, 2, 2, 2]


async def test_workers_end_when_their_supervisor_was_killed(program: Start, ada: AsyncClient, queue: str) -> None:
    await ada.tasks.submit_many(queue, [NewTask() for _ in range(8)])
    async with program(2) as worker:
        await running(worker, 8)
        children = worker.children
        worker.tell(signal.SIGKILL)
        await worker.process.wait()
        worker.hold.unlink()
        assert all(result["held"] for result in await results(ada, queue, 8))
        await wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), what="them to end")


async def test_a_mistake_in_the_setup_ends_the_program(program: Start, ada: AsyncClient, queue: str) -> None:
    await ada.queues.delete(queue)
    async with program(2) as worker:
        assert await asyncio.wait_for(worker.process.wait(), 30) == 1
