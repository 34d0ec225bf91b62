"""Files on their way to the server, in pieces, read outside the event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from os import PathLike
from pathlib import Path

from penstock import errors

_PIECE = 1024 * 1024


def reader(file: str | PathLike[str]) -> Callable[[], AsyncIterator[bytes]]:
    """Makes the pieces of a file, anew each time it is called. Raises UsageError when it cannot be read."""
    path = Path(file)
    if not path.is_file():
        raise errors.UsageError(f"{path}: there is no such file.")

    async def pieces() -> AsyncIterator[bytes]:
        with await asyncio.to_thread(path.open, "rb") as source:
            while piece := await asyncio.to_thread(source.read, _PIECE):
                yield piece

    return pieces
