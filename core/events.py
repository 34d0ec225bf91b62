"""The event record: something that happened to a task, numbered per task (`seq`) and over the platform (`n`)."""

from datetime import datetime
from typing import Any

import msgspec

from core.priority import Priority
from core.task import Actor, Outcome, Parent, Reason, State


class Header(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What an event says of its task beside what happened to it."""

    queue: str
    """`namespace:name`."""
    priority: Priority
    definition: str | None = None
    name: str | None = None
    record_id: str | None = None
    parent: Parent | None = None
    """Which child of which flow the task is."""
    trace: str | None = None
    """The `traceparent` under which the task was submitted."""
    encrypted: bool | None = None
    """True when the task's payload is kept sealed."""


class Event(Header, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One event. Whoever follows events reads them by `n`, which grows by one from event to event."""

    tenant: str
    task: str
    """The task's id."""
    seq: int
    """1 for the first event of the task, then one more for each."""
    n: int
    type: str
    at: datetime
    by: Actor
    state: State
    """The state that the task was in after it."""
    outcome: Outcome | None = None
    reason: Reason | None = None
    data: Any = None
    sealed: str | None = None
    """In place of `data`, until the event is opened for somebody who may read it."""
