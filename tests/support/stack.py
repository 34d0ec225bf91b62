"""A whole local stack as a person starts it, `make run`, in a folder and on a port of its own."""

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from deploy.local import children, ports
from deploy.local import home as homes
from tests.support import scratch


@contextlib.contextmanager
def started(name: str, *, mib: int = 4096) -> Generator["LocalStack"]:
    """A stack for the whole of a program called `name`, whose servers fill up to so many MiB; nothing is left of it.

    Ends the program, with the reason, where the disk has too little room.
    """
    with contextlib.ExitStack() as open_until_then:
        try:
            folder = open_until_then.enter_context(scratch.folder(name, mib=mib))
        except scratch.NoRoomError as error:
            sys.exit(str(error))
        stack = LocalStack(folder)
        open_until_then.callback(stack.stop)
        stack.start()
        yield stack


class LocalStack:
    """Starts with `start`; whatever happens to the tests, it ends with the process that started it."""

    def __init__(self, folder: Path, *, home: Path | None = None) -> None:
        self.home = home or folder / "home"
        self.port = ports.free()
        self._output = folder / "output"
        self._make: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> str:
        """Everything it printed so far."""
        return self._output.read_text(errors="replace")

    @property
    def local(self) -> dict[str, Any]:
        """`local.json`, which only its owner may read."""
        file = self.home / "local.json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        return dict(json.loads(file.read_text()))

    @property
    def processes(self) -> dict[int, str]:
        """The processes that it started and that run now: name by process id."""
        mark = f"{children.OWNER_VARIABLE}={self.home}".encode()
        found: dict[int, str] = {}
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    found[int(process.name)] = (process / "comm").read_text().strip()
        return found

    @property
    def pid(self) -> int:
        """The process of the stack itself, a child of make."""
        return int((self.home / "stack.pid").read_text())

    def start(self) -> float:
        """Start it and wait until it is ready; answers the seconds that it took."""
        began = time.monotonic()
        # What a killed one left behind must not look like this one being ready.
        (self.home / "local.json").unlink(missing_ok=True)
        self.launch()
        self.wait((self.home / "local.json").exists, "the stack is ready", seconds=90)
        return time.monotonic() - began

    def launch(self) -> None:
        """Start it and do not wait."""
        env = {**os.environ, "PENSTOCK_HOME": str(self.home), "PENSTOCK_PORT": str(self.port)}
        # Tests kill what they share, one soon after another.
        env["PENSTOCK_DEATHS"] = "1000"
        with self._output.open("wb") as output:
            self._make = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "make", "--no-print-directory", "run"],
                cwd=homes.ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def terminate(self) -> None:
        """Ask `make` to end, as a process manager would."""
        assert self._make is not None
        self._make.terminate()

    def press_ctrl_c(self) -> None:
        """Interrupt what a terminal would: make and the stack, not the children, which have sessions of their own."""
        assert self._make is not None
        os.killpg(self._make.pid, signal.SIGINT)

    def ended(self) -> int:
        """Wait for the end of `make`; answers its exit code."""
        assert self._make is not None
        return self._make.wait(60)

    def stop(self) -> None:
        """Stop it if it runs."""
        if self._make is not None and self._make.poll() is None:
            self.terminate()
            self.ended()

    def wait(self, predicate: Callable[[], object], what: str, *, seconds: float = 30) -> None:
        """Wait until the predicate holds; fails with what the stack printed when it ends or takes too long."""
        deadline = time.monotonic() + seconds
        while not predicate():
            ran = self._make is not None and self._make.poll() is None
            assert ran, f"the stack ended before {what}:\n{self.output}"
            assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}\n{self.output}"
            time.sleep(0.05)
