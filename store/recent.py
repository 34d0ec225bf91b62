"""Listings of a tenant's tasks by the time at which they were made, whatever their queue and priority.

No index is sorted by that time, nor is one needed: within one priority a task's place sorts by it (`core.priority`), so
the four priorities are read side by side and merged. A cursor is the place of the last row without its priority.
"""

import heapq
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from core import errors
from core.priority import Priority
from core.task import Outcome, State
from store import mongo, payloads, query
from store.mongo import Document
from store.payloads import Payloads
from store.query import Page, Query


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One sort of task: in one of these states, and so on; None means any."""

    states: frozenset[State]
    outcomes: frozenset[Outcome] | None = None
    attempted: bool | None = None
    """Whether it was started before."""
    asked_to_stop: bool | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which tasks: those of the query (its sort means nothing) that are one of the cases; none: any."""

    query: Query = Query()
    cases: tuple[Case, ...] = ()
    execute_from: datetime | None = None
    execute_to: datetime | None = None
    newest_first: bool = True


@mongo.translating
class Recent:
    """Pages of tasks of a tenant."""

    def __init__(self, database: mongo.Database, kept: Payloads = payloads.PLAIN) -> None:
        """`kept` opens payloads that are encrypted."""
        self._tasks = database["tasks"]
        self._payloads = kept

    async def page(self, tenant: str, wanted: Wanted, *, after: str | None, limit: int) -> Page:
        """At most `limit` tasks behind the cursor `after`."""
        rows = await self._merged(tenant, wanted, after, limit + 1, None)
        following = str(rows[limit - 1]["place"])[1:] if len(rows) > limit else None
        return Page(tasks=await self._payloads.tasks(rows[:limit]), next=following)

    async def cursor(self, tenant: str, wanted: Wanted, offset: int) -> str | None:
        """The cursor behind the first so many tasks; None when there are no more than that."""
        rows = await self._merged(tenant, wanted, None, offset + 1, {"place": 1})
        return str(rows[offset - 1]["place"])[1:] if len(rows) > offset else None

    async def count(self, tenant: str, wanted: Wanted, *, at_most: int) -> int:
        """How many there are, counted no further than `at_most`."""
        return await self._tasks.count_documents(_selector(tenant, wanted), limit=at_most)

    async def _merged(
        self, tenant: str, wanted: Wanted, after: str | None, limit: int, fields: dict[str, int] | None
    ) -> list[Document]:
        direction = -1 if wanted.newest_first else 1
        found: list[list[Document]] = []
        for priority in wanted.query.priorities or Priority:
            selected = _selector(tenant, wanted) | {"priority": int(priority), "place": _range(priority, wanted, after)}
            rows = self._tasks.find(selected, fields).sort("place", direction).limit(limit)
            found.append([row async for row in rows])
        return list(heapq.merge(*found, key=_age, reverse=wanted.newest_first))[:limit]


def _age(row: Document) -> str:
    return str(row["place"])[1:]


def _range(priority: Priority, wanted: Wanted, after: str | None) -> Document:
    """The places of one priority that are behind the cursor; `_begin` sorts before all tasks of that time."""
    lead = int(Priority.URGENT) - int(priority)
    low, high = f"{lead}", f"{lead + 1}"
    if wanted.query.created_from is not None:
        low = f"{lead}{_begin(wanted.query.created_from)}"
    if wanted.query.created_to is not None:
        high = f"{lead}{_begin(wanted.query.created_to)}"
    if after is None:
        return {"$gte": low, "$lt": high}
    place = f"{lead}{after}"
    return {"$gte": low, "$lt": min(high, place)} if wanted.newest_first else {"$gt": max(low, place), "$lt": high}


def _begin(at: datetime) -> str:
    return f"{int(at.timestamp() * 1000):011x}"


def _selector(tenant: str, wanted: Wanted) -> Document:
    found = query.selector(tenant, wanted.query)
    bounds = {op: at for op, at in (("$gte", wanted.execute_from), ("$lt", wanted.execute_to)) if at is not None}
    if bounds:
        found["executeAt"] = bounds
    if wanted.cases:
        states = sorted({state.value for case in wanted.cases for state in case.states})
        found |= {"state": {"$in": states}, "$or": [_case(case) for case in wanted.cases]}
    return found


def _case(case: Case) -> Document:
    found: dict[str, Any] = {"state": {"$in": _values(case.states)}}
    if case.outcomes is not None:
        found["outcome"] = {"$in": _values(case.outcomes)}
    if case.attempted is not None:
        found["attempt"] = {"$gt": 0} if case.attempted else {"$not": {"$gt": 0}}
    if case.asked_to_stop is not None:
        found["cancelRequest"] = {"$exists": case.asked_to_stop}
    return found


def _values(names: frozenset[State] | frozenset[Outcome]) -> Sequence[str]:
    return sorted(name.value for name in names)


def check_cursor(cursor: str) -> str:
    """The cursor; raises `BadCursor` unless a listing may have given it out."""
    if len(cursor) < 12 or not cursor.isprintable():
        raise errors.BadCursor(faults=[errors.Fault(field="cursor", message="give back `next_cursor`")])
    return cursor
