"""The clock that every part is given, so that tests can move time by hand."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Answers the present moment as an aware UTC datetime, cut to milliseconds (what MongoDB keeps)."""


def system_clock() -> datetime:
    """The machine's wall clock in UTC, cut to whole milliseconds so that a stored time equals the one in memory."""
    return cut(datetime.now(UTC))


def cut(at: datetime) -> datetime:
    """The moment in whole milliseconds, which is what MongoDB keeps."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def span(seconds: float) -> timedelta:
    """So many seconds, rounded to whole milliseconds."""
    return timedelta(milliseconds=round(seconds * 1000))
