"""The clock that every part is given, so that tests can move time by hand."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Answers the present moment as an aware UTC datetime, cut to milliseconds (what MongoDB keeps)."""


def system_clock() -> datetime:
    """The machine's wall clock in UTC, cut to whole milliseconds so that a stored time equals the one in memory."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
