"""Folders of runs: room is looked at first, and nothing of a killed run stays."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import scratch, stack

_HOLDS_A_FOLDER = """
import pathlib, sys, time
from tests.support import scratch
with scratch.folder("bench", mib=1, within=pathlib.Path(sys.argv[1])) as folder:
    (folder / "data").write_text("much")
    print(folder, flush=True)
    time.sleep(300)
"""


def test_a_folder_lives_as_long_as_its_run(tmp_path: Path) -> None:
    with scratch.folder("bench", mib=1, within=tmp_path) as folder:
        (folder / "data").write_text("much")
        assert folder.parent == tmp_path
        assert folder.name.startswith("penstock-bench-")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_goes_with_the_next_one_and_a_living_one_keeps_its_folder(tmp_path: Path) -> None:
    started = [sys.executable, "-c", _HOLDS_A_FOLDER, str(tmp_path)]
    with subprocess.Popen(started, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        held = Path(owner.stdout.readline().strip())
        with scratch.folder("bench", mib=1, within=tmp_path):
            assert (held / "data").exists()
        owner.send_signal(signal.SIGKILL)
    assert held.exists()

    with scratch.folder("pictures", mib=1, within=tmp_path):
        assert held.exists()
    with scratch.folder("bench", mib=1, within=tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]


def test_a_run_without_room_says_so_and_makes_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(scratch.NoRoomError, match=r"MiB left, and the servers of this run fill up to \d+: make room"),
        scratch.folder("bench", mib=1 << 40, within=tmp_path),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_program_without_room_for_its_stack_ends_with_the_reason() -> None:
    with pytest.raises(SystemExit, match="make room there"), stack.started("bench", mib=1 << 40):
        pass


def test_pytest_without_room_ends_before_any_test(tmp_path: Path) -> None:
    test = tmp_path / "test_one.py"
    test.write_text("def test_one(): pass\n")
    program = (
        "import sys; from tests.support import servers; servers.MIB = 1 << 40; import pytest; sys.exit(pytest.main())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, "-p", "tests.conftest", str(test)],
        env={**os.environ, "TMPDIR": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    assert "make room there" in ran.stderr
    assert list(tmp_path.iterdir()) == [test]
