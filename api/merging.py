"""JSON Merge Patch (RFC 7396) of things whose PUT body is known: the result is read as such a body."""

from typing import Any, TypeVar, cast

import pydantic
from fastapi.exceptions import RequestValidationError

from api import wording
from api.schemas.common import Body, kept

B = TypeVar("B", bound=Body)


def merged(body: dict[str, Any], patch: dict[str, Any], kind: type[B]) -> B:
    """The body after the patch, in which null takes a setting back to its default.

    Raises `RequestValidationError` with the places of what does not fit, `Invalid` for a patch that cannot be kept.
    """
    try:
        return kind.model_validate(_merge(body, kept(patch)))
    except pydantic.ValidationError as error:
        raise RequestValidationError(wording.of(error, kind)) from error


def _merge(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = dict(cast("dict[str, Any]", target)) if isinstance(target, dict) else {}
    for name, value in cast("dict[str, Any]", patch).items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merge(result.get(name), value)
    return result
