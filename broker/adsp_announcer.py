"""Tells whoever listens on the topic exchange of tasks in ADSP's envelope: at least once, in order, not too fast.

It stands by itself, so that our own announcing never waits for it. An envelope takes the whole task, which is why there
is a limit to how many are made a second; in a burst they come later. Where nobody listens hardly any are made.
"""

import asyncio
from collections.abc import Sequence

from broker import loops
from broker.envelopes import Envelopes, encode
from broker.rabbit import events as rabbit
from broker.rabbit import topology
from broker.tail import Tail
from broker.telling import Teller
from core import adsp_events
from core.events import Event
from store.eventlog import EventLog
from store.positions import ADSP, Positions

BATCH = 250
TICK_SECONDS = 0.25
"""Between batches of which something was heard: 1,000 events a second at most."""
_UNHEARD_BATCH = 4000
"""Where nobody listens: each batch asks once for each sort of events, and an envelope takes two reads."""
_SAVE_SECONDS = 1.0


class AdspAnnouncer:
    """Publishes the nine events; the duty of one process at a time."""

    def __init__(self, log: EventLog, positions: Positions, envelopes: Envelopes, exchange: rabbit.Events) -> None:
        self._tail = Tail(log)
        self._positions = positions
        self._envelopes = envelopes
        self._teller = Teller(exchange, self._made, _key)
        self._n = 0
        self._size = BATCH
        self._saved = 0
        self._saved_at = 0.0

    def hear(self, events: Sequence[Event]) -> None:
        """These events are stored now."""
        self._tail.hear(events)

    async def run(self) -> None:
        """Announce for ever."""
        await loops.repeat("ADSP's events", self._begin)

    async def _begin(self) -> float:
        self._n = self._saved = (await self._positions.get(ADSP)).n
        await loops.repeat("ADSP's events", self.step)
        return 0.0

    async def step(self) -> float:
        """Announce the next batch; answers the seconds until the next."""
        batch = await self._tail.after(self._n, self._size)
        heard = await self._teller.tell([event for event in batch if event.type in adsp_events.NAMES])
        if heard is None:
            self._tail.forget()
        elif batch:
            self._n = batch[-1].n
        await self._save()
        full = len(batch) == self._size
        self._size = BATCH if heard != 0 else _UNHEARD_BATCH
        return 0.0 if heard == 0 and full else TICK_SECONDS

    async def _made(self, events: Sequence[Event]) -> list[rabbit.Event]:
        envelopes = await self._envelopes.of(events)
        return [_announced(event, encode(envelope)) for event, envelope in zip(events, envelopes, strict=True)]

    async def _save(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._n > self._saved and now - self._saved_at >= _SAVE_SECONDS:
            await self._positions.advance(ADSP, n=self._n)
            self._saved, self._saved_at = self._n, now


def _key(event: Event) -> str:
    return topology.event_key(event.tenant, event.queue, adsp_events.NAMES[event.type], topology.ADSP)


def _announced(event: Event, body: bytes) -> rabbit.Event:
    name = adsp_events.NAMES[event.type]
    return rabbit.Event(tenant=event.tenant, queue=event.queue, kind=name, body=body, family=topology.ADSP)
