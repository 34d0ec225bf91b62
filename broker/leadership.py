"""Which engine does which duty: a lease per duty, renewed while the work goes on.

All writes of the engine are conditional, so two leaders would do no harm but double work. A leader that is killed is
followed within the lease's time; one that stops gives its leases back.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import structlog

from broker import loops
from core import errors
from core.clock import Clock
from loop import cancelling
from store.leases import Leases

_log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=5)
RENEW_SECONDS = 1.5
Work = Callable[[], Coroutine[Any, Any, None]]

_MARGIN = timedelta(seconds=0.5)
"""This much before its lease ends, a leader that could not renew it stops: its clock may be late."""


class Tenure:
    """The time in which this process may do a duty."""

    def __init__(self, leases: Leases, duty: str, holder: str, clock: Clock) -> None:
        self._leases = leases
        self._duty = duty
        self._holder = holder
        self._clock = clock
        self._until = clock()

    @property
    def seconds_left(self) -> float:
        """For how long the lease is ours beyond doubt; 0 when it is not."""
        return max(0.0, (self._until - _MARGIN - self._clock()).total_seconds())

    async def renew(self) -> bool:
        """Take the lease or keep it; False when another has it. Raises `Unavailable`."""
        now = self._clock()
        taken = await self._leases.take(self._duty, self._holder, now=now, until=now + LEASE)
        self._until = now + LEASE if taken else now
        return taken

    async def release(self) -> None:
        """Give it back."""
        self._until = self._clock()
        with contextlib.suppress(errors.Unavailable):
            await self._leases.release(self._duty, self._holder)


class Leadership:
    """Does duties while this process holds their leases. `holder` must be this process's own name."""

    def __init__(self, leases: Leases, *, holder: str, clock: Clock, renew_seconds: float = RENEW_SECONDS) -> None:
        self._leases = leases
        self._holder = holder
        self._clock = clock
        self._renew_seconds = renew_seconds

    async def lead(self, duty: str, work: Work) -> None:
        """For ever: when the lease can be had, work; when it is lost, cancel the work at once. Until cancelled."""
        tenure = Tenure(self._leases, duty, self._holder, self._clock)
        try:
            while True:
                cancelling.heed()
                if await self._renewed(tenure, duty, self._renew_seconds):
                    _log.info("duty taken", duty=duty, holder=self._holder)
                    await self._work(tenure, duty, work)
                    _log.warning("duty stopped", duty=duty, holder=self._holder)
                await asyncio.sleep(self._renew_seconds)
        finally:
            await tenure.release()

    async def _work(self, tenure: Tenure, duty: str, work: Work) -> None:
        """Work until the lease is lost or cannot be proven, or the work ends by an error."""
        working = asyncio.create_task(work(), name=duty)
        try:
            while (left := tenure.seconds_left) > 0:
                cancelling.heed()
                await asyncio.wait([working], timeout=min(left, self._renew_seconds))
                if working.done():
                    break
                await self._renewed(tenure, duty, tenure.seconds_left)
        finally:
            await loops.ended(working)
        if not working.cancelled() and (error := working.exception()) is not None:
            _log.error("duty failed", duty=duty, exc_info=error)

    async def _renewed(self, tenure: Tenure, duty: str, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await tenure.renew()
        except (errors.Unavailable, TimeoutError) as error:
            _log.warning("lease not renewed", duty=duty, error=str(error) or "no answer in time")
            return False
