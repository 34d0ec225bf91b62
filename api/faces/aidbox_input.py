"""Params of the Aidbox methods (contract aidbox 2): names to the letter, unknown ones passed over."""

from typing import Annotated, Any, ClassVar, Literal, TypeVar

import pydantic
from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from api.faces.aidbox_wire import RpcError
from core import ids
from core.errors import Fault
from core.flow_actions import moment

P = TypeVar("P", bound="Params")
MOST_BATCH = 1000


def _when(value: object) -> object:
    if value is None:
        return None
    found = moment(value)
    if found is None:
        raise PydanticCustomError("datetime", "must be a date or datetime in ISO form")
    return found


Id = Annotated[str, StringConstraints(pattern=rf"^{ids.TASK_ID.pattern}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=150)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Moment = Annotated[Any, BeforeValidator(_when)]
Names = Annotated[list[Name], Field(max_length=1000)]


class Params(BaseModel):
    """Params of a method."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="ignore", strict=True)


class Create(Params):
    """Of both `create-and-execute`."""

    definition: Name
    params: dict[str, Any]
    id: Id | None = None
    label: Label | None = None
    execute_at: Moment = Field(default=None, alias="executeAt")
    execute_said: Any = Field(default=None, alias="executeAt")
    """The same as it was written: it is echoed so."""


class ById(Params):
    """Of `cancel`."""

    id: Name


class TaskStatus(ById):
    """Of `awf.task/status`."""

    include_settings: bool = Field(default=False, alias="include-settings?")
    include_log: bool = Field(default=False, alias="include-log?")


class FlowStatus(ById):
    """Of `awf.workflow/status`."""

    include_activities: bool = Field(default=False, alias="include-activities?")
    include_decisions: bool = Field(default=False, alias="include-decisions?")


class Filter(Params):
    """What to list."""

    include: Names | None = Field(default=None, alias="includeDefinitions")
    exclude: Names | None = Field(default=None, alias="excludeDefinitions")
    status: Literal["created", "waiting", "ready", "requested", "in-progress", "done"] | None = None
    outcome: Literal["succeeded", "failed", "canceled"] | None = None
    ilike: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    requester: Name | None = None
    """Ours: the id of the workflow that started it."""


class Order(Params):
    """In which order."""

    created_at: Literal["asc", "desc"] | None = Field(default=None, alias="createdAt")
    last_updated: Literal["asc", "desc"] | None = Field(default=None, alias="lastUpdated")

    @pydantic.model_validator(mode="after")
    def _one(self) -> "Order":
        if self.created_at is not None and self.last_updated is not None:
            raise PydanticCustomError("sort", "give createdAt or lastUpdated, not both")
        return self


class List(Params):
    """Of both `list`; `limit` and `after` are ours."""

    filter: Filter = Filter()
    sort: Order = Order()
    limit: Annotated[int, Field(ge=1, le=MOST_BATCH)] = 100
    after: Annotated[str, StringConstraints(max_length=500)] | None = None


class Poll(Params):
    """Of `awf.task/poll`."""

    tasks: Names | None = Field(default=None, alias="taskDefinitions")
    workflows: Names | None = Field(default=None, alias="workflowDefinitions")
    most: Annotated[int, Field(ge=1, le=MOST_BATCH)] = Field(default=1, alias="maxBatchSize")


class LongPoll(Poll):
    """Of `awf.task/long-poll`; milliseconds."""

    timeout: Annotated[int, Field(ge=0, le=3_600_000)] = 60_000


class Fenced(ById):
    """Of what only the holder may do."""

    exec_id: Name = Field(alias="execId")


def _kind(value: object) -> object:
    return value.rpartition("/")[2] if isinstance(value, str) else value


class Notify(Fenced):
    """Of `awf.task/notify`."""

    notification: Annotated[Literal["heartbeat", "progress"], BeforeValidator(_kind)]
    message: Annotated[str, StringConstraints(max_length=1000)] | None = None
    current: float | None = Field(default=None, alias="progress-current")
    total: float | None = Field(default=None, alias="progress-total")
    unit: Annotated[str, StringConstraints(max_length=200)] | None = Field(default=None, alias="progress-unit")

    @pydantic.model_validator(mode="after")
    def _progress_is_said(self) -> "Notify":
        if self.notification == "progress" and self.current is None:
            raise PydanticCustomError("missing", "a progress notification needs progress-current")
        return self


class Success(Fenced):
    """Of `awf.task/success`: an object, or an array of actions for a decision."""

    result: Any = None


class Fail(Fenced):
    """Of `awf.task/fail`; upstream's own SDK says `result` where it means `error`."""

    error: Any = Field(default=None, validation_alias=AliasChoices("error", "result"))


def read(kind: type[P], params: dict[str, Any], method: str) -> P:
    """The params of a method; raises `RpcError` with the place of everything that does not fit."""
    try:
        return kind.model_validate(params)
    except pydantic.ValidationError as error:
        faults = [
            Fault(field=".".join(["params", *map(str, each["loc"])]), message=each["msg"])
            for each in error.errors(include_url=False)
        ]
        raise RpcError("invalid-params", f"Invalid params of {method}", faults) from None
