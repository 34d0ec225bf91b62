"""Children of the local stack: started when they answer, stopped for good, gone with their parent."""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from deploy.local import children
from tests.support import waiting

_IGNORES_SIGTERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(99)"
)
_PARENT = """
import asyncio, sys
from pathlib import Path
from tests.deploy import test_children
async def main():
    child = await test_children.children.start(test_children.service(Path(sys.argv[1]), "sleep 99"))
    print(child.pid, flush=True)
    await child.process.wait()
asyncio.run(main())
"""


def service(home: Path, shell: str, *, stop_within: float = 10, start_within: float = 10) -> children.Service:
    """A shell command as a service that is ready once it has written something to its log."""
    log = home / "logs" / "it.log"

    async def ready() -> None:
        await waiting.wait_until(lambda: log.exists() and log.stat().st_size, what="output")

    return children.Service(
        role="it",
        home=home,
        command=lambda: children.Command(argv=("sh", "-c", f"echo up; exec {shell}")),
        ready=ready,
        start_within=timedelta(seconds=start_within),
        stop_within=timedelta(seconds=stop_within),
    )


def is_running(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_started_when_it_answers_and_marked_as_ours(tmp_path: Path) -> None:
    child = await children.start(service(tmp_path, "sleep 99"))
    try:
        assert is_running(child.pid)
        environ = Path(f"/proc/{child.pid}/environ").read_bytes().split(b"\0")
        assert f"{children.OWNER_VARIABLE}={tmp_path}".encode() in environ
    finally:
        await children.stop(child)
    assert not is_running(child.pid)


async def test_an_empty_value_takes_a_variable_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RABBITMQ_NODENAME", "somebody-elses")
    plain = service(tmp_path, "sleep 99")
    command = children.Command(argv=("sh", "-c", "env; exec sleep 99"), env={"RABBITMQ_NODENAME": "", "ADDED": "1"})
    child = await children.start(children.Service(role="it", home=tmp_path, command=lambda: command, ready=plain.ready))
    await children.stop(child)
    printed = plain.log.read_text().splitlines()
    assert "ADDED=1" in printed
    assert not [line for line in printed if line.startswith("RABBITMQ_NODENAME")]


async def test_it_runs_in_its_folder(tmp_path: Path) -> None:
    plain, folder = service(tmp_path, "sleep 99"), tmp_path / "data"
    folder.mkdir()
    command = children.Command(argv=("sh", "-c", "pwd; exec sleep 99"), folder=folder)
    child = await children.start(children.Service(role="it", home=tmp_path, command=lambda: command, ready=plain.ready))
    await children.stop(child)
    assert plain.log.read_text().strip() == str(folder)


async def test_one_that_dies_while_starting_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(children.ChildError, match=r"(?s)it ended with 3.*no such luck"):
        await children.start(
            children.Service(
                role="it",
                home=tmp_path,
                command=lambda: children.Command(argv=("sh", "-c", "echo no such luck; exit 3")),
                ready=_never,
            )
        )


async def test_one_that_does_not_answer_in_time_is_ended(tmp_path: Path) -> None:
    silent = children.Service(
        role="it",
        home=tmp_path,
        command=lambda: children.Command(argv=("sh", "-c", "echo $$; exec sleep 99")),
        ready=_never,
        start_within=timedelta(seconds=0.2),
    )
    with pytest.raises(children.ChildError, match="does not answer"):
        await children.start(silent)
    assert not is_running(int(silent.log.read_text()))


async def test_one_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    stubborn = service(tmp_path, f'{sys.executable} -c "{_IGNORES_SIGTERM}"', stop_within=0.2)
    child = await children.start(stubborn)
    await waiting.wait_until(lambda: stubborn.log.read_text().count("up") == 2, what="it ignores SIGTERM")
    await children.stop(child)
    assert child.process.returncode == -signal.SIGKILL


async def test_its_process_group_goes_with_it(tmp_path: Path) -> None:
    leader = service(tmp_path, "sh -c 'sleep 99 & echo $!; exec sleep 99'")
    child = await children.start(leader)
    lines = await waiting.wait_until(
        lambda: (text := leader.log.read_text().split())[1:] and text, what="the second process"
    )
    second = int(lines[1])
    assert is_running(second)
    await children.stop(child)
    await waiting.wait_until(lambda: not is_running(second), what="the second process is gone")


async def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _PARENT,
        str(tmp_path),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": "."},
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    assert is_running(child)
    parent.kill()
    await parent.wait()
    await waiting.wait_until(lambda: not is_running(child), what="the child is gone")


async def _never() -> None:
    await asyncio.get_running_loop().create_future()
