"""What people change: the ticket goes with it, and the event tells what was before."""

from core.priority import Priority
from core.transitions import edits, transition
from tests.support.making import ANN, NOW, WIM, task


def test_assigning_takes_the_ticket_away_and_unassigning_gives_one() -> None:
    now = task()
    given_away = transition.apply(edits.assign(now, at=NOW, by=ANN, to=WIM), now)
    assert given_away.ticket_due is None
    assert transition.apply(edits.assign(given_away, at=NOW, by=ANN, to=None), given_away).ticket_due is not None


def test_an_edit_tells_what_was_before() -> None:
    change = edits.edit(task(), at=NOW, by=ANN, fields={"description": "new"}, to=Priority.URGENT)
    assert change.note is not None
    before = {"description": None, "priority": "normal"}
    assert change.note.data == {"description": "new", "priority": "urgent", "before": before}
