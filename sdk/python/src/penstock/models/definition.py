"""Definitions: kinds of tasks."""

from datetime import datetime
from typing import Any

from penstock.models.base import Actor, Priority, Record, RetryPolicy


class Concurrency(Record):
    """At most `limit` tasks are held at once, for each distinct value at the path `key` within the params."""

    limit: int
    key: tuple[str, ...] = ()


class Target(Record):
    """Where the tasks go: to whoever claims them (`worker`), to an HTTP endpoint, or to a part of the platform."""

    kind: str = "worker"
    url: str | None = None
    method: str | None = None
    headers: dict[str, str] | None = None
    secret_ref: str | None = None
    options: dict[str, Any] | None = None
    name: str | None = None


class Definition(Record):
    """One kind of task; seconds."""

    name: str
    queue: str
    description: str | None = None
    params_schema: Any = None
    result_schema: Any = None
    error_schema: Any = None
    priority: Priority | None = None
    lease_seconds: float | None = None
    start_timeout_seconds: float | None = None
    overall_timeout_seconds: float | None = None
    retry: RetryPolicy | None = None
    concurrency: Concurrency | None = None
    target: Target = Target()
    version: int = 0
    created_at: datetime | None = None
    created_by: Actor | None = None
    updated_at: datetime | None = None
    updated_by: Actor | None = None
