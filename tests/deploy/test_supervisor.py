"""The supervisor: what dies is started again, what keeps dying ends the stack, what is held stays down."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local import children, supervisor
from tests.support import waiting


class Watched:
    """A supervisor, with what it said and how often it told of a change."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.said: list[str] = []
        self.changes: list[dict[str, int]] = []
        self.it = supervisor.Supervisor(
            hold=home / "hold", say=self.said.append, changed=lambda: self.changes.append(self.it.pids)
        )

    async def kill(self, role: str) -> None:
        """Kill the role's process, and wait until it was noticed."""
        before = len(self.said)
        os.kill(self.it.pids[role], signal.SIGKILL)
        await waiting.wait_until(lambda: len(self.said) > before, what=f"the death of {role} is noticed")

    async def restarted(self, times: int) -> None:
        """Wait until something was started again so often."""
        await waiting.wait_until(lambda: len(self.changes) == times, what=f"{times} restarts")


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    """A supervisor that is stopped at the end."""
    watched = Watched(tmp_path)
    yield watched
    await watched.it.stop()


def sleeper(home: Path, role: str = "it", shell: str = "exec sleep 99") -> children.Service:
    """A service that is ready at once."""
    return children.Service(
        role=role, home=home, command=lambda: children.Command(argv=("sh", "-c", shell)), ready=_at_once
    )


async def test_one_that_was_killed_is_started_again(watched: Watched) -> None:
    await watched.it.start(sleeper(watched.home))
    first = watched.it.pids["it"]

    await watched.kill("it")
    await watched.restarted(1)

    assert watched.said[0] == "it was killed by signal 9; starting it again"
    assert watched.changes == [watched.it.pids]
    assert watched.it.pids["it"] != first


async def test_three_deaths_within_a_minute_end_the_stack(watched: Watched) -> None:
    await watched.it.start(sleeper(watched.home))
    for times in (1, 2):
        await watched.kill("it")
        await watched.restarted(times)
    os.kill(watched.it.pids["it"], signal.SIGKILL)

    sentence = await asyncio.wait_for(watched.it.given_up(), 10)

    assert sentence.startswith("it was killed by signal 9, 3 times within a minute")
    assert watched.it.pids == {}


async def test_a_restart_that_fails_counts_as_a_death(watched: Watched) -> None:
    only_once = 'test ! -e "$0" && touch "$0" && echo up && exec sleep 99'
    starts: list[int] = []

    def command() -> children.Command:
        starts.append(1)
        return children.Command(argv=("sh", "-c", only_once, str(watched.home / "started")))

    async def ready() -> None:
        log = watched.home / "logs" / "it.log"
        await waiting.wait_until(lambda: log.read_text().count("up") == len(starts), what="it is up", timeout=60)

    service = children.Service(role="it", home=watched.home, command=command, ready=ready)
    await watched.it.start(service)
    os.kill(watched.it.pids["it"], signal.SIGKILL)

    sentence = await asyncio.wait_for(watched.it.given_up(), 10)

    assert sentence.startswith("it did not start, 3 times within a minute")


async def test_a_held_role_stays_down_until_it_is_released(watched: Watched) -> None:
    await watched.it.start(sleeper(watched.home, "held"))
    await watched.it.start(sleeper(watched.home, "free"))
    (watched.home / "hold").mkdir()
    (watched.home / "hold" / "held").touch()

    await watched.kill("held")
    await watched.kill("free")
    await watched.restarted(1)
    assert set(watched.it.pids) == {"free"}

    (watched.home / "hold" / "held").unlink()
    await watched.restarted(2)
    assert set(watched.it.pids) == {"free", "held"}


async def test_everything_is_stopped_stage_by_stage(watched: Watched) -> None:
    ends = watched.home / "ends"
    for role in ("a", "b", "c"):
        shell = f"trap 'echo {role} >>{ends}; exit' TERM; echo up; while :; do sleep 0.01; done"
        service = sleeper(watched.home, role, shell)
        await watched.it.start(service)
        await waiting.wait_until(lambda log=service.log: log.read_text(), what=f"{role} traps SIGTERM")

    await watched.it.stop(last=(("b",), ("a",)))

    assert ends.read_text().split() == ["c", "b", "a"]
    assert watched.said == []


async def _at_once() -> None:
    return
