"""Cron expressions in a time zone: when they fire, also where daylight saving skips an hour or doubles one.

`cronsim` reads the expression and counts through the wall clock; what the wall clock means is decided here:

- An expression whose minute or hour begins with `*` follows the clock as it runs: it fires at every moment whose wall
  time matches. A skipped hour brings nothing, a doubled hour is gone through twice.
- Any other names times of day, and fires once for each: a time that is skipped is made up for at the first moment
  after the gap, a time that comes twice counts the first time. Times that meet in one moment fire once.

So do the crons of Debian and of most Linux systems. A test holds both rules against a walk over every minute.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import cronsim

from core.errors import Fault, Invalid

EXAMPLE = (
    "for example `*/15 8-18 * * MON-FRI` "
    "(minute, hour, day of month, month, day of week; a sixth field in front: seconds)"
)
MOST_CHARACTERS = 200

_SECOND = timedelta(seconds=1)
_STEP = timedelta(days=1)
"""No time zone changes its offset twice within this."""
_SOME_DAY = datetime(2026, 1, 1)  # noqa: DTZ001 - the wall clock has no zone


def check_expression(expression: str, field: str) -> str:
    """The expression with single spaces; raises `Invalid` unless it is one that fires some day."""
    try:
        if len(expression) > MOST_CHARACTERS:
            raise cronsim.CronSimError(f"More than {MOST_CHARACTERS} characters")
        fires = next(cronsim.CronSim(expression, _SOME_DAY), None) is not None
    except cronsim.CronSimError as error:
        raise _invalid(field, f"{error}; {EXAMPLE}") from None
    if not fires:
        raise _invalid(field, f"It names a day that never comes; {EXAMPLE}")
    return " ".join(expression.upper().split())


def check_zone(name: str, field: str) -> str:
    """The name; raises `Invalid` unless it is a time zone of the IANA database."""
    known = _zones()
    if name in known:
        return name
    near = get_close_matches(name, known, n=1) or ["Europe/Berlin"]
    raise _invalid(field, f"There is no time zone {name[:60]!r}; for example {near[0]}")


def words(expression: str) -> str:
    """What it means, in English."""
    return cronsim.CronSim(expression, _SOME_DAY).explain()


def times(expression: str, zone: str, after: datetime) -> Iterator[datetime]:
    """The moments behind `after` at which it fires: in UTC, ascending, none twice, as long as it fires at all."""
    minute, hour = expression.split()[-5:-3]
    place = ZoneInfo(zone)
    follows_the_clock = minute.startswith("*") or hour.startswith("*")
    return _clockwise(expression, place, after) if follows_the_clock else _daily(expression, place, after)


def _clockwise(expression: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """Stretch by stretch of one offset: within each, the wall clock is as plain as UTC."""
    begin = after.replace(microsecond=0) + _SECOND
    while True:
        offset = _offset(zone, begin)
        last, change = begin, None
        for wall in cronsim.CronSim(expression, _naive(begin + offset) - _SECOND):
            moment = wall.replace(tzinfo=UTC) - offset
            change = _change(zone, last, moment)
            if change is not None:
                break
            yield moment
            last = moment
        if change is None:
            return
        begin = change


def _daily(expression: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """Wall time by wall time, each as the moment it means."""
    last = after
    for wall in cronsim.CronSim(expression, _naive(after + _offset(zone, after))):
        moment = _moment(wall, zone)
        if moment > last:
            yield moment
            last = moment


def _moment(wall: datetime, zone: ZoneInfo) -> datetime:
    """When the wall clock shows this: the first time if it does so twice, the end of the gap if never."""
    first = wall.replace(tzinfo=zone).astimezone(UTC)
    if _naive(first + _offset(zone, first)) == wall:
        return first
    earlier = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _change(zone, earlier, first) or first


def _change(zone: ZoneInfo, low: datetime, high: datetime) -> datetime | None:
    """The first moment behind `low`, up to `high`, from which another offset holds."""
    before = _offset(zone, low)
    while low < high:
        near = min(low + _STEP, high)
        if _offset(zone, near) != before:
            return _bisect(zone, low, near)
        low = near
    return None


def _bisect(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    before = _offset(zone, low)
    while high - low > _SECOND:
        middle = low + timedelta(seconds=(high - low) // _SECOND // 2)
        low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
    return high


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


@cache
def _zones() -> set[str]:
    return available_timezones()


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(f"{field}: {message}", faults=[Fault(field=field, message=message)])
