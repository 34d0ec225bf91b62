"""Selecting records by `select-by` (contract aidbox 7.2): a list of comparisons that must all hold."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

SCHEMA: dict[str, Any] = {
    "type": "array",
    "minItems": 1,
    "maxItems": 50,
    "items": {
        "type": "object",
        "required": ["get-in", "comparator", "value"],
        "properties": {
            "get-in": {
                "type": "array",
                "minItems": 1,
                "maxItems": 20,
                "items": {"oneOf": [{"type": "string"}, {"type": "integer", "minimum": 0}]},
            },
            "comparator": {"enum": ["eq", "gt", "lt", "ge", "le"]},
            "value": {},
        },
    },
}
"""JSON Schema of a `select-by`."""


def matches(select_by: Sequence[Mapping[str, Any]], record: Any) -> bool:
    """Whether every comparison holds for the record.

    A value that is not there equals null, and is neither more nor less than anything. Numbers compare with numbers and
    texts with texts, so that dates in ISO form compare as they should.
    """
    return all(_holds(str(each["comparator"]), at(each["get-in"], record), each["value"]) for each in select_by)


def at(path: Sequence[Any], record: Any) -> Any:
    """The value at a path of names and list positions; None where there is none."""
    value = record
    for step in path:
        if isinstance(value, Mapping):
            value = cast("Mapping[str, Any]", value).get(str(step))
        elif isinstance(value, list) and str(step).isdecimal():
            items = cast("list[Any]", value)
            value = items[int(step)] if int(step) < len(items) else None
        else:
            return None
    return value


def _holds(comparator: str, value: Any, wanted: Any) -> bool:
    if comparator == "eq":
        return _kind(value) == _kind(wanted) and value == wanted
    if _kind(value) != _kind(wanted) or _kind(value) not in {"number", "text"}:
        return False
    match comparator:
        case "gt":
            return value > wanted
        case "lt":
            return value < wanted
        case "ge":
            return value >= wanted
        case _:
            return value <= wanted


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "other"
