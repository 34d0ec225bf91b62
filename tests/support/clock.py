"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Stands in for `core.clock.system_clock`: call it for the time, `advance` it to let time pass."""

    def __init__(self, now: datetime = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)) -> None:
        self._now = now

    def __call__(self) -> datetime:
        """The time it shows, aware, in UTC."""
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Let time pass; answers the new time."""
        self._now += by
        return self._now
