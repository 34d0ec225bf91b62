"""A file that a command makes: for its owner's eyes alone, never in place of another, and there when it is whole."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from core import errors

_OWNER = 0o600


def see_that_it_is_free(file: Path) -> None:
    """Raise `Conflict` where there is something of that name."""
    if os.path.lexists(file):
        raise errors.Conflict(f"{file} exists already: name another file, or move that one away.")


@contextmanager
def made(file: Path) -> Generator[BinaryIO]:
    """Write beside the file, which appears when the block ends, and not at all where that fails.

    Raises `Conflict` for a file that is there, and `Invalid` for one that cannot be made.
    """
    see_that_it_is_free(file)
    part = file.with_name(file.name + ".part")
    try:
        # One that was left by a process that died: it may be readable for others.
        part.unlink(missing_ok=True)
        out = os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER), "wb")
    except OSError as error:
        raise errors.Invalid(f"{file} cannot be made: {error.strerror}.") from error
    try:
        with out:
            yield out
        see_that_it_is_free(file)
        part.rename(file)
    finally:
        part.unlink(missing_ok=True)
