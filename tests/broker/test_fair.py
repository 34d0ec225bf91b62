"""A full replica is shared evenly by the tenants that ask; one that is not full refuses nobody."""

from contextlib import ExitStack
from datetime import timedelta

import pytest

from broker.fair import SEEN_SECONDS, Fair
from core import errors
from tests.support.clock import FakeClock


def fill(fair: Fair, stack: ExitStack, tenant: str, most: int) -> int:
    """Begin as many requests as are let in, at most so many; answers how many were."""
    for begun in range(most):
        try:
            stack.enter_context(fair.turn(tenant))
        except errors.TooManyRequests:
            return begun
    return most


def test_a_tenant_that_is_alone_may_have_it_all(fake_clock: FakeClock) -> None:
    fair = Fair(fake_clock, room=10)
    with ExitStack() as stack:
        assert fill(fair, stack, "noisy", 1000) == 1000
        with fair.turn("quiet"), pytest.raises(errors.TooManyRequests) as refusal, fair.turn("noisy"):
            pass
        assert refusal.value.extra["quota"] == "share"


def test_a_quiet_tenant_comes_in_though_all_is_full(fake_clock: FakeClock) -> None:
    fair = Fair(fake_clock, room=10)
    with ExitStack() as stack:
        fill(fair, stack, "noisy", 10)
        assert fill(fair, stack, "quiet", 20) == 5
        assert fill(fair, stack, "noisy", 1) == 0
        assert fill(fair, stack, "third", 20) == 3


def test_who_asked_lately_finds_its_share_free(fake_clock: FakeClock) -> None:
    """Between two requests of the quiet one the noisy one does not take all of it again."""
    fair = Fair(fake_clock, room=10)
    with fair.turn("quiet"):
        pass
    with ExitStack() as stack:
        assert fill(fair, stack, "noisy", 50) == 10
        with fair.turn("quiet"):
            pass
    fake_clock.advance(timedelta(seconds=SEEN_SECONDS + 1))
    assert fair.share == 10


def test_what_ended_is_not_counted(fake_clock: FakeClock) -> None:
    fair = Fair(fake_clock, room=2)
    for _ in range(100):
        with pytest.raises(ValueError, match="x"), fair.turn("noisy"):
            raise ValueError("x")
    with ExitStack() as stack:
        assert fill(fair, stack, "noisy", 2) == 2
