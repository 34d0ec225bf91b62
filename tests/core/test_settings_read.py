"""Settings as the environment has them: XFSC's own variables count too, and nonsense is refused."""

import pytest
from pydantic import ValidationError

from core.settings import Settings
from tests.support.api import settings


@pytest.mark.parametrize(
    ("written", "seconds"), [("500ms", 0.5), ("1m30s", 90.0), ("1s", 1.0), ("3", 3.0), ("0.5", 0.5)]
)
def test_a_go_duration_is_read(monkeypatch: pytest.MonkeyPatch, written: str, seconds: float) -> None:
    monkeypatch.setenv("LIST_EXECUTOR_POLL_INTERVAL", written)
    assert read().list_executor_poll_interval == seconds


def test_upstreams_variables_are_read_and_ours_count_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIST_EXECUTOR_WORKERS", "5")
    monkeypatch.setenv("EXECUTOR_WORKERS", "3")
    monkeypatch.setenv("EXECUTOR_MAX_TASK_RETRIES", "7")
    monkeypatch.setenv("PENSTOCK_EXECUTOR_WORKERS", "4")
    found = read()
    assert (found.list_executor_workers, found.executor_workers, found.executor_max_task_retries) == (5, 4, 7)


@pytest.mark.parametrize("written", ["often", "1x", "0s", "-1s"])
def test_no_duration_is_refused(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("LIST_EXECUTOR_POLL_INTERVAL", written)
    with pytest.raises(ValidationError):
        read()


def read() -> Settings:
    return settings("mongodb://x", "amqp://x", "http://x", "x")
