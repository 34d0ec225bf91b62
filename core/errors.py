"""Every refusal that the platform knows, each with its HTTP status and its problem type.

    PenstockError
    |- Invalid 400 .......... the request is malformed: `errors` names each field
    |  |- BadCursor, UnknownField, PayloadMismatch (422)
    |- Unauthenticated 401
    |- Forbidden 403
    |- NotFound 404
    |- Conflict 409
    |  |- WrongState, LeaseLost, AlreadyExists, QueueNotEmpty, KeyReused, Changed, LimitReached
    |- PreconditionFailed 412, PreconditionRequired 428
    |- TooSlow 408
    |- TooLarge 413
    |- TooManyRequests 429 .. with `retry_after`
    |- Unavailable 503 ...... with `retry_after`: a store or the broker is away

The first line of a class's docstring is its title (RFC 9457); its name in kebab case is its code.
"""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong with a request: where (`field`, a dotted path; empty for the whole) and what."""

    field: str
    message: str


class PenstockError(Exception):
    """The request cannot be carried out."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "The request cannot be carried out."

    def __init_subclass__(cls) -> None:
        """Derive code and title, so that no class can forget them; one that has another's code says so."""
        if "code" not in vars(cls):
            cls.code = re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()
        cls.title = (cls.__doc__ or "").strip().partition("\n")[0]

    def __init__(
        self,
        detail: str | None = None,
        *,
        faults: Sequence[Fault] = (),
        retry_after: float | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        """`detail` says what was wrong here and what to do; `extra` becomes members of the problem body."""
        self.detail = detail or self.title
        self.faults = tuple(faults)
        self.retry_after = retry_after
        self.extra = dict(extra or {})
        super().__init__(self.detail)


class Invalid(PenstockError):
    """The request is malformed."""

    status = 400


class BadCursor(Invalid):
    """The cursor is not one that this listing gave out."""


class PayloadMismatch(Invalid):
    """The data does not fit the schema it must fit."""

    status = 422


class Unauthenticated(PenstockError):
    """The caller is not known: the bearer token is absent or not acceptable."""

    status = 401


class Forbidden(PenstockError):
    """The caller is known and may not do this."""

    status = 403


class NotFound(PenstockError):
    """There is no such thing for this caller."""

    status = 404


class Conflict(PenstockError):
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


class PreconditionFailed(PenstockError):
    """The thing was changed since it was read: If-Match does not fit."""

    status = 412


class TooLarge(PenstockError):
    """The request body is too large."""

    status = 413


class TooSlow(PenstockError):
    """The request did not come in time."""

    status = 408


class TooManyRequests(PenstockError):
    """A limit was reached."""

    status = 429


class Unavailable(PenstockError):
    """A part that this needs is away at the moment."""

    status = 503
