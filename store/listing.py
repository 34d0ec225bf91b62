"""Listings of tasks: what is asked for becomes a few ranges of one index each, merged.

Within one priority a task's place sorts by the time of its submit (`core.priority`), so that listings by either are
ranges of the same indexes. Open tasks are found by their words and marks through the index of words, and those that
were submitted a moment ago, whose words it does not have yet, through the small index of these (ADR 6).
"""

import asyncio
import heapq
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec
from pymongo import errors as driver

from core import clock, errors, words
from core.priority import Priority, place
from core.task import OPEN, Task
from store import documents, matching, mongo, query
from store.mongo import Document
from store.query import Page, Query, Sort

__all__ = ["Listing", "Page", "Query", "Sort"]

_FEW = 4_000
"""So many tasks are read and sorted; more are not, where another index has them in order."""
_STEPS = (250, 1_000, 4_000, 16_000)
"""So finely it is told which word fewer tasks have."""
_PLACED = frozenset({Sort.PLACE, Sort.CREATED, Sort.CREATED_DESC})
_WALKED = _PLACED | {Sort.DUE, Sort.FOLLOW_UP}
_MOST_RANGES = 200
"""Of so many ranges of an index MongoDB merges the orders; of more it sorts what is in them."""
_HIDDEN = {"words": 0, "text": 0}
_BAD_HINT = 2

Span = Document
"""One range of the order that is asked for, as a condition."""


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
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

    def place_of(self, row: Document) -> tuple[Any, str]:
        """What rows are merged by."""
        return row[self.field], str(row["_id"])


@mongo.translating
class Listing:
    """Pages of tasks of a tenant."""

    def __init__(self, database: mongo.Database) -> None:
        self._tasks = database["tasks"]

    async def page(self, tenant: str, wanted: Query, *, after: str | None, limit: int) -> Page:
        """At most `limit` tasks behind the cursor `after`; raises `BadCursor`."""
        field, direction = query.order(wanted.sort)
        cursor = None if after is None else query.read_cursor(after, wanted.sort)
        spans = _spans(wanted, cursor)
        plan = _Plan(tenant=tenant, wanted=wanted, field=field, direction=direction, spans=spans, limit=limit + 1)
        try:
            rows = await self._rows(plan)
        except driver.OperationFailure as error:
            if error.code != _BAD_HINT:
                raise
            raise errors.Unavailable("The indexes are being made; try again.", retry_after=mongo.RETRY_AFTER) from error
        more = rows[limit - 1] if len(rows) > limit else None
        following = None if more is None else query.write_cursor(wanted.sort, more[field], str(more["_id"]))
        return Page(tasks=[documents.decode(row, Task) for row in rows[:limit]], next=following)

    async def ids(self, tenant: str, wanted: Query, *, at_most: int) -> list[str]:
        """The ids of the first so many tasks."""
        field, direction = query.order(wanted.sort)
        plan = _Plan(
            tenant=tenant,
            wanted=wanted,
            field=field,
            direction=direction,
            spans=_spans(wanted, None),
            limit=at_most,
            brief=True,
        )
        return [documents.name_of(str(row["_id"])) for row in await self._rows(plan)]

    async def count(self, tenant: str, wanted: Query, *, at_most: int) -> int:
        """How many tasks the query selects, counted no further than `at_most`."""
        return await self._tasks.count_documents(query.selector(tenant, wanted), limit=at_most)

    async def _rows(self, plan: _Plan) -> list[Document]:
        wanted = plan.wanted
        said = None if wanted.text is None else words.wanted(wanted.text)
        if said == words.Wanted():
            return []
        if wanted.ids is None and wanted.states is not None and wanted.states <= OPEN:
            marked = _marked(wanted, said or words.Wanted())
            if marked != words.Wanted():
                return await self._by_words(plan, said, marked)
            if _walks(wanted):
                return await self._by_queues(plan, {})
        return await self._merged(plan, query.selector(plan.tenant, wanted))

    async def _by_queues(self, plan: _Plan, also: Document) -> list[Document]:
        """What there is, queue by queue: these indexes hold the open tasks alone, however many have ended.

        `also` must hold of each besides the plan's `exact`. The index is named: where matches are rare, the planner's
        trial ends before it has seen that its own choice leads nowhere.
        """
        wanted = plan.wanted
        assert wanted.states is not None
        states = sorted(state.value for state in wanted.states)
        if wanted.queues is None:
            # A seek a queue (DISTINCT_SCAN), however many tasks there are.
            pipeline: list[Document] = [
                {"$match": {"tenant": plan.tenant, "state": {"$in": states}}},
                {"$group": {"_id": "$queue"}},
            ]
            cursor = await self._tasks.aggregate(pipeline, hint="worklist")
            queues = sorted([str(row["_id"]) async for row in cursor])
            if len(queues) <= _MOST_RANGES:
                wanted = msgspec.structs.replace(wanted, queues=tuple(queues))
        exact = query.selector(plan.tenant, msgspec.structs.replace(wanted, text=None))
        found = {"$and": [exact, also]} if also else exact
        if wanted.queues is None or len(wanted.queues) > _MOST_RANGES:
            return await self._merged(plan, found)
        if wanted.sort not in _PLACED:
            return await self._merged(plan, found, hint=plan.field.removesuffix("Date"))
        if len(wanted.queues) * len(states) > _MOST_RANGES:
            spans = [span | {"state": state} for span in plan.spans for state in states]
            plan = msgspec.structs.replace(plan, spans=spans)
        return await self._merged(plan, found, hint="worklist")

    async def _by_words(self, plan: _Plan, said: words.Wanted | None, marked: words.Wanted) -> list[Document]:
        """What has these words: the range of one of them, in order or sorted, or where too many tasks are in it to
        be sorted, the order itself; and what is unread.
        """
        in_order = plan.wanted.sort in _PLACED and bool(marked.words)
        texts = [{"text": {"$exists": True}}, *([] if said is None else matching.unread(said))]
        # These first: what is put into the index meanwhile is found there then.
        (lead, few), unread = await asyncio.gather(
            self._rarest(plan.tenant, marked, exactly=not in_order),
            self._merged(plan, plan.exact | {"$and": texts}, hint="unread"),
        )
        if few or in_order:
            others = [word for word in marked.words if word not in lead.words]
            beginnings = [each for each in marked.beginnings if each not in lead.beginnings]
            rest = matching.rest(others, beginnings)
            found = {"$and": [plan.exact | matching.lead(lead), *([rest] if rest else [])]}
            read = await self._merged(plan, found, hint="words")
        elif _walks(plan.wanted):
            read = await self._by_queues(plan, matching.rest(marked.words, marked.beginnings))
        else:
            read = await self._merged(plan, query.selector(plan.tenant, plan.wanted))
        known = {str(row["_id"]) for row in unread}
        return self._cut(plan, [unread, [row for row in read if str(row["_id"]) not in known]])

    async def _rarest(self, tenant: str, marked: words.Wanted, *, exactly: bool) -> tuple[words.Wanted, bool]:
        """A word (or, without any, a beginning) of the fewest open tasks, as nearly as it is worth knowing; and
        whether these are few enough to be sorted.

        Nothing is looked up where there is one word only, unless that is asked for (`exactly`).
        """
        if len(marked.words) == 1 and not exactly:
            return words.Wanted(words=marked.words), True
        each = [words.Wanted(words=(word,)) for word in marked.words]
        each = each or [words.Wanted(beginnings=(beginning,)) for beginning in marked.beginnings]
        for step in _STEPS:
            over = await asyncio.gather(*[self._has_more(tenant, one, step) for one in each])
            under = [one for one, more in zip(each, over, strict=True) if not more]
            if under:
                return under[0], step <= _FEW
            if exactly and step >= _FEW:
                break
        return each[0], False

    async def _has_more(self, tenant: str, one: words.Wanted, count: int) -> bool:
        """Whether a range of the index of words has more keys than that; read from the index alone."""
        low, high = matching.bounds(tenant, one)
        keys = self._tasks.find({}, {"_id": 0, "place": 1}).hint("words").min(low).max(high)
        return bool([key async for key in keys.skip(count).limit(1)])

    async def _merged(self, plan: _Plan, found: Document, *, hint: str | None = None) -> list[Document]:
        """The first rows of all spans; of several only those that are wanted are read whole."""
        brief = {plan.field: 1}
        if len(plan.spans) == 1:
            return await self._read(plan, found, plan.spans[0], hint, brief if plan.brief else _HIDDEN)
        parts = await asyncio.gather(*[self._read(plan, found, span, hint, brief) for span in plan.spans])
        cut = self._cut(plan, parts)
        if plan.brief or not cut:
            return cut
        keys = [row["_id"] for row in cut]
        rows = [row async for row in self._tasks.find({"$and": [found, {"_id": {"$in": keys}}]}, _HIDDEN).hint("_id_")]
        return sorted(rows, key=plan.place_of, reverse=plan.direction < 0)

    async def _read(
        self, plan: _Plan, found: Document, span: Span, hint: str | None, fields: Mapping[str, int]
    ) -> list[Document]:
        by = [("place", plan.direction)] if plan.wanted.sort in _PLACED else _by(plan)
        both = {"$and": [found, span]} if span else found
        cursor = self._tasks.find(both, fields).sort(by).limit(plan.limit)
        return [row async for row in (cursor if hint is None else cursor.hint(hint))]

    def _cut(self, plan: _Plan, parts: Sequence[list[Document]]) -> list[Document]:
        merged = heapq.merge(*parts, key=plan.place_of, reverse=plan.direction < 0)
        return list(islice(merged, plan.limit))


def _walks(wanted: Query) -> bool:
    """Whether nothing that is asked for leads to few tasks, so that the worklist itself must be followed."""
    leads = (wanted.ids, wanted.assignee, wanted.record_id, wanted.redrive, wanted.parent)
    return wanted.sort in _WALKED and all(each is None for each in leads)


def _by(plan: _Plan) -> list[tuple[str, int]]:
    return [(plan.field, plan.direction), ("_id", plan.direction)]


def _marked(wanted: Query, said: words.Wanted) -> words.Wanted:
    """The words that are asked for, and the marks by which the rest is found as well."""
    marks = [words.label_mark(wanted.label)] if wanted.label is not None else []
    marks += [words.creator_mark(wanted.created_by)] if wanted.created_by is not None else []
    if wanted.definitions is not None and len(wanted.definitions) == 1:
        marks.append(words.definition_mark(wanted.definitions[0]))
    return words.Wanted(words=(*said.words, *marks), beginnings=said.beginnings)


def _spans(wanted: Query, cursor: tuple[Any, str] | None) -> list[Span]:
    """The ranges of the order that the page may come from."""
    if wanted.sort not in _PLACED:
        if cursor is None:
            return [{}]
        return [query.behind(*query.order(wanted.sort), *cursor)]
    if wanted.sort is Sort.PLACE:
        behind = "" if cursor is None else str(cursor[0])
        if wanted.priorities is None:
            return [{"place": {"$gt": behind}} if behind else {}]
        spans = [_of_priority(each) for each in sorted(wanted.priorities, reverse=True)]
        return [{"place": {"$gt": max(low, behind), "$lt": high}} for low, high in spans if high > behind]
    return [_of_time(wanted, priority, cursor) for priority in sorted(wanted.priorities or Priority)]


def _of_priority(priority: Priority) -> tuple[str, str]:
    digit = Priority.URGENT - priority
    return str(digit), str(digit + 1)


def _of_time(wanted: Query, priority: Priority, cursor: tuple[Any, str] | None) -> Span:
    """What of one priority was submitted in the time that is asked for, behind the cursor."""
    low, high = _of_priority(priority)
    if wanted.created_from is not None:
        low = place(priority, clock.cut(wanted.created_from), "")
    if wanted.created_to is not None:
        high = place(priority, clock.cut(wanted.created_to), "~")
    if cursor is not None:
        at, key = cursor
        here = place(priority, at, documents.name_of(key))
        if wanted.sort is Sort.CREATED:
            low = max(low, here)
        else:
            high = min(high, here)
    return {"place": {"$gt": low, "$lt": high}}
