"""Statistics: counts what happens by queue and minute, from the record of events, each event exactly once."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import cachetools
import msgspec

from broker.tail import Tail
from core.events import Event
from core.task import Outcome, State
from store.eventlog import EventLog
from store.positions import STATISTICS, Positions
from store.stats import Bucket, Spread, Stats, Tally, Unit

BATCH = 4000
TICK_SECONDS = 1.0
_TRACKS = 50_000


class Track(msgspec.Struct, kw_only=True):
    """How far a task has come, as far as durations need it."""

    state: State | None = None
    ready_at: datetime | None = None
    started_at: datetime | None = None

    def follow(self, event: Event) -> tuple[float | None, float | None]:
        """Take the next event of the task in; answers the wait and the work, in seconds, that ended with it."""
        wait = work = None
        if event.type == "started":
            wait = _seconds(self.ready_at, event.at)
            self.started_at = event.at
        elif event.state is State.READY and self.state is not State.READY:
            self.ready_at = event.at
        ended = event.type == event.outcome and event.outcome in {Outcome.SUCCEEDED, Outcome.FAILED}
        if ended and self.state is State.IN_PROGRESS:
            work = _seconds(self.started_at, event.at)
        self.state = event.state
        return wait, work


class _Sum:
    """What a batch adds to one queue's minute."""

    def __init__(self) -> None:
        self._events = Counter[str]()
        self._waits: list[float] = []
        self._works: list[float] = []

    def add(self, kind: str, wait: float | None, work: float | None) -> None:
        """One more event."""
        self._events[kind] += 1
        if wait is not None:
            self._waits.append(wait)
        if work is not None:
            self._works.append(work)

    def bucket(self, minute: datetime) -> Bucket:
        """All of them together."""
        return Bucket(at=minute, events=dict(self._events), wait=_spread(self._waits), work=_spread(self._works))


class Statistics:
    """Follows the events and adds them up; the duty of one process at a time."""

    def __init__(self, log: EventLog, stats: Stats, positions: Positions) -> None:
        self._log = log
        self._tail = Tail(log)
        self._stats = stats
        self._positions = positions
        self._n: int | None = None
        self._tracks: cachetools.LRUCache[tuple[str, str], Track] = cachetools.LRUCache(_TRACKS)

    def hear(self, events: Sequence[Event]) -> None:
        """These events are stored now."""
        self._tail.hear(events)

    async def step(self) -> float:
        """Count the next batch; answers the seconds until there may be more."""
        if self._n is None:
            self._tracks.clear()
            self._n = (await self._positions.get(STATISTICS)).n
        # Known again only when this batch is written; after any failure all is read anew.
        was, self._n = self._n, None
        events = await self._tail.after(was, BATCH)
        if events:
            await self._look_up(events, was)
            if not await self._stats.record(self._tally(events), was=was, n=events[-1].n):
                return TICK_SECONDS
        self._n = events[-1].n if events else was
        return 0.0 if len(events) == BATCH else TICK_SECONDS

    async def _look_up(self, events: Sequence[Event], upto: int) -> None:
        """Follow what these tasks did before, as far as it is not known."""
        begun = {(event.tenant, event.task) for event in events if event.seq == 1}
        seen = {(event.tenant, event.task) for event in events} - begun
        unknown = [task for task in seen if task not in self._tracks]
        if not unknown:
            return
        for event in await self._log.of_tasks(sorted(unknown), upto):
            self._tracks.setdefault((event.tenant, event.task), Track()).follow(event)

    def _tally(self, events: Sequence[Event]) -> list[Tally]:
        sums: dict[tuple[str, str, datetime], _Sum] = {}
        for event in events:
            track = self._tracks.get((event.tenant, event.task))
            if track is None:
                track = self._tracks[event.tenant, event.task] = Track()
            wait, work = track.follow(event)
            key = (event.tenant, event.queue, Unit.MINUTE.floor(event.at))
            one = sums.get(key)
            if one is None:
                one = sums[key] = _Sum()
            one.add(event.type, wait, work)
        return [
            Tally(tenant=tenant, queue=queue, bucket=one.bucket(minute))
            for (tenant, queue, minute), one in sums.items()
        ]


def _seconds(since: datetime | None, until: datetime) -> float | None:
    return None if since is None else max(0.0, (until - since).total_seconds())


def _spread(seconds: Sequence[float]) -> Spread:
    return Spread(count=len(seconds), sum=sum(seconds), min=min(seconds, default=None), max=max(seconds, default=None))
