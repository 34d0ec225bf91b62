"""Request bodies about tasks: submit, claim, finish, change."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, TypeVar, cast

import msgspec
from pydantic import ConfigDict, Field, Strict, ValidationError, WrapValidator, model_validator
from pydantic_core import PydanticCustomError

from api import wording
from api.schemas.common import (
    Body,
    Definition,
    Delay,
    ExecId,
    Flag,
    Json,
    JsonObject,
    Key,
    Labels,
    LimitFields,
    Link,
    LongText,
    Moment,
    PriorityLabel,
    Sentence,
    TaskId,
    Text,
    example,
    priority,
)
from core import errors
from core.creation import Submission
from core.task import Actor, Attachment, Limits, Progress

MOST = 1000
"""Tasks in one call."""

B = TypeVar("B", bound=Body)


class Refused(msgspec.Struct, frozen=True):
    """Stands in a batch for an item that is malformed: it is refused alone, the others go on."""

    faults: tuple[errors.Fault, ...]


def _alone(value: Any, validate: Callable[[Any], B]) -> B | Refused:
    try:
        return validate(value)
    except ValidationError as error:
        return Refused(faults=faults_of(error))


def faults_of(error: ValidationError) -> tuple[errors.Fault, ...]:
    """What pydantic found, as our faults: dotted fields in the caller's own spelling."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return tuple(
        errors.Fault(
            field=".".join(map(str, each["loc"])), message=wording.words({**each, "loc": ("body", *each["loc"])})
        )
        for each in found
    )


class AttachmentBody(Body):
    """Something that belongs to the task and is kept elsewhere."""

    name: Text
    url: Link
    media_type: Text | None = None


Attachments = Annotated[list[AttachmentBody], Field(max_length=50)]


def attached(given: Sequence[AttachmentBody] | None) -> tuple[Attachment, ...]:
    """What a body names."""
    return tuple(Attachment(name=each.name, url=each.url, media_type=each.media_type) for each in given or ())


class TaskBody(LimitFields):
    """A task to be done. What it leaves open comes from its definition, else from the queue."""

    model_config: ClassVar[ConfigDict] = example(
        {
            "name": "B-737-300 6/11/1997",
            "params": {"airport": "Sacramento", "damage": "Substantial"},
            "priority": "high",
            "labels": ["damage-substantial"],
            "recordId": "birdstrikes-00042",
        }
    )

    definition: Definition | None = None
    name: Text | None = None
    description: LongText | None = None
    params: Json = None
    context: JsonObject | None = None
    labels: Labels | None = None
    record_id: Text | None = None
    priority: PriorityLabel | None = None
    execute_at: Moment | None = None
    delay_seconds: Delay | None = None
    expire_at: Moment | None = None
    due_date: Moment | None = Field(default=None, description="When it should be done; else as its queue says")
    follow_up_date: Moment | None = Field(default=None, description="When somebody should look at it")
    attachments: Attachments | None = None
    dedup_key: Key | None = None

    @model_validator(mode="after")
    def _one_begin(self) -> "TaskBody":
        if self.execute_at is not None and self.delay_seconds is not None:
            raise PydanticCustomError("twice", "give executeAt or delaySeconds, not both")
        return self

    def submission(self, limits: Limits | None, key: str | None) -> Submission:
        """What the lifecycle is asked to keep; `limits` are complete, None takes the usual ones."""
        return Submission(
            definition=self.definition,
            name=self.name,
            description=self.description,
            params=self.params,
            context=self.context or {},
            labels=tuple(self.labels or ()),
            record_id=self.record_id,
            attachments=attached(self.attachments),
            due_date=self.due_date,
            follow_up_date=self.follow_up_date,
            priority=None if self.priority is None else priority(self.priority),
            execute_at=self.execute_at,
            delay=None if self.delay_seconds is None else timedelta(seconds=self.delay_seconds),
            expire_at=self.expire_at,
            limits=limits,
            dedup_key=key,
        )


class BatchBody(Body):
    """Many tasks; each is accepted or refused alone."""

    tasks: Annotated[list[Annotated[TaskBody, WrapValidator(_alone)]], Field(min_length=1, max_length=MOST)]

    @property
    def items(self) -> Sequence[TaskBody | Refused]:
        """The tasks, malformed ones among them."""
        return cast("Sequence[TaskBody | Refused]", self.tasks)


class ClaimBody(Body):
    """A worker asks for tasks."""

    model_config: ClassVar[ConfigDict] = example({"max": 10, "waitSeconds": 20, "worker": "triage-1"})

    max: Annotated[int, Strict(), Field(ge=1, le=MOST)] = 1
    wait_seconds: Annotated[Delay, Field(le=60)] = 0.0
    worker: Text | None = None
    start: Flag = True
    definitions: Annotated[list[Definition], Field(min_length=1, max_length=100)] | None = None


class StartBody(Body):
    """Begin a task: with the fence of a claim that did not start it, or without one by picking it."""

    exec_id: ExecId | None = None


class ProgressFields(Body):
    """How far the work is."""

    current: Annotated[float, Strict(), Field(allow_inf_nan=False)] | None = None
    total: Annotated[float, Strict(), Field(allow_inf_nan=False)] | None = None
    unit: Text | None = None
    message: Text | None = None


class HeartbeatBody(Body):
    """The worker is alive."""

    exec_id: ExecId
    progress: ProgressFields | None = None

    @property
    def reported(self) -> Progress | None:
        """The progress, if it says any."""
        said = self.progress
        if said is None:
            return None
        return Progress(current=said.current, total=said.total, unit=said.unit, message=said.message)


class CompleteBody(Body):
    """The work is done."""

    model_config: ClassVar[ConfigDict] = example(
        {"execId": "7b0f3c55-2f0e-4a40-9d51-0c8f3f7c1f10", "result": {"severity": 3}}
    )

    exec_id: ExecId
    result: Json = None


class FailBody(Body):
    """The work failed; `retryable: false` spares the attempts that are left."""

    exec_id: ExecId
    error: Json = None
    retryable: Flag = True


class ReleaseBody(Body):
    """The work is given back."""

    exec_id: ExecId


class SettleItem(Body):
    """How one task ended for its worker."""

    id: TaskId
    exec_id: ExecId
    action: Literal["complete", "fail", "release"]
    result: Json = None
    error: Json = None
    retryable: Flag = True

    @model_validator(mode="after")
    def _fitting(self) -> "SettleItem":
        given = self.model_fields_set
        for field, action in (("result", "complete"), ("error", "fail"), ("retryable", "fail")):
            if field in given and self.action != action:
                raise PydanticCustomError(
                    "stray", "{field} goes with {action} only", {"field": field, "action": action}
                )
        return self


class SettleBody(Body):
    """How many tasks ended; each is taken alone."""

    items: Annotated[list[Annotated[SettleItem, WrapValidator(_alone)]], Field(min_length=1, max_length=MOST)]

    @property
    def each(self) -> Sequence[SettleItem | Refused]:
        """The items, malformed ones among them."""
        return cast("Sequence[SettleItem | Refused]", self.items)


class CancelBody(Body):
    """End the task: `ask` its holder first, or end it `now`."""

    reason: Sentence | None = None
    mode: Literal["ask", "now"] = "ask"


class Assignee(Body):
    """A person, as the issuer knows it: `id` is the subject of its tokens."""

    id: Text
    name: Text
    email: Text | None = None


class AssignBody(Body):
    """Whom the task is for: somebody, oneself (`me`), or nobody (null)."""

    to: Assignee | Literal["me"] | None

    def actor(self, me: Actor) -> Actor | None:
        """The person meant."""
        if self.to is None:
            return None
        if self.to == "me" or self.to.id == me.id:
            return me
        return Actor(id=self.to.id, name=self.to.name, email=self.to.email)


class PriorityBody(Body):
    """The task's new priority."""

    priority: PriorityLabel


class PatchBody(Body):
    """New values for what describes the task; null takes one away."""

    name: Text | None = None
    description: LongText | None = None
    params: Json = None
    context: JsonObject | None = None
    labels: Labels | None = None
    record_id: Text | None = None
    due_date: Moment | None = None
    follow_up_date: Moment | None = None
    attachments: Attachments | None = None
    priority: PriorityLabel | None = None

    @model_validator(mode="after")
    def _has_priority(self) -> "PatchBody":
        if "priority" in self.model_fields_set and self.priority is None:
            raise PydanticCustomError("null", "a task always has a priority")
        return self

    def fields(self) -> dict[str, Any]:
        """What was named, by attribute of `Task`; the priority apart."""
        given = {name: getattr(self, name) for name in self.model_fields_set - {"priority"}}
        if "context" in given:
            given["context"] = self.context or {}
        if "labels" in given:
            given["labels"] = tuple(self.labels or ())
        if "attachments" in given:
            given["attachments"] = attached(self.attachments)
        return given
