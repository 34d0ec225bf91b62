"""A stack's folder: one stack at a time, leftovers ended, nothing deleted that is not ours."""

import os
import subprocess
from pathlib import Path

import pytest

from deploy.local import children, home


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A home that does not exist yet."""
    return tmp_path / "home"


def test_a_folder_serves_one_stack_at_a_time(folder: Path) -> None:
    with (
        home.claimed(folder),
        pytest.raises(home.HomeInUseError, match=f"process {os.getpid()}"),
        home.claimed(folder),
    ):
        pass
    with home.claimed(folder):
        assert (folder / "stack.pid").read_text() == str(os.getpid())


def test_only_processes_of_this_folder_are_ended(folder: Path) -> None:
    def sleeper(mark: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(["sleep", "99"], env={**os.environ, children.OWNER_VARIABLE: mark})

    with sleeper(str(folder)) as ours, sleeper(f"{folder}-2") as another:
        assert home.end_leftovers(folder) == 1
        assert ours.wait(10) == -9
        assert another.poll() is None
        another.kill()


def test_forgets_what_a_stack_keeps_and_nothing_else(folder: Path) -> None:
    (folder / "mongodb").mkdir(parents=True)
    (folder / "mongodb" / "data").touch()
    (folder / "local.json").touch()
    (folder / "letter.txt").touch()
    home.forget(folder)
    assert [left.name for left in folder.iterdir()] == ["letter.txt"]


def test_forgets_the_folder_itself_when_nothing_else_is_in_it(folder: Path) -> None:
    with home.claimed(folder):
        (folder / "seeded").touch()
    home.forget(folder)
    assert not folder.exists()
    home.forget(folder)


def test_a_running_stack_is_not_forgotten(folder: Path) -> None:
    with home.claimed(folder), pytest.raises(home.HomeInUseError):
        home.forget(folder)
    assert folder.exists()


def test_the_folder_is_chosen_by_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PENSTOCK_HOME", raising=False)
    assert home.chosen() == home.ROOT / ".penstock"
    monkeypatch.setenv("PENSTOCK_HOME", str(tmp_path))
    assert home.chosen() == tmp_path
