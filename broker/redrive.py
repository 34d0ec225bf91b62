"""The redriver: runs dead letters again at the rate that was asked for, and takes that back where nobody took them."""

from datetime import datetime

from broker.desk import Desk
from core.clock import Clock
from core.task import ENGINE, State
from core.transitions import redrives
from store.listing import Listing, Query
from store.redrives import Redrive, Redrives, RedriveState
from store.sweeps import Sweeps

BATCH = 500
TICK_SECONDS = 0.5
_AT_ONCE = 100
"""Redrives that are worked on in one round."""


class Bucket:
    """A token bucket that begins with one token and holds a second's worth, or one token if that is more."""

    def __init__(self, rate: float, now: datetime) -> None:
        self._rate = rate
        self._tokens = 1.0
        self._filled = now

    def available(self, now: datetime) -> int:
        """Whole tokens there are."""
        grown = self._tokens + max(0.0, (now - self._filled).total_seconds()) * self._rate
        self._tokens, self._filled = min(grown, max(1.0, self._rate)), max(now, self._filled)
        return int(self._tokens)

    def take(self, count: int) -> None:
        """Use tokens up."""
        self._tokens -= count


class Redriver:
    """Works on all open redrives by turns. Safe beside another one; together they would be too fast."""

    def __init__(self, redrives: Redrives, listing: Listing, sweeps: Sweeps, desk: Desk, *, clock: Clock) -> None:
        self._redrives = redrives
        self._listing = listing
        self._sweeps = sweeps
        self._desk = desk
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}

    async def step(self) -> float:
        """A round; answers the seconds until the next."""
        redrives = await self._redrives.open(_AT_ONCE)
        keys = {f"{redrive.tenant}/{redrive.id}" for redrive in redrives}
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if key in keys}
        more = False
        for redrive in redrives:
            work = self._undo if redrive.state is RedriveState.UNDOING else self._move
            more |= await work(redrive)
        return 0.0 if more else TICK_SECONDS

    async def _move(self, redrive: Redrive) -> bool:
        """Make the next dead letters ready; True when more may be made so at once."""
        now = self._clock()
        bucket = self._bucket(redrive, now)
        allowed = BATCH if bucket is None else min(BATCH, bucket.available(now))
        if allowed == 0:
            return False
        page = await self._listing.page(redrive.tenant, redrive.selection, after=None, limit=allowed)
        pairs = [(task, redrives.retry_ended(task, at=now, by=redrive.by, redrive=redrive.id)) for task in page.tasks]
        moved = await self._sweeps.settle(pairs)
        if moved:
            await self._redrives.count(redrive, moved=len(moved))
        await self._desk.offer(moved)
        if bucket is not None:
            bucket.take(len(moved))
        if page.next is None and len(moved) == len(pairs):
            await self._redrives.end(redrive, self._clock())
            return False
        return allowed == BATCH and bool(moved)

    async def _undo(self, redrive: Redrive) -> bool:
        """Put back the next tasks that nobody has taken; True when there may be more."""
        now = self._clock()
        untouched = Query(redrive=redrive.id, states=frozenset({State.READY, State.WAITING}))
        page = await self._listing.page(redrive.tenant, untouched, after=None, limit=BATCH)
        by = redrive.undone_by or ENGINE
        pairs = [(task, redrives.undo_redrive(task, at=now, by=by)) for task in page.tasks if task.ended_before]
        undone = await self._sweeps.settle(pairs)
        if undone:
            await self._redrives.count(redrive, undone=len(undone))
        if page.next is None and len(undone) == len(pairs):
            await self._redrives.end(redrive, self._clock())
            return False
        return bool(undone)

    def _bucket(self, redrive: Redrive, now: datetime) -> Bucket | None:
        if redrive.rate_per_second is None:
            return None
        return self._buckets.setdefault(f"{redrive.tenant}/{redrive.id}", Bucket(redrive.rate_per_second, now))
