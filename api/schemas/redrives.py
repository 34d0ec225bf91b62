"""Request bodies about redrives."""

from typing import Annotated

from pydantic import Field, Strict, model_validator
from pydantic_core import PydanticCustomError

from api.schemas.common import Body, Definition, Moment, PriorityLabel, TaskId, Text, priority
from store.listing import Query


class RedriveFilter(Body):
    """Which of a queue's dead letters."""

    label: Text | None = None
    text: Text | None = None
    definition: Annotated[list[Definition], Field(max_length=100)] | None = None
    priority: Annotated[list[PriorityLabel], Field(max_length=4)] | None = None
    record_id: Text | None = None
    created_by: Text | None = None
    created_from: Moment | None = None
    created_to: Moment | None = None
    ended_from: Moment | None = None
    ended_to: Moment | None = None

    def query(self, ids: tuple[str, ...] | None) -> Query:
        """The dead letters meant."""
        return Query(
            ids=ids,
            label=self.label,
            text=self.text,
            definitions=None if self.definition is None else tuple(self.definition),
            priorities=None if self.priority is None else frozenset(priority(each) for each in self.priority),
            record_id=self.record_id,
            created_by=self.created_by,
            created_from=self.created_from,
            created_to=self.created_to,
            ended_from=self.ended_from,
            ended_to=self.ended_to,
        )


class RedriveBody(Body):
    """Run dead letters again: all, those that fit a filter, or some by their ids; not faster than so many a second."""

    filter: RedriveFilter | None = None
    ids: Annotated[list[TaskId], Field(min_length=1, max_length=1000)] | None = None
    rate_per_second: Annotated[float, Strict(), Field(gt=0, le=100_000, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "RedriveBody":
        if self.filter is not None and self.ids is not None:
            raise PydanticCustomError("twice", "give filter or ids, not both")
        return self

    @property
    def query(self) -> Query:
        """The dead letters meant."""
        return (self.filter or RedriveFilter()).query(None if self.ids is None else tuple(self.ids))
