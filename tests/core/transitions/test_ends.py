"""A running task is asked before it is canceled."""

import random

from core.task import DueKind, Outcome, State
from core.transitions import ends, failures, transition
from tests.support.making import ANN, NOW, WIM, claimed, task


def test_cancel_of_a_running_task_asks_first_and_a_failure_then_cancels() -> None:
    held = claimed(task())
    asked = transition.apply(ends.ask_cancel(held, at=NOW, by=ANN, message="stop"), held)
    assert (asked.state, asked.due_kind) == (State.IN_PROGRESS, DueKind.CANCEL)
    failed = failures.fail(asked, at=NOW, by=WIM, error="stopped", retryable=True, dice=random.Random(1))
    assert transition.apply(failed, asked).outcome is Outcome.CANCELED
