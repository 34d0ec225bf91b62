"""A folder for the servers of one run: there is room for them, and what killed runs left behind goes first."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

_PREFIX = "penstock-"
_MIB = 1 << 20


class NoRoomError(OSError):
    """The disk has too little room for the servers: they would end, or refuse work, in the middle of the run."""


@contextlib.contextmanager
def folder(name: str, *, mib: int, within: Path | None = None) -> Generator[Path]:
    """A new folder, removed at the end, of a run whose servers fill up to so many MiB.

    It is made `within` another one, the system's own for such if not given, and is locked while the run lives: of the
    same name, what is not locked was left by a run that was killed, and is removed. Raises NoRoomError.
    """
    where = within or Path(tempfile.gettempdir())
    for other in where.glob(f"{_PREFIX}{name}-*"):
        _remove_if_left(other)
    free = shutil.disk_usage(where).free // _MIB
    if free < mib:
        what = f"{where} has {free} MiB left, and the servers of this run fill up to {mib}"
        raise NoRoomError(f"{what}: make room there, or let TMPDIR name a folder that has it")
    # Its name is taken when it is locked, not before.
    made = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}", dir=where))
    lock = _locked(made)
    mine = made.rename(where / f"{_PREFIX}{name}-{made.name.removeprefix(f'.{_PREFIX}')}")
    try:
        yield mine
    finally:
        shutil.rmtree(mine, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _remove_if_left(other: Path) -> None:
    with contextlib.suppress(OSError):
        lock = _locked(other)
        if lock is not None:
            shutil.rmtree(other, ignore_errors=True)
            os.close(lock)


def _locked(made: Path) -> int | None:
    """The lock on a folder, as an open file; None while another process has it."""
    opened = os.open(made, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(opened)
        return None
    return opened
