"""What ended is run again, and put back."""

import random

import pytest

from core import errors
from core.task import Outcome, State
from core.transitions import failures, redrives, transition
from tests.support.making import ANN, NOW, WIM, claimed, task


def test_a_redrive_can_be_undone_until_somebody_takes_it() -> None:
    held = claimed(task())
    dead = transition.apply(
        failures.fail(held, at=NOW, by=WIM, error="no", retryable=False, dice=random.Random(1)), held
    )
    again = transition.apply(redrives.retry_ended(dead, at=NOW, by=ANN, redrive="r-1"), dead)
    assert (again.state, again.spent, again.redrive, again.error) == (State.READY, 0, "r-1", None)
    undone = transition.apply(redrives.undo_redrive(again, at=NOW, by=ANN), again)
    assert (undone.outcome, undone.dead, undone.error, undone.spent) == (Outcome.FAILED, True, "no", 1)
    with pytest.raises(errors.WrongState):
        redrives.undo_redrive(claimed(again), at=NOW, by=ANN)
