"""Words as MongoDB's conditions.

A task's words are one text (`text`) at first; behind us they become an array (`words`), which alone is in the
index of words (ADR 6). What has none yet is in the small index `unread`.
"""

import re
from collections.abc import Sequence

from core.words import LONGEST, MOST, Wanted
from store.mongo import Document

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


def rest(words: Sequence[str], beginnings: Sequence[str]) -> list[Document]:
    """What must hold of the tasks in that range, as an expression, from which the planner takes no other range."""
    found: list[Document] = [{"$expr": {"$setIsSubset": [list(words), "$words"]}}] if words else []
    for each in beginnings:
        begins = {"$eq": [{"$indexOfCP": ["$$this", each]}, 0]}
        found.append({"$expr": {"$gt": [{"$size": {"$filter": {"input": "$words", "cond": begins}}}, 0]}})
    return found


_NOTHING: Document = {"text": {"$in": []}}
"""A text without any word finds nothing."""


def _begins(beginning: str) -> Document:
    return {"words": {"$elemMatch": {"$gte": beginning, "$lt": beginning + _LAST}}}


def _patterns(wanted: Wanted) -> list[str]:
    whole = [f" {re.escape(word)}" + (" " if len(word) < LONGEST else "") for word in wanted.words]
    return whole + [f" {re.escape(each)}" for each in wanted.beginnings]
