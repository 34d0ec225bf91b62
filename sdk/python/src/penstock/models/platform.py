"""Events, tenants and the caller itself."""

from datetime import datetime
from typing import Any

from penstock.models.base import Actor, Priority, Reason, Record
from penstock.models.task import Outcome, State


class Event(Record):
    """Something that happened to a task."""

    id: str
    n: int | str | None = None
    task: str | None = None
    queue: str | None = None
    type: str
    seq: int | None = None
    at: datetime
    by: Actor | None = None
    reason: Reason | None = None
    data: Any = None
    state: State | None = None
    outcome: Outcome | None = None
    name: str | None = None
    record_id: str | None = None
    priority: Priority | None = None


class Me(Record):
    """Who the server takes the caller for."""

    tenant: str | None = None
    subject: str
    name: str | None = None
    email: str | None = None
    roles: tuple[str, ...] = ()
    kind: str | None = None
    operator: bool = False


class Tenant(Record):
    """An organisation, as far as the caller may see it."""

    id: str
    display_name: str | None = None
    issuer: str | None = None
