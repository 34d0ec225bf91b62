"""What pydantic found wrong with a request, in words that say what to do: which field was meant, what is missing."""

import difflib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast, get_args

from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

_MANY = 12
"""Names that a sentence can hold."""


def words(found: Mapping[str, Any], kind: Any = None) -> str:
    """The message of one of pydantic's errors; `kind` is the type of the body or query that it is about."""
    where, *path = found["loc"] or ("body",)
    match found["type"]:
        case "extra_forbidden":
            return _no_such("parameter" if where == "query" else "field", path, kind)
        case "missing" if found["msg"] == "Field required":  # other rules are called missing too, in words of their own
            return "is required" if path else "a body is needed: a JSON object"
        case "model_type" | "model_attributes_type":
            return "must be a JSON object"
        case _:
            return str(found["msg"])


def of(error: ValidationError, kind: type[BaseModel]) -> list[dict[str, Any]]:
    """The errors of a body that was validated by hand, as FastAPI's own are, in our words already."""
    placed = [{**found, "loc": ("body", *found["loc"])} for found in error.errors()]
    return [{**found, "type": "value_error", "msg": words(found, kind)} for found in placed]


def kind_of(route: object, where: object) -> Any:
    """The type of that part (`body`, `query`) of a route's requests; None when it is not known."""
    if not isinstance(route, APIRoute):
        return None
    if where == "body":
        return None if route.body_field is None else route.body_field.field_info.annotation
    if where == "query":
        return tuple(field.field_info.annotation for field in route.dependant.query_params)
    return None


def _no_such(what: str, path: Sequence[object], kind: Any) -> str:
    name, known = str(path[-1]), sorted(_names(kind, path[:-1]))
    folded = {each.lower(): each for each in known}
    if near := difflib.get_close_matches(name.lower(), folded, n=1):
        return f"there is no such {what}; did you mean {folded[near[0]]!r}?"
    if 0 < len(known) <= _MANY:
        return f"there is no such {what}; there are {', '.join(known)}"
    return f"there is no such {what}"


def _names(kind: Any, path: Sequence[object]) -> set[str]:
    """The fields, as callers spell them, of the objects at that path within the type."""
    for part in path:
        # A place in a list, or the tag of a union, is no field: what it leads to is among the models already.
        fields = [
            field
            for model in _models(kind)
            for name, field in model.model_fields.items()
            if part in {name, field.alias}
        ]
        if fields:
            kind = tuple(field.annotation for field in fields)
    return {field.alias or name for model in _models(kind) for name, field in model.model_fields.items()}


def _models(kind: Any) -> Iterator[type[BaseModel]]:
    if inspect.isclass(kind) and issubclass(kind, BaseModel):
        yield kind
    else:
        for each in cast("tuple[Any, ...]", kind) if isinstance(kind, tuple) else get_args(kind):
            yield from _models(each)
