"""When a schedule fires: pure functions of its trigger, the same in every engine."""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count, islice, takewhile

from core import clock, cron
from core.schedule import Cron, Date, Interval, Timing, Trigger

_BEFORE = timedelta(milliseconds=1)
_SPANS = tuple(timedelta(seconds=seconds) for seconds in (60, 3600, 86_400, 32 * 86_400, 367 * 86_400))


def firings(timing: Timing, after: datetime) -> Iterator[datetime]:
    """The moments behind `after` at which its trigger fires: ascending, none twice, from its start to its end."""
    if timing.start_at is not None:
        after = max(after, timing.start_at - _BEFORE)
    moments = _triggered(timing, after)
    return moments if timing.end_at is None else _upto(moments, timing.end_at)


def upcoming(timing: Timing, after: datetime, most: int) -> list[datetime]:
    """The next of them."""
    return list(islice(firings(timing, after), most))


def next_after(timing: Timing, after: datetime) -> datetime | None:
    """The next of them, or None when it fires no more."""
    return next(firings(timing, after), None)


def last_upto(timing: Timing, low: datetime, high: datetime) -> datetime:
    """The last firing up to `high`, given that `low` is one: found from behind, whatever lies between."""
    for span in _SPANS:
        since = high - span
        if since < low:
            break
        found = list(_upto(firings(timing, since), high))
        if found:
            return found[-1]
    *_, last = _upto(firings(timing, low - _BEFORE), high)
    return last


def runs_at(timing: Timing, secret: str, at: datetime) -> datetime:
    """When the firing `at` is to run: later by its share of the jitter."""
    if not timing.jitter_seconds:
        return at
    digest = hashlib.sha256(f"{secret}\0{at.timestamp():.3f}".encode()).digest()
    return at + clock.span(timing.jitter_seconds * int.from_bytes(digest[:4], "big") / 2**32)


def words(trigger: Trigger) -> str:
    """What it means, in English."""
    match trigger:
        case Cron():
            return f"{cron.words(trigger.expression)} ({trigger.time_zone})"
        case Interval():
            return f"Every {timedelta(seconds=trigger.seconds)} (hours:minutes:seconds)"
        case Date():
            return f"Once at {trigger.at:%Y-%m-%d %H:%M:%S} UTC"


def _triggered(timing: Timing, after: datetime) -> Iterator[datetime]:
    match timing.trigger:
        case Cron(expression=expression, time_zone=zone):
            return cron.times(expression, zone, after)
        case Interval(seconds=seconds):
            return _every(clock.span(seconds), timing, after)
        case Date(at=at):
            return iter((at,) if at > after else ())


def _every(step: timedelta, timing: Timing, after: datetime) -> Iterator[datetime]:
    base, first = (timing.anchor, 1) if timing.start_at is None else (timing.start_at, 0)
    return (base + number * step for number in count(max(first, (after - base) // step + 1)))


def _upto(moments: Iterator[datetime], end: datetime) -> Iterator[datetime]:
    return takewhile(lambda moment: moment <= end, moments)
