"""The follower: every write of a task leaves an event in it, and here they become the record of events.

It follows the tasks' change stream and appends to `events` what it reads, each with the next number `n`. Nothing is
written twice: an event's id is made of its task and `seq`, and a second writer meets the first one's numbers. Where it
stands is saved behind what is stored, so a successor repeats a little and loses nothing.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import cachetools
import msgspec
import structlog

from broker import loops
from core.clock import Clock
from core.events import Event, Header
from loop import cancelling
from store import eventlog, mongo, stream
from store.eventlog import EventLog
from store.headers import Headers
from store.notes import Mark
from store.positions import EVENTS, Positions

_log = structlog.get_logger(__name__)

BATCH = 1000
SKEW = timedelta(seconds=5)
"""The clocks of two processes differ by less."""
_SAVE_SECONDS = 0.25
_IDLE_SAVE_SECONDS = 10.0
_HEADERS = 50_000


class Follower:
    """Turns changes of tasks into events; the duty of one process at a time."""

    def __init__(
        self,
        database: mongo.Database,
        log: EventLog,
        headers: Headers,
        positions: Positions,
        *,
        clock: Clock,
        heard: Callable[[Sequence[Event]], None],
    ) -> None:
        """`heard` is told of events once they are stored."""
        self._database = database
        self._log = log
        self._headers = headers
        self._positions = positions
        self._clock = clock
        self._heard = heard

    async def run(self) -> None:
        """Follow for ever. Ends with `Overtaken` when another one writes, too: this process is not the leader."""
        while True:
            await loops.persist("follower", self._follow, but=eventlog.Overtaken)

    async def _follow(self) -> None:
        """Follow from where we stand until something fails; ends when the stream was lost and is to begin anew."""
        position = await self._positions.get(EVENTS)
        if position.token is None and position.since is None:
            _log.error("no position to follow from: events of what was written before are repaired")
            await self._restart()
            return
        session = _Session(self._log, self._headers, n=max(position.n, await self._log.newest()))
        repair = _Repair(self._headers, session, before=position.repair)
        saver = _Saver(self._positions)
        try:
            async with stream.opened(self._database, position) as reading:
                while True:
                    cancelling.heed()
                    page = await reading.next(BATCH)
                    self._heard(await session.store(page.changes))
                    await saver.save(session.n, page.token)
                    if repair.due(page, self._clock):
                        self._heard(await repair.step())
                        if repair.done:
                            await self._positions.repaired(EVENTS)
        except stream.HistoryLost as error:
            _log.error("change stream lost, events may be missing: repairing", error=str(error))
            await self._restart()

    async def _restart(self) -> None:
        await self._positions.restart(EVENTS, repair=self._clock() + SKEW)


class _Session:
    """Numbers and stores events, beginning behind the highest number there is."""

    def __init__(self, log: EventLog, headers: Headers, *, n: int) -> None:
        self.n = n
        self._log = log
        self._headers = headers
        self._known: cachetools.LRUCache[str, Header] = cachetools.LRUCache(_HEADERS)
        self._replaying = True

    async def store(self, changes: Sequence[stream.TaskChange]) -> list[Event]:
        """Store the events of changes that follow each other; answers those that were new."""
        unknown = {change.key for change in changes if change.header is None and change.key not in self._known}
        self._known.update(await self._headers.of(unknown) if unknown else {})
        events: list[Event] = []
        for change in changes:
            header = change.header or self._known.get(change.key)
            if header is None:
                continue  # the task was erased since: nobody asks for its history
            if change.edits:
                header = msgspec.structs.replace(header, **change.edits)
            if change.edits or change.header is not None:
                self._known[change.key] = header
            events.append(event(change.key, change.seq, change.mark, header, self.n + len(events) + 1))
        return await self.append(events)

    async def known(self, keys: Iterable[str]) -> set[str]:
        """Those of the events that are stored."""
        return await self._log.known(keys)

    async def append(self, events: list[Event]) -> list[Event]:
        """Store numbered events; after a start some may be there already, and are left out.

        Raises `Overtaken` when that happens later: then somebody else is writing.
        """
        while events:
            try:
                await self._log.append(events)
            except eventlog.Overtaken:
                if not self._replaying:
                    raise
                events = await self._unknown(events)
            else:
                self._replaying = False
                self.n = events[-1].n
                return events
        return []

    async def _unknown(self, events: list[Event]) -> list[Event]:
        """Those that are not there yet, numbered anew."""
        keys = {eventlog.event_key(f"{e.tenant}/{e.task}", e.seq): e for e in events}
        there = await self._log.known(keys)
        self.n = max(self.n, await self._log.newest())
        left = [each for key, each in keys.items() if key not in there]
        return [msgspec.structs.replace(each, n=self.n + number) for number, each in enumerate(left, start=1)]


class _Repair:
    """After the stream was lost: what the tasks still tell of the time that nobody followed, their last events.

    A walk over all tasks, in pages between the stream's. It begins when the stream has passed the moment of the loss,
    so that it cannot store an event before earlier ones that the stream still brings.
    """

    def __init__(self, headers: Headers, session: _Session, *, before: datetime | None) -> None:
        self.done = before is None
        self._headers = headers
        self._session = session
        self._before = before or datetime.min.replace(tzinfo=UTC)
        self._after = ""
        self._repaired = 0

    def due(self, page: stream.Page, clock: Clock) -> bool:
        """Whether it is time for the next page."""
        if self.done or clock() <= self._before:
            return False
        return not page.changes or page.changes[-1].mark.at > self._before + SKEW or bool(self._after)

    async def step(self) -> list[Event]:
        """Store what is missing of the next tasks."""
        rows = await self._headers.last_events(self._after, BATCH)
        old = {eventlog.event_key(row.key, row.seq): row for row in rows if row.mark.at <= self._before}
        there = await self._session.known(old)
        missing = [row for key, row in old.items() if key not in there]
        numbered = enumerate(missing, start=self._session.n + 1)
        stored = await self._session.append([event(r.key, r.seq, r.mark, r.header, n) for n, r in numbered])
        self._repaired += len(stored)
        self.done = len(rows) < BATCH
        self._after = rows[-1].key if rows else ""
        if self.done:
            _log.warning("events repaired", count=self._repaired)
        return stored


class _Saver:
    """Saves the position, but not after every batch: what is repeated after a crash does no harm."""

    def __init__(self, positions: Positions) -> None:
        self._positions = positions
        self._saved_at = 0.0
        self._saved_n = 0

    async def save(self, n: int, token: Any) -> None:
        """Save it if it is time. While nothing happens, too: an old token falls out of the server's log."""
        now = asyncio.get_running_loop().time()
        if now - self._saved_at >= (_SAVE_SECONDS if n > self._saved_n else _IDLE_SAVE_SECONDS):
            await self._positions.advance(EVENTS, n=n, token=token)
            self._saved_at, self._saved_n = now, n


def event(key: str, seq: int, mark: Mark, header: Header, n: int) -> Event:
    """The event of a task's write."""
    tenant, _, task = key.partition("/")
    return Event(
        tenant=tenant, task=task, seq=seq, n=n, type=mark.type, at=mark.at, by=mark.by, state=mark.state,
        outcome=mark.outcome, reason=mark.reason, data=mark.data, queue=header.queue, priority=header.priority,
        definition=header.definition, name=header.name, record_id=header.record_id, parent=header.parent,
        trace=header.trace, encrypted=header.encrypted, sealed=mark.sealed,
    )  # fmt: skip
