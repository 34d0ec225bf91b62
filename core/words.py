"""The words by which a task is found, and what a text asks for. Pure.

A task is found by every word of its name, record id, labels, description and the texts and numbers of its params; one
whose payload is encrypted by those of its name, record id and labels alone.
Beside the words are marks: exact values by which worklists are filtered, under prefixes that no word begins with.
"""

import re
import unicodedata
from typing import Any, cast

import msgspec

from core.task import Task

MOST = 96
"""Words and marks of one task, repeated ones counted; what is over is not found. Params come last."""
LONGEST = 40
"""Characters of a word; longer ones are cut."""
_MOST_TEXT = 4_000
_MOST_WANTED = 8
_FEWEST_LETTERS = 3

_BETWEEN = re.compile(r"[\W_]+")
_PLAIN = "".join(chr(code).lower() if chr(code).isalnum() else " " for code in range(128))
_SPACE = re.compile(r"\s+")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a text asks for: whole words, and beginnings of words; a task must have all."""

    words: tuple[str, ...] = ()
    beginnings: tuple[str, ...] = ()


def of_task(task: Task) -> str:
    """All marks and words of a task as one text, each between spaces, the text's ends included.

    It is made with every submit: what can wait (each word once, cut) is left to the index.
    """
    marks = [creator_mark(task.created_by.id)]
    if task.definition is not None:
        marks.append(definition_mark(task.definition))
    marks += [label_mark(label) for label in task.labels]
    said = [text for text in (task.name, task.record_id, *task.labels) if text]
    if task.description and not task.encrypted:
        said.append(task.description)
    if task.params is not None and not task.encrypted:
        _gather(task.params, said)
    words = _split(" ".join(said)[:_MOST_TEXT])[: MOST - len(marks)]
    return f" {' '.join(marks)} {' '.join(words)} "


def wanted(text: str) -> Wanted:
    """The words of a query; one that ends in `*` (after three letters or more) is the beginning of a word."""
    words: dict[str, None] = {}
    beginnings: dict[str, None] = {}
    for part in _folded(text).split():
        found = [word[:LONGEST] for word in _BETWEEN.split(part) if word]
        if part.endswith("*") and found and len(found[-1]) >= _FEWEST_LETTERS:
            beginnings[found.pop()] = None
        words |= dict.fromkeys(found)
    return Wanted(words=tuple(words)[:_MOST_WANTED], beginnings=tuple(beginnings)[:_MOST_WANTED])


def label_mark(label: str) -> str:
    """The mark of a label; like every mark it may be another's too, so that the label itself must be compared."""
    return f"#{_joined(label)}"


def creator_mark(subject: str) -> str:
    """The mark of whoever submitted it."""
    return f"@{_joined(subject)}"


def definition_mark(definition: str) -> str:
    """The mark of its definition."""
    return f"={_joined(definition)}"


def _joined(value: str) -> str:
    return _SPACE.sub("_", value)[: LONGEST - 1]


def _split(text: str) -> list[str]:
    """The words of a text, at least `MOST` of them if there are so many; by tables of bytes as far as that goes."""
    if text.isascii():
        return text.translate(_PLAIN).split(None, MOST)
    return [word for word in _BETWEEN.split(_folded(text), MOST + 1) if word]


def _folded(text: str) -> str:
    """Small letters without accents."""
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = "".join(each for each in decomposed if not unicodedata.combining(each))
    return text.casefold()


def _gather(value: Any, into: list[str]) -> None:
    """The texts and numbers in JSON."""
    kind = cast("type[Any]", type(value))
    if kind is str:
        into.append(value)
    elif kind is int or kind is float:
        into.append(str(value))
    elif kind is dict:
        for each in cast("dict[str, Any]", value).values():
            _gather(each, into)
    elif kind is list or kind is tuple:
        for each in cast("list[Any]", value):
            _gather(each, into)
