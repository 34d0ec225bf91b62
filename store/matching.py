"""Words as MongoDB's conditions.

A task's words are one text (`text`) at first; behind us they become an array (`words`), which alone is in the
index of words (ADR 6). What has none yet is in the small index `unread`.
"""

import re
from collections.abc import Sequence
from typing import Any

from bson.max_key import MaxKey
from bson.min_key import MinKey

from core.words import LONGEST, MOST, Wanted
from store.mongo import Document

Bounds = tuple[list[tuple[str, Any]], list[tuple[str, Any]]]
"""Where a range of the index of words begins, and where it has ended."""

READ: list[Document] = [
    {
        "$set": {
            "words": {
                "$setUnion": [
                    {
                        "$map": {
                            "input": {"$slice": [{"$split": [{"$trim": {"input": "$text"}}, " "]}, MOST]},
                            "in": {"$substrCP": ["$$this", 0, LONGEST]},
                        }
                    },
                    [],
                ]
            }
        }
    },
    {"$unset": "text"},
]
"""The update that puts a task's words into the index."""

_LAST = "\U0010ffff"


def unread(wanted: Wanted) -> list[Document]:
    """What the text of a task must hold."""
    return [{"text": {"$regex": pattern}} for pattern in _patterns(wanted)] or [_NOTHING]


def anywhere(wanted: Wanted) -> list[Document]:
    """The same of a task whose words may be in either form: for listings that no index of words serves."""
    read = [{"words": word} for word in wanted.words] + [_begins(each) for each in wanted.beginnings]
    pairs = zip(read, unread(wanted), strict=False)
    return [{"$or": [either, other]} for either, other in pairs] or [_NOTHING]


def lead(wanted: Wanted) -> Document:
    """The condition that gives an index of words its range: its one word, else its first beginning."""
    return {"words": wanted.words[0]} if wanted.words else _begins(wanted.beginnings[0])


def bounds(tenant: str, wanted: Wanted, queue: str | None = None, places: tuple[str, str] | None = None) -> Bounds:
    """The same range as keys of the index: where it begins, and where it has ended.

    Of a word the range may be that of one queue, and there of the places from one to another.
    """
    first = wanted.words[0] if wanted.words else wanted.beginnings[0]
    last = first if wanted.words else first + _LAST
    low: list[tuple[str, Any]] = [("tenant", tenant), ("words", first), ("queue", MinKey()), ("place", MinKey())]
    high: list[tuple[str, Any]] = [("tenant", tenant), ("words", last), ("queue", MaxKey()), ("place", MaxKey())]
    if queue is not None and wanted.words:
        lowest, highest = (MinKey(), MaxKey()) if places is None else places
        low[2:] = [("queue", queue), ("place", lowest)]
        high[2:] = [("queue", queue), ("place", highest)]
    return low, high


def rest(words: Sequence[str], beginnings: Sequence[str]) -> Document:
    """What must hold of the tasks in that range, in a form from which the planner takes no other range.

    MongoDB compares it seven times as fast as an expression that says the same.
    """
    lacks: list[Document] = [{"words": {"$nin": [word]}} for word in words]
    lacks += [{"words": {"$not": _begins(each)["words"]}} for each in beginnings]
    return {"$nor": lacks} if lacks else {}


_NOTHING: Document = {"text": {"$in": []}}
"""A text without any word finds nothing."""


def _begins(beginning: str) -> Document:
    return {"words": {"$elemMatch": {"$gte": beginning, "$lt": beginning + _LAST}}}


def _patterns(wanted: Wanted) -> list[str]:
    whole = [f" {re.escape(word)}" + (" " if len(word) < LONGEST else "") for word in wanted.words]
    return whole + [f" {re.escape(each)}" for each in wanted.beginnings]
