"""One listing of tasks as it is carried out: what is asked for, in which order, and what leads to it. Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec
from bson.max_key import MaxKey
from bson.min_key import MinKey

from core import words
from core.task import State
from store import matching, query, spans
from store.mongo import Document
from store.query import Query, Sort
from store.spans import PLACED, Span

_WALKED = PLACED | {Sort.DUE, Sort.FOLLOW_UP}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One listing: what is asked for, in which order, how much of it."""

    tenant: str
    wanted: Query
    field: str
    direction: int
    spans: Sequence[Span]
    limit: int
    brief: bool = False
    """Only what rows are merged by is read."""

    @property
    def exact(self) -> Document:
        """All that is asked for but the text."""
        return query.selector(self.tenant, msgspec.structs.replace(self.wanted, text=None))

    @property
    def by(self) -> list[tuple[str, int]]:
        """The fields that its order is read by; a place is of one task alone."""
        if self.wanted.sort in PLACED:
            return [("place", self.direction)]
        return [(self.field, self.direction), ("_id", self.direction)]

    def place_of(self, row: Document) -> tuple[Any, str]:
        """What rows are merged by."""
        return row[self.field], str(row["_id"])


class Ahead(msgspec.Struct, frozen=True, kw_only=True):
    """What is ahead in the order of one queue, as a range of keys of its index."""

    index: str
    low: list[tuple[str, Any]]
    high: list[tuple[str, Any]]


def ahead(plan: Plan) -> Ahead | None:
    """The range behind the cursor; by place, that of the ready tasks alone. None where the order is not one range."""
    queues = plan.wanted.queues or ()
    if len(queues) != 1 or len(plan.spans) != 1 or plan.direction < 0:
        return None
    placed = plan.wanted.sort in PLACED
    field = plan.by[0][0]
    bounds = plan.spans[0].get(field, {})
    begin = bounds.get("$gt", bounds.get("$gte", MinKey()))
    head: list[tuple[str, Any]] = [("tenant", plan.tenant), ("queue", queues[0])]
    head += [("state", State.READY.value)] if placed else []
    tail = ("lane",) if placed else ("_id", "priority")
    return Ahead(
        index="worklist" if placed else field.removesuffix("Date"),
        low=[*head, (field, begin), *((name, MinKey()) for name in tail)],
        high=[*head, (field, MaxKey()), *((name, MaxKey()) for name in tail)],
    )


def led(plan: Plan, marked: words.Wanted, lead: words.Wanted) -> Document:
    """What is asked for, in the ranges of one word; the others are compared."""
    others = [word for word in marked.words if word not in lead.words]
    rest = matching.rest(others, [each for each in marked.beginnings if each not in lead.beginnings])
    places = spans.places(plan.wanted)
    narrowed: Document = {} if places is None else {"place": {"$gte": places[0], "$lt": places[1]}}
    return {"$and": [plan.exact | matching.lead(lead), narrowed, *([rest] if rest else [])]}


def walks(wanted: Query) -> bool:
    """Whether nothing that is asked for leads to few tasks, so that the worklist itself must be followed."""
    leads = (wanted.ids, wanted.assignee, wanted.record_id, wanted.redrive, wanted.parent)
    return wanted.sort in _WALKED and all(each is None for each in leads)


def marks_of(wanted: Query, said: words.Wanted) -> words.Wanted:
    """The words that are asked for, and the marks by which the rest is found as well."""
    marks = [words.label_mark(wanted.label)] if wanted.label is not None else []
    marks += [words.creator_mark(wanted.created_by)] if wanted.created_by is not None else []
    if wanted.definitions is not None and len(wanted.definitions) == 1:
        marks.append(words.definition_mark(wanted.definitions[0]))
    return words.Wanted(words=(*said.words, *marks), beginnings=said.beginnings)
