"""Commands that go on: watching, working, the local stack; as processes of their own."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from penstock import AsyncClient, NewTask
from penstock.cli import dev, workers
from penstock.cli.exits import Exit
from penstock.errors import UsageError

from tests.sdk.cli.conftest import Run
from tests.sdk.conftest import Server

SOURCES = Path(__file__).parents[3] / "sdk" / "python" / "src"
_PATIENCE = 60
"""Seconds that a program may take to start on a machine where others work, too."""
PROGRAM = """
from penstock import Worker

worker = other = Worker()

@worker.task("QUEUE")
def work(ctx):
    return ctx.params
"""

BEGIN = """
import signal
from penstock.cli import main

signal.signal(signal.SIGINT, signal.default_int_handler)
main.main()
"""
"""The command line as a terminal starts it: a shell that runs the tests behind itself has them ignore SIGINT."""

Start = Callable[..., AbstractAsyncContextManager[asyncio.subprocess.Process]]


@pytest.fixture
def start(server: Server, tmp_path: Path) -> Start:
    """`start("tasks", "watch", user="ada")`."""

    @asynccontextmanager
    async def start(*arguments: str, user: str = "ada") -> AsyncGenerator[asyncio.subprocess.Process]:
        command = [sys.executable, "-c", BEGIN, *arguments]
        environment = {**os.environ, **server.environment(user), "PYTHONPATH": str(SOURCES), "PYTHONUNBUFFERED": "1"}
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, cwd=tmp_path, stdout=pipe, stderr=pipe
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    return start


@pytest.fixture
async def ada(server: Server) -> AsyncIterator[AsyncClient]:
    """The administrator's client, not her commands."""
    async with AsyncClient(server.api, token=server.login("ada")) as client:
        yield client


@pytest.fixture
async def wim(server: Server) -> AsyncIterator[AsyncClient]:
    """A worker's client, not his commands."""
    async with AsyncClient(server.api, token=server.login("wim")) as client:
        yield client


async def said(process: asyncio.subprocess.Process) -> str:
    """The next line of its output."""
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), _PATIENCE)).decode()


async def live_out(client: AsyncClient, worker: AsyncClient, queue: str) -> str:
    """A task from its submit to its end."""
    task = await client.tasks.submit(queue, name="lived")
    (held,) = await worker.tasks.claim(queue, wait=10)
    await worker.tasks.complete(held)
    return task.id


async def watching(process: asyncio.subprocess.Process) -> None:
    """Return when it shows everything that happens from now on."""
    assert process.stderr is not None
    assert await asyncio.wait_for(process.stderr.readline(), _PATIENCE) == b"penstock: watching\n"


async def test_ends_are_watched_live(start: Start, ada: AsyncClient, wim: AsyncClient, queue: str) -> None:
    async with start("tasks", "watch", queue) as process:
        await watching(process)
        task = await live_out(ada, wim, queue)
        shown = [await said(process) for _ in range(3)]
        assert [line.split()[1:3] for line in shown] == [[kind, task] for kind in ("created", "started", "succeeded")]
        assert "lived" in shown[0]
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), _PATIENCE) == Exit.INTERRUPTED


async def test_a_watch_ends_when_nothing_is_open(start: Start, ada: AsyncClient, wim: AsyncClient, queue: str) -> None:
    await ada.tasks.submit_many(queue, [NewTask(params=n) for n in range(2)])
    async with start("tasks", "watch", queue, "--until-idle", "--type", "succeeded", "--json") as process:
        await watching(process)
        for _ in range(2):
            (task,) = await wim.tasks.claim(queue, wait=10)
            await wim.tasks.complete(task)
            assert json.loads(await said(process))["task"] == task.id
        assert await asyncio.wait_for(process.wait(), _PATIENCE) == 0


async def test_a_watch_of_what_is_over_ends_at_once(
    start: Start, ada: AsyncClient, wim: AsyncClient, queue: str
) -> None:
    await live_out(ada, wim, queue)
    async with start("tasks", "watch", queue, "--until-idle") as process:
        assert await asyncio.wait_for(process.wait(), _PATIENCE) == 0


async def test_watching_one_task_says_how_it_ended(
    start: Start, ada: AsyncClient, wim: AsyncClient, queue: str
) -> None:
    task = await ada.tasks.submit(queue)
    async with start("tasks", "watch", "--task", task.id, "--since", "0", "--json") as process:
        assert json.loads(await said(process))["type"] == "created"
        (held,) = await wim.tasks.claim(queue)
        await wim.tasks.fail(held, retryable=False)
        assert await asyncio.wait_for(process.wait(), _PATIENCE) == Exit.NOT_SUCCEEDED


async def test_a_worker_is_run_by_its_name(start: Start, ada: AsyncClient, queue: str, tmp_path: Path) -> None:
    (tmp_path / "reviews.py").write_text(PROGRAM.replace("QUEUE", queue))
    made = await ada.tasks.submit(queue, 7)
    async with start("worker", "run", "reviews:worker", "-P", "2", "-c", "5", user="wim") as process:
        assert (await ada.tasks.wait(made, timeout=_PATIENCE)).result == 7
        process.send_signal(signal.SIGTERM)
        _, said = await asyncio.wait_for(process.communicate(), _PATIENCE)
        assert process.returncode == 0, said.decode()
        assert b"works on " in said


@pytest.mark.parametrize(
    ("where", "words"),
    [("nowhere:worker", "There is no module 'nowhere' here."), ("json:worker", "json has no Worker named 'worker'.")],
)
def test_a_worker_that_is_not_there_is_said(where: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        workers.load(where)


@pytest.mark.parametrize(
    ("name", "source", "words"),
    [
        ("unfinished", "def f(x)", r"cannot be imported: SyntaxError: expected ':' \(unfinished.py, line 1\)$"),
        ("lacking", "\nimport nowhere", r"ModuleNotFoundError: No module named 'nowhere' \(.*lacking.py, line 2\)$"),
        ("failing", "1 / 0", r"ZeroDivisionError: division by zero \(.*failing.py, line 1\)$"),
    ],
)
def test_a_module_that_cannot_be_imported_is_said_with_its_line(
    name: str, source: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(UsageError, match=words):
        workers.load(f"{name}:worker")


def test_the_local_stack_is_run_from_a_checkout(run: Run, nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "runs from a checkout" in run("dev").err
    root = Path(__file__).parents[3]
    asked: list[list[str]] = []

    def instead(file: str, arguments: list[str]) -> None:
        asked.append(arguments)

    monkeypatch.setattr(os, "execvp", instead)
    monkeypatch.chdir(root / "sdk" / "python")
    assert dev.checkout(Path.cwd()) == root
    assert run("dev", "--home", "x", "--port", "9").status == 0
    assert run("dev", "--clean").status == 0
    assert asked == [["make", "--no-print-directory", "-C", str(root), target] for target in ("run", "clean")]
    assert os.environ["PENSTOCK_PORT"] == "9"
    monkeypatch.delenv("PENSTOCK_PORT")
    monkeypatch.delenv("PENSTOCK_HOME")
