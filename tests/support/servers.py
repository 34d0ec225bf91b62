"""One RabbitMQ, one mongod and one Keycloak for a whole pytest run, whichever xdist worker asks first.

The process that pytest was started as owns a folder for the run. A server is started on first demand by a
keeper process (`tests.support.keeper`) that lives exactly as long as the owner, so that a killed run leaves
nothing.
"""

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

from tests.support import scratch

RABBITMQ = "rabbitmq"
MONGODB = "mongod"
KEYCLOAK = "keycloak"

_FOLDER = "PENSTOCK_TEST_RUN"
_OWNER = "PENSTOCK_TEST_OWNER"
_ROOT = Path(__file__).parents[2]
_START_SECONDS = 90
_run = contextlib.ExitStack()

MIB = 6144
"""What the servers and the local stacks of four workers fill: 2.9 GB at most in a run, and as much again."""


def open_run(mib: int | None = None) -> None:
    """Called once by the owner: from now on it and the processes that it starts can ask for servers.

    They fill up to so many MiB, MIB if not given. Raises scratch.NoRoomError.
    """
    os.environ[_FOLDER] = str(_run.enter_context(scratch.folder("tests", mib=mib or MIB)))
    os.environ[_OWNER] = str(os.getpid())


def close_run() -> None:
    """Called once by the owner at its end: stops the keepers and waits until they have cleaned up."""
    folder = Path(os.environ.pop(_FOLDER))
    os.environ.pop(_OWNER)
    for pid_file in folder.glob("*.pid"):
        _end(int(pid_file.read_text()))
    _run.close()


def url(server: str) -> str:
    """The address of a server of this run, started now if nobody asked for it before.

    For RabbitMQ without the virtual host at the end; for Keycloak the secret of its administrator follows a blank.
    """
    folder = Path(os.environ[_FOLDER])
    address = folder / f"{server}.url"
    with _locked(folder / f"{server}.lock"):
        if not address.exists():
            _start_keeper(server, folder, address)
    return address.read_text()


def _start_keeper(server: str, folder: Path, address: Path) -> None:
    with (folder / f"{server}.keeper.log").open("wb") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.support.keeper", server, str(folder), os.environ[_OWNER]],
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (folder / f"{server}.pid").write_text(str(keeper.pid))
    deadline = time.monotonic() + _START_SECONDS
    while not address.exists():
        if keeper.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError((folder / f"{server}.keeper.log").read_text(errors="replace"))
        time.sleep(0.02)
    # Not ours to wait for: it outlives this worker and ends with the owner.
    keeper.returncode = 0


def _end(pid: int) -> None:
    """End a keeper and wait for it; it need not be our child."""
    with contextlib.suppress(ProcessLookupError):
        watch = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(watch, signal.SIGTERM)
            select.select([watch], [], [], 30)
        finally:
            os.close(watch)


@contextlib.contextmanager
def _locked(file: Path) -> Generator[None]:
    with file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
