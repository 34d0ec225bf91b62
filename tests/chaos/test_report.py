"""The report's figures: the usual rate, and how long it takes until half of it is there again."""

from datetime import UTC, datetime, timedelta

from tests.chaos import report

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def every(step: float, *spans: tuple[float, float]) -> list[datetime]:
    """Something accepted every `step` seconds, in these spans of time."""
    return [at(begin + step * n) for begin, end in spans for n in range(round((end - begin) / step))]


def test_the_usual_rate_is_that_of_an_ordinary_second() -> None:
    assert report.usual_rate(every(0.1, (0, 10), (14, 30))) == 10
    assert report.usual_rate([]) == 0


def test_recovery_is_counted_from_a_moment_to_half_of_the_rate() -> None:
    accepted = every(0.1, (0, 10), (14, 30))
    assert report.recovered(accepted, 10, at(2)) == 0
    # The second that begins at 13.5 has half of what is usual.
    assert report.recovered(accepted, 10, at(10)) == 3.5
    assert report.recovered(accepted, 10, at(12)) == 1.5


def test_what_does_not_come_back_within_a_minute_has_no_recovery() -> None:
    assert report.recovered(every(0.1, (0, 10)), 10, at(10)) is None
