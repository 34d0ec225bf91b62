"""Runs the command line in this process, as somebody, against the real server."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from json import loads
from pathlib import Path
from typing import Any

import pytest
from penstock.cli import main

from tests.sdk.conftest import Server


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value that it printed."""
        return loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The JSON values that it printed, one a line."""
        return [loads(line) for line in self.out.splitlines()]


Run = Callable[..., Ran]


@pytest.fixture
def run(nobody: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("queues", "list")` as nobody in particular; `stdin=` is what it reads."""
    assert nobody is not None

    def run(*arguments: str, stdin: str = "") -> Ran:
        monkeypatch.setattr(sys, "argv", ["penstock", *arguments])
        monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(stdin.encode())))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main.main()
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Ran(int(ended.value.code or 0), said.out, said.err)

    return run


@pytest.fixture
def as_(run: Run, server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """`as_("ada")("queues", "list")`, `as_("root", "core")(...)`."""

    def become(user: str, realm: str = "demo") -> Run:
        def run_as(*arguments: str, stdin: str = "") -> Ran:
            for name, value in server.environment(user, realm).items():
                monkeypatch.setenv(name, value)
            return run(*arguments, stdin=stdin)

        return run_as

    return become


@pytest.fixture
def ada(as_: Callable[..., Run]) -> Run:
    """Runs commands as the administrator of demo."""
    return as_("ada")


@pytest.fixture
def wim(as_: Callable[..., Run]) -> Run:
    """Runs commands as a worker."""
    return as_("wim")
