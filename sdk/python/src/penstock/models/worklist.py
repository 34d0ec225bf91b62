"""Worklists of people: comments, people and their roles, saved filters, one action on many tasks."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from penstock.models.base import Actor, Priority, Record
from penstock.models.task import Task

BulkKind = Literal["assign", "priority", "cancel"]


class NextTask(Record):
    """The answer to `next`: the task, or None."""

    task: Task | None = None


class Comment(Record):
    """What somebody said about a task; `id` counts within the task."""

    id: int
    task: str
    content: str
    title: str | None = None
    context: dict[str, Any] = Field(default_factory=dict[str, Any])
    requires_attention: bool = False
    created_by: Actor
    created_at: datetime
    updated_by: Actor
    updated_at: datetime


class CommentPage(Record):
    """A page of comments, the newest first."""

    items: tuple[Comment, ...]
    next: int | None = None


class Role(Record):
    """A role that queues can be bound to, named as bindings name it."""

    name: str
    client: str | None = None
    description: str | None = None
    composite: bool = False


class Roles(Record):
    """All roles of a tenant."""

    items: tuple[Role, ...]


class Person(Record):
    """Somebody of the tenant; `id` is what `assign` takes."""

    id: str
    name: str
    username: str
    email: str | None = None


class SavedFilter(Record):
    """A named filter: `wanted` is what a listing takes, named as on the wire."""

    id: str
    name: str
    shared: bool = False
    mine: bool = False
    owner: Actor
    wanted: dict[str, Any] = Field(default_factory=dict[str, Any])
    created_at: datetime
    updated_at: datetime


class SavedFilters(Record):
    """The caller's filters and the shared ones."""

    items: tuple[SavedFilter, ...]


class BulkAct(Record):
    """What is done to each task."""

    kind: BulkKind
    to: Actor | None = None
    priority: Priority | None = None
    reason: str | None = None


class BulkPreview(Record):
    """What an action would do: to how many tasks, and to which first. `token` runs it."""

    token: str
    action: BulkAct
    count: int
    sample: tuple[Task, ...] = ()
    expires_at: datetime


class BulkAction(Record):
    """An action on many tasks, and how far it is; tasks that did not fit any more are `skipped`."""

    token: str
    action: BulkAct
    state: Literal["previewed", "running", "stopped", "done"]
    total: int
    done: int
    skipped: int
    by: Actor
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more is done."""
        return self.state in {"stopped", "done"}
