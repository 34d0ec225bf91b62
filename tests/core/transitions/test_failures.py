"""An attempt that failed is followed by another, until none is left."""

import random
from datetime import timedelta

from core.retry import Backoff, Retry
from core.task import Limits, Outcome, State
from core.transitions import failures, tickets, transition
from tests.support.making import NOW, WIM, claimed, task

LIMITS = Limits(retry=Retry(max_attempts=3, backoff=Backoff(initial_seconds=5.0)))


def test_failures_wait_then_end_as_a_dead_letter() -> None:
    now, dice = task(limits=LIMITS), random.Random(1)
    for spent in (1, 2):
        held = claimed(now)
        now = transition.apply(failures.fail(held, at=NOW, by=WIM, error="no", retryable=True, dice=dice), held)
        assert (now.state, now.spent, now.execute_at) == (State.WAITING, spent, NOW + timedelta(seconds=5))
        now = transition.apply(tickets.wake(at=NOW), now)
    held = claimed(now)
    ended = transition.apply(failures.fail(held, at=NOW, by=WIM, error="no", retryable=True, dice=dice), held)
    assert (ended.outcome, ended.dead, ended.attempt, ended.spent) == (Outcome.FAILED, True, 3, 3)


def test_a_failure_that_is_not_retryable_ends_at_once() -> None:
    held = claimed(task())
    change = failures.fail(held, at=NOW, by=WIM, error="no", retryable=False, dice=random.Random(1))
    assert transition.apply(change, held).dead is True
