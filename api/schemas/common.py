"""What all request bodies share: camelCase, no unknown fields, no silent conversion, every size bounded."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

import msgspec
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from core import errors, ids, payloads, retry
from core.priority import BY_LABEL, Priority
from core.task import Limits

_MOST_SECONDS = 10 * 365 * 86_400.0
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:?\d\d)")
_EPOCH, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2900, 1, 1, tzinfo=UTC)


class Body(BaseModel):
    """A request body, or a part of one."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, validate_by_name=False
    )


def example(body: dict[str, Any]) -> ConfigDict:
    """The configuration of a body that shows an example of itself in the OpenAPI document."""
    return ConfigDict(json_schema_extra={"examples": [body]})


# --- JSON that belongs to the caller ---


def storable(value: Any) -> Any:
    """JSON that MongoDB gives back as it was; anything else is refused here, before it fails in the store."""
    fault = payloads.fault(value)
    if fault is not None:
        raise PydanticCustomError("json", "{fault}", {"fault": fault})
    return value


def kept(value: Any) -> Any:
    """`storable` for what is read outside of a body of ours; raises `Invalid`."""
    try:
        return storable(value)
    except PydanticCustomError as error:
        raise errors.Invalid(f"The body cannot be kept: {error.message()}.") from None


Json = Annotated[Any, AfterValidator(storable)]
"""Any JSON value."""

JsonObject = Annotated[dict[str, Any], AfterValidator(storable)]

# --- texts, numbers, times ---


def _text(most: int) -> StringConstraints:
    return StringConstraints(min_length=1, max_length=most)


Text = Annotated[str, _text(200)]
Sentence = Annotated[str, _text(1_000)]
LongText = Annotated[str, _text(10_000)]
TaskId = Annotated[str, _text(100)]
ExecId = Annotated[str, _text(100), Field(description="The fence that the claim gave.")]
Label = Annotated[str, _text(100)]
Labels = Annotated[list[Label], Field(max_length=50)]


def addressed(url: str) -> str:
    """The URL, if it has a host and a port that can be; for fields behind a pattern that looks at its scheme."""
    try:
        parts = urlsplit(url)
        whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    if not whole:
        raise PydanticCustomError("url", "is not an address: its host or port cannot be")
    return url


Link = Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$", max_length=2_000), AfterValidator(addressed)]
"""Where something is; never followed by us."""
Key = Annotated[str, _text(200)]
Definition = Annotated[str, StringConstraints(pattern=rf"^{ids.DEFINITION.pattern}$")]
Flag = Annotated[bool, Strict()]
Seconds = Annotated[float, Strict(), Field(gt=0, le=_MOST_SECONDS, allow_inf_nan=False)]
Delay = Annotated[float, Strict(), Field(ge=0, le=_MOST_SECONDS, allow_inf_nan=False)]
Count = Annotated[int, Strict()]


def _only_text(value: object) -> object:
    if not isinstance(value, str) or _RFC3339.fullmatch(value) is None:
        raise PydanticCustomError("moment", "must be a date and time with its offset, as in 2026-01-31T12:00:00Z")
    return value


def _in_utc(value: datetime) -> datetime:
    if not _EPOCH <= value < _LAST:
        raise PydanticCustomError("moment", "must lie between 1970 and 2900")
    moment = value.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


Moment = Annotated[AwareDatetime, BeforeValidator(_only_text), AfterValidator(_in_utc)]
"""An RFC 3339 time; kept in UTC, to the millisecond, as MongoDB does."""

PriorityLabel = Literal["low", "normal", "high", "urgent"]


def priority(label: PriorityLabel) -> Priority:
    """The priority that a label names."""
    return BY_LABEL[label]


# --- time limits and retry, of which a request may name some ---


class BackoffFields(Body):
    """How long a failed task rests."""

    kind: retry.BackoffKind | None = None
    initial_seconds: Delay | None = None
    max_seconds: Delay | None = None
    jitter: Annotated[float, Strict(), Field(ge=0, le=1, allow_inf_nan=False)] | None = None


class RetryFields(Body):
    """How often a task is tried in all, and how long it rests in between."""

    max_attempts: Annotated[int, Strict(), Field(ge=1, le=1000)] | None = None
    backoff: BackoffFields | None = None

    def over(self, base: retry.Retry) -> retry.Retry:
        """What was named, and else `base`."""
        backoff = msgspec.structs.replace(base.backoff, **_named(self.backoff))
        return msgspec.structs.replace(base, backoff=backoff, **_named(self, without="backoff"))


class LimitFields(Body):
    """Time limits and retry policy; a limit that is null does not apply, one that is absent is inherited."""

    lease_seconds: Seconds | None = None
    start_timeout_seconds: Seconds | None = None
    overall_timeout_seconds: Seconds | None = None
    retry: RetryFields | None = None

    def over(self, base: Limits) -> Limits:
        """What was named, and else `base`."""
        named: dict[str, Any] = {
            field: getattr(self, given) for given, field in _LIMITS.items() if given in self.model_fields_set
        }
        if self.retry is not None:
            named["retry"] = self.retry.over(base.retry)
        return msgspec.structs.replace(base, **named)

    @property
    def names_limits(self) -> bool:
        """Whether any of them was named."""
        return not self.model_fields_set.isdisjoint({*_LIMITS, "retry"})


_LIMITS: Mapping[str, str] = {
    "lease_seconds": "lease_seconds",
    "start_timeout_seconds": "start_timeout_seconds",
    "overall_timeout_seconds": "overall_seconds",
}


def _named(body: Body | None, *, without: str = "") -> dict[str, Any]:
    """The fields that were given a value, by attribute name."""
    if body is None:
        return {}
    fields = body.model_fields_set - {without}
    return {name: value for name in fields if (value := getattr(body, name)) is not None}
