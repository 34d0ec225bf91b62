"""The four priorities and a task's place in the worklist."""

from datetime import datetime
from enum import IntEnum


class Priority(IntEnum):
    """How urgent a task is; a higher number is handed out first (RabbitMQ advises 2 to 4 levels)."""

    LOW = 0
    NORMAL = 1
    HIGH = 2
    URGENT = 3

    @property
    def label(self) -> str:
        """The name used in JSON: low, normal, high, urgent."""
        return self.name.lower()


BY_LABEL = {p.label: p for p in Priority}


def place(priority: Priority, created_at: datetime, task_id: str) -> str:
    """A task's place in the worklist as one string that sorts: priority descending, then oldest first, then id.

    One sortable key makes a keyset cursor a single range on one index; it never changes while a task lives,
    unless its priority does. A retry therefore keeps its place.
    """
    return f"{Priority.URGENT - priority}{int(created_at.timestamp() * 1000):011x}{task_id}"
