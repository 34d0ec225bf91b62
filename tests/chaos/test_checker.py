"""The checker by made-up ledgers: a run that kept every promise passes, and each broken promise is named."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from tests.chaos import checker
from tests.chaos.ledger import (
    Begun,
    Finish,
    Hold,
    Ledger,
    Stored,
    StoredEvent,
    StoredFlow,
    StoredTask,
    Submit,
    Ticking,
    Verdict,
)

T0 = datetime(2026, 1, 1, tzinfo=UTC)
World = tuple[Ledger, Stored]


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def event(seq: int, kind: str, state: str, *, n: int | None = None, reason: str | None = None) -> StoredEvent:
    outcome = kind if state == "done" else None
    return StoredEvent(
        task="a", seq=seq, n=n or seq, type=kind, at=at(seq), state=state, outcome=outcome, reason=reason
    )


def finish(attempt: int, *, verdict: Verdict = Verdict.ACCEPTED) -> Finish:
    return Finish(task="a", attempt=attempt, action="complete", verdict=verdict, sent=at(7), answered=at(7))


def honest() -> World:
    """One task that lost its first lease and was finished by its second holder."""
    ledger = Ledger(tenant="demo")
    ledger.submits = [Submit(task="a", key="k", sent=at(0), answered=at(1))]
    ledger.holds = [
        Hold(task="a", attempt=1, until=at(3), answered=at(2)),
        Hold(task="a", attempt=2, until=at(7), answered=at(5)),
    ]
    ledger.finishes = [finish(1, verdict=Verdict.REFUSED), finish(2)]
    ledger.heard = [1, 2, 3, 4, 5, 6]
    events = [
        event(1, "created", "ready"),
        event(2, "started", "in-progress"),
        event(3, "retry-scheduled", "waiting", reason="lease-lost"),
        event(4, "ready", "ready"),
        event(5, "started", "in-progress"),
        event(6, "succeeded", "done"),
    ]
    task = StoredTask(id="a", state="done", seq=6, attempt=2, outcome="succeeded", dedup_key="k", result_of=2)
    return ledger, Stored(tasks=[task], events=events, flows=[])


def test_a_run_that_kept_its_promises_passes() -> None:
    assert checker.check(*honest()) == []


def test_a_lease_that_a_suspended_tenant_lost_is_no_less_promised() -> None:
    ledger, stored = honest()
    events = [each for each in stored.events if each.type != "ready"]
    events[2] = replace(events[2], type="released", state="ready", reason="tenant-suspended")
    events = [replace(each, seq=n, n=n) for n, each in enumerate(events, 1)]
    ledger.heard = [1, 2, 3, 4, 5]
    stored = replace(stored, events=events, tasks=[replace(stored.tasks[0], seq=5)])
    assert checker.check(ledger, stored) == []
    ledger.holds[0] = replace(ledger.holds[0], until=at(4))
    assert [finding.kind for finding in checker.check(ledger, stored)] == ["freed early"]


def _lost(ledger: Ledger, stored: Stored) -> World:
    ledger.submits.append(Submit(task="b", key="l", sent=at(0), answered=at(1)))
    return ledger, stored


def _doubled(ledger: Ledger, stored: Stored) -> World:
    ledger.submits.append(Submit(task="b", key="k", sent=at(0), answered=at(1)))
    return ledger, stored


def _stuck(ledger: Ledger, stored: Stored) -> World:
    return ledger, replace(stored, tasks=[replace(stored.tasks[0], state="ready", outcome=None)])


def _event_missing(ledger: Ledger, stored: Stored) -> World:
    return ledger, replace(stored, events=[each for each in stored.events if each.seq != 4])


def _event_twice(ledger: Ledger, stored: Stored) -> World:
    return ledger, replace(stored, events=[*stored.events, replace(stored.events[3], n=7)])


def _out_of_order(ledger: Ledger, stored: Stored) -> World:
    first, second, *rest = stored.events
    return ledger, replace(stored, events=[replace(first, n=2), replace(second, n=1), *rest])


def _ended_twice(ledger: Ledger, stored: Stored) -> World:
    again = replace(stored.events[5], seq=7, n=7)
    return ledger, replace(stored, events=[*stored.events, again], tasks=[replace(stored.tasks[0], seq=7)])


def _two_finishes(ledger: Ledger, stored: Stored) -> World:
    ledger.finishes = [finish(1), finish(2)]
    return ledger, stored


def _late(ledger: Ledger, stored: Stored) -> World:
    ledger.finishes = [finish(1)]
    return ledger, stored


def _anothers_result(ledger: Ledger, stored: Stored) -> World:
    return ledger, replace(stored, tasks=[replace(stored.tasks[0], result_of=1)])


def _early(ledger: Ledger, stored: Stored) -> World:
    ledger.holds[0] = replace(ledger.holds[0], until=at(3.5))
    return ledger, stored


def _early_by_the_next_holder(ledger: Ledger, stored: Stored) -> World:
    ledger.holds[1] = replace(ledger.holds[1], answered=at(2.5))
    return ledger, stored


def _flow_open(ledger: Ledger, stored: Stored) -> World:
    ledger.flows = [Begun(flow="f", children=0)]
    return ledger, replace(stored, flows=[StoredFlow(id="f", status="in-progress")])


def _flow_lost(ledger: Ledger, stored: Stored) -> World:
    ledger.flows = [Begun(flow="f", children=1)]
    return ledger, stored


def _flow_doubled(ledger: Ledger, stored: Stored) -> World:
    ledger.flows = [Begun(flow="f", children=1)]
    child = replace(stored.tasks[0], flow="f", step="s")
    stored = replace(stored, flows=[StoredFlow(id="f", status="done", outcome="succeeded")])
    return ledger, replace(stored, tasks=[child, replace(child, id="b")])


def _fired(*seconds: float) -> Callable[[Ledger, Stored], World]:
    def change(ledger: Ledger, stored: Stored) -> World:
        ledger.schedules = [Ticking(schedule="s", seconds=1.0)]
        tasks = [replace(stored.tasks[0], schedule="s", scheduled_at=at(each)) for each in seconds]
        return ledger, replace(stored, tasks=tasks)

    return change


def _not_heard(ledger: Ledger, stored: Stored) -> World:
    ledger.heard = [1, 2, 4, 5, 6]
    return ledger, stored


def _heard_twice(ledger: Ledger, stored: Stored) -> World:
    ledger.heard = [1, 2, 2, 3, 4, 5, 6]
    return ledger, stored


@pytest.mark.parametrize(
    ("break_it", "kind"),
    [
        (_lost, "lost"),
        (_doubled, "doubled"),
        (_stuck, "stuck"),
        (_event_missing, "events"),
        (_event_twice, "events"),
        (_out_of_order, "events"),
        (_ended_twice, "ended twice"),
        (_two_finishes, "finished twice"),
        (_late, "late finish"),
        (_anothers_result, "late finish"),
        (_early, "freed early"),
        (_early_by_the_next_holder, "freed early"),
        (_flow_open, "flow"),
        (_flow_lost, "flow lost"),
        (_flow_doubled, "flow"),
        (_fired(), "schedule"),
        (_fired(1, 2, 4), "schedule"),
        (_fired(1, 2, 2, 3), "schedule"),
        (_not_heard, "stream"),
        (_heard_twice, "stream"),
    ],
)
def test_a_broken_promise_is_named(break_it: Callable[[Ledger, Stored], World], kind: str) -> None:
    assert kind in {finding.kind for finding in checker.check(*break_it(*honest()))}


def test_schedules_that_fired_each_time_once_pass() -> None:
    ledger, stored = _fired(1, 2, 3)(*honest())
    assert list(checker.schedules(ledger, stored.tasks)) == []


def test_a_redriven_task_may_end_again() -> None:
    ledger, stored = honest()
    more = [
        replace(event(6, "failed", "done"), outcome="failed"),
        event(7, "redriven", "ready"),
        event(8, "started", "in-progress"),
        event(9, "succeeded", "done"),
    ]
    ledger.finishes = [replace(finish(3))]
    ledger.heard = []
    task = replace(stored.tasks[0], seq=9, attempt=3, result_of=3)
    assert checker.check(ledger, replace(stored, tasks=[task], events=[*stored.events[:5], *more])) == []


def test_a_good_token_that_is_refused_is_found() -> None:
    ledger = Ledger(tenant="demo", refused={"unauthenticated": 2, "lease-lost": 3})
    assert [finding.kind for finding in checker.shut_out(ledger)] == ["shut out"]
    assert list(checker.shut_out(Ledger(tenant="demo", refused={"lease-lost": 3}))) == []
