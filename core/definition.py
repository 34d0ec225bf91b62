"""The definition record: a named kind of task bound to a queue, with its schemas, limits and target (DESIGN 9)."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from core.priority import Priority
from core.task import Actor, Limits


class TargetKind(StrEnum):
    """Who does the work: whoever claims it, an HTTP endpoint that gets it pushed, or a part of ours."""

    WORKER = "worker"
    HTTP = "http"
    BUILTIN = "builtin"


class Target(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Where tasks of a definition go. `url`, `method`, `headers`, `secret_ref` with `http`; `name` with `builtin`."""

    kind: TargetKind = TargetKind.WORKER
    url: str | None = None
    method: str | None = None
    headers: dict[str, str] = {}
    secret_ref: str | None = None
    name: str | None = None
    options: dict[str, Any] = {}


class Concurrency(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """At most `limit` tasks are held at once, per distinct value at the path `key` within params (none: over all)."""

    limit: int
    key: tuple[str, ...] = ()


class Definition(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One kind of task. `version` grows with every change; tasks keep the limits of the version they were made with."""

    tenant: str
    name: str
    queue: str
    """`namespace:name` of the queue its tasks go to."""
    lane: str
    """The lane of its tickets; it never changes."""
    version: int
    created_at: datetime
    created_by: Actor
    updated_at: datetime
    updated_by: Actor
    description: str | None = None
    params_schema: dict[str, Any] | None = None
    result_schema: dict[str, Any] | None = None
    error_schema: dict[str, Any] | None = None
    priority: Priority | None = None
    limits: Limits = Limits()
    concurrency: Concurrency | None = None
    target: Target = Target()

    @property
    def strict(self) -> bool:
        """Whether what ends a task must fit a schema."""
        return self.result_schema is not None or self.error_schema is not None
