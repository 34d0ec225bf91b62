"""Which place of a limited definition a task needs: its slot, one for each distinct value at the key path; and which
seats of a slot are free.

A slot has seats 0 to limit - 1. A hand-out is written with a seat of its slot under a unique index, so there are never
more than seats. A slot's name shows its value as JSON, or a digest of a long one.
"""

import bisect
import hashlib
from collections.abc import Collection, Mapping
from typing import Any, cast

import msgspec

from core.definition import Concurrency, Definition

_LONGEST = 120
_DIGEST = "#"


def slot(definition: Definition, params: Any, *, hidden: bool = False) -> str | None:
    """The slot of a task with these params; None where the definition has no limit.

    Tasks without a value at the path share one slot; 1 and "1" are different values. A `hidden` value is shown as its
    digest, however short it is.
    """
    limited = definition.concurrency
    if limited is None:
        return None
    found = _at(limited, params)
    value = msgspec.json.encode(found, order="deterministic")
    digested = len(value) > _LONGEST or (hidden and found is not None)
    shown = _DIGEST + hashlib.sha256(value).hexdigest()[:32] if digested else value.decode()
    return f"{definition.lane}.{shown}"


def lane_of(name: str) -> str:
    """The lane of the definition that a slot belongs to."""
    return name.partition(".")[0]


def value_of(name: str) -> Any:
    """The value at the key path that a slot is for; that of a long one is its digest, as text that begins with #."""
    shown = name.partition(".")[2]
    return shown if shown.startswith(_DIGEST) else msgspec.json.decode(shown)


def free(limit: int, taken: Collection[int]) -> list[int]:
    """The seats that may be given while these are taken, which is read a little earlier and may have shrunk since.

    Seats beyond the limit are taken where it was lowered: as long as they are, as many fewer are given. Whoever reads
    them takes only below them, so claimers who read at different moments cannot together exceed the limit.
    """
    ordered = sorted(taken)
    most = limit
    while most > 0 and most + len(ordered) - bisect.bisect_left(ordered, most) > limit:
        most -= 1
    given = set(ordered)
    return [seat for seat in range(most) if seat not in given]


def beyond(taken: Collection[int]) -> int:
    """The lowest seat that is not taken, whatever the limit: for a hand-out that was there before it."""
    given = set(taken)
    return next(seat for seat in range(len(given) + 1) if seat not in given)


def _at(limited: Concurrency, params: Any) -> Any:
    value = params
    for step in limited.key:
        if isinstance(value, Mapping):
            value = cast("Mapping[str, Any]", value).get(step)
        elif isinstance(value, list) and step.isdecimal():
            items = cast("list[Any]", value)
            value = items[int(step)] if int(step) < len(items) else None
        else:
            value = None
    return value if limited.key else None
