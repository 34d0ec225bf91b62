"""Tasks, as the server shows them and as a caller describes new ones."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from penstock import errors
from penstock.models.base import Actor, Priority, Reason, Record, RetryPolicy

State = Literal["waiting", "ready", "requested", "in-progress", "done"]
Outcome = Literal["succeeded", "failed", "canceled", "expired"]


class Limits(Record):
    """A task's own time limits in seconds (None: no limit) and its retry policy."""

    lease_seconds: float | None = None
    start_timeout_seconds: float | None = None
    overall_timeout_seconds: float | None = None
    retry: RetryPolicy | None = None


class Progress(Record):
    """How far a running task is."""

    current: float | None = None
    total: float | None = None
    unit: str | None = None
    message: str | None = None


class Attachment(Record):
    """Something that belongs to a task and is kept elsewhere."""

    name: str
    url: str
    media_type: str | None = None


class Assignment(Record):
    """Whom somebody gave the task to."""

    by: Actor
    at: datetime
    to: Actor | None = None


class Task(Record):
    """One piece of work. Times are aware, in UTC."""

    id: str
    queue: str
    state: State
    priority: Priority = "normal"
    definition: str | None = None
    name: str | None = None
    description: str | None = None
    params: Any = None
    context: dict[str, Any] = Field(default_factory=dict[str, Any])
    labels: tuple[str, ...] = ()
    record_id: str | None = None
    attachments: tuple[Attachment, ...] = ()
    outcome: Outcome | None = None
    reason: Reason | None = None
    result: Any = None
    error: Any = None
    created_at: datetime
    created_by: Actor | None = None
    updated_at: datetime | None = None
    execute_at: datetime | None = None
    expire_at: datetime | None = None
    due_date: datetime | None = None
    follow_up_date: datetime | None = None
    requested_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    lease_until: datetime | None = None
    holder: Actor | None = None
    worker: str | None = None
    attempt: int = 0
    attempts_left: int | None = None
    progress: Progress | None = None
    cancel_requested: bool = False
    assignment: Assignment | None = None
    dead: bool | None = None
    redrive: str | None = None
    limits: Limits = Limits()
    seq: int = 0

    @property
    def ended(self) -> bool:
        """Whether it is done, for good or ill."""
        return self.state == "done"

    @property
    def fence(self) -> str | None:
        """The `execId` of its hand-out, where the server showed it: to its holder. It goes into every report."""
        found = (self.model_extra or {}).get("execId")
        return str(found) if found else None


class ClaimedTask(Task):
    """A task that was handed to this caller; `exec_id` proves it in every later call."""

    exec_id: str

    @property
    def fence(self) -> str:
        """The same."""
        return self.exec_id


class Claimed(Record):
    """The answer to a claim."""

    tasks: tuple[ClaimedTask, ...] = ()


class Beat(Record):
    """The answer to a heartbeat: until when the lease runs, and whether the holder is asked to stop."""

    lease_until: datetime | None = None
    cancel_requested: bool = False


class Brief(Record):
    """A task in few words, as batch answers give it."""

    id: str
    state: State
    outcome: Outcome | None = None
    ended_at: datetime | None = None


class SubmitResult(Record):
    """What became of one task of a batch: `task` when it was taken (`created`: it is new), else `problem`."""

    status: int
    task: Brief | None = None
    problem: errors.Problem | None = None

    @property
    def created(self) -> bool:
        """Whether a new task was made: False for a known key, and for a refusal."""
        return self.status == 201

    @property
    def error(self) -> errors.ApiError | None:
        """The refusal as an error to raise or to look at."""
        return errors.of(self.problem) if self.problem else None


class SubmitResults(Record):
    """The answer to a batch submit, in the order of the request."""

    results: tuple[SubmitResult, ...]
    accepted: int = 0
    refused: int = 0


class SettleResult(Record):
    """What became of one reported end."""

    id: str
    status: int
    task: Brief | None = None
    problem: errors.Problem | None = None

    @property
    def error(self) -> errors.ApiError | None:
        """The refusal as an error to raise or to look at."""
        return errors.of(self.problem) if self.problem else None


class SettleResults(Record):
    """The answer to `settle`, in the order of the request."""

    results: tuple[SettleResult, ...]
