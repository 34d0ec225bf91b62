"""When schedules fire: intervals, dates, start and end, jitter; ascending and never twice, wherever one begins."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import timing
from core.schedule import Cron, Date, Interval, Timing, Trigger

NOW = datetime(2026, 3, 28, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)

crons = st.builds(
    Cron,
    expression=st.sampled_from(
        ["*/7 * * * *", "30 2 * * *", "0,30 1,2,3 * * *", "5 */3 * * *", "* * * * * *", "0 0 29 2 *", "*/20 30 2 * * *"]
    ),
    time_zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
)
moments = st.integers(0, 400 * 86_400_000).map(lambda ms: NOW - timedelta(days=30) + timedelta(milliseconds=ms))
triggers: st.SearchStrategy[Trigger] = st.one_of(
    crons,
    st.builds(Interval, seconds=st.floats(1, 100_000).map(lambda seconds: round(seconds, 3))),
    st.builds(Date, at=moments),
)
timings = st.builds(
    Timing,
    trigger=triggers,
    anchor=moments,
    start_at=st.none() | moments,
    end_at=st.none() | moments,
    jitter_seconds=st.floats(0, 3600),
)


@given(timing_=timings, after=moments)
def test_firings_ascend_and_never_come_twice(timing_: Timing, after: datetime) -> None:
    found = timing.upcoming(timing_, after, 30)
    assert all(one < two for one, two in pairwise(found))
    assert all(moment > after for moment in found)
    assert timing_.start_at is None or all(moment >= timing_.start_at for moment in found)
    assert timing_.end_at is None or all(moment <= timing_.end_at for moment in found)


@given(timing_=timings, after=moments, cut=st.integers(0, 29))
def test_it_does_not_matter_where_one_begins_to_count(timing_: Timing, after: datetime, cut: int) -> None:
    found = timing.upcoming(timing_, after, 30)
    if cut < len(found):
        rest = found[cut + 1 :]
        assert timing.upcoming(timing_, found[cut], 30)[: len(rest)] == rest
        assert timing.next_after(timing_, found[cut] - timedelta(milliseconds=1)) == found[cut]


@given(timing_=timings, after=moments, span=st.integers(0, 800 * 86_400))
def test_the_last_one_is_found_from_behind(timing_: Timing, after: datetime, span: int) -> None:
    high = after + timedelta(seconds=span)
    low = timing.next_after(timing_, after)
    if low is not None and low <= high:
        last = timing.last_upto(timing_, low, high)
        following = timing.next_after(timing_, last)
        assert low <= last <= high
        assert following is None or following > high


def test_an_interval_counts_from_its_start_or_from_when_it_was_set() -> None:
    every = Timing(trigger=Interval(seconds=90.5), anchor=NOW)
    assert timing.upcoming(every, NOW, 2) == [NOW + SECOND * 90.5, NOW + SECOND * 181]
    started = Timing(trigger=Interval(seconds=60), anchor=NOW, start_at=NOW - SECOND * 30)
    assert timing.upcoming(started, NOW - SECOND * 30 - SECOND, 2) == [NOW - SECOND * 30, NOW + SECOND * 30]
    assert timing.next_after(started, NOW) == NOW + SECOND * 30


def test_daylight_saving_does_not_move_an_interval() -> None:
    daily = Timing(trigger=Interval(seconds=86_400), anchor=NOW)
    assert timing.upcoming(daily, NOW, 2)[1] - NOW == timedelta(days=2)


def test_an_end_may_be_a_firing() -> None:
    ends = Timing(trigger=Interval(seconds=10), anchor=NOW, end_at=NOW + SECOND * 20)
    assert timing.upcoming(ends, NOW, 9) == [NOW + SECOND * 10, NOW + SECOND * 20]


def test_a_date_comes_once() -> None:
    once = Timing(trigger=Date(at=NOW), anchor=NOW)
    assert timing.upcoming(once, NOW - SECOND, 9) == [NOW]
    assert timing.next_after(once, NOW) is None


def test_jitter_is_a_share_that_every_engine_works_out_alike() -> None:
    shaken = Timing(trigger=Interval(seconds=1), anchor=NOW, jitter_seconds=60)
    late = [timing.runs_at(shaken, "secret", at) - at for at in timing.upcoming(shaken, NOW, 200)]
    assert late == [timing.runs_at(shaken, "secret", at) - at for at in timing.upcoming(shaken, NOW, 200)]
    assert min(late) >= timedelta()
    assert max(late) < timedelta(seconds=60)
    assert len(set(late)) > 150
    assert timing.runs_at(shaken, "another", NOW) != timing.runs_at(shaken, "secret", NOW)


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        (Cron(expression="0 8 * * MON", time_zone="Europe/Berlin"), "At 08:00 on Monday (Europe/Berlin)"),
        (Interval(seconds=3600), "Every 1:00:00 (hours:minutes:seconds)"),
        (Date(at=NOW), "Once at 2026-03-28 12:00:00 UTC"),
    ],
)
def test_a_trigger_in_words(trigger: Trigger, words: str) -> None:
    assert timing.words(trigger) == words
