"""Request bodies about schedules."""

from typing import Annotated, Any, ClassVar, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from api.schemas.common import (
    Body,
    Count,
    Definition,
    Delay,
    Flag,
    Json,
    JsonObject,
    Labels,
    LimitFields,
    LongText,
    Moment,
    PriorityLabel,
    Seconds,
    Text,
    priority,
)
from core import cron, firing, ids
from core.plan import Plan
from core.schedule import (
    Cron,
    Date,
    FlowOrder,
    Interval,
    Misfire,
    MisfirePolicy,
    Order,
    Overlap,
    OverlapPolicy,
    TaskOrder,
    Trigger,
)
from core.task import Limits

QueueKey = Annotated[str, StringConstraints(pattern=rf"^{ids.NAME.pattern}:{ids.NAME.pattern}$")]
ScheduleId = Annotated[str, StringConstraints(pattern=rf"^{ids.TASK_ID.pattern}$")]
Cursor = Annotated[str, Field(max_length=100, description="`next` of the page before")]
PageSize = Annotated[int, Field(ge=1, le=1000)]
Jitter = Annotated[Delay, Field(le=firing.MOST_JITTER_SECONDS)]
Upcoming = Annotated[int, Field(ge=1, le=100)]


class CronFields(Body):
    """At wall times of a zone: minute, hour, day of month, month, day of week; a sixth field in front is the second."""

    kind: Literal["cron"]
    expression: Annotated[str, Field(max_length=cron.MOST_CHARACTERS, examples=["*/15 8-18 * * MON-FRI"])]
    time_zone: Annotated[Text, Field(examples=["Europe/Berlin"])] = "UTC"

    @property
    def trigger(self) -> Trigger:
        """The trigger."""
        return Cron(expression=self.expression, time_zone=self.time_zone)


class IntervalFields(Body):
    """Every so many seconds, counted from `startAt`, else from the moment the trigger was set."""

    kind: Literal["interval"]
    seconds: Annotated[Seconds, Field(ge=1, examples=[3600])]

    @property
    def trigger(self) -> Trigger:
        """The trigger."""
        return Interval(seconds=round(self.seconds, 3))


class DateFields(Body):
    """Once."""

    kind: Literal["date"]
    at: Moment

    @property
    def trigger(self) -> Trigger:
        """The trigger."""
        return Date(at=self.at)


TriggerFields = Annotated[CronFields | IntervalFields | DateFields, Field(discriminator="kind")]


class MisfireFields(Body):
    """What becomes of firings that are later than the grace; a grace of null has no limit.

    `skip`: nothing. `one`: the last of them runs for all. `all`: each runs. `latest`: of all that are due only the last
    runs, and only within the grace.
    """

    policy: MisfirePolicy | None = None
    grace_seconds: Annotated[Delay, Field(ge=1)] | None = None

    def over(self, base: Misfire) -> Misfire:
        """What was named, and else `base`."""
        policy = base.policy if self.policy is None else self.policy
        grace = self.grace_seconds if "grace_seconds" in self.model_fields_set else base.grace_seconds
        return Misfire(policy=policy, grace_seconds=grace)


class OverlapFields(Body):
    """What a firing does when `maxOpen` runs of the schedule have not ended: it runs, is skipped, or replaces them."""

    policy: OverlapPolicy | None = None
    max_open: Annotated[Count, Field(ge=1, le=1000)] | None = None

    def over(self, base: Overlap) -> Overlap:
        """What was named, and else `base`."""
        policy = base.policy if self.policy is None else self.policy
        return Overlap(policy=policy, max_open=base.max_open if self.max_open is None else self.max_open)


class TaskOrderFields(LimitFields):
    """The task that each firing submits: to a queue, or of a definition, whose queue it is then."""

    queue: QueueKey | None = None
    definition: Definition | None = None
    name: Text | None = None
    description: LongText | None = None
    params: Json = None
    context: JsonObject | None = None
    labels: Labels | None = None
    record_id: Text | None = None
    priority: PriorityLabel | None = None
    expire_after_seconds: Seconds | None = None

    def order(self, base: TaskOrder, usual: Limits) -> TaskOrder:
        """What was named, and else `base`; limits that are partly named are completed from the usual ones."""
        limits = self.over(base.limits or usual) if self.names_limits else base.limits
        fields = _given(self, without=set(LimitFields.model_fields))
        if "definition" in fields:
            fields.setdefault("queue", None if self.definition is not None else base.queue)
        if "labels" in fields:
            fields["labels"] = tuple(self.labels or ())
        return msgspec.structs.replace(base, **fields, limits=limits)


class FlowOrderFields(Body):
    """The flow that each firing starts."""

    template: Definition | None = None
    params: Json = None
    label: Text | None = None
    context: JsonObject | None = None
    priority: PriorityLabel | None = None

    def order(self, base: FlowOrder) -> FlowOrder:
        """What was named, and else `base`."""
        return msgspec.structs.replace(base, **_given(self))

    @model_validator(mode="after")
    def _has_template(self) -> "FlowOrderFields":
        if "template" in self.model_fields_set and self.template is None:
            raise PydanticCustomError("null", "a flow always has a template")
        return self


class SchedulePatch(Body):
    """New values for some settings; `task`, `flow`, `misfire` and `overlap` one level deep, null takes one away."""

    display_name: Text | None = None
    description: LongText | None = None
    trigger: TriggerFields | None = None
    start_at: Moment | None = None
    end_at: Moment | None = None
    jitter_seconds: Jitter | None = None
    misfire: MisfireFields | None = None
    overlap: OverlapFields | None = None
    run_on_create: Flag | None = None
    paused: Flag | None = None
    task: TaskOrderFields | None = None
    flow: FlowOrderFields | None = None

    @model_validator(mode="after")
    def _one_order(self) -> "SchedulePatch":
        if self.task is not None and self.flow is not None:
            raise PydanticCustomError("twice", "give task or flow, not both")
        if "trigger" in self.model_fields_set and self.trigger is None:
            raise PydanticCustomError("null", "a schedule always has a trigger")
        return self

    def plan(self, base: Plan, order: Order) -> Plan:
        """What was named, and else `base`; with this order."""
        given = self.model_fields_set
        fields: dict[str, Any] = {
            name: getattr(self, name) for name in ("display_name", "description", "start_at", "end_at") if name in given
        }
        if self.trigger is not None:
            fields["trigger"] = self.trigger.trigger
            if isinstance(fields["trigger"], Date):
                fields = {"start_at": None, "end_at": None} | fields
        if "jitter_seconds" in given:
            fields["jitter_seconds"] = self.jitter_seconds or 0.0
        if "misfire" in given:
            fields["misfire"] = Misfire() if self.misfire is None else self.misfire.over(base.misfire)
        if "overlap" in given:
            fields["overlap"] = Overlap() if self.overlap is None else self.overlap.over(base.overlap)
        if "run_on_create" in given:
            fields["run_on_create"] = self.run_on_create or False
        return msgspec.structs.replace(base, **fields, order=order, paused=self.paused)


class ScheduleBody(SchedulePatch):
    """A schedule: when it fires, and what each firing submits (a task or a flow)."""

    trigger: TriggerFields  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues] - narrowed

    @model_validator(mode="after")
    def _has_order(self) -> "ScheduleBody":
        if self.task is None and self.flow is None:
            raise PydanticCustomError("missing", 'give task or flow; for example {"task": {"queue": "intake:reports"}}')
        return self


class NewScheduleBody(ScheduleBody):
    """A schedule with the id that it is to have; without one it gets one."""

    id: ScheduleId | None = None


class PreviewBody(Body):
    """A trigger to try out."""

    trigger: TriggerFields
    start_at: Moment | None = None
    end_at: Moment | None = None
    count: Annotated[Count, Field(ge=1, le=100)] = 10

    def plan(self) -> Plan:
        """A plan that submits nothing."""
        return Plan(trigger=self.trigger.trigger, order=TaskOrder(), start_at=self.start_at, end_at=self.end_at)


class ScheduleParams(BaseModel):
    """Which schedules to list."""

    model_config: ClassVar[ConfigDict] = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    queue: QueueKey | None = None
    definition: Definition | None = None
    paused: bool | None = None
    after: Cursor | None = None
    limit: PageSize = 100


def _given(body: Body, *, without: set[str] | None = None) -> dict[str, Any]:
    """What was named, by attribute of an order."""
    fields = {name: getattr(body, name) for name in body.model_fields_set - (without or set())}
    if "context" in fields:
        fields["context"] = fields["context"] or {}
    if fields.get("priority") is not None:
        fields["priority"] = priority(fields["priority"])
    return fields
