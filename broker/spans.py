"""The lives of tasks as spans, made by the engine from their events: how long each waited, how each attempt went.

They belong to the trace under which the task was submitted; a task that nobody traces makes none.
"""

from collections.abc import Sequence
from datetime import datetime

import cachetools
import msgspec

from broker.telemetry import Tracing
from core.events import Event
from core.task import Outcome, State

_TRACKS = 50_000


class _Track(msgspec.Struct, kw_only=True):
    """How far a task has come."""

    created_at: datetime | None = None
    ready_at: datetime | None = None
    started_at: datetime | None = None
    attempt: int = 0


class Spans:
    """Hears events in their order. A task whose beginning was not heard lacks the spans that begin there."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self._tracks: cachetools.LRUCache[tuple[str, str], _Track] = cachetools.LRUCache(_TRACKS)

    def hear(self, events: Sequence[Event]) -> None:
        """These events are stored now."""
        for event in events:
            if event.trace is not None:
                self._follow(event, event.trace)

    def _follow(self, event: Event, parent: str) -> None:
        key = (event.tenant, event.task)
        track = self._tracks.setdefault(key, _Track())
        if event.type == "created":
            track.created_at = event.at
        if event.state is State.READY and track.ready_at is None:
            track.ready_at = event.at
        if event.type == "started":
            track.attempt += 1
            self._span("task wait", parent, track.ready_at, event, track)
            track.ready_at, track.started_at = None, event.at
        elif track.started_at is not None and event.state is not State.IN_PROGRESS:
            self._span("task attempt", parent, track.started_at, event, track)
            track.started_at = None
        if event.state is State.DONE:
            self._span("task", parent, track.created_at, event, track)
            self._tracks.pop(key, None)

    def _span(self, name: str, parent: str, began: datetime | None, event: Event, track: _Track) -> None:
        if began is None:
            return
        attributes: dict[str, str | int] = {
            "penstock.tenant": event.tenant,
            "penstock.queue": event.queue,
            "penstock.task": event.task,
            "penstock.attempt": track.attempt,
            "penstock.event": event.type,
        }
        if event.reason is not None:
            attributes["penstock.reason"] = event.reason.type
        failed = event.type == "retry-scheduled" or event.outcome in {Outcome.FAILED, Outcome.EXPIRED}
        self._tracing.past(name, parent, began, event.at, attributes, failed=failed)
