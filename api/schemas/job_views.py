"""What the jobs API answers (contract xfsc-and-jobs 4): snake_case, what there is not is null."""

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from api.schemas.views import Stamp, View
from core.task import Progress

Status = Literal["scheduled", "pending", "in_progress", "retrying", "cancelling", "completed", "failed", "cancelled"]


class JobErrorView(View, frozen=True, kw_only=True, rename="lower"):
    """Why a task failed."""

    type: str
    message: str


class JobTaskView(View, frozen=True, kw_only=True, rename="lower"):
    """A task."""

    id: str
    type: str | None
    params: Any
    status: Status
    priority: int
    queue: str
    attempts: int
    max_retries: int
    retry_delay: float
    timeout: float | None
    scheduled_at: Stamp | None
    created_at: Stamp
    started_at: Stamp | None
    finished_at: Stamp | None
    result: Any
    error: JobErrorView | None
    progress: Progress | None
    idempotency_key: str | None
    tags: tuple[str, ...]
    job_id: str | None


class JobTaskPageView(View, frozen=True, kw_only=True, rename="lower"):
    """Tasks, and where the next page begins; their number where an offset was asked for."""

    items: tuple[JobTaskView, ...]
    total: int | UnsetType = UNSET
    next_cursor: str | None


class JobSchedulerView(View, frozen=True, kw_only=True, rename="lower"):
    """Whether the tenant's jobs run."""

    running: bool
    paused_at: Stamp | None
    paused_by: str | None


class JobView(View, frozen=True, kw_only=True, rename="lower"):
    """A job: its trigger's fields are among the others."""

    id: str
    name: str | None
    type: str | None
    params: Any
    trigger: Literal["date", "interval", "cron"]
    run_date: Stamp | UnsetType = UNSET
    weeks: float | UnsetType = UNSET
    days: float | UnsetType = UNSET
    hours: float | UnsetType = UNSET
    minutes: float | UnsetType = UNSET
    seconds: float | UnsetType = UNSET
    month: str | UnsetType = UNSET
    day: str | UnsetType = UNSET
    day_of_week: str | UnsetType = UNSET
    hour: str | UnsetType = UNSET
    minute: str | UnsetType = UNSET
    second: str | UnsetType = UNSET
    timezone: str | UnsetType = UNSET
    start_date: Stamp | None
    end_date: Stamp | None
    next_run_time: Stamp | None
    misfire_grace_time: float | None
    coalesce: bool
    max_instances: int | None
    last_run_time: Stamp | None
    last_task_id: str | None


class JobRefusalView(View, frozen=True, kw_only=True, rename="lower"):
    """Why a request was refused."""

    detail: str


class JobFaultView(View, frozen=True, kw_only=True, rename="lower"):
    """One thing wrong with a request: what kind, where, what."""

    type: str
    loc: tuple[str | int, ...]
    msg: str


class JobFaultsView(View, frozen=True, kw_only=True, rename="lower"):
    """What is wrong with a request."""

    detail: tuple[JobFaultView, ...]
