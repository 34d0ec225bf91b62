"""A task's life told from its events alone: which attempts there were, how each ended, and what does not fit. Pure."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from tests.chaos.ledger import StoredEvent

OPEN = frozenset({"waiting", "ready", "requested", "in-progress"})
HELD = frozenset({"requested", "in-progress"})
_DONE = frozenset({"done"})
SOURCES: dict[str, frozenset[str]] = {
    "ready": frozenset({"waiting"}),
    "requested": frozenset({"ready"}),
    "started": frozenset({"ready", "requested"}),
    "retry-scheduled": frozenset({"in-progress"}),
    "released": HELD,
    "succeeded": frozenset({"in-progress"}),
    "failed": OPEN,
    "canceled": OPEN,
    "expired": OPEN - {"in-progress"},
    "cancel-requested": frozenset({"in-progress"}),
    "redriven": _DONE,
    "redrive-undone": frozenset({"ready", "waiting"}),
}
"""From which states an event may come; one that is not listed may come from any, and must not end a task twice."""

CLOSING = frozenset({"retry-scheduled", "released", "succeeded", "failed", "canceled", "deleted"})
ENDS = frozenset({"succeeded", "failed", "canceled", "expired"})


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt was over."""

    by: str
    """The type of the event."""
    at: datetime
    reason: str | None


class Story(msgspec.Struct, kw_only=True):
    """What the events say."""

    state: str | None = None
    outcome: str | None = None
    attempts: int = 0
    closed: dict[int, Closed] = {}
    ends: int = 0
    """Ends that were not undone by a redrive."""
    faults: list[str] = []


def told(events: Sequence[StoredEvent]) -> Story:
    """Replay the events of one task, sorted by `seq`."""
    story = Story()
    before = 0
    number = 0
    for event in events:
        if event.seq != before + 1:
            story.faults.append(
                f"event {before + 1} is missing" if event.seq > before + 1 else f"event {event.seq} twice"
            )
        if event.n <= number:
            story.faults.append(f"event {event.seq} has the number {event.n}, the one before it {number}")
        before, number = event.seq, event.n
        _tell(story, event)
    return story


def _tell(story: Story, event: StoredEvent) -> None:
    was = story.state
    if (was is None) != (event.type == "created"):
        story.faults.append(f"{event.type} as event {event.seq}")
    elif was is not None and event.type in SOURCES and was not in SOURCES[event.type]:
        story.faults.append(f"{event.type} (event {event.seq}) came while it was {was}")
    if event.type == "started":
        story.attempts += 1
    if event.type in CLOSING and was == "in-progress":
        story.closed[story.attempts] = Closed(by=event.type, at=event.at, reason=event.reason)
    if event.type == "redriven":
        story.ends -= 1
    elif event.state == "done" and (was != "done" or event.type in ENDS):
        story.ends += 1
    story.state, story.outcome = event.state, event.outcome
