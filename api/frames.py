"""Events in ADSP's envelope as frames of a stream, made once for all streams of a process."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
from cachetools import LRUCache
from fastapi.sse import format_sse_event

from api import replies
from broker.envelopes import Envelopes
from core.events import Event

_KEPT = 4_000


class Frame(msgspec.Struct, frozen=True):
    """An event in its envelope, and as it goes out."""

    told: dict[str, Any]
    data: bytes


class Frames:
    """Frames of events, made once for all streams of a process."""

    def __init__(self, envelopes: Envelopes) -> None:
        self._envelopes = envelopes
        self._known: LRUCache[tuple[str, int], Frame] = LRUCache(_KEPT)
        self._making: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def of(self, tenant: str, events: Sequence[Event]) -> list[Frame]:
        """The frames of a tenant's events, those left out that ADSP does not know."""
        found = {event.n: self._known.get((tenant, event.n)) for event in events}
        if None in found.values():
            async with self._making[tenant]:
                missing = [event for event in events if (tenant, event.n) not in self._known]
                found |= {event.n: self._known.get((tenant, event.n)) for event in events}
                for event, told in zip(missing, await self._envelopes.of(missing), strict=True):
                    if told is not None:
                        found[event.n] = self._known[tenant, event.n] = _frame(event, told)
        return [frame for event in events if (frame := found[event.n]) is not None]


def _frame(event: Event, told: dict[str, Any]) -> Frame:
    return Frame(told, format_sse_event(data_str=replies.encode(told).decode(), id=str(event.n)))
