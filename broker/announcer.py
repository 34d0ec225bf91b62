"""The announcer: tells whoever listens on the topic exchange what happened, at least once and in the order of `n`."""

import asyncio
from collections.abc import Sequence

import msgspec

from broker import loops
from broker.rabbit import events as rabbit
from broker.rabbit import topology
from broker.tail import Tail
from broker.telling import Teller
from core.events import Event
from store.eventlog import EventLog
from store.positions import ANNOUNCED, Positions

BATCH = 1000
_RETRY_SECONDS = 0.5
_IDLE_SECONDS = 5.0
_SAVE_SECONDS = 1.0

_encode = msgspec.json.Encoder().encode


class Announcer:
    """Publishes events as they are stored; what was stored while the broker was away is read again and follows."""

    def __init__(self, log: EventLog, positions: Positions, broker: rabbit.Events) -> None:
        self._tail = Tail(log)
        self._positions = positions
        self._teller = Teller(broker, _made, lambda event: topology.event_key(event.tenant, event.queue, event.type))
        self._news = asyncio.Event()
        self._n = 0
        self._saved = 0
        self._saved_at = 0.0

    def hear(self, events: Sequence[Event]) -> None:
        """These events are stored now."""
        self._tail.hear(events)
        self._news.set()

    async def run(self) -> None:
        """Announce for ever."""
        await loops.repeat("announcer", self._begin)

    async def _begin(self) -> float:
        self._n = self._saved = (await self._positions.get(ANNOUNCED)).n
        await loops.repeat("announcer", self.step, wake=self._news)
        return 0.0

    async def step(self) -> float:
        """Announce what is next; answers the seconds until there may be more without news."""
        batch = await self._tail.after(self._n, BATCH)
        if not batch:
            await self._save()
            return _IDLE_SECONDS
        if await self._teller.tell(batch) is None:
            self._tail.forget()
            await asyncio.sleep(_RETRY_SECONDS)
            return 0.0
        self._n = batch[-1].n
        await self._save()
        return 0.0 if self._tail.more else _SAVE_SECONDS

    async def _save(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._n > self._saved and now - self._saved_at >= _SAVE_SECONDS:
            await self._positions.advance(ANNOUNCED, n=self._n)
            self._saved, self._saved_at = self._n, now


async def _made(events: Sequence[Event]) -> list[rabbit.Event]:
    return [rabbit.Event(tenant=e.tenant, queue=e.queue, kind=e.type, body=_encode(e)) for e in events]
