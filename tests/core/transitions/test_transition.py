"""The table of a task's life: which change may follow which, and what none of them can break."""

import random
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from core import errors, timers
from core.retry import Backoff, Retry
from core.task import Limits, Outcome, State
from core.transitions import transition
from tests.support.making import NOW, task
from tests.support.steps import STEPS

LIMITS = Limits(overall_seconds=3600.0, retry=Retry(max_attempts=3, backoff=Backoff(initial_seconds=5.0)))


@settings(max_examples=300, deadline=None)
@given(names=st.lists(st.sampled_from(sorted(STEPS)), max_size=40), seed=st.integers(0, 2**16), waits=st.booleans())
def test_no_sequence_leaves_the_table(names: list[str], seed: int, waits: bool) -> None:  # noqa: FBT001
    """Whatever happens in whatever order: the invariants of a task hold after every step."""
    dice = random.Random(seed)
    now = task(limits=LIMITS, execute_at=NOW + timedelta(seconds=30) if waits else None)
    at = NOW
    for name in names:
        at += timedelta(seconds=dice.randint(0, 20))
        try:
            change = STEPS[name](now, at, dice)
            after = transition.apply(change, now)
        except (errors.WrongState, errors.LeaseLost):
            continue
        assert now.state in change.sources
        assert after.seq == now.seq + (change.note is not None)
        assert after.attempt >= now.attempt
        assert (after.state is State.DONE) == (after.outcome is not None) == (after.ended_at is not None)
        assert after.spent <= LIMITS.retry.max_attempts
        assert (after.due_at, after.due_kind) == timers.nearest(after)
        assert after.dead is None or after.outcome is Outcome.FAILED
        if after.state in {State.REQUESTED, State.IN_PROGRESS}:
            assert after.exec_id is not None
            assert after.holder is not None
        if after.state is State.READY:
            assert after.exec_id is None
            assert (after.ticket_due is None) == (after.assignee is not None) or name in {"edit", "beat"}
        else:
            assert after.ticket_due is None
        if now.state is State.DONE and after.state is not State.DONE:
            assert name == "retry"
        if name in {"claim", "request", "take"}:
            assert after.exec_id != now.exec_id
        now = after
