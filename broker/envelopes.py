"""Events in ADSP's envelope, for whoever tells them: webhooks, the topic exchange, live streams."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from core import adsp_events
from core.events import Event
from store.snapshots import Snapshots, Story

_TRIES = 20
_REST = 0.05


encode = msgspec.json.Encoder().encode
"""JSON of what is told."""


class Envelopes:
    """Makes envelopes of events."""

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots

    async def of(self, events: Sequence[Event]) -> list[dict[str, Any] | None]:
        """One for each of these events, of whatever tenants; None for those that ADSP does not know.

        Tasks are read again for a moment while they show more than their events tell yet.
        """
        missing = {(event.tenant, event.task) for event in events if event.type in adsp_events.NAMES}
        stories: dict[tuple[str, str], Story] = {}
        for _ in range(_TRIES):
            if missing:
                stories |= await self._snapshots.of_many(missing)
            missing = {name for name in missing if not stories[name].whole}
            if not missing:
                break
            await asyncio.sleep(_REST)
        return [_told(event, stories.get((event.tenant, event.task))) for event in events]


def _told(event: Event, story: Story | None) -> dict[str, Any] | None:
    if story is None or event.type not in adsp_events.NAMES:
        return None
    return adsp_events.told(event, story.now, story.events)
