"""Ending asyncio tasks for certain: a cancellation can be swallowed on its way."""

import asyncio
from typing import Any

_CANCEL_AGAIN = 0.05


def heed() -> None:
    """Raise the cancellation that the present task was sent, if something swallowed it: for endless loops.

    On Python 3.11 `asyncio.wait_for`, by which our drivers wait, swallows a cancellation that comes in the moment in
    which what it waits for ends (https://github.com/python/cpython/issues/86296; seen once in some ten times).
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks, again and again (see `heed`), until all have ended."""
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_CANCEL_AGAIN)
