"""Aidbox's rules for its scheduler and its subscription trigger (contract aidbox 7), as bodies and as answers."""

import re
from typing import Annotated, Any, ClassVar, Literal, cast

import msgspec
from msgspec import UNSET, UnsetType
from pydantic import BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from api.schemas.common import Body, Count, Definition, Flag, Json, Text
from api.schemas.views import Stamp, View
from core import cron
from core.plan import Plan
from core.schedule import Cron, FlowOrder, Misfire, MisfirePolicy, Order, Overlap, OverlapPolicy, TaskOrder
from core.trigger import Comparison
from core.trigger import Plan as TriggerPlan

_GET_IN = re.compile(r"\(\s*get-in\s+\[([^\]]*)\]\s*\)")
_KEY = re.compile(r':?([^\s"\[\]:]+)|"((?:[^"\\]|\\.)*)"')


def _kebab(name: str) -> str:
    return name.replace("_", "-")


def _word(value: object) -> object:
    """A keyword without its colon."""
    return value[1:] if isinstance(value, str) and value.startswith(":") else value


class _Rule(Body):
    """A part of a rule, its names as upstream has them."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        alias_generator=_kebab, extra="forbid", frozen=True, validate_by_name=False
    )


class RequestFields(_Rule):
    """What a rule starts."""

    definition: Definition
    params: Json = None
    label: Text | None = None


class _Starting(_Rule):
    task_request: RequestFields | None = None
    workflow_request: RequestFields | None = None

    @model_validator(mode="after")
    def _one_request(self) -> "_Starting":
        if (self.task_request is None) is (self.workflow_request is None):
            raise PydanticCustomError("request", "give task-request or workflow-request, one of them")
        return self

    def order(self) -> Order:
        """What it starts."""
        if self.task_request is not None:
            asked = self.task_request
            return TaskOrder(definition=asked.definition, name=asked.label, params=asked.params)
        assert self.workflow_request is not None
        asked = self.workflow_request
        return FlowOrder(template=asked.definition, label=asked.label, params=asked.params)


class SchedulerRuleBody(_Starting):
    """A rule of Aidbox's scheduler: five fields of cron, in UTC."""

    schedule: Annotated[str, Field(max_length=cron.MOST_CHARACTERS, examples=["0 3 * * *"])]
    execute_on_setup: Flag = False
    concurrency_policy: Annotated[Literal["forbid", "allow"], BeforeValidator(_word)] = "forbid"
    start_deadline_seconds: Annotated[Count, Field(ge=1, le=31_536_000)] = 60

    def plan(self) -> Plan:
        """The schedule that does the same: of several that are late only the last runs, within its deadline."""
        forbid = self.concurrency_policy == "forbid"
        return Plan(
            trigger=Cron(expression=self.schedule),
            order=self.order(),
            misfire=Misfire(policy=MisfirePolicy.LATEST, grace_seconds=float(self.start_deadline_seconds)),
            overlap=Overlap(policy=OverlapPolicy.SKIP if forbid else OverlapPolicy.ALLOW),
            run_on_create=self.execute_on_setup,
        )


class SelectFields(_Rule):
    """A comparison."""

    get_in: Annotated[list[Annotated[str | int, BeforeValidator(_word)]], Field(min_length=1, max_length=20)]
    comparator: Annotated[Literal["eq", "gt", "lt", "ge", "le"], BeforeValidator(_word)]
    value: Json = None


class SubscriptionRuleBody(_Starting):
    """A rule of Aidbox's subscription trigger. In params, `(get-in [:id])` is the record's id."""

    select_by: Annotated[list[SelectFields], Field(min_length=1, max_length=50)]

    def plan(self) -> TriggerPlan:
        """The trigger that does the same."""
        comparisons = tuple(
            Comparison(get_in=tuple(map(str, each.get_in)), comparator=each.comparator, value=each.value)
            for each in self.select_by
        )
        return TriggerPlan(select_by=comparisons, order=_filled(self.order()))


def _filled(order: Order) -> Order:
    return msgspec.structs.replace(order, params=_values(order.params))


def _values(value: Any) -> Any:
    """Params with upstream's expressions in the words of ours."""
    if isinstance(value, str):
        found = _GET_IN.fullmatch(value.strip())
        if found is None:
            return value
        return {"$from": ["record", *(plain or quoted for plain, quoted in _KEY.findall(found[1]))]}
    if isinstance(value, list):
        return [_values(each) for each in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {name: _values(each) for name, each in cast("dict[str, Any]", value).items()}
    return value


# --- answers ---


class RequestView(View, frozen=True, kw_only=True):
    """What a rule starts."""

    definition: str
    params: Any = UNSET
    label: str | UnsetType = UNSET


class ReferenceView(View, frozen=True, kw_only=True, rename="camel"):
    """What a rule started last."""

    id: str
    resource_type: Literal["AidboxTask", "AidboxWorkflow"]


class RuleStatusView(View, frozen=True, kw_only=True, rename="camel"):
    """Upstream's SchedulerRuleStatus: the last run, and the next."""

    id: str
    resource_type: Literal["SchedulerRuleStatus"] = "SchedulerRuleStatus"
    last_schedule: Stamp | UnsetType = UNSET
    last_schedule_status: Literal["started", "skipped"] | UnsetType = UNSET
    last_schedule_reference: ReferenceView | UnsetType = UNSET
    execute_at: Stamp | UnsetType = UNSET


class SchedulerRuleView(View, frozen=True, kw_only=True, rename="kebab"):
    """A rule of the scheduler, and its status."""

    schedule: str
    execute_on_setup: bool
    concurrency_policy: Literal["forbid", "allow"]
    start_deadline_seconds: float | None
    task_request: RequestView | UnsetType = UNSET
    workflow_request: RequestView | UnsetType = UNSET
    paused: bool
    status: RuleStatusView


class SelectView(View, frozen=True, kw_only=True, rename="kebab"):
    """A comparison."""

    get_in: tuple[str, ...]
    comparator: str
    value: Any


class SubscriptionRuleView(View, frozen=True, kw_only=True, rename="kebab"):
    """A rule of the subscription trigger; its params in our own words."""

    select_by: tuple[SelectView, ...]
    task_request: RequestView | UnsetType = UNSET
    workflow_request: RequestView | UnsetType = UNSET
    paused: bool
