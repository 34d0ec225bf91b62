"""Listings of tasks: what is asked for becomes a few ranges of one index each, merged.

Within one priority a task's place sorts by the time of its submit (`core.priority`), so that listings by either are
ranges of the same indexes. Open tasks are found by their words and marks through the index of words, and those that
were submitted a moment ago, whose words it does not have yet, through the small index of these (ADR 6).
"""

import asyncio
import heapq
from collections.abc import Mapping, Sequence
from itertools import islice

import msgspec
from pymongo import errors as driver

from core import errors, words
from core.task import OPEN
from store import documents, listing_plan, matching, mongo, payloads, query, rarity
from store import spans as ranges
from store.listing_plan import Plan
from store.mongo import Document
from store.payloads import Payloads
from store.query import Page, Query, Sort
from store.spans import PLACED, Span

__all__ = ["Listing", "Page", "Query", "Sort"]

_MOST_RANGES = 200
"""Of so many ranges of an index MongoDB merges the orders; of more it sorts what is in them."""
_MOST_QUEUES = 10_000
"""Of so many queues a word's ranges are read, so many at once."""
_HIDDEN = {"words": 0, "text": 0}
_BAD_HINT = 2


@mongo.translating
class Listing:
    """Pages of tasks of a tenant."""

    def __init__(self, database: mongo.Database, kept: Payloads = payloads.PLAIN) -> None:
        """`kept` opens payloads that are encrypted."""
        self._database = database
        self._tasks = database["tasks"]
        self._payloads = kept

    async def page(self, tenant: str, wanted: Query, *, after: str | None, limit: int) -> Page:
        """At most `limit` tasks behind the cursor `after`; raises `BadCursor`."""
        field, direction = query.order(wanted.sort)
        cursor = None if after is None else query.read_cursor(after, wanted.sort)
        spans = ranges.spans(wanted, cursor)
        plan = Plan(tenant=tenant, wanted=wanted, field=field, direction=direction, spans=spans, limit=limit + 1)
        try:
            rows = await self._rows(plan)
        except driver.OperationFailure as error:
            if error.code != _BAD_HINT:
                raise
            raise errors.Unavailable("The indexes are being made; try again.", retry_after=mongo.RETRY_AFTER) from error
        more = rows[limit - 1] if len(rows) > limit else None
        following = None if more is None else query.write_cursor(wanted.sort, more[field], str(more["_id"]))
        return Page(tasks=await self._payloads.tasks(rows[:limit]), next=following)

    async def ids(self, tenant: str, wanted: Query, *, at_most: int) -> list[str]:
        """The ids of the first so many tasks."""
        field, direction = query.order(wanted.sort)
        plan = Plan(
            tenant=tenant,
            wanted=wanted,
            field=field,
            direction=direction,
            spans=ranges.spans(wanted, None),
            limit=at_most,
            brief=True,
        )
        return [documents.name_of(str(row["_id"])) for row in await self._rows(plan)]

    async def count(self, tenant: str, wanted: Query, *, at_most: int) -> int:
        """How many tasks the query selects, counted no further than `at_most`."""
        return await self._tasks.count_documents(query.selector(tenant, wanted), limit=at_most)

    async def _rows(self, plan: Plan) -> list[Document]:
        wanted = plan.wanted
        said = None if wanted.text is None else words.wanted(wanted.text)
        if said == words.Wanted():
            return []
        if wanted.ids is None and wanted.states is not None and wanted.states <= OPEN:
            marked = listing_plan.marks_of(wanted, said or words.Wanted())
            if marked != words.Wanted():
                return await self._by_words(plan, said, marked)
            if listing_plan.walks(wanted):
                return await self._by_queues(plan, {})
        return await self._merged(plan, query.selector(plan.tenant, wanted))

    async def _by_queues(self, plan: Plan, also: Document) -> list[Document]:
        """What there is, queue by queue: these indexes hold the open tasks alone, however many have ended.

        `also` must hold of each besides the plan's `exact`. The index is named: where matches are rare, the planner's
        trial ends before it has seen that its own choice leads nowhere.
        """
        plan = await self._resolved(plan)
        wanted = plan.wanted
        assert wanted.states is not None
        states = sorted(state.value for state in wanted.states)
        found = {"$and": [plan.exact, also]} if also else plan.exact
        if wanted.queues is None or len(wanted.queues) > _MOST_RANGES:
            return await self._merged(plan, found)
        if wanted.sort not in PLACED:
            return await self._merged(plan, found, hint=plan.field.removesuffix("Date"))
        if len(wanted.queues) * len(states) > _MOST_RANGES:
            spans = [span | {"state": state} for span in plan.spans for state in states]
            plan = msgspec.structs.replace(plan, spans=spans)
        return await self._merged(plan, found, hint="worklist")

    async def _resolved(self, plan: Plan, *, at_most: int = _MOST_RANGES) -> Plan:
        """The plan with the queues that have open tasks, where none is named and there are no more than that.

        A seek a queue (DISTINCT_SCAN), however many tasks there are.
        """
        if plan.wanted.queues is not None:
            return plan
        states = sorted(state.value for state in plan.wanted.states or OPEN)
        pipeline: list[Document] = [
            {"$match": {"tenant": plan.tenant, "state": {"$in": states}}},
            {"$group": {"_id": "$queue"}},
        ]
        cursor = await self._tasks.aggregate(pipeline, hint="worklist")
        queues = sorted([str(row["_id"]) async for row in cursor])
        if len(queues) > at_most:
            return plan
        return msgspec.structs.replace(plan, wanted=msgspec.structs.replace(plan.wanted, queues=tuple(queues)))

    async def _by_words(self, plan: Plan, said: words.Wanted | None, marked: words.Wanted) -> list[Document]:
        """What has these words: the ranges of one of them, in order or sorted, or where too many tasks are in them to
        be sorted, the order itself; and what is unread.
        """
        texts = [{"text": {"$exists": True}}, *([] if said is None else matching.unread(said))]
        # These first: what is put into the index meanwhile is found there then.
        reading = self._merged(plan, plan.exact | {"$and": texts}, hint="unread")
        if plan.wanted.sort in PLACED and marked.words:
            lead, at, unread = await asyncio.gather(
                rarity.thinnest(self._database, plan.tenant, plan.wanted, marked),
                self._resolved(plan, at_most=_MOST_QUEUES),
                reading,
            )
            read = await self._in_order(at, marked, lead)
        else:
            (lead, at_most), unread = await asyncio.gather(
                rarity.rarest(self._database, plan.tenant, plan.wanted, marked), reading
            )
            found, rest = listing_plan.led(plan, marked, lead), matching.rest(marked.words, marked.beginnings)
            if at_most is not None and at_most <= (
                rarity.SURELY_FEW if listing_plan.walks(plan.wanted) else rarity.FEW
            ):
                read = await self._merged(plan, found, hint="terms")
            elif not listing_plan.walks(plan.wanted):
                read = await self._merged(plan, query.selector(plan.tenant, plan.wanted))
            else:
                read = await self._followed(plan, found, rest, few=at_most is not None, maybe=bool(lead.beginnings))
        known = {str(row["_id"]) for row in unread}
        return self._cut(plan, [unread, [row for row in read if str(row["_id"]) not in known]])

    async def _in_order(self, plan: Plan, marked: words.Wanted, lead: words.Wanted) -> list[Document]:
        """Tasks with a word by their places: the word's range in each queue has them in order."""
        queues = plan.wanted.queues
        if queues is not None and len(queues) > _MOST_RANGES:
            parts = [list(queues[begin : begin + _MOST_RANGES]) for begin in range(0, len(queues), _MOST_RANGES)]
            spans = [span | {"queue": {"$in": part}} for span in plan.spans for part in parts]
            wanted = msgspec.structs.replace(plan.wanted, queues=None)
            plan = msgspec.structs.replace(plan, wanted=wanted, spans=spans)
        return await self._merged(plan, listing_plan.led(plan, marked, lead), hint="terms")

    async def _followed(self, plan: Plan, found: Document, rest: Document, *, few: bool, maybe: bool) -> list[Document]:
        """What has frequent words in an order that the index of words does not have: from the beginning of that order,
        unless that does not suffice and it is few enough to be sorted, or may be; else by the order.
        """
        first = await self._glanced(plan, rest)
        if len(first) == plan.limit:
            return await self._whole(plan, first)
        if few:
            return await self._merged(plan, found, hint="terms")
        if maybe and plan.wanted.queues is not None:
            rows = await self._sorted_if_few(plan, found)
            if rows is not None:
                return await self._whole(plan, rows)
        return await self._by_queues(plan, rest)

    async def _glanced(self, plan: Plan, rest: Document) -> list[Document]:
        """What is found at the beginning of the order of one queue: as far as so many keys of its index reach."""
        ahead = listing_plan.ahead(plan)
        if ahead is None:
            return []
        keys = self._tasks.find({}, {"_id": 0, plan.by[0][0]: 1}).hint(ahead.index).min(ahead.low).max(ahead.high)
        async for key in keys.skip(rarity.GLANCE).limit(1):
            upto: Document = {plan.by[0][0]: {"$lte": key[plan.by[0][0]]}}
            found: Document = {"$and": [plan.exact, plan.spans[0], upto, rest]}
            rows = self._tasks.find(found, {plan.field: 1}).sort(plan.by).hint(ahead.index).limit(plan.limit)
            return [row async for row in rows]
        return []

    async def _sorted_if_few(self, plan: Plan, found: Document) -> list[Document] | None:
        """What is found, if it is few tasks."""
        pipeline: list[Document] = [
            {"$match": {"$and": [found, {"$or": list(plan.spans)}]}},
            {"$limit": rarity.FEW + 1},
            {"$project": {plan.field: 1}},
            {
                "$facet": {
                    "rows": [{"$sort": {plan.field: plan.direction, "_id": plan.direction}}, {"$limit": plan.limit}],
                    "all": [{"$count": "count"}],
                }
            },
        ]
        async for row in await self._tasks.aggregate(pipeline, hint="terms"):
            if sum(each["count"] for each in row["all"]) <= rarity.FEW:
                return list(row["rows"])
        return None

    async def _merged(self, plan: Plan, found: Document, *, hint: str | None = None) -> list[Document]:
        """The first rows of all spans; of several only those that are wanted are read whole."""
        brief = {plan.field: 1}
        if len(plan.spans) == 1:
            return await self._read(plan, found, plan.spans[0], hint, brief if plan.brief else _HIDDEN)
        parts = await asyncio.gather(*[self._read(plan, found, span, hint, brief) for span in plan.spans])
        return await self._whole(plan, self._cut(plan, parts))

    async def _whole(self, plan: Plan, rows: list[Document]) -> list[Document]:
        """These rows with all that belongs to them as it is now: one that has ended since must not end the page."""
        if plan.brief or not rows:
            return rows
        found = self._tasks.find({"_id": {"$in": [row["_id"] for row in rows]}}, _HIDDEN).hint("_id_")
        whole = {row["_id"]: row async for row in found}
        return [row | whole[row["_id"]] for row in rows if row["_id"] in whole]

    async def _read(
        self, plan: Plan, found: Document, span: Span, hint: str | None, fields: Mapping[str, int]
    ) -> list[Document]:
        both = {"$and": [found, span]} if span else found
        cursor = self._tasks.find(both, fields).sort(plan.by).limit(plan.limit)
        return [row async for row in (cursor if hint is None else cursor.hint(hint))]

    def _cut(self, plan: Plan, parts: Sequence[list[Document]]) -> list[Document]:
        merged = heapq.merge(*parts, key=plan.place_of, reverse=plan.direction < 0)
        return list(islice(merged, plan.limit))
