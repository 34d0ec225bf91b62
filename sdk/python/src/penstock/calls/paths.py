"""Where things lie below the server's address."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from penstock import errors
from penstock.models.base import Record
from penstock.models.queue import Queue
from penstock.models.task import Task

ROOT = "/api/v1"

QueueRef = str | Queue
"""A queue: `namespace:name`, or one that the server showed."""
TaskRef = str | Task
"""A task: its id, or one that the server showed."""
Seconds = float | timedelta


def queue(ref: QueueRef) -> str:
    """The path of a queue. Raises UsageError when it is not written `namespace:name`."""
    namespace, name = split(key(ref))
    return f"{ROOT}/queues/{quote(namespace, safe='')}/{quote(name, safe='')}"


def key(ref: QueueRef) -> str:
    """A queue's `namespace:name`."""
    return ref.key if isinstance(ref, Queue) else ref


def split(queue_key: str) -> tuple[str, str]:
    """Namespace and name. Raises UsageError."""
    namespace, colon, name = queue_key.partition(":")
    if not (namespace and colon and name):
        raise errors.UsageError(
            f"{queue_key!r} is not a queue; write namespace:name, for example intake:strike-reports."
        )
    return namespace, name


def task(ref: TaskRef) -> str:
    """The path of a task."""
    return f"{ROOT}/tasks/{quote(task_id(ref), safe='')}"


def task_id(ref: TaskRef) -> str:
    """A task's id. Raises UsageError when it is empty."""
    found = ref.id if isinstance(ref, Task) else ref
    if not found:
        raise errors.UsageError("A task's id is empty.")
    return found


def tenant(tenant_id: str) -> str:
    """The path of a tenant."""
    return f"{ROOT}/tenants/{quote(tenant_id, safe='')}"


def seconds(value: Seconds | None) -> float | None:
    """A duration in seconds, as the wire has it."""
    return value.total_seconds() if isinstance(value, timedelta) else value


def moment(value: datetime | None) -> str | None:
    """A time as the wire has it; raises UsageError for one without a time zone."""
    if value is None:
        return None
    if value.tzinfo is None:
        raise errors.UsageError(f"{value.isoformat()} has no time zone; use an aware datetime.")
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def given(**members: object) -> dict[str, object]:
    """Those members that were given: not None."""
    return {name: value for name, value in members.items() if value is not None}


def dumped(record: Record) -> dict[str, Any]:
    """A record as the wire has it: what was said of it."""
    return record.model_dump(mode="json", by_alias=True, exclude_unset=True)


def name(path: str) -> str:
    """A name that may hold `/`, as the end of a path. Raises UsageError when it is empty."""
    if not path:
        raise errors.UsageError("A name is empty.")
    return quote(path, safe="/")


def conditions(version: int | None, *, create_only: bool = False) -> dict[str, str]:
    """The headers by which a change is made only to this version, or only where nothing is."""
    found = {} if version is None else {"if-match": f'"{version}"'}
    return found | ({"if-none-match": "*"} if create_only else {})
