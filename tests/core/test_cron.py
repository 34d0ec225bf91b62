"""Cron in time zones: what it means by example, and both rules of daylight saving against a walk over every minute."""

import contextlib
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import cronsim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import cron, errors

BERLIN = "Europe/Berlin"
ZONES = [BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "Africa/Casablanca", "Asia/Kathmandu", "UTC"]
"""An hour by night, half an hour, at midnight (Beirut: a day begins at 01:00), during Ramadan, odd offsets, none."""
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def walls(expression: str, after: str, count: int, zone: str = BERLIN) -> list[str]:
    """The next firings as the wall clock shows them, with the offset."""
    moments = islice(cron.times(expression, zone, datetime.fromisoformat(after)), count)
    return [f"{moment.astimezone(ZoneInfo(zone)):%m-%d %H:%M:%S%z}" for moment in moments]


def test_a_time_that_is_skipped_is_made_up_for_after_the_gap() -> None:
    assert walls("30 2 * * *", "2026-03-28T12:00Z", 2) == ["03-29 03:00:00+0200", "03-30 02:30:00+0200"]


def test_times_that_meet_after_the_gap_fire_once() -> None:
    assert walls("0,30 2,3 * * *", "2026-03-28T12:00Z", 3) == [
        "03-29 03:00:00+0200",
        "03-29 03:30:00+0200",
        "03-30 02:00:00+0200",
    ]


def test_a_time_that_comes_twice_counts_the_first_time() -> None:
    expected = ["10-25 02:30:00+0200", "10-26 02:30:00+0100"]
    assert walls("30 2 * * *", "2026-10-24T12:00Z", 2) == expected
    assert walls("30 2 * * *", "2026-10-25T01:10Z", 1) == expected[1:], "in the middle of the second time"


def test_what_follows_the_clock_leaves_the_skipped_hour_out() -> None:
    expected = ["03-29 01:30:00+0100", "03-29 03:00:00+0200", "03-29 03:30:00+0200"]
    assert walls("*/30 * * * *", "2026-03-29T00:10Z", 3) == expected


def test_what_follows_the_clock_goes_through_the_doubled_hour_twice() -> None:
    assert walls("*/30 * * * *", "2026-10-25T00:10Z", 4) == [
        "10-25 02:30:00+0200",
        "10-25 02:00:00+0100",
        "10-25 02:30:00+0100",
        "10-25 03:00:00+0100",
    ]


def test_seconds_come_first_in_six_fields() -> None:
    expected = ["01-01 12:00:15+0000", "01-01 12:00:45+0000", "01-01 12:01:15+0000"]
    assert walls("15/30 * * * * *", "2026-01-01T12:00Z", 3, "UTC") == expected


def test_a_rare_day_is_found_at_once() -> None:
    (leap,) = islice(cron.times("0 0 29 2 *", BERLIN, datetime(2096, 3, 1, tzinfo=UTC)), 1)
    assert leap == datetime(2104, 2, 28, 23, tzinfo=UTC), "2100 is no leap year"


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("61 * * * *", "Bad minute"),
        ("* * *", "Wrong number of fields"),
        ("", "Wrong number of fields"),
        ("0 0 30 2 *", "Bad day-of-month"),
        ("0 0 * * FRI#6", "Bad day-of-week"),
        ("*/0 * * * *", "Bad minute"),
        ("0 0 * * " + "1," * 200 + "1", "More than 200 characters"),
        ("0 0 */32 2 MON#5", "never comes"),
    ],
)
def test_an_expression_that_cannot_be_is_refused_with_an_example(expression: str, wrong: str) -> None:
    with pytest.raises(errors.Invalid, match=wrong) as refused:
        cron.check_expression(expression, "trigger.expression")
    (fault,) = refused.value.faults
    assert fault.field == "trigger.expression"
    assert "for example `*/15 8-18 * * MON-FRI`" in fault.message


@given(expression=st.text(alphabet="0123456789*/,-LW# MONSUJA", max_size=30))
def test_no_text_breaks_the_check(expression: str) -> None:
    with contextlib.suppress(errors.Invalid):
        checked = cron.check_expression(expression, "x")
        assert next(cron.times(checked, BERLIN, datetime(2026, 1, 1, tzinfo=UTC)))
        assert cron.words(checked)


def test_an_unknown_zone_is_refused_with_the_nearest() -> None:
    with pytest.raises(errors.Invalid, match="for example Europe/Berlin"):
        cron.check_zone("Europe/Berln", "trigger.timeZone")
    with pytest.raises(errors.Invalid, match="no time zone"):
        cron.check_zone("../../etc/passwd", "trigger.timeZone")


def field(values: st.SearchStrategy[int], *, star: bool) -> st.SearchStrategy[str]:
    """A list of numbers, and where `star` says so also steps through all."""
    numbers = st.lists(values, min_size=1, max_size=3).map(lambda found: ",".join(map(str, sorted(set(found)))))
    return st.sampled_from(["*", "*/7", "*/20"]) | numbers if star else numbers


def expressions(*, star: bool) -> st.SearchStrategy[str]:
    minutes = field(st.integers(0, 59), star=star)
    hours = field(st.integers(0, 4) | st.integers(22, 23), star=star)
    days = st.sampled_from(["* * *", "* * 0", "*/2 * *", "* * SUN,MON,THU"])
    return st.tuples(minutes, hours, days).map(" ".join)


def changes(zone: str) -> list[datetime]:
    """Middays of the days of 2026 on which the zone's offset changes."""
    place, noon = ZoneInfo(zone), datetime(2026, 1, 1, 12, tzinfo=UTC)
    days = [noon + DAY * number for number in range(365)]
    return [d for d in days if d.astimezone(place).utcoffset() != (d + DAY).astimezone(place).utcoffset()] or days[:1]


def matching(expression: str, wall: datetime) -> bool:
    return next(cronsim.CronSim(expression, wall - MINUTE)) == wall


@settings(max_examples=25)
@given(expression=expressions(star=True), zone=st.sampled_from(ZONES), which=st.integers(0, 3), data=st.data())
def test_what_follows_the_clock_fires_whenever_the_wall_time_matches(
    expression: str, zone: str, which: int, data: st.DataObject
) -> None:
    minute, hour = expression.split()[:2]
    if not (minute.startswith("*") or hour.startswith("*")):
        return
    days = changes(zone)
    begin = days[which % len(days)] + MINUTE * data.draw(st.integers(0, 720))
    place = ZoneInfo(zone)
    walked = [begin + MINUTE * number for number in range(1, 1200)]
    expected = [m for m in walked if matching(expression, m.astimezone(place).replace(tzinfo=None))]
    assert list(islice(cron.times(expression, zone, begin), len(expected))) == expected


@settings(max_examples=40)
@given(expression=expressions(star=False), zone=st.sampled_from(ZONES), which=st.integers(0, 3), data=st.data())
def test_times_of_day_fire_once_each(expression: str, zone: str, which: int, data: st.DataObject) -> None:
    place, days = ZoneInfo(zone), changes(zone)
    begin = days[which % len(days)]
    first = begin.astimezone(place).replace(tzinfo=None)
    named = [first + MINUTE * number for number in range(1, 1600) if matching(expression, first + MINUTE * number)]
    meant: set[datetime] = set()
    for wall in named:
        shown = [m for m in minutes_around(wall, place) if m.astimezone(place).replace(tzinfo=None) >= wall]
        meant.add(shown[0])
    expected = sorted(meant)
    assert list(islice(cron.times(expression, zone, begin), len(expected))) == expected
    later = data.draw(st.integers(0, 1500))
    rest = [moment for moment in expected if moment > begin + MINUTE * later]
    assert list(islice(cron.times(expression, zone, begin + MINUTE * later), len(rest))) == rest


def minutes_around(wall: datetime, place: ZoneInfo) -> list[datetime]:
    """Minutes of the real time around this wall time; the first that shows it or more is when it comes (or is over)."""
    near = wall.replace(tzinfo=place).astimezone(UTC)
    return [near + MINUTE * number for number in range(-130, 130)]
