"""The queue record: a tenant's `namespace:name` with its role bindings, defaults, limits and schema."""

from datetime import datetime
from typing import Any

import msgspec

from core.deadlines import Deadlines
from core.priority import Priority
from core.quota import QueueQuotas
from core.task import Actor, Limits


class Bindings(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which roles may do what on the queue: realm roles as they are, client roles as `client:role`."""

    submitters: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    assigners: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()


class Defaults(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a submit to this queue gets where it says nothing."""

    priority: Priority = Priority.NORMAL
    limits: Limits = Limits()


class Queue(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One queue. `version` grows with every change and is its ETag; `lane` never changes."""

    tenant: str
    namespace: str
    name: str
    lane: str
    version: int
    created_at: datetime
    created_by: Actor
    updated_at: datetime
    updated_by: Actor
    bindings: Bindings = Bindings()
    defaults: Defaults = Defaults()
    deadlines: Deadlines = Deadlines()
    display_name: str | None = None
    description: str | None = None
    context: dict[str, Any] = {}
    params_schema: dict[str, Any] | None = None
    retention_days: float | None = None
    quotas: QueueQuotas | None = None
    encrypt_payloads: bool = False
    """Payloads of tasks that are submitted from now on are kept sealed."""
    paused: bool = False
    """Nothing is handed out while it is paused; submits go on."""

    deleting: bool = False
    """True while its open tasks are being cancelled on the way to its removal; submits are refused."""

    @property
    def key(self) -> str:
        """`namespace:name`."""
        return f"{self.namespace}:{self.name}"
