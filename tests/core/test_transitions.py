"""The table of a task's life: which change may follow which, and what none of them can break."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import creation, errors, ids, timers, transitions
from core.priority import Priority
from core.queue import Queue
from core.retry import Backoff, BackoffKind, Retry
from core.task import Actor, DueKind, Limits, Outcome, State, Task
from core.transitions import Transition

NOW = datetime(2031, 5, 1, 12, tzinfo=UTC)
ANN = Actor(id="u-ann", name="Ann")
WIM = Actor(id="u-wim", name="Wim")
LIMITS = Limits(overall_seconds=3600.0, retry=Retry(max_attempts=3, backoff=Backoff(initial_seconds=5.0)))

Step = Callable[[Task, datetime, random.Random], Transition]


def queue() -> Queue:
    return Queue(
        tenant="demo", namespace="intake", name="reports", lane="lane-1", version=1,
        created_at=NOW, created_by=ANN, updated_at=NOW, updated_by=ANN,
    )  # fmt: skip


def new(**fields: object) -> Task:
    submission = msgspec.structs.replace(creation.Submission(name="one", limits=LIMITS), **fields)
    return creation.create(submission, queue=queue(), at=NOW, by=ANN)


def claimed(task: Task, *, at: datetime = NOW, start: bool = True) -> Task:
    change = transitions.claim(at=at, by=WIM, worker="w-1", exec_id=ids.new_secret(), start=start)
    return transitions.apply(change, task)


STEPS: dict[str, Step] = {
    "claim": lambda t, at, d: transitions.claim(at=at, by=WIM, worker=None, exec_id=ids.new_secret(), start=True),
    "request": lambda t, at, d: transitions.claim(at=at, by=WIM, worker=None, exec_id=ids.new_secret(), start=False),
    "start": lambda t, at, d: transitions.start(at=at, by=WIM, exec_id=t.exec_id or "none"),
    "take": lambda t, at, d: transitions.take(t, at=at, by=WIM, exec_id=ids.new_secret()),
    "beat": lambda t, at, d: transitions.beat(at=at, exec_id=t.exec_id or "none", progress=None),
    "succeed": lambda t, at, d: transitions.succeed(at=at, by=WIM, exec_id=t.exec_id or "none", result={"ok": True}),
    "fail": lambda t, at, d: transitions.fail(t, at=at, by=WIM, error="e", retryable=d.random() < 0.8, dice=d),
    "lose-lease": lambda t, at, d: transitions.lose_lease(t, at=at, dice=d),
    "miss-start": lambda t, at, d: transitions.miss_start(t, at=at),
    "release": lambda t, at, d: transitions.release(t, at=at, by=WIM),
    "wake": lambda t, at, d: transitions.wake(at=at, assigned=t.assignee is not None),
    "expire": lambda t, at, d: transitions.expire(t, at=at),
    "run-out": lambda t, at, d: transitions.run_out(t, at=at),
    "cancel": lambda t, at, d: transitions.cancel(t, at=at, by=ANN, message=None),
    "ask": lambda t, at, d: transitions.ask_cancel(t, at=at, by=ANN, message="enough"),
    "retry": lambda t, at, d: transitions.retry_ended(t, at=at, by=ANN),
    "undo": lambda t, at, d: transitions.undo_redrive(t, at=at, by=ANN),
    "assign": lambda t, at, d: transitions.assign(t, at=at, by=ANN, to=WIM),
    "unassign": lambda t, at, d: transitions.assign(t, at=at, by=ANN, to=None),
    "priority": lambda t, at, d: transitions.prioritise(t, at=at, by=ANN, to=Priority.URGENT),
    "edit": lambda t, at, d: transitions.edit(t, at=at, by=ANN, fields={"description": "new"}),
    "edit and prioritise": lambda t, at, d: transitions.edit(
        t, at=at, by=ANN, fields={"context": {"a": at.second}}, to=Priority.HIGH
    ),
    "delete": lambda t, at, d: transitions.delete(t, at=at, by=ANN),
}
REVIVES = {"retry", "redriven"}


@settings(max_examples=300, deadline=None)
@given(names=st.lists(st.sampled_from(sorted(STEPS)), max_size=40), seed=st.integers(0, 2**16), waits=st.booleans())
def test_no_sequence_leaves_the_table(names: list[str], seed: int, waits: bool) -> None:  # noqa: FBT001
    """Whatever happens in whatever order: the invariants of a task hold after every step."""
    dice = random.Random(seed)
    task = new(execute_at=NOW + timedelta(seconds=30)) if waits else new()
    at = NOW
    for name in names:
        at += timedelta(seconds=dice.randint(0, 20))
        try:
            change = STEPS[name](task, at, dice)
            after = transitions.apply(change, task)
        except (errors.WrongState, errors.LeaseLost):
            continue
        assert task.state in change.sources
        assert after.seq == task.seq + (change.note is not None)
        assert after.attempt >= task.attempt
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
        if task.state is State.DONE and after.state is not State.DONE:
            assert name == "retry"
        if name in {"claim", "request", "take"}:
            assert after.exec_id != task.exec_id
        task = after


def test_a_lease_is_counted_from_the_claim() -> None:
    task = claimed(new())
    assert task.lease_until == task.due_at == NOW + timedelta(seconds=120)
    assert task.due_kind is DueKind.LEASE
    assert task.attempt == 1


def test_the_nearest_limit_is_the_timer() -> None:
    task = claimed(new(limits=msgspec.structs.replace(LIMITS, overall_seconds=60.0)))
    assert (task.due_at, task.due_kind) == (NOW + timedelta(seconds=60), DueKind.OVERALL)


def test_an_old_fence_changes_nothing() -> None:
    first = claimed(new())
    assert first.exec_id is not None
    again = claimed(transitions.apply(transitions.release(first, at=NOW, by=WIM), first))
    late = transitions.succeed(at=NOW, by=WIM, exec_id=first.exec_id, result=None)
    with pytest.raises(errors.LeaseLost):
        transitions.apply(late, again)


def test_failures_wait_then_end_as_a_dead_letter() -> None:
    task, dice = new(), random.Random(1)
    for spent in (1, 2):
        held = claimed(task)
        task = transitions.apply(transitions.fail(held, at=NOW, by=WIM, error="no", retryable=True, dice=dice), held)
        assert (task.state, task.spent, task.execute_at) == (State.WAITING, spent, NOW + timedelta(seconds=5))
        task = transitions.apply(transitions.wake(at=NOW), task)
    held = claimed(task)
    ended = transitions.apply(transitions.fail(held, at=NOW, by=WIM, error="no", retryable=True, dice=dice), held)
    assert (ended.outcome, ended.dead, ended.attempt, ended.spent) == (Outcome.FAILED, True, 3, 3)


def test_a_failure_that_is_not_retryable_ends_at_once() -> None:
    held = claimed(new())
    change = transitions.fail(held, at=NOW, by=WIM, error="no", retryable=False, dice=random.Random(1))
    assert transitions.apply(change, held).dead is True


def test_a_released_attempt_is_not_spent() -> None:
    held = claimed(new())
    back = transitions.apply(transitions.release(held, at=NOW, by=WIM), held)
    assert (back.state, back.attempt, back.spent, back.place) == (State.READY, 1, 0, held.place)


def test_cancel_of_a_running_task_asks_first_and_a_failure_then_cancels() -> None:
    held = claimed(new())
    asked = transitions.apply(transitions.ask_cancel(held, at=NOW, by=ANN, message="stop"), held)
    assert (asked.state, asked.due_kind) == (State.IN_PROGRESS, DueKind.CANCEL)
    failed = transitions.fail(asked, at=NOW, by=WIM, error="stopped", retryable=True, dice=random.Random(1))
    assert transitions.apply(failed, asked).outcome is Outcome.CANCELED


def test_a_redrive_can_be_undone_until_somebody_takes_it() -> None:
    held = claimed(new())
    dead = transitions.apply(
        transitions.fail(held, at=NOW, by=WIM, error="no", retryable=False, dice=random.Random(1)), held
    )
    again = transitions.apply(transitions.retry_ended(dead, at=NOW, by=ANN, redrive="r-1"), dead)
    assert (again.state, again.spent, again.redrive, again.error) == (State.READY, 0, "r-1", None)
    undone = transitions.apply(transitions.undo_redrive(again, at=NOW, by=ANN), again)
    assert (undone.outcome, undone.dead, undone.error, undone.spent) == (Outcome.FAILED, True, "no", 1)
    with pytest.raises(errors.WrongState):
        transitions.undo_redrive(claimed(again), at=NOW, by=ANN)


def test_assigning_takes_the_ticket_away_and_unassigning_gives_one() -> None:
    task = new()
    given_away = transitions.apply(transitions.assign(task, at=NOW, by=ANN, to=WIM), task)
    assert given_away.ticket_due is None
    assert transitions.apply(transitions.assign(given_away, at=NOW, by=ANN, to=None), given_away).ticket_due is not None


@given(
    failures=st.integers(1, 200), seed=st.integers(0, 2**16), jitter=st.floats(0, 1), kind=st.sampled_from(BackoffKind)
)
def test_backoff_stays_within_its_bounds(failures: int, seed: int, jitter: float, kind: BackoffKind) -> None:
    from core.retry import delay

    backoff = Backoff(kind=kind, initial_seconds=2.0, max_seconds=100.0, jitter=jitter)
    rest = delay(backoff, failures, random.Random(seed)).total_seconds()
    full = min(100.0, 2.0 * 2.0 ** min(failures - 1, 62) if kind is BackoffKind.EXPONENTIAL else 2.0)
    assert full * (1 - jitter) - 1e-6 <= rest <= full + 1e-6


def test_an_edit_tells_what_was_before() -> None:
    change = transitions.edit(new(), at=NOW, by=ANN, fields={"description": "new"}, to=Priority.URGENT)
    assert change.note is not None
    before = {"description": None, "priority": "normal"}
    assert change.note.data == {"description": "new", "priority": "urgent", "before": before}
