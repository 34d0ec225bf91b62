"""What a listing of tasks can ask for, as MongoDB's filter, and its cursor.

A cursor is the sort value and id of the last row (keyset paging): a task that ends or appears behind it moves no other.
"""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from core import errors, words
from core.flow_decisions import DECISIONS
from core.priority import Priority
from core.task import Outcome, State, Task
from store import documents, matching
from store.mongo import Document


class Sort(StrEnum):
    """The orders a listing can have; a minus means descending."""

    PLACE = "place"
    CREATED = "createdAt"
    CREATED_DESC = "-createdAt"
    UPDATED = "updatedAt"
    UPDATED_DESC = "-updatedAt"
    ENDED_DESC = "-endedAt"
    ENDED = "endedAt"
    DUE = "dueDate"
    """Open tasks that have such a date only, as with the next."""
    FOLLOW_UP = "followUpDate"


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What to list; None means any. `queues` is what the caller may read, None for all of the tenant's."""

    ids: tuple[str, ...] | None = None
    queues: tuple[str, ...] | None = None
    states: frozenset[State] | None = None
    outcomes: frozenset[Outcome] | None = None
    priorities: frozenset[Priority] | None = None
    definitions: tuple[str, ...] | None = None
    without_definitions: tuple[str, ...] = ()
    parent: str | None = None
    """The id of the flow whose children are meant."""
    decisions: bool | None = None
    """Only decision tasks of flows, or none of them."""
    lanes: tuple[str, ...] | None = None
    assignee: str | None = None
    unassigned: bool = False
    free_for: str | None = None
    """Nobody's, or this person's."""
    created_by: str | None = None
    label: str | None = None
    record_id: str | None = None
    text: str | None = None
    """Words that a task must have (`core.words.wanted`)."""
    context: Mapping[str, Any] | None = None
    """Entries that the task's context must have, with equal values."""
    dead: bool | None = None
    redrive: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    ended_from: datetime | None = None
    ended_to: datetime | None = None
    due_from: datetime | None = None
    due_to: datetime | None = None
    follow_up_from: datetime | None = None
    follow_up_to: datetime | None = None
    sort: Sort = Sort.PLACE


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks and the cursor of the next page; None when there is none."""

    tasks: Sequence[Task]
    next: str | None


def selector(tenant: str, query: Query) -> Document:
    """The query as a filter, the tenant first; without states it spans open and ended tasks alike."""
    found: Document = {"tenant": tenant, "deletedAt": None}
    found |= {field: _one_of(values) for field, values in _sets(query).items() if values is not None}
    found |= {field: value for field, value in _values(query).items() if value is not None}
    found |= {field: bounds for field, bounds in _ranges(query).items() if bounds}
    if query.ids is not None:
        found["_id"] = {"$in": documents.keys(tenant, query.ids)}
    if query.unassigned:
        found["assignment.to.id"] = None
    if query.free_for is not None:
        found["assignment.to.id"] = {"$in": [None, query.free_for]}
    if query.without_definitions:
        found["$nor"] = [{"definition": {"$in": list(query.without_definitions)}}]
    if query.decisions is not None:
        found["parent.step"] = DECISIONS if query.decisions else {"$ne": DECISIONS}
    if query.dead is False:
        found["dead"] = None
    if query.context:
        # By expression, since a caller's key may hold dots and dollars, which mean something in a path.
        found["$expr"] = {"$and": [_entry(key, value) for key, value in query.context.items()]}
    if query.text is not None:
        found["$and"] = matching.anywhere(words.wanted(query.text))
    return found


def _sets(query: Query) -> dict[str, Sequence[object] | None]:
    states = None if query.states == frozenset(State) else query.states
    return {
        "queue": query.queues,
        "state": None if states is None else sorted(state.value for state in states),
        "outcome": None if query.outcomes is None else sorted(outcome.value for outcome in query.outcomes),
        "priority": None if query.priorities is None else sorted(int(priority) for priority in query.priorities),
        "definition": query.definitions,
        "lane": query.lanes,
    }


def _values(query: Query) -> dict[str, object]:
    return {
        "assignment.to.id": query.assignee,
        "createdBy.id": query.created_by,
        "labels": query.label,
        "recordId": query.record_id,
        "redrive": query.redrive,
        "dead": query.dead or None,
        "parent.flow": query.parent,
    }


def _ranges(query: Query) -> dict[str, Document]:
    spans = {
        "createdAt": (query.created_from, query.created_to),
        "endedAt": (query.ended_from, query.ended_to),
        "dueDate": (query.due_from, query.due_to),
        "followUpDate": (query.follow_up_from, query.follow_up_to),
    }
    bounds: dict[str, Document] = {
        field: {op: at for op, at in (("$gte", low), ("$lt", high)) if at is not None}
        for field, (low, high) in spans.items()
    }
    for sort, field in _DATED.items():
        if query.sort is sort and not bounds[field]:
            bounds[field] = {"$exists": True}
    return bounds


_DATED = {
    Sort.ENDED: "endedAt",
    Sort.ENDED_DESC: "endedAt",
    Sort.DUE: "dueDate",
    Sort.FOLLOW_UP: "followUpDate",
}
"""What is listed by such a date has one."""


def _entry(key: str, value: object) -> Document:
    read: Document = {"$getField": {"field": {"$literal": key}, "input": {"$ifNull": ["$context", {}]}}}
    return {"$eq": [read, {"$literal": value}]}


def _one_of(values: Sequence[object]) -> object:
    return values[0] if len(values) == 1 else {"$in": list(values)}


def order(sort: Sort) -> tuple[str, int]:
    """The field that it sorts by, and the direction."""
    return (sort.value[1:], -1) if sort.value.startswith("-") else (sort.value, 1)


def behind(field: str, direction: int, value: object, key: str) -> Document:
    """What comes after a row of that value and `_id`."""
    beyond = "$gt" if direction == 1 else "$lt"
    if field == "place":
        return {field: {beyond: value}}
    # The first range is implied by the second; it is there because the planner takes index bounds from it alone.
    return {
        field: {f"{beyond}e": value},
        "$or": [{field: {beyond: value}}, {field: value, "_id": {beyond: key}}],
    }


def write_cursor(sort: Sort, value: object, key: str) -> str:
    """The cursor of a row."""
    return base64.urlsafe_b64encode(msgspec.json.encode([sort.value, value, key])).decode().rstrip("=")


def read_cursor(cursor: str, sort: Sort) -> tuple[Any, str]:
    """The sort value and `_id` of the row that a cursor is of; raises `BadCursor`."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        if sort is Sort.PLACE:
            of, value, key = msgspec.json.decode(raw, type=tuple[str, str, str])
        else:
            of, value, key = msgspec.json.decode(raw, type=tuple[str, datetime, str])
    except (ValueError, msgspec.MsgspecError):
        raise _bad_cursor() from None
    if of != sort.value:
        raise _bad_cursor()
    return value, key


def _bad_cursor() -> errors.BadCursor:
    message = "give back `next` of the page before, with the same sort"
    return errors.BadCursor(faults=[errors.Fault(field="after", message=message)])
