"""ADSP's nine events: each with its fields, and the task as it was, however late the event is told."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import adsp, adsp_events, errors
from core.adsp_events import Criteria
from core.events import Event
from core.priority import Priority
from core.task import Actor, State, Task
from core.transitions import edits, ends, failures, holds, redrives, tickets, transition
from core.transitions.transition import Transition
from tests.support.making import ANN, NOW, WIM, task

WES = Actor(id="u-wes", name="Wes", email="wes@example.org")
SECOND = timedelta(seconds=1)
Change = Callable[[Task, datetime], Transition]
Step = Callable[[Task, datetime, random.Random], Transition]


def event(kind: str, seq: int, **fields: Any) -> Event:
    """An event of the task `t` in `intake:reports`."""
    known: dict[str, Any] = {"tenant": "demo", "task": "t", "n": seq, "at": NOW, "by": ANN, "state": State.READY}
    known |= {"type": kind, "seq": seq, "queue": "intake:reports", "priority": Priority.NORMAL}
    return Event(**known | fields)


def of(one: Task, n: int = 1) -> Event:
    """The event that the task's last write left."""
    note = one.last_event
    return Event(
        tenant=one.tenant, task=one.id, seq=one.seq, n=n, type=note.type, at=note.at, by=note.by, state=one.state,
        outcome=one.outcome, reason=note.reason, data=note.data, queue=one.queue, priority=one.priority,
        definition=one.definition, name=one.name, record_id=one.record_id,
    )  # fmt: skip


def lived(first: Task, *changes: Change) -> tuple[list[Task], list[Event]]:
    """A task after each change (functions of task and time), and the events of all."""
    tasks = [first]
    for number, change in enumerate(changes, 1):
        tasks.append(transition.apply(change(tasks[-1], NOW + number * SECOND), tasks[-1]))
    return tasks, [of(each, n) for n, each in enumerate(tasks, 1)]


LIFE: tuple[Change, ...] = (
    lambda t, at: edits.assign(t, at=at, by=ANN, to=WES),
    lambda t, at: edits.assign(t, at=at, by=ANN, to=None),
    lambda t, at: edits.prioritise(t, at=at, by=ANN, to=Priority.URGENT),
    lambda t, at: edits.edit(t, at=at, by=ANN, fields={"name": "two", "description": "d"}, to=Priority.HIGH),
    lambda t, at: holds.take(t, at=at, by=WIM, exec_id="x"),
    lambda t, at: edits.edit(t, at=at, by=WIM, fields={"params": {"a": 1}}, event="data-updated"),
    lambda t, at: ends.complete(t, at=at, by=WIM, result=None),
    lambda t, at: ends.delete(t, at=at, by=ANN),
)


def test_every_event_says_what_the_contract_says() -> None:
    tasks, events = lived(task(record_id="urn:r", params={"a": 0}), *LIFE)
    told = [adsp_events.told(each, tasks[-1], events) for each in events]
    assert [each["name"] for each in told] == [
        "task-created",
        "task-assigned",
        "task-assigned",
        "task-priority-set",
        "task-updated",
        "task-started",
        "task-data-updated",
        "task-completed",
        "task-deleted",
    ]
    assert all(list(each) == list(told[0]) for each in told)
    first = told[0]
    assert {name: first[name] for name in ("namespace", "timestamp", "correlationId", "tenantId", "context")} == {
        "namespace": "task-service",
        "timestamp": adsp.when(NOW),
        "correlationId": "urn:r",
        "tenantId": "urn:ads:platform:tenant-service:v2:/tenants/demo",
        "context": {"queueNamespace": "intake", "queueName": "reports", "recordId": "urn:r"},
    }
    assert told[1]["context"]["assignedTo"] == "u-wes"
    assert "assignedTo" not in told[2]["context"]
    ann, wim = {"id": "u-ann", "name": "Ann"}, {"id": "u-wim", "name": "Wim"}
    given_to_wes = adsp.assignment_view(tasks[1].assignment)
    taken_back = adsp.assignment_view(tasks[2].assignment)
    assert [{k: v for k, v in each["payload"].items() if k != "task"} for each in told] == [
        {"createdBy": ann},
        {"from": None, "to": given_to_wes, "assignedBy": ann},
        {"from": given_to_wes, "to": taken_back, "assignedBy": ann},
        {"from": "Normal", "to": "Urgent", "updatedBy": ann},
        {"update": {"name": "two", "description": "d", "priority": "High"}, "updatedBy": ann},
        {"startedBy": wim},
        {"update": {"a": 1}, "updatedBy": wim},
        {"completedBy": wim},
        {"deletedBy": ann},
    ]
    for each, then in zip(told[:-1], tasks[:-1], strict=True):
        assert each["payload"]["task"] == adsp.task_view(then)
    # Upstream's delete changes no status.
    assert told[-1]["payload"]["task"]["status"] == "Completed"


def test_a_cancel_tells_its_reason_where_one_was_given() -> None:
    cases: tuple[tuple[str | None, dict[str, str]], ...] = ((None, {}), ("a copy", {"reason": "a copy"}))
    for message, extra in cases:
        first = task()
        canceled = transition.apply(ends.cancel(first, at=NOW, by=WIM, message=message), first)
        tasks, events = [first, canceled], [of(first), of(canceled)]
        payload = adsp_events.told(events[-1], tasks[-1], events)["payload"]
        assert payload["task"]["status"] == "Cancelled"
        assert {k: v for k, v in payload.items() if k != "task"} == extra | {
            "cancelledBy": {"id": "u-wim", "name": "Wim"}
        }


def test_an_open_task_that_is_deleted_is_shown_open() -> None:
    tasks, events = lived(task(), lambda t, at: ends.delete(t, at=at, by=ANN))
    shown = adsp_events.told(events[-1], tasks[-1], events)["payload"]["task"]
    assert (shown["status"], shown["endedOn"]) == ("Pending", None)


def test_an_erased_task_is_told_by_its_events() -> None:
    tasks, events = lived(task(record_id="urn:r"), *LIFE)
    shown = adsp_events.told(events[7], None, events)["payload"]["task"]
    then = adsp.task_view(tasks[7])
    assert {k: shown[k] for k in shown if k not in {"data", "description"}} == {
        k: then[k] for k in then if k not in {"data", "description"}
    }


STEPS: dict[str, Step] = {
    "assign": lambda t, at, d: edits.assign(t, at=at, by=ANN, to=d.choice([WES, WIM, None])),
    "priority": lambda t, at, d: edits.prioritise(t, at=at, by=ANN, to=Priority(d.randint(0, 3))),
    "edit": lambda t, at, d: edits.edit(
        t, at=at, by=ANN, fields={d.choice(["name", "description", "record_id"]): str(at)}
    ),
    "context": lambda t, at, d: edits.edit(t, at=at, by=ANN, fields={"context": {"at": str(at)}}),
    "data": lambda t, at, d: edits.edit(t, at=at, by=ANN, fields={"params": {"at": str(at)}}, event="data-updated"),
    "claim": lambda t, at, d: holds.claim(at=at, by=WIM, worker=None, exec_id=str(at), start=d.random() < 0.5),
    "take": lambda t, at, d: holds.take(t, at=at, by=WIM, exec_id=str(at)),
    "start": lambda t, at, d: holds.start(at=at, by=WIM, exec_id=t.exec_id or "x"),
    "release": lambda t, at, d: holds.release(t, at=at, by=WIM),
    "fail": lambda t, at, d: failures.fail(t, at=at, by=WIM, error="e", retryable=True, dice=d),
    "wake": lambda t, at, d: tickets.wake(at=at, assigned=t.assignee is not None),
    "complete": lambda t, at, d: ends.complete(t, at=at, by=WIM, result=None),
    "cancel": lambda t, at, d: ends.cancel(t, at=at, by=ANN, message=None),
    "retry": lambda t, at, d: redrives.retry_ended(t, at=at, by=ANN),
    "undo": lambda t, at, d: redrives.undo_redrive(t, at=at, by=ANN),
}


@settings(max_examples=200)
@given(names=st.lists(st.sampled_from(sorted(STEPS)), max_size=25), seed=st.integers(0, 2**16))
def test_a_task_is_shown_as_it_was_however_much_happened_since(names: list[str], seed: int) -> None:
    dice, at = random.Random(seed), NOW
    tasks = [task(params={"a": 0}, context={"c": 1})]
    for name in names:
        at += SECOND
        try:
            tasks.append(transition.apply(STEPS[name](tasks[-1], at, dice), tasks[-1]))
        except (errors.WrongState, errors.LeaseLost):
            continue
    events = [of(each, n) for n, each in enumerate(tasks, 1)]
    # As they come back from the record.
    events = [msgspec.json.decode(msgspec.json.encode(each), type=Event) for each in events]
    for now in (tasks[-1], tasks[len(tasks) // 2]):
        for then, its in zip(tasks, events, strict=True):
            if then.seq <= now.seq:
                assert adsp.task_view(adsp_events.as_it_was(its, now, events)) == adsp.task_view(then), its.type


@pytest.mark.parametrize(
    ("criteria", "fits"),
    [
        ({}, True),
        ({"correlationId": "urn:r"}, True),
        ({"correlationId": "urn:x"}, False),
        ({"context": {"assignedTo": "u-wes", "recordId": "urn:r"}}, True),
        ({"context": {"assignedTo": "u-wim"}}, False),
        ({"context": {"nothing": None}}, True),
    ],
)
def test_criteria(criteria: dict[str, Any], fits: bool) -> None:  # noqa: FBT001
    tasks, events = lived(task(record_id="urn:r"), LIFE[0])
    asked = Criteria.read(criteria)
    assert asked.fits(adsp_events.told(events[1], tasks[1], events)) is fits
    assert asked.may_fit(events[1]) or not fits


def test_names_are_read_with_their_namespace_or_without() -> None:
    assert adsp_events.kind_of("task-completed") == adsp_events.kind_of("task-service:task-completed") == "succeeded"
    assert adsp_events.kind_of("succeeded") is None
