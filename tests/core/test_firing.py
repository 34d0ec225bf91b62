"""What is due: on time, late by each misfire policy, after a pause; decided alike by whoever looks, and once."""

import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import errors, firing, plan, timing
from core.plan import Plan
from core.schedule import (
    Cron,
    Date,
    FiringKind,
    FiringStatus,
    Interval,
    Misfire,
    MisfirePolicy,
    Schedule,
    TaskOrder,
)
from core.task import Actor

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
ANN = Actor(id="u-ann", name="Ann")
SECOND = timedelta(seconds=1)
TASK = TaskOrder(queue="intake:reports")


def schedule(**fields: object) -> Schedule:
    """A schedule that fires every second unless `fields` of its plan say otherwise."""
    wanted = msgspec.structs.replace(Plan(trigger=Interval(seconds=1), order=TASK), **fields)
    return plan.begin(wanted, tenant="demo", schedule_id="s-1", at=NOW, by=ANN)


def seconds(decision: firing.Decision) -> list[float]:
    """When what fires now should have, in seconds since NOW."""
    return [(due.at - NOW).total_seconds() for due in decision.fire]


def test_what_is_due_fires_and_the_rest_waits() -> None:
    made = schedule()
    assert made.next_at == NOW + SECOND
    decision = firing.decide(made, NOW + SECOND * 2.5)
    assert seconds(decision) == [1, 2]
    assert decision.after.next_at == NOW + SECOND * 3
    assert (decision.after.seq, decision.after.version) == (2, 1)


def misfire(policy: MisfirePolicy, grace: float | None) -> Misfire:
    return Misfire(policy=policy, grace_seconds=grace)


@pytest.mark.parametrize(
    ("policy", "grace", "fires", "missed"),
    [
        (MisfirePolicy.SKIP, 3, [8, 9, 10], (1, 7)),
        (MisfirePolicy.SKIP, 0, [10], (1, 9)),
        (MisfirePolicy.SKIP, None, list(range(1, 11)), None),
        (MisfirePolicy.SKIP, 60, list(range(1, 11)), None),
        (MisfirePolicy.ONE, 3, [7, 8, 9, 10], (1, 6)),
        (MisfirePolicy.ALL, 3, list(range(1, 11)), None),
        (MisfirePolicy.LATEST, 3, [10], (1, 9)),
        (MisfirePolicy.LATEST, None, [10], (1, 9)),
    ],
)
def test_late_firings_by_policy(
    policy: MisfirePolicy, grace: float | None, fires: list[float], missed: tuple[float, int] | None
) -> None:
    made = schedule(misfire=misfire(policy, grace))
    decision = firing.decide(made, NOW + SECOND * 10.5 if grace else NOW + SECOND * 10)
    assert seconds(decision) == fires
    if missed is None:
        assert decision.missed is None
    else:
        assert decision.missed is not None
        assert (decision.missed.first, decision.missed.count) == (NOW + SECOND, missed[1])
    assert decision.after.cursor == NOW + SECOND * 10


def test_only_the_latest_and_only_within_the_grace() -> None:
    late = schedule(trigger=Interval(seconds=100), misfire=misfire(MisfirePolicy.LATEST, 30))
    assert seconds(firing.decide(late, NOW + SECOND * 220)) == [200]
    decision = firing.decide(late, NOW + SECOND * 240)
    assert (seconds(decision), decision.after.next_at) == ([], NOW + SECOND * 300)


def test_a_long_outage_costs_no_time_and_counts_no_further_than_it_must() -> None:
    made = schedule(misfire=misfire(MisfirePolicy.ONE, 5), trigger=Cron(expression="* * * * * *"))
    decision = firing.decide(made, NOW + timedelta(days=1000))
    assert len(decision.fire) == 7
    assert decision.missed is not None
    assert decision.missed.count is None
    entry = firing.missed_entry(made, decision.missed, at=NOW)
    assert (entry.at, entry.count) == (NOW, None)
    assert entry.until is not None


def test_more_than_a_round_takes_are_taken_in_rounds() -> None:
    made = schedule(misfire=misfire(MisfirePolicy.ALL, None))
    fired: list[float] = []
    now = NOW + SECOND * 1200
    while made.next_at is not None and made.next_at <= now:
        decision = firing.decide(made, now)
        assert len(decision.fire) <= firing.MOST
        fired += seconds(decision)
        made = decision.after
    assert fired == [float(number) for number in range(1, 1201)]


def test_a_new_schedule_may_ask_for_a_run_at_once() -> None:
    made = schedule(run_on_create=True, trigger=Interval(seconds=60))
    assert made.next_at == NOW
    first = firing.decide(made, NOW)
    assert [(due.kind, due.at) for due in first.fire] == [(FiringKind.SETUP, NOW)]
    assert first.after.next_at == NOW + SECOND * 60
    assert [due.kind for due in firing.decide(first.after, NOW + SECOND * 60).fire] == [FiringKind.SCHEDULED]


def test_what_falls_into_a_pause_is_gone() -> None:
    held = firing.paused(schedule(), paused=True, at=NOW)
    assert held.next_at is None
    resumed = firing.paused(held, paused=False, at=NOW + SECOND * 100)
    assert seconds(firing.decide(resumed, NOW + SECOND * 101)) == [100, 101]
    assert firing.paused(resumed, paused=False, at=NOW + SECOND * 200) == resumed
    assert firing.paused(held, paused=True, at=NOW + SECOND * 50) == held


def test_a_date_fires_once_and_never_again() -> None:
    made = schedule(trigger=Date(at=NOW + SECOND * 5))
    decision = firing.decide(made, NOW + SECOND * 6)
    assert seconds(decision) == [5]
    assert decision.after.next_at is None


def test_jitter_delays_and_never_overtakes() -> None:
    made = schedule(jitter_seconds=30.0)
    now, fired = NOW, list[datetime]()
    while now < NOW + SECOND * 120:
        now += SECOND
        decision = firing.decide(made, now)
        for due in decision.fire:
            assert timing.runs_at(made.timing, made.secret, due.at) <= now
            fired.append(due.at)
        made = decision.after
    assert fired == sorted(set(fired))
    assert fired[:90] == [NOW + SECOND * number for number in range(1, 91)]


@given(
    policy=st.sampled_from(MisfirePolicy),
    grace=st.none() | st.floats(0, 100),
    jitter=st.sampled_from([0.0, 0.0, 20.0]),
    trigger=st.sampled_from(
        [
            Interval(seconds=7),
            Cron(expression="*/2 * * * *"),
            Cron(expression="*/5 * * * * *"),
            Cron(expression="3 * * * *"),
        ]
    ),
    steps=st.lists(st.integers(1, 400), min_size=1, max_size=25),
)
def test_no_firing_comes_twice_and_none_is_forgotten(
    policy: MisfirePolicy, grace: float | None, jitter: float, trigger: Interval | Cron, steps: list[int]
) -> None:
    """However irregularly one looks: ids are unique, and each firing has run or is counted as missed."""
    made = schedule(trigger=trigger, misfire=misfire(policy, grace), jitter_seconds=jitter)
    now, ids, missed = NOW, list[str](), 0
    for step in steps:
        now += SECOND * step
        decision = firing.decide(made, now)
        assert firing.decide(made, now) == decision
        ids += [due.id for due in decision.fire]
        if decision.missed is not None:
            assert decision.missed.count is not None
            missed += decision.missed.count
        made = decision.after
    assert len(ids) == len(set(ids))
    passed = [m for m in timing.upcoming(made.timing, NOW - SECOND / 1000, 3000) if m <= made.cursor]
    assert len(ids) + missed == len(passed)
    assert made.next_at is not None
    assert made.next_at > now or jitter


def test_ids_sort_by_time_and_tell_runs_apart() -> None:
    dice = random.Random(1)
    moments = sorted(NOW + SECOND * dice.randint(0, 10**6) for _ in range(50))
    ids = [firing.run_id("secret", at, FiringKind.SCHEDULED) for at in moments]
    assert ids == sorted(ids)
    variants = {
        firing.run_id(secret, NOW, kind, word) for secret in ("a", "b") for kind in FiringKind for word in ("", "x")
    }
    assert len(variants) == 12
    assert all(len(each) == 36 and each[14] == "8" for each in variants)


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"trigger": Cron(expression="x")}, "trigger.expression", "for example"),
        ({"trigger": Cron(expression="* * * * *", time_zone="Mars")}, "trigger.timeZone", "for example"),
        ({"trigger": Interval(seconds=0.5)}, "trigger.seconds", "for example 60"),
        ({"trigger": Date(at=NOW - SECOND * 61)}, "trigger.at", "for example 2026-01-06T12:00:00Z"),
        ({"trigger": Date(at=NOW), "end_at": NOW}, "trigger", "no startAt"),
        ({"start_at": NOW, "end_at": NOW - SECOND}, "endAt", "before startAt"),
        ({"end_at": NOW + SECOND / 2}, "endAt", "never fire"),
        ({"trigger": Cron(expression="0 0 1 1 *"), "end_at": NOW + SECOND * 60}, "endAt", "never fire"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(fields: dict[str, object], field: str, says: str) -> None:
    with pytest.raises(errors.Invalid, match=says) as refused:
        schedule(**fields)
    assert [fault.field for fault in refused.value.faults] == [field]


def test_a_change_of_anything_but_the_timing_leaves_what_is_due_alone() -> None:
    made = schedule(trigger=Cron(expression="* * * * * *"))
    later = NOW + SECOND * 5
    same = msgspec.structs.replace(plan.plan_of(made), trigger=Cron(expression="*  * * * * *"), description="new")
    changed = plan.change(made, same, at=later, by=ANN)
    assert (changed.cursor, changed.timing, changed.version) == (made.cursor, made.timing, 2)
    slower = msgspec.structs.replace(plan.plan_of(made), trigger=Interval(seconds=10))
    assert plan.change(made, slower, at=later, by=ANN).next_at == later + SECOND * 10


def test_an_old_date_can_be_put_again() -> None:
    made = schedule(trigger=Date(at=NOW + SECOND))
    done = firing.decide(made, NOW + SECOND).after
    again = plan.change(done, plan.plan_of(done), at=NOW + timedelta(days=9), by=ANN)
    assert again.next_at is None


def test_the_last_firing_is_shown() -> None:
    made = schedule()
    decision = firing.decide(made, NOW + SECOND * 2)
    first, second = [firing.entry(made, due, FiringStatus.SUBMITTED, at=NOW) for due in decision.fire]
    skipped = msgspec.structs.replace(second, status=FiringStatus.SKIPPED, run=None)
    shown = firing.noted(decision.after, [first, skipped])
    assert shown.last is not None
    assert shown.last_run is not None
    assert (shown.last.status, shown.last.at) == (FiringStatus.SKIPPED, NOW + SECOND * 2)
    assert (shown.last_run.at, shown.last_run.run and shown.last_run.run.id) == (NOW + SECOND, first.id)
    assert firing.noted(shown, [first]) == shown, "a late report of an older one changes nothing"
