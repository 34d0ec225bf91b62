"""The little language of flow templates: values by path, and conditions. Plain JSON, no code, always ends.

    {"$from": "input.customer.id"}               a value; `steps.a.result.0.x` goes into lists by number
    {"$from": ["input", "a.b"], "default": 0}    keys that hold dots; what to take where the path leads nowhere (null)
    {"$literal": {"$from": "as it is"}}          not looked into

Whatever is put in place is not looked into again: data cannot smuggle in a `$from`.

Conditions: true, false, a `$from` (null, false, 0, "", [] and {} do not hold), {"eq": [a, b]}, likewise ne, gt, ge, lt
and le, {"in": [a, list]}, {"and": [..]}, {"or": [..]}, {"not": c}. Numbers and strings have an order, each among
themselves; gt, ge, lt and le of anything else do not hold.
"""

import operator
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, cast

from core.errors import Fault

Path = tuple[str, ...]
Look = Callable[[Path], Any]
"""Answers the value at a path, or `MISSING`."""

MISSING: Any = object()
_DEEPEST = 64
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_PAIRS = frozenset({"eq", "ne", "in", *_ORDER})


def path_of(written: object) -> Path:
    """A written path as its keys; raises ValueError where it is none."""
    if isinstance(written, str):
        return _split(written)
    if isinstance(written, list):
        keys = cast("list[object]", written)
        if keys and all(isinstance(key, str) or type(key) is int for key in keys):
            return tuple(str(key) for key in keys)
    raise ValueError("a path is 'a.b.c' or a list of keys")


@lru_cache(maxsize=4096)
def _split(written: str) -> Path:
    keys = tuple(written.split("."))
    if not all(keys):
        raise ValueError("a path is 'a.b.c', without empty keys")
    return keys


def dig(value: Any, path: Path) -> Any:
    """What lies at the path within the value, or `MISSING`."""
    for key in path:
        if isinstance(value, dict):
            value = cast("dict[str, Any]", value).get(key, MISSING)
        elif isinstance(value, list | tuple) and key.isascii() and key.isdecimal():
            items = cast("list[Any]", value)
            value = items[int(key)] if len(key) < 10 and int(key) < len(items) else MISSING
        else:
            return MISSING
        if value is MISSING:
            return MISSING
    return value


def resolve(value: Any, look: Look) -> Any:
    """The value with every `$from` in it replaced by what `look` finds, else by its default, else by null."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        if "$from" in fields:
            found = look(path_of(fields["$from"]))
            return fields.get("default") if found is MISSING else found
        if "$literal" in fields:
            return fields["$literal"]
        return {key: resolve(inner, look) for key, inner in fields.items()}
    if isinstance(value, list):
        return [resolve(inner, look) for inner in cast("list[Any]", value)]
    return value


def holds(condition: Any, look: Look) -> bool:
    """Whether the condition holds; it must have passed `faults_of_condition`."""
    if isinstance(condition, bool):
        return condition
    if "$from" in condition:
        return bool(resolve(condition, look))
    ((name, operand),) = cast("dict[str, Any]", condition).items()
    if name == "and":
        return all(holds(inner, look) for inner in operand)
    if name == "or":
        return any(holds(inner, look) for inner in operand)
    if name == "not":
        return not holds(operand, look)
    left, right = (resolve(side, look) for side in operand)
    return _compare(name, left, right)


def _compare(name: str, left: Any, right: Any) -> bool:
    if name == "eq":
        return _same(left, right)
    if name == "ne":
        return not _same(left, right)
    if name == "in":
        return isinstance(right, list) and any(_same(left, item) for item in cast("list[Any]", right))
    numbers = all(isinstance(side, int | float) and not isinstance(side, bool) for side in (left, right))
    texts = isinstance(left, str) and isinstance(right, str)
    return (numbers or texts) and _ORDER[name](left, right)


def _same(left: Any, right: Any) -> bool:
    """Equality of JSON values: true is not 1."""
    return isinstance(left, bool) == isinstance(right, bool) and left == right


# --- what is wrong with them, and what they refer to -----------------------------------------------------


def references(value: Any, place: str) -> Iterator[tuple[Path, str]]:
    """Every path that a well-formed value or condition refers to, with the place where it is written."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        if "$from" in fields:
            yield path_of(fields["$from"]), place
        elif "$literal" not in fields:
            for key, inner in fields.items():
                yield from references(inner, f"{place}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(cast("list[Any]", value)):
            yield from references(inner, f"{place}.{number}")


def faults_of_value(value: Any, place: str, depth: int = 0) -> Iterator[Fault]:
    """What is malformed in a value that may hold `$from`."""
    if depth > _DEEPEST:
        yield Fault(field=place, message="nested too deeply")
    elif isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        if "$from" in fields:
            yield from _faults_of_from(fields, place)
        elif "$literal" in fields:
            if len(fields) > 1:
                yield Fault(field=place, message="'$literal' stands alone")
        else:
            for key, inner in fields.items():
                yield from faults_of_value(inner, f"{place}.{key}", depth + 1)
    elif isinstance(value, list):
        for number, inner in enumerate(cast("list[Any]", value)):
            yield from faults_of_value(inner, f"{place}.{number}", depth + 1)


def _faults_of_from(fields: dict[str, Any], place: str) -> Iterator[Fault]:
    if set(fields) - {"$from", "default"}:
        yield Fault(field=place, message="beside '$from' there may be 'default', and nothing else")
    try:
        path_of(fields["$from"])
    except ValueError as error:
        yield Fault(field=place, message=str(error))


def faults_of_condition(condition: Any, place: str, depth: int = 0) -> Iterator[Fault]:
    """What is malformed in a condition."""
    if depth > _DEEPEST:
        yield Fault(field=place, message="nested too deeply")
    elif isinstance(condition, bool):
        return
    elif not isinstance(condition, dict):
        yield Fault(field=place, message="a condition is true, false, a '$from' or an object of one operator")
    elif "$from" in condition:
        yield from _faults_of_from(cast("dict[str, Any]", condition), place)
    elif len(cast("dict[str, Any]", condition)) != 1:
        yield Fault(field=place, message="a condition has exactly one operator; combine several by 'and'")
    else:
        ((name, operand),) = cast("dict[str, Any]", condition).items()
        yield from _faults_of_operand(name, operand, f"{place}.{name}", depth)


def _faults_of_operand(name: str, operand: Any, place: str, depth: int) -> Iterator[Fault]:
    if name == "not":
        yield from faults_of_condition(operand, place, depth + 1)
    elif name in {"and", "or"}:
        if not isinstance(operand, list):
            yield Fault(field=place, message="must be a list of conditions")
            return
        for number, inner in enumerate(cast("list[Any]", operand)):
            yield from faults_of_condition(inner, f"{place}.{number}", depth + 1)
    elif name not in _PAIRS:
        yield Fault(field=place, message="unknown operator; there are eq, ne, gt, ge, lt, le, in, and, or, not")
    elif not isinstance(operand, list) or len(cast("list[Any]", operand)) != 2:
        yield Fault(field=place, message="must be a list of two values")
    else:
        yield from faults_of_value(operand, place, depth + 1)
