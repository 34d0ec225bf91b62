"""A task that is still to be made."""

from typing import Any

from pydantic import AwareDatetime

from penstock.models.base import Priority, Record, RetryPolicy
from penstock.models.task import Attachment


class NewTask(Record):
    """What a submit sends; unset members are left to the queue. Durations in seconds.

    A second submit with the same `dedup_key` answers the task of the first.
    """

    definition: str | None = None
    name: str | None = None
    description: str | None = None
    params: Any = None
    context: dict[str, Any] | None = None
    labels: tuple[str, ...] | None = None
    record_id: str | None = None
    priority: Priority | None = None
    execute_at: AwareDatetime | None = None
    delay_seconds: float | None = None
    expire_at: AwareDatetime | None = None
    due_date: AwareDatetime | None = None
    follow_up_date: AwareDatetime | None = None
    attachments: tuple[Attachment, ...] | None = None
    dedup_key: str | None = None
    lease_seconds: float | None = None
    start_timeout_seconds: float | None = None
    overall_timeout_seconds: float | None = None
    retry: RetryPolicy | None = None

    def body(self) -> dict[str, Any]:
        """What goes over the wire."""
        return self.model_dump(by_alias=True, exclude_none=True)
