"""The rest between attempts."""

import random

from hypothesis import given
from hypothesis import strategies as st

from core import retry
from core.retry import Backoff, BackoffKind


@given(
    failures=st.integers(1, 200), seed=st.integers(0, 2**16), jitter=st.floats(0, 1), kind=st.sampled_from(BackoffKind)
)
def test_backoff_stays_within_its_bounds(failures: int, seed: int, jitter: float, kind: BackoffKind) -> None:
    backoff = Backoff(kind=kind, initial_seconds=2.0, max_seconds=100.0, jitter=jitter)
    rest = retry.delay(backoff, failures, random.Random(seed)).total_seconds()
    full = min(100.0, 2.0 * 2.0 ** min(failures - 1, 62) if kind is BackoffKind.EXPONENTIAL else 2.0)
    assert full * (1 - jitter) - 1e-6 <= rest <= full + 1e-6
