"""Request bodies of worklists: the next task, saved filters, one action on many tasks."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from api.schemas.common import Body, Definition, Flag, PriorityLabel, Sentence, TaskId, Text, example, priority
from api.schemas.listing import Queues, SavedParams
from api.schemas.tasks import AssignBody, Assignee
from core.task import Actor
from store.bulk import Act, Kind
from store.query import Query


class NextBody(Body):
    """Which tasks come into question; without queues those of every queue where the caller works."""

    model_config: ClassVar[ConfigDict] = example({"queues": ["intake:strike-reports"], "priority": ["urgent", "high"]})

    queues: Annotated[Queues, Field(min_length=1)] | None = None
    definition: Annotated[list[Definition], Field(max_length=100)] | None = None
    priority: Annotated[list[PriorityLabel], Field(max_length=4)] | None = None
    label: Text | None = None
    text: Text | None = None
    start: Flag = Field(default=True, description="False: it is only assigned to the caller")

    @property
    def query(self) -> Query:
        """What is wanted."""
        return Query(
            definitions=tuple(self.definition) if self.definition else None,
            priorities=frozenset(priority(each) for each in self.priority) if self.priority else None,
            label=self.label,
            text=self.text,
        )


class FilterBody(Body):
    """A named filter: `wanted` is what a listing takes as parameters. A shared one is for everybody of the tenant."""

    model_config: ClassVar[ConfigDict] = example(
        {"name": "Gulls of mine", "shared": True, "wanted": {"assignee": "me", "text": "gull", "sort": "dueDate"}}
    )

    name: Text
    shared: Flag = False
    wanted: SavedParams

    @property
    def params(self) -> dict[str, Any]:
        """What was named of the parameters, as JSON."""
        return self.wanted.model_dump(mode="json", by_alias=True, exclude_unset=True)


class BulkBody(Body):
    """One action on many tasks: those that fit a filter, or some by their ids."""

    model_config: ClassVar[ConfigDict] = example(
        {"action": "priority", "priority": "urgent", "filter": {"queue": ["intake:strike-reports"], "text": "engine"}}
    )

    action: Kind
    filter: SavedParams | None = None
    ids: Annotated[list[TaskId], Field(min_length=1, max_length=1000)] | None = None
    to: Assignee | Literal["me"] | None = Field(default=None, description="With `assign`; null gives back to everybody")
    priority: PriorityLabel | None = Field(default=None, description="With `priority`")
    reason: Sentence | None = Field(default=None, description="With `cancel`")
    mode: Literal["ask", "now"] = Field(default="ask", description="With `cancel`")

    @model_validator(mode="after")
    def _fitting(self) -> "BulkBody":
        given = self.model_fields_set
        for field, action in (("to", "assign"), ("priority", "priority"), ("reason", "cancel"), ("mode", "cancel")):
            if field in given and self.action != action:
                raise PydanticCustomError(
                    "stray", "{field} goes with {action} only", {"field": field, "action": action}
                )
        for field in ("to", "priority"):
            if self.action == {"to": "assign"}.get(field, field) and field not in given:
                raise PydanticCustomError("missing", "{action} needs {field}", {"action": self.action, "field": field})
        if self.action is Kind.PRIORITY and self.priority is None:
            raise PydanticCustomError("null", "a task always has a priority")
        if (self.filter is None) == (self.ids is None):
            raise PydanticCustomError("one", "give filter or ids, one of them")
        return self

    def act(self, me: Actor) -> Act:
        """What is to be done."""
        return Act(
            kind=self.action,
            to=AssignBody(to=self.to).actor(me) if self.action is Kind.ASSIGN else None,
            priority=None if self.priority is None else priority(self.priority),
            message=self.reason,
            now=self.mode == "now",
        )
