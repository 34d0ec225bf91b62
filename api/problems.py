"""Every refusal as a problem (RFC 9457), whoever raised it: our errors, validation, routing, or a bug."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from math import ceil
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api import replies, wording
from core import errors

PROBLEM = "application/problem+json"
_URN = "urn:penstock:problem:"
_REALM = 'Bearer realm="penstock"'

_log = structlog.get_logger(__name__)


class MethodNotAllowed(errors.PenstockError):
    """The path exists, but not for this method."""

    status = 405


def install(app: FastAPI) -> None:
    """Make the application answer problems."""
    app.add_exception_handler(errors.PenstockError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def body(error: errors.PenstockError) -> dict[str, Any]:
    """The members that say what was wrong; the same where a problem is part of a larger answer."""
    members: dict[str, Any] = {
        "type": _URN + error.code,
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
    }
    if error.faults:
        members["errors"] = error.faults
    return error.extra | members


def answer(error: errors.PenstockError, *, path: str, request_id: str | None) -> Response:
    """The whole answer to a request that was refused."""
    members = body(error) | {"instance": path}
    if request_id is not None:
        members["requestId"] = request_id
    return replies.reply(members, status=error.status, headers=_headers(error), media_type=PROBLEM)


def _headers(error: errors.PenstockError) -> dict[str, str]:
    headers: dict[str, str] = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, ceil(error.retry_after)))
    if isinstance(error, errors.Unauthenticated):
        absent = error.extra.get("reason") == "absent"
        headers["WWW-Authenticate"] = _REALM if absent else f'{_REALM}, error="invalid_token"'
    if isinstance(error, errors.TooLarge | errors.TooSlow):
        # What is still on its way is not read.
        headers["Connection"] = "close"
    return headers


def invalid(faults: Iterable[errors.Fault]) -> errors.Invalid:
    """The refusal of a malformed request, its first fault in the sentence."""
    found = tuple(faults)
    first = found[0] if found else errors.Fault(field="", message="malformed")
    where = f"{first.field}: " if first.field else ""
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return errors.Invalid(f"{where}{first.message}{more}", faults=found)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.PenstockError)
    return refused(request, error)


def refused(request: Request, error: errors.PenstockError) -> Response:
    """The problem that a request of ours is answered with; what is our own fault is logged."""
    if error.status >= 500:
        _log.warning("refused", code=error.code, detail=error.detail)
    return _answer(request, error)


def invalid_of(error: RequestValidationError, route: object = None) -> errors.Invalid:
    """What FastAPI found wrong with a request for that route, as our refusal."""
    found: Sequence[Any] = error.errors()
    return invalid(_fault(each, wording.kind_of(route, each["loc"][0])) for each in found)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _answer(request, invalid_of(error, request.scope.get("route")))


def _fault(found: dict[str, Any], kind: Any) -> errors.Fault:
    _, *where = found["loc"]
    return errors.Fault(field=".".join(map(str, where)), message=wording.words(found, kind))


async def _http(request: Request, error: Exception) -> Response:
    """What the router itself refuses: an unknown path or method."""
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.NOT_FOUND:
        refusal: errors.PenstockError = errors.NotFound(
            "There is nothing at this path; /api/v1/openapi.json has those that there are."
        )
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        refusal = MethodNotAllowed(f"{request.method} is not among the methods of this path.")
    else:
        refusal = errors.Invalid(error.detail)
    response = _answer(request, refusal)
    response.headers.update(error.headers or {})
    return response


def _answer(request: Request, error: errors.PenstockError) -> Response:
    return answer(error, path=request.url.path, request_id=request.scope.get("penstock.request_id"))
