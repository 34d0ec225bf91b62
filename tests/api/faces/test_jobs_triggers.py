"""APScheduler's trigger fields: what they mean here, what is refused, and that they come back."""

from typing import Any

import pytest

from api.faces import jobs_triggers as triggers
from core import errors
from core.schedule import Cron, Interval

CRONS: list[tuple[dict[str, str], str]] = [
    ({"hour": "8", "minute": "30"}, "0 30 8 * * *"),
    ({"hour": "8"}, "0 0 8 * * *"),
    ({"minute": "*/15"}, "0 */15 * * * *"),
    ({"second": "*/5"}, "*/5 * * * * *"),
    ({"day": "1", "minute": "20"}, "0 20 * 1 * *"),
    ({"month": "6-8", "day": "last"}, "0 0 0 L 6-8 *"),
    ({"month": "jan,jul", "day": "1,15"}, "0 0 0 1,15 JAN,JUL *"),
    ({"day_of_week": "0"}, "0 0 0 * * MON"),
    ({"day_of_week": "6"}, "0 0 0 * * SUN"),
    ({"day_of_week": "mon-fri", "hour": "8-18/2"}, "0 0 8-18/2 * * MON,TUE,WED,THU,FRI"),
    ({"day_of_week": "4-6"}, "0 0 0 * * FRI,SAT,SUN"),
    ({"day_of_week": "*/3"}, "0 0 0 * * MON,THU,SUN"),
    ({"day_of_week": "0-6", "hour": "1"}, "0 0 1 * * *"),
    ({"day": "3rd fri", "hour": "9"}, "0 0 9 * * 5#3"),
    ({"day": "last sun"}, "0 0 0 * * 0L"),
    ({"day": "*/2", "day_of_week": "mon"}, "0 0 0 */2 * MON"),
    ({"year": "*", "week": "*", "hour": "5"}, "0 0 5 * * *"),
]


@pytest.mark.parametrize(("fields", "expression"), CRONS, ids=[expression for _, expression in CRONS])
def test_cron_fields_mean_what_apscheduler_says(fields: dict[str, str], expression: str) -> None:
    assert triggers.cron_of(fields, "Europe/Berlin") == Cron(expression=expression, time_zone="Europe/Berlin")


@pytest.mark.parametrize("expression", [expression for _, expression in CRONS])
def test_what_is_shown_can_be_sent_again(expression: str) -> None:
    shown = triggers.fields_of(Cron(expression=expression))
    assert (shown.pop("trigger"), shown.pop("timezone")) == ("cron", "UTC")
    assert triggers.cron_of(shown, "UTC") == Cron(expression=expression)


def test_a_cron_line_of_ours_is_shown_in_its_fields() -> None:
    assert triggers.fields_of(Cron(expression="5 8 L * 1-5,0")) == {
        "trigger": "cron",
        "month": "*",
        "day": "last",
        "day_of_week": "mon-fri,sun",
        "hour": "8",
        "minute": "5",
        "second": "0",
        "timezone": "UTC",
    }


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({}, "trigger", "at least one field"),
        ({"hour": "25"}, "hour", "Bad hour; for example"),
        ({"minute": "x"}, "minute", "Bad minute; for example"),
        ({"second": "61"}, "second", "Bad second"),
        ({"month": "13"}, "month", "Bad month"),
        ({"day": "32"}, "day", "Bad day-of-month"),
        ({"day_of_week": "7"}, "day_of_week", "0 (Monday) to 6"),
        ({"day_of_week": "fri-mon"}, "day_of_week", "0 (Monday) to 6"),
        ({"day_of_week": "*/0"}, "day_of_week", "0 (Monday) to 6"),
        ({"year": "2030", "hour": "1"}, "year", "start_date and end_date"),
        ({"week": "1", "hour": "1"}, "week", "day_of_week"),
        ({"day": "13", "day_of_week": "fri"}, "day", "together with day_of_week"),
        ({"day": "1st mon", "day_of_week": "fri"}, "day_of_week", "cannot be given with"),
        ({"day": "1 2"}, "day", "without spaces"),
        ({"hour": "1 2"}, "trigger", "without spaces"),
        ({"month": "2", "day": "30"}, "day", "Bad day-of-month"),
    ],
)
def test_what_a_cron_line_cannot_say_is_refused(fields: dict[str, str], field: str, says: str) -> None:
    with pytest.raises(errors.Invalid) as refused:
        triggers.cron_of(fields, "UTC")
    (fault,) = refused.value.faults
    assert fault.field == field
    assert says in fault.message


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [({"weeks": 1, "days": 1}, 691_200), ({"hours": 2, "seconds": 5}, 7205), ({"minutes": 1.5}, 90)],
)
def test_an_interval_is_the_sum_of_its_fields(fields: dict[str, float], seconds: float) -> None:
    trigger = triggers.interval_of(fields)
    assert trigger == Interval(seconds=seconds)
    shown: dict[str, Any] = triggers.fields_of(trigger)
    assert shown.pop("trigger") == "interval"
    assert triggers.interval_of(shown) == trigger


def test_an_interval_takes_a_second() -> None:
    with pytest.raises(errors.Invalid, match="for example"):
        triggers.interval_of({"seconds": 0.5})
