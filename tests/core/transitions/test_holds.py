"""In somebody's hands: a lease, a fence, and the way back."""

from datetime import timedelta

import pytest

from core import errors
from core.task import DueKind, Limits, State
from core.transitions import ends, holds, transition
from tests.support.making import NOW, WIM, claimed, task


def test_a_lease_is_counted_from_the_claim() -> None:
    now = claimed(task())
    assert now.lease_until == now.due_at == NOW + timedelta(seconds=120)
    assert now.due_kind is DueKind.LEASE
    assert now.attempt == 1


def test_the_nearest_limit_is_the_timer() -> None:
    now = claimed(task(limits=Limits(overall_seconds=60.0)))
    assert (now.due_at, now.due_kind) == (NOW + timedelta(seconds=60), DueKind.OVERALL)


def test_an_old_fence_changes_nothing() -> None:
    first = claimed(task())
    assert first.exec_id is not None
    again = claimed(transition.apply(holds.release(first, at=NOW, by=WIM), first))
    late = ends.succeed(at=NOW, by=WIM, exec_id=first.exec_id, result=None)
    with pytest.raises(errors.LeaseLost):
        transition.apply(late, again)


def test_a_released_attempt_is_not_spent() -> None:
    held = claimed(task())
    back = transition.apply(holds.release(held, at=NOW, by=WIM), held)
    assert (back.state, back.attempt, back.spent, back.place) == (State.READY, 1, 0, held.place)
