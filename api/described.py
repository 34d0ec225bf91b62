"""The OpenAPI document's parts that FastAPI cannot know: answers made by msgspec, problems, the bearer token."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api import problems, replies
from api.schemas import examples, views
from core import errors

BEARER = "bearer"
_REF = "#/components/schemas/{name}"
_BODIED = frozenset({"POST", "PUT", "PATCH"})
_COMMON = (
    errors.Invalid,
    errors.Unauthenticated,
    errors.Forbidden,
    errors.NotFound,
    errors.TooManyRequests,
    errors.Unavailable,
)

Responses = dict[int | str, dict[str, Any]]


def answers(view: type[views.View], description: str, *, status: int = 200, headers: Iterable[str] = ()) -> Responses:
    """What a route answers when all is well: the JSON of a view."""
    described = {"description": description, "content": _content(view, replies.JSON)}
    if headers:
        described["headers"] = {name: {"schema": {"type": "string"}} for name in headers}
    return {status: described}


def lists(view: type[views.View], description: str) -> Responses:
    """What a route answers whose JSON is a list of views."""
    schema = {"type": "array", "items": {"$ref": _REF.format(name=view.__name__)}}
    return {200: {"description": description, "content": {replies.JSON: {"schema": schema}}}}


def empty(status: int, description: str) -> Responses:
    """An answer without a body."""
    return {status: {"description": description}}


def refusals(*kinds: type[errors.PenstockError]) -> Responses:
    """What a route may refuse beside what every route may (`common`)."""
    by_status: dict[int, list[type[errors.PenstockError]]] = {}
    for kind in kinds:
        by_status.setdefault(kind.status, []).append(kind)
    return {status: _problem(group) for status, group in by_status.items()}


def common(methods: Iterable[str]) -> Responses:
    """The refusals of every route behind a token."""
    return refusals(*_COMMON, *([] if _BODIED.isdisjoint(methods) else [errors.TooSlow, errors.TooLarge]))


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document; takes the place of FastAPI's own."""
    made = get_openapi(
        title=app.title, version=app.version, summary=app.summary, description=app.description, routes=app.routes
    )
    for operations in made["paths"].values():
        for operation in operations.values():
            _without_fastapis_422(operation["responses"])
    components: dict[str, Any] = made.setdefault("components", {})
    schemas: dict[str, Any] = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas.update(_view_schemas())
    for name, example in examples.EXAMPLES.items():
        schemas[name]["examples"] = [example]
    components["securitySchemes"] = {BEARER: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    return made


def _content(view: type[views.View], media_type: str) -> dict[str, Any]:
    return {media_type: {"schema": {"$ref": _REF.format(name=view.__name__)}}}


def _problem(kinds: list[type[errors.PenstockError]]) -> dict[str, Any]:
    said = "; ".join(f"`{kind.code}`: {kind.title}" for kind in kinds)
    return {"description": said, "content": _content(views.ProblemView, problems.PROBLEM)}


def _without_fastapis_422(responses: dict[str, Any]) -> None:
    """Malformed requests answer 400 here."""
    content = responses.get("422", {}).get("content", {}).get(replies.JSON, {})
    if content.get("schema", {}).get("$ref", "").endswith("/HTTPValidationError"):
        del responses["422"]


def _view_schemas() -> dict[str, Any]:
    _, components = msgspec.json.schema_components(list(_all(views.View)), ref_template=_REF)
    return components


def _all(kind: type[views.View]) -> Iterator[type[views.View]]:
    for each in kind.__subclasses__():
        yield each
        yield from _all(each)
