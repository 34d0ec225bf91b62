"""Request bodies and query parameters of the jobs API: snake_case, as its clients send them."""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, model_validator
from pydantic_core import PydanticCustomError

from api.schemas.common import Definition, Delay, Flag, Json, Key, Labels, Seconds, Text
from api.schemas.schedules import QueueKey, ScheduleId

MOST_WAIT = 60.0
MOST_OFFSET = 10_000
_EPOCH, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2900, 1, 1, tzinfo=UTC)


def _only_text(value: object) -> object:
    if not isinstance(value, str) or len(value) < len("2026-01-31"):
        raise PydanticCustomError("moment", "must be a date and time, as in 2026-01-31T12:00:00Z")
    return value


def _bounded(value: datetime) -> datetime:
    if not _EPOCH <= (value if value.tzinfo else value.replace(tzinfo=UTC)) < _LAST:
        raise PydanticCustomError("moment", "must lie between 1970 and 2900")
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


WallTime = Annotated[datetime, BeforeValidator(_only_text), AfterValidator(_bounded)]
"""A time that may leave its offset out."""

When = Annotated[WallTime, AfterValidator(_utc)]
"""A time; without an offset it is UTC."""

Urgency = Annotated[int, Strict(), Field(ge=-(2**31), lt=2**31, description="Higher first; 0 is normal")]
StatusName = Literal[
    "scheduled", "pending", "in_progress", "in-progress", "running", "retrying", "cancelling", "completed", "failed",
    "cancelled", "canceled",
]  # fmt: skip
CronField = Annotated[str, Field(min_length=1, max_length=100)] | Annotated[int, Strict(), Field(ge=0, le=9999)]
Amount = Annotated[float, Strict(), Field(ge=0, le=3650 * 86_400, allow_inf_nan=False)]


class JobsBody(BaseModel):
    """A request body; what is unknown is refused, so that a misspelt field is noticed."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)


class SubmitBody(JobsBody):
    """A task of a registered type: at once, at a time, or after a delay in seconds."""

    type: Definition
    params: Json = None
    priority: Urgency | None = None
    queue: QueueKey | None = None
    run_at: When | None = None
    delay: Delay | None = None
    max_retries: Annotated[int, Strict(), Field(ge=0, le=999)] | None = None
    retry_delay: Delay | None = None
    timeout: Seconds | None = None
    idempotency_key: Key | None = None
    tags: Labels | None = None

    @model_validator(mode="after")
    def _one_begin(self) -> "SubmitBody":
        if self.run_at is not None and self.delay is not None:
            raise PydanticCustomError("twice", "give run_at or delay, not both")
        return self


class TaskParams(JobsBody):
    """Which tasks to list."""

    status: Annotated[list[StatusName], Field(max_length=20)] = []
    type: Annotated[list[Definition], Field(max_length=100)] = []
    queue: Annotated[list[QueueKey], Field(max_length=100)] = []
    priority: Annotated[list[Annotated[int, Field(ge=-(2**31), lt=2**31)]], Field(max_length=20)] = []
    tag: Text | None = None
    created_after: When | None = None
    created_before: When | None = None
    scheduled_after: When | None = None
    scheduled_before: When | None = None
    finished_after: When | None = None
    finished_before: When | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50
    cursor: Annotated[str, Field(max_length=200, description="`next_cursor` of the page before")] | None = None
    offset: Annotated[int, Field(ge=0, le=MOST_OFFSET)] | None = None
    sort: Literal["-created_at", "created_at"] = "-created_at"

    @model_validator(mode="after")
    def _one_place(self) -> "TaskParams":
        if self.cursor is not None and self.offset is not None:
            raise PydanticCustomError("twice", "give cursor or offset, not both")
        return self


class JobPatch(JobsBody):
    """New values for some of a job; a field of a trigger gives it a new trigger."""

    name: Text | None = None
    type: Definition | None = None
    params: Json = None
    trigger: Literal["date", "interval", "cron"] | None = None
    run_date: WallTime | None = None
    weeks: Amount | None = None
    days: Amount | None = None
    hours: Amount | None = None
    minutes: Amount | None = None
    seconds: Amount | None = None
    year: CronField | None = None
    month: CronField | None = None
    day: CronField | None = None
    week: CronField | None = None
    day_of_week: CronField | None = None
    hour: CronField | None = None
    minute: CronField | None = None
    second: CronField | None = None
    start_date: WallTime | None = None
    end_date: WallTime | None = None
    timezone: Text | None = None
    misfire_grace_time: Annotated[Delay, Field(ge=1, description="Seconds; null: however late")] | None = None
    coalesce: Flag | None = None
    max_instances: Annotated[int, Strict(), Field(ge=1, le=1000)] | None = None

    def given(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Those of these fields that were given a value."""
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class JobBody(JobPatch):
    """A job: a task of a registered type, submitted at each time of its trigger."""

    type: Definition  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues] - narrowed
    trigger: Literal["date", "interval", "cron"]  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues] - narrowed
    id: ScheduleId | None = None
