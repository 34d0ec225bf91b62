"""The reader: puts the words of open tasks into the index of words, a few seconds behind their submits (ADR 6).

What ends before that never costs the index anything; and it rests three times as long as it works, so that a flood of
submits finds MongoDB's cores nearly free. What it has not read yet is found all the same (`store/listing.py`).
"""

import time
from datetime import timedelta

from core.clock import Clock
from store.unread import Unread

BATCH = 500
BEHIND = timedelta(seconds=3)
TICK_SECONDS = 1.0
_REST = 3.0


class Reader:
    """Reads what is old enough; safe beside another one."""

    def __init__(self, unread: Unread, *, clock: Clock) -> None:
        self._unread = unread
        self._clock = clock

    async def step(self) -> float:
        """Read a batch; answers the seconds until the next."""
        began = time.perf_counter()
        count = await self._unread.read(self._clock() - BEHIND, BATCH)
        return TICK_SECONDS if count < BATCH else _REST * (time.perf_counter() - began)
