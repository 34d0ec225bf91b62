"""An attempt failed, or its lease was lost: another after the backoff, or a dead letter."""

import random
from datetime import datetime
from typing import Any

import msgspec

from core import clock, retry
from core.task import ENGINE, Actor, Note, Outcome, Reason, State, Task
from core.tenant import TenantState
from core.transitions import ends, tickets, transition
from core.transitions.transition import Transition


def fail(
    task: Task,
    *,
    at: datetime,
    by: Actor,
    error: Any,
    retryable: bool,
    dice: random.Random,
    not_before: datetime | None = None,
) -> Transition:
    """The attempt failed: another after the backoff, and not before a moment, while any is left; else a dead letter."""
    reason = Reason(type="failed-by-worker", message="The worker reported a failure.")
    change = _failed(task, "fail", at=at, by=by, reason=reason, error=error, retryable=retryable, dice=dice)
    due: datetime | None = change.sets.get("execute_at")
    if not_before is None or due is None or due >= not_before:
        return change
    later = clock.cut(not_before)
    assert change.note is not None
    note = msgspec.structs.replace(change.note, data=(change.note.data or {}) | transition.plain({"executeAt": later}))
    return msgspec.structs.replace(change, sets={**change.sets, "execute_at": later}, note=note)


def lose_lease(
    task: Task, *, at: datetime, dice: random.Random, tenant: TenantState = TenantState.ACTIVE
) -> Transition:
    """No heartbeat within the lease: the attempt counts as failed, its holder's fence is cut.

    While its tenant is shut out the holder could not report: the task is ready again, and no attempt is spent.
    """
    if tenant is not TenantState.ACTIVE and task.cancel_request is None:
        message = "The lease ran out while the tenant was shut out; no attempt was spent."
        note = Note(type="released", at=at, by=ENGINE, reason=Reason(type=f"tenant-{tenant.value}", message=message))
        return tickets.back(task, "lose-lease", at, frozenset({State.IN_PROGRESS}), note)
    reason = Reason(type="lease-lost", message="No heartbeat arrived within the lease.")
    return _failed(task, "lose-lease", at=at, by=ENGINE, reason=reason, error=None, retryable=True, dice=dice)


def _failed(
    task: Task,
    name: str,
    *,
    at: datetime,
    by: Actor,
    reason: Reason,
    error: Any,
    retryable: bool,
    dice: random.Random,
) -> Transition:
    sources = frozenset({State.IN_PROGRESS})
    if task.cancel_request is not None:
        change = ends.cancel(task, at=at, by=task.cancel_request.by, message=task.cancel_request.message)
        return msgspec.structs.replace(change, sources=sources)
    spent = task.spent + 1
    if not retryable or spent >= task.limits.retry.max_attempts:
        sets: dict[str, Any] = {"error": error, "spent": spent, "dead": True}
        return ends.end(name, at, sources, Outcome.FAILED, by, seq=task.seq, reason=reason, sets=sets)
    rest = retry.delay(task.limits.retry.backoff, spent, dice)
    sets = transition.UNHELD | {
        "error": error,
        "reason": reason,
        "spent": spent,
        "ticket_due": None,
        "execute_at": at + rest,
    }
    data = transition.plain({"executeAt": at + rest, "spent": spent})
    note = Note(type="retry-scheduled", at=at, by=by, reason=reason, data=data)
    return Transition(name=name, at=at, sources=sources, target=State.WAITING, seq=task.seq, sets=sets, note=note)
