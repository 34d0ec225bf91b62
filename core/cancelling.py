"""Ending asyncio tasks for certain: a cancellation can be swallowed on its way."""

import asyncio
from typing import Any

_CANCEL_AGAIN = 0.05


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks, again and again, until all have ended.

    On Python 3.11 `asyncio.wait_for`, which our drivers use, swallows a cancellation that comes in the moment in which
    what it waits for ends (https://github.com/python/cpython/issues/86296); the task then goes on.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_CANCEL_AGAIN)
