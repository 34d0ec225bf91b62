"""Request bodies about triggers."""

from typing import Annotated, Any, ClassVar, Literal

import msgspec
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from api.schemas.common import Body, Flag, Json, JsonObject, LongText, Text, example
from api.schemas.schedules import Cursor, FlowOrderFields, PageSize, QueueKey, ScheduleId, TaskOrderFields
from core.schedule import Order
from core.trigger import Comparison, Plan

PathPart = Annotated[str | int, Field(union_mode="left_to_right")]


class ComparisonFields(Body):
    """What must hold for the value at a path of the record. `eq` with null: there is none."""

    get_in: Annotated[
        list[PathPart],
        Field(min_length=1, max_length=20, validation_alias=AliasChoices("getIn", "get-in"), examples=[["damage"]]),
    ]
    comparator: Literal["eq", "gt", "lt", "ge", "le"] = "eq"
    value: Json = None

    @property
    def comparison(self) -> Comparison:
        """As it is kept."""
        return Comparison(get_in=tuple(map(str, self.get_in)), comparator=self.comparator, value=self.value)


class TriggerPatch(Body):
    """New values for some settings; `task` and `flow` one level deep, null takes one away."""

    display_name: Text | None = None
    description: LongText | None = None
    select_by: Annotated[list[ComparisonFields], Field(min_length=1, max_length=50)] | None = None
    task: TaskOrderFields | None = None
    flow: FlowOrderFields | None = None
    paused: Flag | None = None

    @model_validator(mode="after")
    def _one_order(self) -> "TriggerPatch":
        if self.task is not None and self.flow is not None:
            raise PydanticCustomError("twice", "give task or flow, not both")
        if "select_by" in self.model_fields_set and self.select_by is None:
            raise PydanticCustomError("null", "a trigger always selects by something")
        return self

    def plan(self, base: Plan, order: Order) -> Plan:
        """What was named, and else `base`; with this order."""
        named = {"display_name", "description"} & self.model_fields_set
        fields: dict[str, Any] = {name: getattr(self, name) for name in named}
        if self.select_by is not None:
            fields["select_by"] = tuple(each.comparison for each in self.select_by)
        return msgspec.structs.replace(base, **fields, order=order, paused=self.paused)


class TriggerBody(TriggerPatch):
    """A trigger: which records it selects, and the task or flow that each of them starts."""

    model_config: ClassVar[ConfigDict] = example(
        {
            "selectBy": [
                {"getIn": ["resourceType"], "comparator": "eq", "value": "StrikeReport"},
                {"getIn": ["cost"], "comparator": "ge", "value": 10000},
            ],
            "task": {"definition": "reports/review", "params": {"report": {"$from": "record.id"}}},
        }
    )

    select_by: Annotated[list[ComparisonFields], Field(min_length=1, max_length=50)]  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues] - narrowed

    @model_validator(mode="after")
    def _has_order(self) -> "TriggerBody":
        if self.task is None and self.flow is None:
            raise PydanticCustomError("missing", 'give task or flow; for example {"task": {"queue": "intake:reports"}}')
        return self


class NewTriggerBody(TriggerBody):
    """A trigger with the id that it is to have; without one it gets one."""

    id: ScheduleId | None = None


class TriggerRunBody(Body):
    """The record to run for: one that was reported, by its id, or one that is given here and not kept."""

    record_id: Text | None = None
    record: JsonObject | None = None

    @model_validator(mode="after")
    def _one_record(self) -> "TriggerRunBody":
        if (self.record_id is None) is (self.record is None):
            raise PydanticCustomError("record", "give recordId or record, one of them")
        return self


class TriggerParams(BaseModel):
    """Which triggers to list."""

    model_config: ClassVar[ConfigDict] = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    queue: QueueKey | None = None
    after: Cursor | None = None
    limit: PageSize = 100
