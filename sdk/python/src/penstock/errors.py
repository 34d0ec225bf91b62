"""Every way in which a call can fail: what the server refused, one class a problem code, and what never got an answer.

    PenstockError
    |- ApiError ................ the server answered with a problem (RFC 9457)
    |  |- Invalid 400, BadCursor, UnknownField, PayloadMismatch 422
    |  |- Unauthenticated 401, Forbidden 403, NotFound 404
    |  |- Conflict 409, WrongState, LeaseLost, AlreadyExists, QueueNotEmpty, KeyReused, Changed
    |  |- PreconditionFailed 412, PreconditionRequired 428, TooLarge 413
    |  |- TooManyRequests 429, Unavailable 503 ... carried out not at all, safe to repeat
    |- ConnectionLost .......... no answer; `sent` says whether the server may have acted
    |- TokenRefused ............ the issuer gave no token
    |- UsageError .............. the call itself cannot be, and nothing was sent

A code that this release does not know becomes the class of its HTTP status, so `except Conflict` keeps working.
"""

import re
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

_PREFIX = "urn:penstock:problem:"


class Fault(BaseModel):
    """One thing wrong with a request: where (`field`, a dotted path) and what."""

    model_config = ConfigDict(frozen=True)

    field: str = ""
    message: str = ""


class Problem(BaseModel):
    """A problem document (RFC 9457) as the server sends it; members it adds are kept in `extra`."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    type: str = "about:blank"
    title: str = ""
    status: int = 0
    detail: str = ""
    instance: str | None = None
    request_id: str | None = Field(default=None, alias="requestId")
    errors: tuple[Fault, ...] = ()

    @property
    def code(self) -> str:
        """The machine code: `not-found`, `lease-lost`, ...; empty when it is not a problem of ours."""
        return self.type.removeprefix(_PREFIX) if self.type.startswith(_PREFIX) else ""

    @property
    def extra(self) -> Mapping[str, Any]:
        """What this problem says beyond the standard members."""
        return self.model_extra or {}


class PenstockError(Exception):
    """Anything this package raises on purpose."""


class UsageError(PenstockError, ValueError):
    """The call cannot be made as it stands; nothing was sent."""


class TokenRefused(PenstockError):
    """The issuer refused to give a token, or what answered is no issuer."""


class ConnectionLost(PenstockError):
    """No answer came. `sent` is False when the server cannot have seen the request, else what it did is not known."""

    def __init__(self, message: str, *, sent: bool) -> None:
        self.sent = sent
        super().__init__(message)


class ApiError(PenstockError):
    """The server refused the request; `problem` is what it said."""

    status: ClassVar[int] = 0
    code: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        """The code is the class's name in kebab case, as on the server."""
        cls.code = re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()

    def __init__(self, problem: Problem, *, retry_after: float | None = None) -> None:
        self.problem = problem
        self.retry_after = retry_after
        super().__init__(problem.detail or problem.title or f"HTTP status {problem.status}")

    @property
    def detail(self) -> str:
        """What was wrong, in a sentence."""
        return str(self)

    @property
    def faults(self) -> Sequence[Fault]:
        """What is wrong with which field."""
        return self.problem.errors

    @property
    def request_id(self) -> str | None:
        """What to quote to whoever runs the server."""
        return self.problem.request_id


class Invalid(ApiError):
    """The request is malformed."""

    status = 400


class BadCursor(Invalid):
    """The cursor is not one that this listing gave out."""


class UnknownField(Invalid):
    """The request has a field that does not exist."""


class PayloadMismatch(Invalid):
    """The data does not fit the schema it must fit."""

    status = 422


class Unauthenticated(ApiError):
    """The token is absent or not acceptable."""

    status = 401


class Forbidden(ApiError):
    """The caller may not do this."""

    status = 403


class NotFound(ApiError):
    """There is no such thing for this caller."""

    status = 404


class Conflict(ApiError):
    """The request does not fit the present state."""

    status = 409


class WrongState(Conflict):
    """The task is in a state in which this cannot be done."""


class LeaseLost(Conflict):
    """The lease was lost: the task was handed out again or has ended."""


class AlreadyExists(Conflict):
    """Something with this name or id exists already."""


class QueueNotEmpty(Conflict):
    """The queue still holds open tasks."""


class KeyReused(Conflict):
    """The idempotency key was used before with another request."""


class Changed(Conflict):
    """It was changed by somebody else at the same moment."""


class LimitReached(Conflict):
    """The definition allows no more tasks to be held at once."""


class PreconditionFailed(ApiError):
    """The thing was changed since it was read."""

    status = 412


class TooLarge(ApiError):
    """The request body is too large."""

    status = 413


class PreconditionRequired(ApiError):
    """The change needs an If-Match."""

    status = 428


class TooSlow(ApiError):
    """The request did not come in time."""

    status = 408


class TooManyRequests(ApiError):
    """A limit was reached; `retry_after` says when to come back."""

    status = 429


class Unavailable(ApiError):
    """A part of the server that this needs is away at the moment."""

    status = 503


def _every(base: type[ApiError]) -> list[type[ApiError]]:
    return [found for child in base.__subclasses__() for found in (child, *_every(child))]


_BY_CODE = {each.code: each for each in _every(ApiError)}
_BY_STATUS = {each.status: each for each in reversed(_every(ApiError)) if "status" in vars(each)} | {422: Invalid}


def of(problem: Problem, *, retry_after: float | None = None) -> ApiError:
    """The error that a problem stands for: by its code, else by its status, else a plain `ApiError`."""
    found = _BY_CODE.get(problem.code) or _BY_STATUS.get(problem.status, ApiError)
    return found(problem, retry_after=retry_after)


def of_response(response: httpx.Response) -> ApiError:
    """The error of a response whose body was read; anything may have answered, so any body is accepted."""
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        problem = Problem(title=f"HTTP status {response.status_code}", detail=_gist(response))
    if problem.status != response.status_code:
        problem = problem.model_copy(update={"status": response.status_code})
    return of(problem, retry_after=retry_after(response.headers))


def retry_after(headers: httpx.Headers) -> float | None:
    """The seconds that a `Retry-After` asks to wait (RFC 9110: a number, or a date), never below 0."""
    value = headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        date, now = parsedate_to_datetime(value), parsedate_to_datetime(headers["date"])
    except (ValueError, KeyError):
        return None
    return max(0.0, (date - now).total_seconds())


def _gist(response: httpx.Response) -> str:
    text = " ".join(response.text.split())[:200] if "text" in response.headers.get("content-type", "") else ""
    return f"{response.request.url.host} answered with status {response.status_code}" + (f": {text}" if text else ".")
