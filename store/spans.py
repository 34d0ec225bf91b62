"""The ranges of a listing's order that its page may come from, as conditions. Pure.

Within one priority a task's place sorts by the time of its submit (`core.priority`), so that listings by either are
ranges of the same indexes.
"""

from typing import Any

from core import clock
from core.priority import Priority, place
from store import documents, query
from store.mongo import Document
from store.query import Query, Sort

Span = Document
"""One range of the order that is asked for, as a condition."""

PLACED = frozenset({Sort.PLACE, Sort.CREATED, Sort.CREATED_DESC})
"""Orders that are told by the place."""


def spans(wanted: Query, cursor: tuple[Any, str] | None) -> list[Span]:
    """The ranges behind the cursor, each in the order that is asked for."""
    if wanted.sort not in PLACED:
        return [{} if cursor is None else query.behind(*query.order(wanted.sort), *cursor)]
    if wanted.sort is Sort.PLACE:
        behind = "" if cursor is None else str(cursor[0])
        if wanted.priorities is None:
            return [{"place": {"$gt": behind}} if behind else {}]
        ranges = [_of_priority(each) for each in sorted(wanted.priorities, reverse=True)]
        return [{"place": {"$gt": max(low, behind), "$lt": high}} for low, high in ranges if high > behind]
    return [_of_time(wanted, priority, cursor) for priority in sorted(wanted.priorities or Priority)]


def places(wanted: Query) -> tuple[str, str] | None:
    """From which place to which a task of these priorities may be; None where any is meant."""
    if not wanted.priorities:
        return None
    return _of_priority(max(wanted.priorities))[0], _of_priority(min(wanted.priorities))[1]


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
