"""A transition as MongoDB's conditional update: its filter, and its modifiers or its pipeline.

Where the task was read, the new timer is known and plain modifiers are written. A blind transition that arms a
timer becomes an aggregation pipeline that counts from the task's own limits, by the same table as `core.timers`.
Every value goes into a pipeline as `$literal`: a caller's "$name" is data there, never an expression.
"""

from typing import Any

from core import timers, words
from core.task import PUSHER, Actor, DueKind, State, Task
from core.transitions.transition import Transition
from store import notes
from store.documents import encode_value, field_names
from store.mongo import Document

_FIELDS = field_names(Task)
_SAID = frozenset({"name", "description", "record_id", "labels", "params"})
"""The fields that a task is found by."""


def condition(change: Transition) -> Document:
    """What must still hold of a task for the change to be written (beside its `_id`)."""
    states = sorted(state.value for state in change.sources)
    found: Document = {"state": states[0] if len(states) == 1 else {"$in": states}, "deletedAt": None}
    if change.exec_id is not None:
        found["execId"] = change.exec_id
    if change.seq is not None:
        found["seq"] = change.seq
    return found


def hands_out(change: Transition, me: str) -> Document:
    """What must hold of a task besides for its being handed out to `me`.

    A due alarm never stands in the way of work; any other due timer is about to change the task.
    """
    due: Document = {"dueAt": {"$lte": change.at}, "dueKind": {"$ne": DueKind.ALARM.value}}
    return {"assignment.to.id": {"$in": [None, me]}, "$nor": [due]}


def holders(by: Actor) -> Document:
    """Whose hold the caller's fence may be (`holder.id`): its own, or that of a push, whose target was sent it."""
    return {"$in": [by.id, PUSHER.id]}


def still(task: Task) -> Document:
    """What must beside that be as it was read: a heartbeat renews the lease, and leaves `seq` as it is.

    Else a change would set the timer by the lease of then, or take a lease away that was renewed meanwhile.
    """
    running = task.state is State.IN_PROGRESS and task.lease_until is not None
    return {"leaseUntil": task.lease_until} if running else {}


def known(change: Transition, after: Task) -> Document:
    """Modifiers for a change of a task that was read; `after` is `transition.apply` of it."""
    names = set(change.sets) | {"updated_at", "due_at", "due_kind"}
    names |= {"state"} if change.target is not None else set()
    names |= {"seq"} if change.note is not None else set()
    names |= {"attempt"} if change.starts else set()
    names |= {"lease_until"} if change.lease is not None else set()
    values = {name: getattr(after, name) for name in names}
    update = _modifiers(values if change.note is None else values | {"last_event": notes.of_task(after)})
    if not _SAID.isdisjoint(change.sets):
        # New words are read as those of a new task are.
        update["$set"]["text"] = words.of_task(after)
        update.setdefault("$unset", {})["words"] = ""
    return update


def blind(change: Transition) -> Document | list[Document]:
    """The update of a change whose task was not read: modifiers if it ends the task, else a pipeline."""
    if change.target is State.DONE:
        sets = dict(change.sets) | {
            "state": change.target,
            "updated_at": change.at,
            "due_at": None,
            "due_kind": None,
        }
        update = _modifiers(sets | ({} if change.note is None else {"last_event": notes.of_blind(change)}))
        return update | {"$inc": {"seq": 1}}
    return [{"$set": _stage(change)}, *_timer(change)]


def _modifiers(fields: dict[str, Any]) -> Document:
    sets = {_FIELDS[name]: encode_value(value) for name, value in fields.items() if value is not None}
    unsets = {_FIELDS[name]: "" for name, value in fields.items() if value is None}
    return {"$set": sets} | ({"$unset": unsets} if unsets else {})


def _stage(change: Transition) -> Document:
    stage: Document = {
        _FIELDS[name]: "$$REMOVE" if value is None else {"$literal": encode_value(value)}
        for name, value in change.sets.items()
    }
    stage["updatedAt"] = change.at
    if change.target is not None:
        stage["state"] = change.target.value
    if change.note is not None:
        stage |= {"seq": {"$add": ["$seq", 1]}, "lastEvent": {"$literal": notes.of_blind(change)}}
    if change.starts:
        stage["attempt"] = {"$add": [{"$ifNull": ["$attempt", 0]}, 1]}
    if change.lease is not None:
        seconds = f"$limits.{_camel(change.lease)}"
        milliseconds = {"$multiply": [seconds, 1000]}
        until = {"$add": [change.at, {"$toLong": {"$round": [milliseconds, 0]}}]}
        stage["leaseUntil"] = {"$cond": [{"$gt": [seconds, None]}, until, "$$REMOVE"]}
    return stage


def _timer(change: Transition) -> list[Document]:
    """Two stages: the nearest of the limits that apply in the target state, then which of them it is."""
    if change.target is None:
        return []
    applies = [(f"${_FIELDS[field]}", kind.value) for field, kind in timers.APPLIES[change.target]]
    nearest: Document = {"dueAt": {"$ifNull": [{"$min": [path for path, _ in applies]}, "$$REMOVE"]}}
    branches = [{"case": {"$eq": ["$dueAt", path]}, "then": kind} for path, kind in applies]
    limited = {"$eq": [{"$type": "$dueAt"}, "date"]}
    kind = {"$cond": [limited, {"$switch": {"branches": branches, "default": "$$REMOVE"}}, "$$REMOVE"]}
    return [{"$set": nearest}, {"$set": {"dueKind": kind}}]


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
