"""The trigger fields of APScheduler, which the jobs API speaks, and our triggers.

Its cron fields differ from a cron line's: weekdays count from Monday as 0, what is finer than the finest field given is
at its minimum, day and day_of_week must both match. What a cron line cannot say is refused, never bent.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from api.shown import stamp
from core import cron, errors
from core.schedule import Cron, Date, Interval, Trigger

CRON_FIELDS = ("year", "month", "day", "week", "day_of_week", "hour", "minute", "second")
"""From the coarsest to the finest."""
UNITS = {"weeks": 604_800, "days": 86_400, "hours": 3600, "minutes": 60, "seconds": 1}

_FINEST = {"month": "1", "day": "1", "hour": "0", "minute": "0", "second": "0"}
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EXAMPLE = 'for example {"day_of_week": "mon-fri", "hour": 8, "minute": "*/15"}'
_RANGE = re.compile(r"(\*|(?P<first>\w+)(-(?P<last>\w+))?)(/(?P<step>\d{1,3}))?")
_POSITION = re.compile(r"(1st|2nd|3rd|4th|5th|last) +(mon|tue|wed|thu|fri|sat|sun)")
_CRON_POSITION = re.compile(r"([0-7]|[a-z]{3})(l|#[1-5])")
_NAMED = re.compile(r"bad ([a-z-]+)", re.IGNORECASE)
_OURS = {"day-of-month": "day", "day-of-week": "day_of_week"}


def cron_of(given: Mapping[str, str], time_zone: str) -> Trigger:
    """The cron trigger of these fields; raises `Invalid` naming the field."""
    if not given:
        raise _invalid("trigger", f"A cron trigger needs at least one field; {_EXAMPLE}")
    values = _completed({name: str(value).strip().lower() for name, value in given.items()})
    for name, instead in (("year", "start_date and end_date"), ("week", "day_of_week")):
        if values[name] != "*":
            raise _invalid(name, f"It cannot be restricted here; use {instead}")
    days, weekdays = _days(values["day"], values["day_of_week"])
    expression = " ".join([values["second"], values["minute"], values["hour"], days, values["month"], weekdays])
    if any(not part or " " in part for part in (values["second"], values["minute"], values["hour"], values["month"])):
        raise _invalid("trigger", f"A cron field is a list without spaces; {_EXAMPLE}")
    try:
        checked = cron.check_expression(expression, "trigger")
    except errors.Invalid as error:
        said = error.faults[0].message.partition(";")[0]
        named = _NAMED.search(said)
        name = "trigger" if named is None else _OURS.get(named[1], named[1])
        raise _invalid(name, f"{said}; {_EXAMPLE}") from None
    return Cron(expression=checked, time_zone=cron.check_zone(time_zone, "timezone"))


def interval_of(given: Mapping[str, float]) -> Trigger:
    """The interval of these fields; raises `Invalid`."""
    seconds = sum(value * UNITS[name] for name, value in given.items())
    if seconds < 1:
        raise _invalid("trigger", 'An interval is one second or more; for example {"minutes": 5}')
    return Interval(seconds=round(seconds, 3))


def fields_of(trigger: Trigger) -> dict[str, Any]:
    """The kind of a trigger and its fields, as the jobs API shows them."""
    match trigger:
        case Cron():
            return {"trigger": "cron", **_cron_fields(trigger.expression), "timezone": trigger.time_zone}
        case Interval():
            left, shown = timedelta(seconds=trigger.seconds), dict[str, Any]()
            for unit, seconds in UNITS.items():
                count = left.total_seconds() if unit == "seconds" else left // timedelta(seconds=seconds)
                if count:
                    shown[unit] = int(count) if count == int(count) else count
                left -= timedelta(seconds=seconds * count)
            return {"trigger": "interval", **shown}
        case Date():
            return {"trigger": "date", "run_date": stamp(trigger.at)}


def _completed(given: Mapping[str, str]) -> dict[str, str]:
    """What is coarser than the finest field given is any, what is finer is at its minimum."""
    finest = max(CRON_FIELDS.index(name) for name in given)
    return {
        name: given.get(name, "*" if place < finest else _FINEST.get(name, "*"))
        for place, name in enumerate(CRON_FIELDS)
    }


def _days(day: str, day_of_week: str) -> tuple[str, str]:
    """Both day fields of a cron line."""
    weekdays = _weekdays(day_of_week)
    position = _POSITION.fullmatch(day)
    if position is not None:
        if weekdays != "*":
            raise _invalid("day_of_week", f"It cannot be given with {day!r}")
        which, weekday = position[1], (_WEEKDAYS.index(position[2]) + 1) % 7
        return "*", f"{weekday}L" if which == "last" else f"{weekday}#{which[0]}"
    days = day.replace("last", "L")
    if not days or " " in days:
        raise _invalid("day", 'It is a list without spaces, or a weekday of the month; for example "1,15" or "3rd fri"')
    if not days.startswith("*") and weekdays != "*":
        raise _invalid("day", "It cannot be restricted together with day_of_week; make two jobs, or use one of them")
    return days, weekdays


def _weekdays(given: str) -> str:
    found: set[int] = set()
    for part in given.split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise _bad_weekday()
        step = int(match["step"] or 1)
        first = 0 if match["first"] is None else _weekday(match["first"])
        last = first if match["first"] is not None and match["last"] is None and match["step"] is None else 6
        last = last if match["last"] is None else _weekday(match["last"])
        if last < first or not step:
            raise _bad_weekday()
        found.update(range(first, last + 1, step))
    return "*" if len(found) == 7 else ",".join(_WEEKDAYS[each] for each in sorted(found))


def _weekday(given: str) -> int:
    if given in _WEEKDAYS:
        return _WEEKDAYS.index(given)
    if given.isdecimal() and int(given) < 7:
        return int(given)
    raise _bad_weekday()


def _cron_fields(expression: str) -> dict[str, str]:
    parts = expression.lower().split()
    second, minute, hour, day, month, weekday = parts if len(parts) == 6 else ["0", *parts]
    position = _CRON_POSITION.fullmatch(weekday)
    if position is not None:
        which = "last" if position[2] == "l" else ("1st", "2nd", "3rd", "4th", "5th")[int(position[2][1]) - 1]
        day, weekday = f"{which} {_named_weekday(position[1])}", "*"
    return {
        "month": month,
        "day": re.sub(r"\bl\b", "last", day),
        "day_of_week": re.sub(r"(?<![\d/#])[0-7](?!\d)", lambda found: _named_weekday(found[0]), weekday),
        "hour": hour,
        "minute": minute,
        "second": second,
    }


def _named_weekday(given: str) -> str:
    """The name of a cron line's weekday, in which Sunday is 0 and 7."""
    return _WEEKDAYS[(int(given) - 1) % 7] if given.isdecimal() else given


def _bad_weekday() -> errors.Invalid:
    return _invalid("day_of_week", 'It is 0 (Monday) to 6 or a name; for example "mon-fri" or "0,2,4"')


def _invalid(field: str, message: str) -> errors.Invalid:
    return errors.Invalid(f"{field}: {message}", faults=[errors.Fault(field=field, message=message)])
