"""The event that a write leaves in its task (`lastEvent`), kept as one string of JSON.

A change stream reports an update by pipeline as the difference of two documents: of an embedded `lastEvent` it would
name the parts that changed, and of two equal ones nothing at all (seen on MongoDB 6.0). A string is reported whole, and
with the task's `seq` or the new fence beside it two that follow each other are never equal.
"""

import msgspec

from core.task import Note, Outcome, State, Task
from core.transitions.transition import Transition


class Mark(Note, frozen=True, kw_only=True, omit_defaults=True):
    """A note with what the task was like after it, so that an event needs no other source."""

    state: State
    outcome: Outcome | None = None
    seq: int | None = None
    """Absent after a blind change, which does not know it; the document's own `seq` always does."""
    sealed: str | None = None
    """In place of `data` where the task's payload is encrypted (`store/payloads.py`), in base64."""


_encode = msgspec.json.Encoder().encode
_decode_note = msgspec.json.Decoder(Note).decode
_decode_mark = msgspec.json.Decoder(Mark).decode


def of_task(task: Task) -> str:
    """What is kept of a task's last event."""
    return _marked(task.last_event, task.state, task.outcome, task.seq)


def of_blind(change: Transition) -> str:
    """What a change keeps of its event when the task was not read; it must have a note and a target."""
    assert change.note is not None
    assert change.target is not None
    return _marked(change.note, change.target, change.sets.get("outcome"), None)


def note(kept: str) -> Note:
    """The note alone, as the task carries it."""
    return _decode_note(kept)


def mark(kept: str) -> Mark:
    """The note with the state after it."""
    return _decode_mark(kept)


def written(kept: Mark) -> str:
    """The same as it is kept."""
    return _encode(kept).decode()


def _marked(of: Note, state: State, outcome: Outcome | None, seq: int | None) -> str:
    kept = Mark(type=of.type, at=of.at, by=of.by, reason=of.reason, data=of.data, state=state, outcome=outcome, seq=seq)
    return _encode(kept).decode()
