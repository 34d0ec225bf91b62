"""The query parameters of a listing of tasks."""

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from api.schemas.common import Definition, Moment, PriorityLabel, Text, priority
from core.task import OPEN, Outcome, State
from store.listing import Query, Sort

ME = "me"
NOBODY = "none"

Cursor = Annotated[str, Field(max_length=2000, description="`next` of the page before")]
Queues = Annotated[list[Annotated[str, Field(max_length=101)]], Field(max_length=100)]
PageSize = Annotated[int, Field(ge=1, le=1000)]


class Filters(BaseModel):
    """Filters and order. Without any filter on how tasks ended, the open ones are meant."""

    model_config: ClassVar[ConfigDict] = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    state: Annotated[list[State], Field(max_length=5)] = []
    outcome: Annotated[list[Outcome], Field(max_length=4)] = []
    priority: Annotated[list[PriorityLabel], Field(max_length=4)] = []
    definition: Annotated[list[Definition], Field(max_length=100)] = []
    assignee: Text | None = Field(default=None, description="A person's id, `me`, or `none` for unassigned tasks")
    created_by: Text | None = Field(default=None, description="A person's id, or `me`")
    label: Text | None = None
    record_id: Text | None = None
    text: Text | None = Field(
        default=None,
        description="Words that must all occur in name, description, recordId, labels or params, whatever the case "
        "and accents; one that ends in `*`, after three letters or more, is the beginning of a word",
    )
    dead: bool | None = Field(default=None, description="Only dead letters, or none of them")
    redrive: Text | None = Field(default=None, description="Tasks that this redrive runs again")
    created_from: Moment | None = None
    created_to: Moment | None = None
    ended_from: Moment | None = None
    ended_to: Moment | None = None
    due_from: Moment | None = None
    due_to: Moment | None = None
    follow_up_from: Moment | None = None
    follow_up_to: Moment | None = None
    sort: Sort | None = Field(
        default=None, description="`place` (urgent and old first) for open tasks, `-endedAt` for ended ones by default"
    )

    def query(self, *, me: str, queues: tuple[str, ...] | None, own: bool) -> Query:
        """What is asked of the store; `own` narrows it to the caller's own tasks."""
        states = self._states()
        return Query(
            queues=queues,
            states=states,
            outcomes=frozenset(self.outcome) or None,
            priorities=frozenset(priority(each) for each in self.priority) or None,
            definitions=tuple(self.definition) or None,
            assignee=None if self.assignee == NOBODY else _person(self.assignee, me),
            unassigned=self.assignee == NOBODY,
            created_by=me if own else _person(self.created_by, me),
            label=self.label,
            record_id=self.record_id,
            text=self.text,
            dead=self.dead,
            redrive=self.redrive,
            created_from=self.created_from,
            created_to=self.created_to,
            ended_from=self.ended_from,
            ended_to=self.ended_to,
            due_from=self.due_from,
            due_to=self.due_to,
            follow_up_from=self.follow_up_from,
            follow_up_to=self.follow_up_to,
            sort=self.sort or (Sort.ENDED_DESC if states == _DONE else Sort.PLACE),
        )

    def excludes(self, me: str) -> bool:
        """Whether it asks for tasks of somebody else's making only."""
        return self.created_by not in {None, ME, me}

    def _states(self) -> frozenset[State] | None:
        if self.state:
            return frozenset(self.state)
        about_ends = self.outcome or self.dead or self.ended_from or self.ended_to
        return _DONE if about_ends or self.sort in {Sort.ENDED, Sort.ENDED_DESC} else OPEN


class ListParams(Filters):
    """The same, and a page."""

    after: Cursor | None = None
    limit: PageSize = 50


class SavedParams(Filters):
    """Filters and order over several queues."""

    queue: Queues = []


class AllListParams(ListParams):
    """The same over several queues."""

    queue: Queues = []
    filter: Text | None = Field(
        default=None, description="Id of a saved filter; what is named beside it counts instead"
    )


_DONE = frozenset({State.DONE})


def _person(asked: str | None, me: str) -> str | None:
    return me if asked == ME else asked
