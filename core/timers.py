"""A task's one timer: the nearest of the time limits that apply in its state (DESIGN 5)."""

from datetime import datetime

from core.task import DueKind, State, Task

APPLIES: dict[State, tuple[tuple[str, DueKind], ...]] = {
    State.WAITING: (
        ("execute_at", DueKind.EXECUTE),
        ("expire_at", DueKind.EXPIRY),
        ("overall_at", DueKind.OVERALL),
        ("alarm_at", DueKind.ALARM),
    ),
    State.READY: (("expire_at", DueKind.EXPIRY), ("overall_at", DueKind.OVERALL), ("alarm_at", DueKind.ALARM)),
    State.REQUESTED: (
        ("lease_until", DueKind.START_TIMEOUT),
        ("expire_at", DueKind.EXPIRY),
        ("overall_at", DueKind.OVERALL),
        ("alarm_at", DueKind.ALARM),
    ),
    State.IN_PROGRESS: (
        ("lease_until", DueKind.LEASE),
        ("wait_until", DueKind.WAITED),
        ("cancel_by", DueKind.CANCEL),
        ("overall_at", DueKind.OVERALL),
        ("alarm_at", DueKind.ALARM),
    ),
    State.DONE: (),
}
"""Which fields count in which state, and what each means when it is reached; on a tie the first one wins.
`store/tasks.py` builds its aggregation from this same table."""


def nearest(task: Task) -> tuple[datetime | None, DueKind | None]:
    """When the task's timer is due and for what; (None, None) when nothing limits it."""
    best: tuple[datetime | None, DueKind | None] = (None, None)
    for field, kind in APPLIES[task.state]:
        at: datetime | None = getattr(task, field)
        if at is not None and (best[0] is None or at < best[0]):
            best = (at, kind)
    return best
