"""Events, tenants and the caller itself."""

from datetime import datetime
from typing import Any

from pydantic import Field

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


class Credentials(Record):
    """What the people and programs of a new realm begin with; the server shows them this once."""

    username: str
    password: str
    temporary: bool = False
    client_id: str
    client_secret: str


class Tenant(Record):
    """An organisation, as far as the caller may see it; `credentials` when its realm was made just now."""

    id: str
    display_name: str | None = None
    issuer: str | None = None
    state: str | None = None
    erase_at: datetime | None = None
    policy_url: str | None = None
    http_targets: dict[str, Any] | None = None
    created_at: datetime | None = None
    version: int = 0
    credentials: Credentials | None = None


class Restored(Record):
    """What an import of a tenant kept: documents by collection, and the collections that are never in an export."""

    documents: dict[str, int] = Field(default_factory=dict[str, int])
    withheld: tuple[str, ...] = ()


class Secret(Record):
    """A secret's name; its value is shown to nobody."""

    name: str
    updated_at: datetime
    updated_by: Actor | None = None


class Audited(Record):
    """One change in a tenant's trail: what was before (None when it is new) and after (None when it is gone)."""

    n: int
    at: datetime
    by: Actor
    realm: str
    action: str
    target: str | None = None
    request_id: str | None = None
    before: Any = None
    after: Any = None
    seal: str = ""


class AuditPage(Record):
    """A page of the trail."""

    items: tuple[Audited, ...]
    next: int | None = None
