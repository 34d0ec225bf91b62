"""When a delivery is tried again, when it is given up, and when a receiver gets a rest."""

import itertools
import random
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from core import delivery
from core.delivery import Attempt, Delivery, Health, Status
from tests.support.making import NOW

FIRST = timedelta(seconds=5)


def made(number: int = 1, group: str = "t") -> Delivery:
    return Delivery(
        tenant="demo", id=f"msg_{number}", webhook="w", type="created", n=number, group=group, body="{}", open=True,
        created_at=NOW, next_at=NOW,
    )  # fmt: skip


def failed(at: timedelta) -> Attempt:
    return Attempt(at=NOW + at, ms=3, status=500)


@given(seed=st.integers(0, 1000))
def test_delays_grow_to_hours_and_end_after_a_day(seed: int) -> None:
    dice, now, at = random.Random(seed), made(), timedelta()
    delays: list[timedelta] = []
    while now.open:
        now = delivery.tried(now, failed(at), first_delay=FIRST, dice=dice)
        if now.next_at is not None:
            delays.append(now.next_at - NOW - at)
            at = now.next_at - NOW
    assert (now.status, at, now.next_at) == (Status.FAILED, delivery.GIVE_UP, None)
    assert FIRST <= delays[0] <= FIRST * 1.2
    assert all(later >= earlier * 2 for earlier, later in itertools.pairwise(delays[:7]))
    assert max(delays) <= delivery.LONGEST_DELAY * 1.2 + timedelta(milliseconds=1)
    assert 10 <= now.tries <= 20
    assert len(now.attempts) == 10


def test_what_was_taken_is_over() -> None:
    dice = random.Random(1)
    once = delivery.tried(made(), failed(timedelta()), first_delay=FIRST, dice=dice)
    done = delivery.tried(once, Attempt(at=NOW + timedelta(seconds=6), ms=1, status=202), first_delay=FIRST, dice=dice)
    assert (done.status, done.open, done.next_at, done.tries) == (Status.DELIVERED, None, None, 2)
    assert [each.status for each in done.attempts] == [500, 202]


def test_a_receiver_says_when_it_wants_to_be_called_again() -> None:
    later = NOW + timedelta(hours=2)
    after = delivery.tried(made(), failed(timedelta()), first_delay=FIRST, dice=random.Random(1), not_before=later)
    assert after.next_at == later
    beyond = NOW + timedelta(days=3)
    after = delivery.tried(made(), failed(timedelta()), first_delay=FIRST, dice=random.Random(1), not_before=beyond)
    assert after.next_at == NOW + delivery.GIVE_UP


def test_only_a_2xx_is_taken() -> None:
    for status in (200, 204, 299):
        assert Attempt(at=NOW, ms=1, status=status).taken
    for status in (None, 100, 301, 404, 410, 500):
        assert not Attempt(at=NOW, ms=1, status=status).taken
    assert Attempt(at=NOW, ms=1, status=410).gone


def test_a_receiver_that_fails_is_given_growing_rests() -> None:
    health, at = Health(), NOW
    for _ in range(4):
        health.failed(at)
        assert (health.down, health.waits(at)) == (False, 0.0)
    rests: list[float] = []
    for _ in range(12):
        health.failed(at)
        rests.append(health.waits(at))
        at += timedelta(seconds=rests[-1])
    assert health.down
    assert rests[:3] == [1.0, 2.0, 4.0]
    assert rests[-1] == 60.0
    assert health.succeeded()
    assert (health.down, health.waits(at)) == (False, 0.0)
    assert not health.succeeded()


def test_groups_keep_the_order_of_their_events() -> None:
    mixed = [made(3, "b"), made(2, "a"), made(1, "b"), made(4, "a")]
    assert [[each.n for each in group] for group in delivery.groups(mixed)] == [[1, 3], [2, 4]]


def test_a_message_id_is_the_same_again_and_another_for_another_event() -> None:
    first = delivery.delivery_id("demo", "w", "t", "1")
    assert first == delivery.delivery_id("demo", "w", "t", "1")
    others = {
        delivery.delivery_id(*parts)
        for parts in (("acme", "w", "t", "1"), ("demo", "v", "t", "1"), ("demo", "w", "t", "2"))
    }
    assert len(others | {first}) == 4
    assert "." not in first


def test_an_excerpt_is_text_that_can_be_kept() -> None:
    assert delivery.excerpt(b"") is None
    assert delivery.excerpt(b"a\0b\xff") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"
    assert len(delivery.excerpt(b"x" * 10_000) or "") == 500
