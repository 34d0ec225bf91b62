"""Deadlines: which mark comes next, and what each does, once."""

from datetime import timedelta

import msgspec
import pytest

from core import deadlines
from core.deadlines import Deadlines, Escalation
from core.priority import Priority
from core.task import DueKind, State, Task
from core.transitions import alarms, edits, ends, transition
from tests.support.making import ANN, NOW, WIM, queue, task

HOUR = timedelta(hours=1)
RULES = Deadlines(
    remind_before_seconds=(1800.0,),
    escalations=(
        Escalation(after_seconds=0, raise_to=Priority.HIGH),
        Escalation(after_seconds=3600, raise_to=Priority.URGENT, assign_to=WIM, notify=("supervisor",)),
    ),
)


def rung_out(found: Task, rules: Deadlines) -> list[tuple[str | None, timedelta]]:
    """Ring every mark in its time; the events that it left, with their time since the submit."""
    said: list[tuple[str | None, timedelta]] = []
    while found.alarm_at is not None:
        assert (found.due_at, found.due_kind) == (found.alarm_at, DueKind.ALARM)
        at = found.alarm_at
        change = alarms.ring(found, at=at, rules=rules)
        said.append((change.note and change.note.type, at - NOW))
        found = transition.apply(change, found)
    return said


def test_reminder_due_date_and_each_step_of_each_rule_ring_once_in_order() -> None:
    made = task(
        msgspec.structs.replace(queue(), deadlines=RULES), due_date=NOW + HOUR, follow_up_date=NOW + 0.25 * HOUR
    )
    assert rung_out(made, RULES) == [
        ("follow-up", 0.25 * HOUR),
        ("reminder", 0.5 * HOUR),
        ("overdue", HOUR),
        ("priority-set", HOUR),
        ("escalated", HOUR),
        ("priority-set", 2 * HOUR),
        ("assigned", 2 * HOUR),
        ("escalated", 2 * HOUR),
    ]


def test_a_step_that_changes_nothing_leaves_no_event() -> None:
    rules = Deadlines(escalations=(Escalation(raise_to=Priority.NORMAL),))
    made = task(msgspec.structs.replace(queue(), deadlines=rules), due_date=NOW + HOUR, priority=Priority.URGENT)
    assert [what for what, _ in rung_out(made, rules)] == ["overdue", None, "escalated"]


def test_the_queue_gives_a_due_date_to_tasks_without_one() -> None:
    home = msgspec.structs.replace(queue(), deadlines=Deadlines(due_in_seconds=3600.0))
    assert task(home).due_date == NOW + HOUR
    assert task(home, execute_at=NOW + HOUR).due_date == NOW + 2 * HOUR
    assert task(home, due_date=NOW + 9 * HOUR).due_date == NOW + 9 * HOUR
    assert (task().due_date, task().alarm_at) == (None, None)


def test_a_new_due_date_rings_anew_and_leaves_the_follow_up_alone() -> None:
    made = task(due_date=NOW + HOUR, follow_up_date=NOW + HOUR)
    for _ in range(2):
        made = transition.apply(alarms.ring(made, at=NOW + HOUR, rules=Deadlines()), made)
    assert made.alarm_at is None
    edit = edits.edit(made, at=NOW + HOUR, by=ANN, fields={"due_date": NOW + 3 * HOUR})
    made = transition.apply(edit, made)
    assert (made.alarm_at, made.rung) == (NOW + 3 * HOUR, ("follow-up",))
    gone = edits.edit(made, at=NOW + HOUR, by=ANN, fields={"due_date": None, "follow_up_date": None})
    assert transition.apply(gone, made).alarm_at is None


def test_rules_made_later_count_for_open_tasks() -> None:
    made = task(due_date=NOW + HOUR)
    early = alarms.ring(made, at=NOW + HOUR, rules=RULES)
    assert (early.note and early.note.type, early.sets["rung"]) == ("reminder", ("reminder-1800",))


def test_an_alarm_that_rings_too_early_only_sets_itself_right() -> None:
    made = task(due_date=NOW + HOUR)
    change = alarms.ring(made, at=NOW, rules=Deadlines())
    assert (change.note, change.sets["alarm_at"]) == (None, NOW + HOUR)


@pytest.mark.parametrize("assigned", [False, True])
def test_a_ready_task_gets_a_ticket_where_it_is_nobodys(*, assigned: bool) -> None:
    made = task(due_date=NOW + HOUR)
    if assigned:
        made = transition.apply(edits.assign(made, at=NOW, by=ANN, to=WIM), made)
    after = transition.apply(alarms.ring(made, at=NOW + HOUR, rules=Deadlines()), made)
    assert (after.state, after.ticket_due is None) == (State.READY, assigned)


def test_given_back_is_nobodys() -> None:
    rules = Deadlines(escalations=(Escalation(give_back=True),))
    made = task(due_date=NOW + HOUR)
    made = transition.apply(edits.assign(made, at=NOW, by=ANN, to=WIM), made)
    for _ in range(2):
        made = transition.apply(alarms.ring(made, at=NOW + HOUR, rules=rules), made)
    assert made.assignee is None
    assert made.last_event.type == "assigned"


def test_an_ended_task_rings_no_more() -> None:
    made = task(due_date=NOW + HOUR)
    ended = transition.apply(ends.cancel(made, at=NOW, by=ANN, message=None), made)
    assert ended.due_at is None
    assert deadlines.following(made, Deadlines()) is not None
