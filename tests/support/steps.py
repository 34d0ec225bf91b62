"""Every transition by a name, for random lives of a task."""

import random
from collections.abc import Callable
from datetime import datetime

from core import ids
from core.priority import Priority
from core.task import Task
from core.tenant import TenantState
from core.transitions import edits, ends, failures, holds, redrives, tickets
from core.transitions.transition import Transition
from tests.support.making import ANN, WIM

Step = Callable[[Task, datetime, random.Random], Transition]

STEPS: dict[str, Step] = {
    "claim": lambda t, at, d: holds.claim(at=at, by=WIM, worker=None, exec_id=ids.new_secret(), start=True),
    "request": lambda t, at, d: holds.claim(at=at, by=WIM, worker=None, exec_id=ids.new_secret(), start=False),
    "start": lambda t, at, d: holds.start(at=at, by=WIM, exec_id=t.exec_id or "none"),
    "take": lambda t, at, d: holds.take(t, at=at, by=WIM, exec_id=ids.new_secret()),
    "beat": lambda t, at, d: holds.beat(at=at, exec_id=t.exec_id or "none", progress=None),
    "succeed": lambda t, at, d: ends.succeed(at=at, by=WIM, exec_id=t.exec_id or "none", result={"ok": True}),
    "fail": lambda t, at, d: failures.fail(t, at=at, by=WIM, error="e", retryable=d.random() < 0.8, dice=d),
    "lose-lease": lambda t, at, d: failures.lose_lease(t, at=at, dice=d),
    "lose-lease shut out": lambda t, at, d: failures.lose_lease(t, at=at, dice=d, tenant=TenantState.SUSPENDED),
    "miss-start": lambda t, at, d: holds.miss_start(t, at=at),
    "release": lambda t, at, d: holds.release(t, at=at, by=WIM),
    "wake": lambda t, at, d: tickets.wake(at=at, assigned=t.assignee is not None),
    "expire": lambda t, at, d: ends.expire(t, at=at),
    "run-out": lambda t, at, d: ends.run_out(t, at=at),
    "cancel": lambda t, at, d: ends.cancel(t, at=at, by=ANN, message=None),
    "ask": lambda t, at, d: ends.ask_cancel(t, at=at, by=ANN, message="enough"),
    "retry": lambda t, at, d: redrives.retry_ended(t, at=at, by=ANN),
    "undo": lambda t, at, d: redrives.undo_redrive(t, at=at, by=ANN),
    "assign": lambda t, at, d: edits.assign(t, at=at, by=ANN, to=WIM),
    "unassign": lambda t, at, d: edits.assign(t, at=at, by=ANN, to=None),
    "priority": lambda t, at, d: edits.prioritise(t, at=at, by=ANN, to=Priority.URGENT),
    "edit": lambda t, at, d: edits.edit(t, at=at, by=ANN, fields={"description": "new"}),
    "edit and prioritise": lambda t, at, d: edits.edit(
        t, at=at, by=ANN, fields={"context": {"a": at.second}}, to=Priority.HIGH
    ),
    "delete": lambda t, at, d: ends.delete(t, at=at, by=ANN),
}
