"""Deadlines: reminders, follow-ups, a due date and what happens after it, each rung once (`alarms.ring`).

A task has one next moment of this kind (`alarmAt`), which is one of the limits of its one timer. What the queue says
is read when it rings, so that new rules count for open tasks too.
"""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum

import msgspec

from core import clock
from core.priority import Priority
from core.task import Actor, Task


class Escalation(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What happens to a task that is still open so many seconds after its due date."""

    after_seconds: float = 0.0
    raise_to: Priority | None = None
    """At least this priority from then on."""
    assign_to: Actor | None = None
    give_back: bool = False
    """It is nobody's any more: whoever may work takes it."""
    notify: tuple[str, ...] = ()
    """Whom the event `escalated` is meant for: roles, people or addresses, as its receivers understand them."""


class Deadlines(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a queue says of the time of its tasks."""

    due_in_seconds: float | None = None
    """The due date of a task that comes without one, counted from the moment when it may begin."""
    remind_before_seconds: tuple[float, ...] = ()
    escalations: tuple[Escalation, ...] = ()


class MarkKind(StrEnum):
    """What a moment means; `raise`, `assign` and `escalated` are the steps of one rule, in this order."""

    REMINDER = "reminder"
    FOLLOW_UP = "follow-up"
    OVERDUE = "overdue"
    RAISE = "raise"
    ASSIGN = "assign"
    ESCALATED = "escalated"


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A moment at which something happens to a task; `key` says whether it did already."""

    at: datetime
    key: str
    kind: MarkKind
    rule: Escalation | None = None


def following(task: Task, deadlines: Deadlines) -> Mark | None:
    """The earliest mark of a task that was not rung yet."""
    left = [mark for mark in _marks(task, deadlines) if mark.key not in task.rung]
    return min(left, key=lambda mark: mark.at, default=None)


def alarm(task: Task, deadlines: Deadlines) -> datetime | None:
    """When the next mark is."""
    mark = following(task, deadlines)
    return None if mark is None else mark.at


def still_rung(rung: tuple[str, ...], *, due_changed: bool, follow_up_changed: bool) -> tuple[str, ...]:
    """What counts as rung after new dates: a date that changed rings anew."""
    return tuple(key for key in rung if not (follow_up_changed if key == MarkKind.FOLLOW_UP else due_changed))


def _marks(task: Task, deadlines: Deadlines) -> Iterator[Mark]:
    if task.follow_up_date is not None:
        yield Mark(at=task.follow_up_date, key=MarkKind.FOLLOW_UP.value, kind=MarkKind.FOLLOW_UP)
    due = task.due_date
    if due is None:
        return
    for seconds in deadlines.remind_before_seconds:
        at = due - clock.span(seconds)
        # A reminder whose time had passed when the task began is none.
        if at > task.created_at:
            yield Mark(at=at, key=f"{MarkKind.REMINDER}-{seconds:g}", kind=MarkKind.REMINDER)
    yield Mark(at=due, key=MarkKind.OVERDUE.value, kind=MarkKind.OVERDUE)
    for rule in deadlines.escalations:
        at = due + clock.span(rule.after_seconds)
        for kind, wanted in (
            (MarkKind.RAISE, rule.raise_to is not None),
            (MarkKind.ASSIGN, rule.assign_to is not None or rule.give_back),
            (MarkKind.ESCALATED, True),
        ):
            if wanted:
                yield Mark(at=at, key=f"{kind}-{rule.after_seconds:g}", kind=kind, rule=rule)
