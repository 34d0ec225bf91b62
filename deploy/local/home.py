"""A stack's folder: who uses it, what it remembers, and how to get rid of what an earlier stack left running."""

import base64
import contextlib
import fcntl
import os
import select
import shutil
import signal
from collections.abc import Generator
from pathlib import Path

from deploy.local import children

ROOT = Path(__file__).parents[2]
"""The checkout: the server is an application that runs from here."""

_KEEPS = (
    *("hold", "issuer", "keycloak", "logs", "metrics", "mongodb", "rabbitmq"),
    *(f"{server}-{number}" for server in ("mongodb", "rabbitmq") for number in (1, 2, 3)),
)
_KEEPS_FILES = ("*.json", "master.keys", "rabbitmq.password", "rabbitmq.cookie", "seeded", "stack.pid")


class HomeInUseError(RuntimeError):
    """Another stack runs on the same folder."""


def chosen() -> Path:
    """The folder that PENSTOCK_HOME names, `.penstock` in the checkout without it."""
    return (ROOT / os.environ.get("PENSTOCK_HOME", ".penstock")).resolve()


def master_keys(home: Path) -> Path:
    """The file of the keys that seal this stack's secrets, made at the first start, for its owner's eyes."""
    file = home / "master.keys"
    if not file.exists():
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(f"local:{base64.b64encode(os.urandom(32)).decode()}\n")
    return file


@contextlib.contextmanager
def claimed(home: Path) -> Generator[None]:
    """Hold the folder for this process alone, for as long as it lives; raises HomeInUseError."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "stack.pid").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise HomeInUseError(f"a stack runs on {home} already (process {file.read()})") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def end_leftovers(home: Path) -> int:
    """End every process that an earlier stack on this folder started and left; answers how many.

    Call it with the folder claimed. A process is proven ours by the mark in its environment, so a process id that
    was given to somebody else since is never touched.
    """
    watches = {pid: watch for pid in _marked(home) if (watch := _watch(pid)) is not None}
    for watch in watches.values():
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(watch, signal.SIGKILL)
    for watch in watches.values():
        select.select([watch], [], [], 10)
        os.close(watch)
    return len(watches)


def forget(home: Path) -> None:
    """Delete what a stack keeps in its folder, and nothing else; raises HomeInUseError."""
    if not home.exists():
        return
    with claimed(home):
        end_leftovers(home)
        for name in _KEEPS:
            shutil.rmtree(home / name, ignore_errors=True)
        for pattern in _KEEPS_FILES:
            for file in home.glob(pattern):
                file.unlink()
    with contextlib.suppress(OSError):
        home.rmdir()


def _marked(home: Path) -> list[int]:
    mark = f"{children.OWNER_VARIABLE}={home}".encode()
    found: list[int] = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in environ.read_bytes().split(b"\0"):
                found.append(int(environ.parent.name))
    return found


def _watch(pid: int) -> int | None:
    """A handle that stays with this very process; None when it is gone, or no longer ours to ask."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None
