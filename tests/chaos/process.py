"""Runs an API or an engine of a chaos run, whose own clock others set: `python -m tests.chaos.process CLOCK DEFECT`...

CLOCK is a file of one number, by how many seconds the clock is wrong; the rest is for `planted.py`. Nothing of the
product may be imported before its clock is ours, so the imports come late.
"""

import mmap
import struct
import sys
from datetime import datetime, timedelta
from pathlib import Path

from core import clock

_SECONDS = struct.Struct("d")


def set_clock(file: Path, seconds: float) -> None:
    """From now on the clock of the process is wrong by so many seconds."""
    file.parent.mkdir(parents=True, exist_ok=True)
    # In place, for the process looks at the very bytes.
    with file.open("r+b" if file.exists() else "w+b") as out:
        out.write(_SECONDS.pack(seconds))


def _replace_clock(file: Path) -> None:
    right = clock.system_clock
    with file.open("rb") as opened:
        seen = mmap.mmap(opened.fileno(), _SECONDS.size, prot=mmap.PROT_READ)

    def wrong() -> datetime:
        return right() + timedelta(seconds=_SECONDS.unpack(seen)[0])

    clock.system_clock = wrong


if __name__ == "__main__":
    _replace_clock(Path(sys.argv[1]))
    from tests.chaos import planted

    planted.main(*sys.argv[2:])
