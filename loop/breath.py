"""Long work in slices: whoever goes through many things at once lets all others of the loop have their turns between.

A request takes some ten turns of the loop from its arrival to its answer. Beside batches of which each takes
milliseconds in one piece, it would wait for one in every turn.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable
from typing import TypeVar

T = TypeVar("T")

SLICE = 0.0005
"""Seconds of work between two turns of the others; a turn costs some 15 us."""


async def each(items: Iterable[T], *, seconds: float = SLICE) -> AsyncGenerator[T]:
    """The items one by one; what is done with them is interrupted after each so many seconds."""
    since = time.perf_counter()
    for item in items:
        if time.perf_counter() - since >= seconds:
            await asyncio.sleep(0)
            since = time.perf_counter()
        yield item
