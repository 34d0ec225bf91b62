"""The bodies and parameters of webhooks."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from api.schemas.common import Body, Delay, Flag, JsonObject, LongText, Moment, TaskId, Text, example
from core import adsp_events, webhook
from core.delivery import Status

Url = Annotated[str, Field(min_length=1, max_length=2_000)]
Names = Annotated[list[Annotated[str, Field(min_length=1, max_length=150)]], Field(min_length=1, max_length=100)]
PayloadName = Literal["native", "adsp"]
Cursor = Annotated[str, Field(max_length=100, description="`next` of the page before")]
PageSize = Annotated[int, Field(ge=1, le=1000)]


class CriteriaBody(Body):
    """What an event must say: its correlation id (the record id, else the task's URN), and values of its context."""

    correlation_id: LongText | None = None
    context: Annotated[JsonObject, Field(max_length=20, default_factory=dict)]


class FilterBody(Body):
    """Which events; what is left out, or null, is not asked for. A PATCH replaces it as a whole."""

    types: Names | None = Field(default=None, description="As the payload names them: `succeeded`, or `task-completed`")
    queues: Names | None = Field(default=None, description="`namespace:name`")
    namespaces: Names | None = None
    definitions: Names | None = None
    criteria: CriteriaBody | None = None

    def filter(self) -> webhook.Filter:
        """As the record keeps it."""
        asked = self.criteria
        return webhook.Filter(
            types=_kept(self.types),
            queues=_kept(self.queues),
            namespaces=_kept(self.namespaces),
            definitions=_kept(self.definitions),
            criteria=None
            if asked is None
            else adsp_events.Criteria(correlation_id=asked.correlation_id, context=asked.context),
        )


class WebhookBody(Body):
    """A new webhook."""

    model_config: ClassVar[ConfigDict] = Body.model_config | example(
        {"name": "Intake", "url": "https://example.org/hooks/tasks", "filter": {"types": ["created", "succeeded"]}}
    )

    name: Text
    url: Url
    payload: PayloadName = Field(default="native", description="Events as the native stream has them, or as ADSP's")
    filter: FilterBody = FilterBody()
    paused: Flag = False


class WebhookPatch(Body):
    """What to change; `paused: false` also lets a webhook go on that was disabled."""

    name: Text | None = None
    url: Url | None = None
    payload: PayloadName | None = None
    filter: FilterBody | None = None
    paused: Flag | None = None

    def changes(self) -> dict[str, Any]:
        """By names of the record's fields."""
        given: dict[str, Any] = {
            "name": self.name,
            "url": self.url,
            "payload": None if self.payload is None else webhook.Payload(self.payload),
            "filter": None if self.filter is None else self.filter.filter(),
            "paused": self.paused,
        }
        return {name: value for name, value in given.items() if value is not None}


class RotateBody(Body):
    """How long the old secret goes on signing beside the new one."""

    overlap_seconds: Delay = webhook.OVERLAP.total_seconds()


class ReplayBody(Body):
    """Which deliveries to send again: those that failed, or whatever they came to, made since a moment."""

    since: Moment | None = None
    status: Literal["failed", "delivered", "any"] = "failed"


class DeliveryParams(BaseModel):
    """Which deliveries, and which page of them."""

    model_config: ClassVar[ConfigDict] = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    status: Status | None = None
    type: Annotated[list[Text], Field(max_length=50)] = []
    task: TaskId | None = None
    since: Moment | None = None
    after: Cursor | None = None
    limit: PageSize = 50


class WebhookParams(BaseModel):
    """Which page of webhooks."""

    model_config: ClassVar[ConfigDict] = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    after: Cursor | None = None
    limit: PageSize = 100


def _kept(names: list[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)
