"""What a task's dates do by themselves: tell somebody, raise the priority, give it to another person."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from core import deadlines
from core.task import ENGINE, OPEN, Note, Task
from core.transitions import edits, tickets, transition
from core.transitions.transition import Transition


def ring(task: Task, *, at: datetime, rules: deadlines.Deadlines) -> Transition:
    """What the task's next mark says: an event, a higher priority, another person. No event where nothing changes."""
    mark = deadlines.following(task, rules)
    if mark is None or mark.at > at:
        return _silent(task, at, {"alarm_at": None if mark is None else mark.at})
    rung = (*task.rung, mark.key)
    sets: dict[str, Any] = {"rung": rung}
    sets["alarm_at"] = deadlines.alarm(msgspec.structs.replace(task, rung=rung), rules)
    change = _escalated(task, mark, at)
    if change is None:
        return _silent(task, at, sets)
    return msgspec.structs.replace(change, name="ring", sets={**change.sets, **sets}, sources=OPEN)


def _escalated(task: Task, mark: deadlines.Mark, at: datetime) -> Transition | None:
    rule = mark.rule
    if mark.kind is deadlines.MarkKind.RAISE:
        to = None if rule is None else rule.raise_to
        return None if to is None or to <= task.priority else edits.prioritise(task, at=at, by=ENGINE, to=to)
    if mark.kind is deadlines.MarkKind.ASSIGN:
        to = None if rule is None else rule.assign_to
        same = (task.assignee and task.assignee.id) == (to and to.id)
        return None if same else edits.assign(task, at=at, by=ENGINE, to=to)
    data: dict[str, Any] = {"dueDate": task.due_date, "followUpDate": task.follow_up_date, "rule": rule}
    note = Note(
        type=mark.kind.value, at=at, by=ENGINE, data=transition.plain({k: v for k, v in data.items() if v is not None})
    )
    return transition.keep(task, "ring", at, tickets.anew(task, at), note)


def _silent(task: Task, at: datetime, sets: Mapping[str, Any]) -> Transition:
    """A change of the alarm alone. A claim may have thrown the ticket away meanwhile, so that another is due."""
    return Transition(
        name="ring", at=at, sources=OPEN, target=task.state, seq=task.seq, sets={**sets, **tickets.anew(task, at)}
    )
