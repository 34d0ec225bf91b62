"""The query parameters of the event feed and of histories."""

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from api.schemas.common import TaskId, Text

Number = Annotated[int, Field(ge=0, lt=2**63)]
PageSize = Annotated[int, Field(ge=1, le=1000)]


class EventParams(BaseModel):
    """Which events, and from where on."""

    model_config: ClassVar[ConfigDict] = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    queue: Annotated[list[Annotated[str, Field(max_length=101)]], Field(max_length=100)] = []
    type: Annotated[list[Text], Field(max_length=50)] = []
    task: TaskId | None = None
    last_event_id: Number | None = Field(default=None, description="As the header Last-Event-ID, which goes before it")
    after: Number | None = Field(default=None, description="For a page: `next` of the page before")
    limit: PageSize = 100


class HistoryParams(BaseModel):
    """Which part of a task's history."""

    model_config: ClassVar[ConfigDict] = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    after: Number = Field(default=0, description="`next` of the page before")
    limit: PageSize = 100
