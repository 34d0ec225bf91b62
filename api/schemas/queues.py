"""Request bodies about queues."""

from typing import Annotated, Any, ClassVar

import msgspec
from pydantic import ConfigDict, Field, Strict, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.schemas.common import (
    Body,
    Delay,
    Flag,
    JsonObject,
    LimitFields,
    LongText,
    PriorityLabel,
    Seconds,
    Text,
    example,
    priority,
)
from api.schemas.tasks import Assignee
from core.deadlines import Deadlines, Escalation
from core.queue import Bindings, Defaults, Queue
from core.quota import QueueQuotas
from core.task import Actor

Role = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Roles = Annotated[list[Role], Field(max_length=50)]

_DAY = 86_400


class EscalationFields(Body):
    """What happens to a task that is still open so many seconds after its due date."""

    after_seconds: Delay = 0.0
    raise_to: PriorityLabel | None = None
    assign_to: Assignee | None = None
    give_back: Flag = False
    notify: Annotated[tuple[Text, ...], Field(max_length=20)] = ()

    @model_validator(mode="after")
    def _does_something(self) -> "EscalationFields":
        if self.assign_to is not None and self.give_back:
            raise PydanticCustomError("twice", "give assignTo or giveBack, not both")
        return self

    @property
    def rule(self) -> Escalation:
        """The rule."""
        to = self.assign_to
        return Escalation(
            after_seconds=self.after_seconds,
            raise_to=None if self.raise_to is None else priority(self.raise_to),
            assign_to=None if to is None else Actor(id=to.id, name=to.name, email=to.email),
            give_back=self.give_back,
            notify=self.notify,
        )


class DeadlineFields(Body):
    """When tasks are due that come without a date, when to remind, and what happens to those that are late."""

    due_in_seconds: Seconds | None = None
    remind_before_seconds: Annotated[tuple[Seconds, ...], Field(max_length=10)] = ()
    escalations: Annotated[tuple[EscalationFields, ...], Field(max_length=20)] = ()

    @model_validator(mode="after")
    def _one_rule_a_moment(self) -> "DeadlineFields":
        moments = [each.after_seconds for each in self.escalations]
        if len(set(moments)) != len(moments):
            raise PydanticCustomError("twice", "two escalations have the same afterSeconds: put them into one")
        if len(set(self.remind_before_seconds)) != len(self.remind_before_seconds):
            raise PydanticCustomError("twice", "two reminders are the same")
        return self

    @property
    def deadlines(self) -> Deadlines:
        """The rules."""
        return Deadlines(
            due_in_seconds=self.due_in_seconds,
            remind_before_seconds=self.remind_before_seconds,
            escalations=tuple(each.rule for each in self.escalations),
        )


_TEXTS = ("display_name", "description", "context", "params_schema", "retention_days")


class BindingFields(Body):
    """Which roles may do what; realm roles as they are, client roles as `client:role`."""

    submitters: Roles | None = None
    workers: Roles | None = None
    assigners: Roles | None = None
    readers: Roles | None = None


class DefaultFields(LimitFields):
    """What a submit gets where it says nothing."""

    priority: PriorityLabel | None = None

    def defaults(self, base: Defaults) -> Defaults:
        """What was named, and else `base`."""
        urgency = base.priority if self.priority is None else priority(self.priority)
        return Defaults(priority=urgency, limits=self.over(base.limits))


Count = Annotated[int, Field(ge=0, lt=2**53), Strict()]


class QueueQuotasBody(Body):
    """A queue's limits, all of them; what is absent or null is not limited."""

    open_tasks: Count | None = None
    submits_per_second: Annotated[float, Field(gt=0, le=1_000_000), Strict()] | None = None
    claims_in_flight: Count | None = None
    payload_bytes: Count | None = None


class QueueBody(Body):
    """A queue's settings. `assignerRoles` and `workerRoles` are ADSP's names of two of the bindings."""

    model_config: ClassVar[ConfigDict] = example(
        {
            "displayName": "Strike reports",
            "bindings": {"submitters": ["task-writer"], "workers": ["reviewer"], "assigners": ["supervisor"]},
            "defaults": {"priority": "normal", "leaseSeconds": 120, "retry": {"maxAttempts": 3}},
            "paramsSchema": {"type": "object", "required": ["airport"]},
        }
    )

    bindings: BindingFields | None = None
    defaults: DefaultFields | None = None
    deadlines: DeadlineFields | None = None
    display_name: Text | None = None
    description: LongText | None = None
    context: JsonObject | None = None
    params_schema: JsonObject | None = None
    retention_days: Annotated[Seconds, Field(le=36_500)] | None = None
    quotas: QueueQuotasBody | None = None
    encrypt_payloads: Flag | None = None
    assigner_roles: Roles | None = None
    worker_roles: Roles | None = None

    @model_validator(mode="after")
    def _one_spelling(self) -> "QueueBody":
        bound = self.bindings or BindingFields()
        for mine, theirs, name in (
            (bound.assigners, self.assigner_roles, "assignerRoles"),
            (bound.workers, self.worker_roles, "workerRoles"),
        ):
            if mine is not None and theirs is not None and mine != theirs:
                raise PydanticCustomError("twice", "{name} contradicts bindings", {"name": name})
        return self

    def fields(self) -> dict[str, Any]:
        """All settings by attribute of `Queue`: what a PUT leaves open has its default."""
        return {
            "bindings": self._bound(Bindings()),
            "defaults": (self.defaults or DefaultFields()).defaults(Defaults()),
            "deadlines": (self.deadlines or DeadlineFields()).deadlines,
            "display_name": self.display_name,
            "description": self.description,
            "context": self.context or {},
            "params_schema": self.params_schema,
            "retention_days": self.retention_days,
            "encrypt_payloads": bool(self.encrypt_payloads),
            "quotas": self._limited(),
        }

    def merged(self, queue: Queue) -> dict[str, Any]:
        """Only what a PATCH names: `bindings` and `defaults` one level deep, null takes a setting away (RFC 7396)."""
        given = self.model_fields_set
        found: dict[str, Any] = {name: getattr(self, name) for name in _TEXTS if name in given}
        if "context" in found:
            found["context"] = self.context or {}
        if given & {"bindings", "assigner_roles", "worker_roles"}:
            removed = "bindings" in given and self.bindings is None
            found["bindings"] = self._bound(Bindings() if removed else queue.bindings)
        if "defaults" in given:
            found["defaults"] = Defaults() if self.defaults is None else self.defaults.defaults(queue.defaults)
        if "quotas" in given:
            found["quotas"] = self._limited()
        if "encrypt_payloads" in given:
            found["encrypt_payloads"] = bool(self.encrypt_payloads)
        if "deadlines" in given:
            found["deadlines"] = (self.deadlines or DeadlineFields()).deadlines
        return found

    def _limited(self) -> QueueQuotas | None:
        """All quotas, or None where nothing is limited."""
        made = QueueQuotas(**({} if self.quotas is None else self.quotas.model_dump()))
        return None if made == QueueQuotas() else made

    def _bound(self, base: Bindings) -> Bindings:
        bound = self.bindings or BindingFields()
        named: dict[str, list[str] | None] = {name: getattr(bound, name) for name in bound.model_fields_set}
        if self.assigner_roles is not None:
            named["assigners"] = self.assigner_roles
        if self.worker_roles is not None:
            named["workers"] = self.worker_roles
        return msgspec.structs.replace(base, **{name: tuple(roles or ()) for name, roles in named.items()})
