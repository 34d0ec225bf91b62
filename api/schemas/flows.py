"""Request bodies about flows."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from api.schemas.common import Body, Definition, Json, JsonObject, Moment, PriorityLabel, Sentence, Text, example
from api.schemas.schedules import QueueKey


class FlowBody(Body):
    """A flow to begin: by which template, on what."""

    model_config: ClassVar[ConfigDict] = example(
        {"template": "reports/review", "params": {"report": 42}, "label": "Report 42"}
    )

    template: Definition
    params: Json = None
    label: Text | None = None
    context: JsonObject | None = None
    priority: PriorityLabel | None = None
    execute_at: Moment | None = None


class FlowCancelBody(Body):
    """Why, and whether running tasks are ended at once (`now`) or asked first (`ask`)."""

    reason: Sentence | None = None
    mode: Literal["ask", "now"] = "ask"


class FlowParams(BaseModel):
    """Which flows to list."""

    model_config: ClassVar[ConfigDict] = ConfigDict(alias_generator=to_camel, extra="forbid")

    template: Definition | None = None
    queue: QueueKey | None = None
    label: Text | None = None
    status: Literal["created", "in-progress", "done"] | None = None
    outcome: Literal["succeeded", "failed", "canceled", "expired"] | None = None
    parent: Annotated[Text | None, Field(description="The id of the flow whose child flows are meant")] = None
    after: Annotated[str | None, Field(max_length=300, description="`next` of the page before")] = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


TemplateJson = Annotated[
    dict[str, Any],
    Field(
        description="`driver`, `queue`, and what the driver needs: `groups`, `steps`, or `decision`",
        examples=[
            {
                "driver": "dag",
                "queue": "intake:strike-reports",
                "steps": {
                    "scan": {"definition": "reports/scan"},
                    "decide": {
                        "definition": "reports/decide",
                        "dependsOn": ["scan"],
                        "params": {"damage": {"$from": "steps.scan.result.damage"}},
                    },
                },
            }
        ],
    ),
]
