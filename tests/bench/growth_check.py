"""Whether a multiplied task is what the engine would have written: asked of the engine's own code."""

from typing import Any

from core import timers
from core.events import Event
from core.priority import place
from core.task import Task
from store import documents, eventlog, notes
from tests.bench.growth_mould import Document, Life, stored
from tests.chaos import replay
from tests.chaos.ledger import StoredEvent

_BEHIND = frozenset({"text", "words"})
"""Not made by `documents.encode` of a task that is read again."""


def faults(life: Life, original: Life) -> list[str]:
    """What is wrong with a copy, in words; nothing when it is right."""
    found: list[str] = []
    if shape(life.task) != shape({key: value for key, value in original.task.items() if key != "ticketDue"}):
        found.append("the task's fields are not those of its original")
    if [shape(each) for each in life.events] != [shape(each) for each in original.events]:
        found.append("the events' fields are not those of their originals")
    task = documents.decode(dict(life.task), Task)
    again = stored(documents.encode_keyed(task, task.tenant, task.id))
    # A mark may hold less than the last event of a task that is read: it is compared with the event below.
    behind = _BEHIND | {"lastEvent"}
    if _but(again, behind) != _but(life.task, behind):
        found.append("the task is written otherwise")
    found += _moments(life, task)
    for event in life.events:
        read = documents.decode(dict(event), Event)
        if event != stored(documents.encode_keyed(read, task.tenant, f"{task.id}/{read.seq}")):
            found.append(f"event {read.seq} is written otherwise")
        if (read.task, read.queue, read.record_id) != (task.id, task.queue, task.record_id):
            found.append(f"event {read.seq} is of another task")
    story = replay.told([_stored(each) for each in life.events])
    found += story.faults
    if (story.state, story.outcome, story.attempts) != (task.state.value, task.outcome, task.attempt):
        found.append("the events do not lead to its state")
    return found


def _moments(life: Life, task: Task) -> list[str]:
    """What does not fit together in time."""
    found: list[str] = []
    born = int(task.created_at.timestamp() * 1000)
    if abs(int(task.id.replace("-", "")[:12], 16) - born) > 1000:
        found.append("its id is of another moment")
    if task.place != place(task.priority, task.created_at, task.id):
        found.append("its place in the worklist is another's")
    if (task.due_at, task.due_kind) != timers.nearest(task):
        found.append("its timer is another's")
    mark, last = notes.mark(life.task["lastEvent"]), life.events[-1]
    if (mark.type, mark.at, mark.state.value) != (last["type"], last["at"], last["state"]):
        found.append("the event that it keeps is not its last one")
    if life.events[0]["at"] != task.created_at or last["_id"] != eventlog.event_key(life.task["_id"], task.seq):
        found.append("its events are not from its first to its last")
    if task.record_id and task.record_id not in " ".join([life.task.get("text", ""), *life.task.get("words", ())]):
        found.append("its words are another's")
    return found


def shape(value: Any) -> Any:
    """Names and types of a document, however deep, in their order, and how long its texts are."""
    if isinstance(value, dict):
        return [(key, shape(each)) for key, each in value.items()]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [shape(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    return type(value).__name__


def _but(document: Document, fields: frozenset[str]) -> Document:
    return {key: value for key, value in document.items() if key not in fields}


def _stored(event: Document) -> StoredEvent:
    return StoredEvent(
        task=event["task"], seq=event["seq"], n=event["n"], type=event["type"], at=event["at"], state=event["state"],
        outcome=event.get("outcome"), reason=None,
    )  # fmt: skip
