"""MongoDB carries a transition out exactly as `transition.apply` says, blind or known."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import errors, ids
from core.priority import Priority
from core.retry import Backoff, Retry
from core.task import Limits, Progress, State, Task
from core.transitions import edits, ends, failures, holds, redrives, tickets, transition
from core.transitions.transition import Transition
from store.tasks import Tasks
from tests.support.making import ANN, NOW, WIM, task

Step = Callable[[Task, datetime, random.Random], Transition]

BLIND: dict[str, Step] = {
    "claim": lambda t, at, d: holds.claim(at=at, by=WIM, worker="$w", exec_id=ids.new_secret(), start=True),
    "request": lambda t, at, d: holds.claim(at=at, by=WIM, worker=None, exec_id=ids.new_secret(), start=False),
    "start": lambda t, at, d: holds.start(at=at, by=WIM, exec_id=t.exec_id or ""),
    "beat": lambda t, at, d: holds.beat(at=at, exec_id=t.exec_id or "", progress=Progress(message="$created")),
    "succeed": lambda t, at, d: ends.succeed(at=at, by=WIM, exec_id=t.exec_id or "", result={"$set": {"a.b": 1}}),
    "wake": lambda t, at, d: tickets.wake(at=at, assigned=t.assignee is not None),
}
KNOWN: dict[str, Step] = {
    "take": lambda t, at, d: holds.take(t, at=at, by=WIM, exec_id=ids.new_secret()),
    "fail": lambda t, at, d: failures.fail(t, at=at, by=WIM, error={"$e": "$f"}, retryable=True, dice=d),
    "release": lambda t, at, d: holds.release(t, at=at, by=WIM),
    "ask": lambda t, at, d: ends.ask_cancel(t, at=at, by=ANN, message="$stop"),
    "retry": lambda t, at, d: redrives.retry_ended(t, at=at, by=ANN),
    "assign": lambda t, at, d: edits.assign(t, at=at, by=ANN, to=d.choice([None, WIM])),
    "priority": lambda t, at, d: edits.prioritise(t, at=at, by=ANN, to=d.choice(list(Priority))),
    "edit": lambda t, at, d: edits.edit(t, at=at, by=ANN, fields={"context": {}, "params": {"$x.y": "$z"}}),
}


def _same(stored: Task, computed: Task) -> None:
    """Equal but for what only the store knows: who was last is compared by its event alone."""
    assert msgspec.to_builtins(stored) == msgspec.to_builtins(computed)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.sampled_from(sorted(BLIND | KNOWN)), min_size=1, max_size=14),
    seed=st.integers(0, 2**16),
    overall=st.sampled_from([None, 90.0, 5000.5]),
    lease=st.sampled_from([None, 0.25, 120.0]),
)
async def test_the_store_does_what_the_rules_say(
    tasks: Tasks, names: list[str], seed: int, overall: float | None, lease: float | None
) -> None:
    dice, at = random.Random(seed), NOW
    limits = Limits(
        overall_seconds=overall, lease_seconds=lease, retry=Retry(max_attempts=3, backoff=Backoff(jitter=0.5))
    )
    now = task(limits=limits, params={"$a": "$b"})
    assert await tasks.insert("demo", [now]) == {}
    for name in names:
        at += timedelta(milliseconds=dice.randint(1, 9000))
        try:
            change = (BLIND | KNOWN)[name](now, at, dice)
            after = transition.apply(change, now)
        except (errors.WrongState, errors.LeaseLost):
            continue
        written = await (
            tasks.apply_blind("demo", now.id, change) if name in BLIND else tasks.apply("demo", now, change)
        )
        assert written is not None
        stored = await tasks.get("demo", now.id)
        assert stored is not None
        _same(stored, after)
        _same(written, after)
        now = after


async def test_a_stale_number_changes_nothing(tasks: Tasks) -> None:
    first = task()
    await tasks.insert("demo", [first])
    newer = await tasks.apply("demo", first, edits.edit(first, at=NOW, by=ANN, fields={"name": "b"}))
    assert newer is not None
    assert await tasks.apply("demo", first, edits.edit(first, at=NOW, by=ANN, fields={"name": "c"})) is None
    assert await tasks.get("demo", first.id) == newer


async def test_equal_ids_of_two_tenants_are_two_tasks(tasks: Tasks) -> None:
    mine, theirs = task(id="same"), task(id="same", name="theirs")
    assert await tasks.insert("demo", [mine]) == {}
    assert await tasks.insert("acme", [msgspec.structs.replace(theirs, tenant="acme")]) == {}
    found = await tasks.get("acme", "same")
    assert found is not None
    assert found.name == "theirs"


async def test_a_taken_id_is_answered_with_its_holder(tasks: Tasks) -> None:
    first, fresh = task(id="t-1"), task(id="t-2")
    await tasks.insert("demo", [first])
    rivals = await tasks.insert("demo", [task(id="t-1", name="another"), fresh])
    assert {index: rival.name for index, rival in rivals.items()} == {0: "one"}
    assert await tasks.get("demo", "t-2") == fresh


async def test_what_has_ended_is_in_no_timer(tasks: Tasks) -> None:
    first = task(limits=Limits(overall_seconds=60.0))
    await tasks.insert("demo", [first])
    change = holds.claim(at=NOW, by=WIM, worker=None, exec_id="e-1", start=True)
    await tasks.apply_blind("demo", first.id, change)
    ended = await tasks.apply_blind("demo", first.id, ends.succeed(at=NOW, by=WIM, exec_id="e-1", result=None))
    assert ended is not None
    assert (ended.state, ended.due_at, ended.due_kind, ended.ticket_due) == (State.DONE, None, None, None)
