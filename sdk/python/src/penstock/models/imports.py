"""Imports: files whose lines become tasks."""

from datetime import datetime
from typing import Any

from pydantic import Field

from penstock.models.base import Actor, Reason, Record
from penstock.models.task import Outcome


class ImportProgress(Record):
    """How far it is: lines dealt with, tasks made, lines refused, bytes of the file; `share` from 0 to 1."""

    lines: int = 0
    accepted: int = 0
    refused: int = 0
    bytes_read: int = 0
    bytes_total: int | None = None
    share: float | None = None


class Import(Record):
    """A file on its way into a queue."""

    id: str
    queue: str
    state: str
    outcome: Outcome | None = None
    reason: Reason | None = None
    source: dict[str, Any] = Field(default_factory=dict[str, Any])
    definition: str | None = None
    progress: ImportProgress = ImportProgress()
    cancel_requested: bool = False
    retry_at: datetime | None = None
    created_at: datetime
    created_by: Actor | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether it is done, for good or ill."""
        return self.state == "done"


class LineError(Record):
    """A line that became no task; lines are counted from 1."""

    line: int
    code: str
    message: str
    field: str | None = None


class LineErrors(Record):
    """A page of them."""

    items: tuple[LineError, ...]
    next: int | None = None
