"""The release before comes out of the history; where there is none, our own source takes its place, loudly."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos import previous


def test_without_history_our_own_source_takes_turns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(previous, "COMMIT", "0" * 40)
    assert not previous.is_here()
    source = previous.source(tmp_path / "before")
    assert {each.name for each in source.iterdir()} == {"api", "auth", "broker", "core", "loop", "store"}
    run = subprocess.run(
        [sys.executable, "-c", "import api.app; print(api.app.__file__)"],
        cwd=source, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    assert Path(run.stdout.strip()) == source / "api" / "app.py"


def test_it_is_said_loudly_where_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    run = subprocess.run([sys.executable, "-m", "tests.chaos.previous"], capture_output=True, text=True, check=True)
    assert "THE ROLLING UPGRADE IS NOT TESTED" in run.stderr
