"""Request bodies about queues."""

from typing import Annotated, Any, ClassVar

import msgspec
from pydantic import ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.schemas.common import (
    Body,
    JsonObject,
    LimitFields,
    LongText,
    PriorityLabel,
    Seconds,
    Text,
    example,
    priority,
)
from core.queue import Bindings, Defaults, Queue

Role = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Roles = Annotated[list[Role], Field(max_length=50)]

_DAY = 86_400
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
    display_name: Text | None = None
    description: LongText | None = None
    context: JsonObject | None = None
    params_schema: JsonObject | None = None
    retention_days: Annotated[Seconds, Field(le=36_500)] | None = None
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
            "display_name": self.display_name,
            "description": self.description,
            "context": self.context or {},
            "params_schema": self.params_schema,
            "retention_days": self.retention_days,
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
        return found

    def _bound(self, base: Bindings) -> Bindings:
        bound = self.bindings or BindingFields()
        named: dict[str, list[str] | None] = {name: getattr(bound, name) for name in bound.model_fields_set}
        if self.assigner_roles is not None:
            named["assigners"] = self.assigner_roles
        if self.worker_roles is not None:
            named["workers"] = self.worker_roles
        return msgspec.structs.replace(base, **{name: tuple(roles or ()) for name, roles in named.items()})
