"""The time that all processes go by: MongoDB's where our own clock differs from it, so that one clock ends leases."""

import asyncio
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from core import errors
from core.clock import Clock, cut, system_clock
from store import mongo

_log = structlog.get_logger(__name__)

NEAR = timedelta(seconds=1)
"""A clock that is no further from MongoDB's is believed: NTP keeps clocks much closer, and the way there takes time."""
EVERY = 5.0
"""Seconds between two looks at MongoDB's clock."""
SOON = 0.2
"""The same until there was a first answer."""
_QUICK = 1.0
"""Seconds after which an answer says too little about when it was written, unless it is the first."""


def steady() -> float:
    """Seconds that nobody sets, and that go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()


@mongo.translating
class Reference:
    """A `core.clock.Clock` that is compared with MongoDB's, and counts by the steady clock in between.

    So our own clock may be set at any time: nothing is noticed of it before the next look, and nothing comes of it
    after. Before the first look it is our own clock, and `known` is not set: who was given a term is not judged yet.
    """

    def __init__(
        self, database: mongo.Database, *, wall: Clock = system_clock, ticks: Callable[[], float] = steady
    ) -> None:
        self._database = database
        self._wall = wall
        self._ticks = ticks
        self._go_by(wall(), ticks())
        self._corrected = False
        self.known = asyncio.Event()

    def __call__(self) -> datetime:
        """The present moment."""
        return self._from + timedelta(milliseconds=int((self._ticks() - self._since) * 1000))

    def _go_by(self, moment: datetime, ticks: float) -> None:
        """It was this moment then; kept in whole milliseconds, as it is asked for many times with each request."""
        self._from = cut(moment)
        self._since = ticks - (moment - self._from).total_seconds()

    async def look(self) -> None:
        """Compare, and go by MongoDB's clock if ours is not near it. Raises `Unavailable`."""
        sent = self._ticks()
        hello = await self._database.command("hello")
        back = self._ticks()
        if back - sent > _QUICK and self.known.is_set():
            return
        way = timedelta(seconds=(back - sent) / 2)
        theirs = hello["localTime"].replace(tzinfo=UTC) + way
        ours = self._wall()
        far = abs(theirs - ours) > NEAR + way
        self._go_by(*((theirs, back) if far else (ours, self._ticks())))
        self.known.set()
        if far != self._corrected:
            self._corrected = far
            seconds = (ours - theirs).total_seconds()
            _log.warning("our clock is wrong; going by MongoDB's" if far else "our clock is right again", ahead=seconds)

    async def begin(self) -> None:
        """The first look; waits for a second at most, for a process starts while MongoDB is away."""
        try:
            await asyncio.wait_for(self.look(), _QUICK)
        except Exception:  # noqa: BLE001 - whatever is wrong there is told by who needs the record
            return

    async def step(self) -> float:
        """One round of the loop that follows MongoDB's clock."""
        try:
            await self.look()
        except errors.Unavailable:
            if self.known.is_set():
                raise
            return SOON
        return EVERY
