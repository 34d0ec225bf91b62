"""Client, worker and command line for Penstock: the names that programs use."""

from penstock.calls.holding import Settlement
from penstock.client import AsyncClient, Client
from penstock.connection import Connection
from penstock.errors import (
    AlreadyExists,
    ApiError,
    BadCursor,
    Changed,
    Conflict,
    ConnectionLost,
    Forbidden,
    Invalid,
    KeyReused,
    LeaseLost,
    LimitReached,
    NotFound,
    PayloadMismatch,
    PenstockError,
    PreconditionFailed,
    PreconditionRequired,
    Problem,
    QueueNotEmpty,
    TokenRefused,
    TooLarge,
    TooManyRequests,
    TooSlow,
    Unauthenticated,
    Unavailable,
    UnknownField,
    UsageError,
    WrongState,
)
from penstock.models.base import Backoff, RetryPolicy
from penstock.models.definition import Concurrency, Definition, Target
from penstock.models.flow import Flow, FlowTemplate
from penstock.models.imports import Import
from penstock.models.new import NewTask
from penstock.models.queue import Bindings, Defaults, Queue, QueueMetrics
from penstock.models.schedule import (
    Cron,
    Date,
    Firing,
    FlowOrder,
    Interval,
    Misfire,
    Overlap,
    Schedule,
    TaskOrder,
)
from penstock.models.task import ClaimedTask, Progress, Task
from penstock.models.webhook import Delivery, Webhook
from penstock.tokens import ClientCredentials, Password, RefreshToken, StaticToken
from penstock.transport import Retries
from penstock.work.context import Context
from penstock.work.outcomes import Fail, Release, Retry
from penstock.worker import Worker

__all__ = [
    "AlreadyExists",
    "ApiError",
    "AsyncClient",
    "Backoff",
    "BadCursor",
    "Bindings",
    "Changed",
    "ClaimedTask",
    "Client",
    "ClientCredentials",
    "Concurrency",
    "Conflict",
    "Connection",
    "ConnectionLost",
    "Context",
    "Cron",
    "Date",
    "Defaults",
    "Definition",
    "Delivery",
    "Fail",
    "Firing",
    "Flow",
    "FlowOrder",
    "FlowTemplate",
    "Forbidden",
    "Import",
    "Interval",
    "Invalid",
    "KeyReused",
    "LeaseLost",
    "LimitReached",
    "Misfire",
    "NewTask",
    "NotFound",
    "Overlap",
    "Password",
    "PayloadMismatch",
    "PenstockError",
    "PreconditionFailed",
    "PreconditionRequired",
    "Problem",
    "Progress",
    "Queue",
    "QueueMetrics",
    "QueueNotEmpty",
    "RefreshToken",
    "Release",
    "Retries",
    "Retry",
    "RetryPolicy",
    "Schedule",
    "Settlement",
    "StaticToken",
    "Target",
    "Task",
    "TaskOrder",
    "TokenRefused",
    "TooLarge",
    "TooManyRequests",
    "TooSlow",
    "Unauthenticated",
    "Unavailable",
    "UnknownField",
    "UsageError",
    "Webhook",
    "Worker",
    "WrongState",
]
