"""Listings of tasks: a query becomes one range on one index, and a cursor that neither skips nor repeats.

A cursor is the sort value and id of the last row (keyset paging): a task that ends or appears behind it moves no other.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from core import errors
from core.flow_decisions import DECISIONS
from core.priority import Priority
from core.task import Outcome, State, Task
from store import documents, mongo
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
    assignee: str | None = None
    unassigned: bool = False
    created_by: str | None = None
    label: str | None = None
    record_id: str | None = None
    text: str | None = None
    context: Mapping[str, Any] | None = None
    """Entries that the task's context must have, with equal values."""
    dead: bool | None = None
    redrive: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    ended_from: datetime | None = None
    ended_to: datetime | None = None
    sort: Sort = Sort.PLACE


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks and the cursor of the next page; None when there is none."""

    tasks: Sequence[Task]
    next: str | None


@mongo.translating
class Listing:
    """Pages of tasks of a tenant."""

    def __init__(self, database: mongo.Database) -> None:
        self._tasks = database["tasks"]

    async def page(self, tenant: str, query: Query, *, after: str | None, limit: int) -> Page:
        """At most `limit` tasks behind the cursor `after`; raises `BadCursor`."""
        field, direction = _order(query.sort)
        found = selector(tenant, query)
        if after is not None:
            value, key = _read_cursor(after, query.sort)
            found = {"$and": [found, _behind(field, direction, value, key)]}
        tiebreak = [] if field == "place" else [("_id", direction)]
        cursor = self._tasks.find(found).sort([(field, direction), *tiebreak]).limit(limit + 1)
        rows = [row async for row in cursor]
        more = rows[limit - 1] if len(rows) > limit else None
        following = None if more is None else _write_cursor(query.sort, more[field], str(more["_id"]))
        return Page(tasks=[documents.decode(row, Task) for row in rows[:limit]], next=following)

    async def count(self, tenant: str, query: Query, *, at_most: int) -> int:
        """How many tasks the query selects, counted no further than `at_most`."""
        return await self._tasks.count_documents(selector(tenant, query), limit=at_most)


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
        pattern = {"$regex": re.escape(query.text), "$options": "i"}
        found["$or"] = [{field: pattern} for field in ("name", "description", "recordId", "labels")]
    return found


def _sets(query: Query) -> dict[str, Sequence[object] | None]:
    states = None if query.states == frozenset(State) else query.states
    return {
        "queue": query.queues,
        "state": None if states is None else sorted(state.value for state in states),
        "outcome": None if query.outcomes is None else sorted(outcome.value for outcome in query.outcomes),
        "priority": None if query.priorities is None else sorted(int(priority) for priority in query.priorities),
        "definition": query.definitions,
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
    }
    bounds: dict[str, Document] = {
        field: {op: at for op, at in (("$gte", low), ("$lt", high)) if at is not None}
        for field, (low, high) in spans.items()
    }
    if query.sort in {Sort.ENDED, Sort.ENDED_DESC} and not bounds["endedAt"]:
        bounds["endedAt"] = {"$exists": True}
    return bounds


def _entry(key: str, value: object) -> Document:
    read: Document = {"$getField": {"field": {"$literal": key}, "input": {"$ifNull": ["$context", {}]}}}
    return {"$eq": [read, {"$literal": value}]}


def _one_of(values: Sequence[object]) -> object:
    return values[0] if len(values) == 1 else {"$in": list(values)}


def _order(sort: Sort) -> tuple[str, int]:
    return (sort.value[1:], -1) if sort.value.startswith("-") else (sort.value, 1)


def _behind(field: str, direction: int, value: object, key: str) -> Document:
    beyond = "$gt" if direction == 1 else "$lt"
    if field == "place":
        return {field: {beyond: value}}
    # The first range is implied by the second; it is there because the planner takes index bounds from it alone.
    return {
        field: {f"{beyond}e": value},
        "$or": [{field: {beyond: value}}, {field: value, "_id": {beyond: key}}],
    }


def _write_cursor(sort: Sort, value: object, key: str) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode([sort.value, value, key])).decode().rstrip("=")


def _read_cursor(cursor: str, sort: Sort) -> tuple[object, str]:
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
