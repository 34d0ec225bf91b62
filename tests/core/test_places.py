"""Slots and seats: which tasks share a limit, and that no order of reading and taking exceeds it."""

import random
from typing import Any

import hypothesis
import msgspec
import pytest
from hypothesis import strategies as st

from core import places
from core.definition import Concurrency, Definition
from tests.support.making import ANN, NOW


def definition(*key: str, limit: int = 2) -> Definition:
    return Definition(
        tenant="demo", name="scan", queue="intake:reports", lane="lane-1", version=1, created_at=NOW, created_by=ANN,
        updated_at=NOW, updated_by=ANN, concurrency=Concurrency(limit=limit, key=key),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("key", "params", "value"),
    [
        (("airport",), {"airport": "KBOS"}, "KBOS"),
        (("airport",), {"airport": 1}, 1),
        (("airport",), {"airport": "1"}, "1"),
        (("airport",), {}, None),
        (("airport", "code"), {"airport": "KBOS"}, None),
        (("legs", "1", "to"), {"legs": [{"to": "KBOS"}, {"to": "KJFK"}]}, "KJFK"),
        (("legs", "2", "to"), {"legs": []}, None),
        (("a.b",), {"a.b": {"y": 1, "x": [True]}}, {"x": [True], "y": 1}),
        ((), {"airport": "KBOS"}, None),
        (("airport",), None, None),
    ],
)
def test_tasks_share_a_slot_by_their_value_at_the_path(key: tuple[str, ...], params: Any, value: Any) -> None:
    slot = places.slot(definition(*key), params)
    assert slot is not None
    assert (places.lane_of(slot), places.value_of(slot)) == ("lane-1", value)


def test_a_long_value_is_shown_by_its_digest() -> None:
    slots = {places.slot(definition("a"), {"a": "x" * 1000 + end}) or "" for end in ("1", "2", "2")}
    assert len(slots) == 2
    assert all(len(slot) < 60 and places.value_of(slot).startswith("#") for slot in slots)


def test_a_definition_without_a_limit_has_no_slots() -> None:
    unlimited = msgspec.structs.replace(definition("airport"), concurrency=None)
    assert places.slot(unlimited, {"airport": "KBOS"}) is None


@pytest.mark.parametrize(
    ("limit", "taken", "free"),
    [
        (2, [], [0, 1]),
        (2, [1], [0]),
        (2, [0, 1], []),
        (2, [5], [0]),
        (2, [1, 5], []),
        (3, [2, 5], [0]),
        (2, [4, 5, 6], []),
    ],
)
def test_seats_beyond_a_lowered_limit_count(limit: int, taken: list[int], free: list[int]) -> None:
    assert places.free(limit, taken) == free


@hypothesis.given(
    limit=st.integers(1, 6),
    before=st.sets(st.integers(0, 9), max_size=9),
    seed=st.integers(0, 2**32),
)
def test_no_order_of_reading_taking_and_leaving_exceeds_the_limit(limit: int, before: set[int], seed: int) -> None:
    dice = random.Random(seed)
    held = set(before)
    read: list[set[int]] = []
    for _ in range(80):
        match dice.randrange(3):
            case 0:
                read.append(set(held))
            case 1 if read:
                free = places.free(limit, read.pop(dice.randrange(len(read))))
                if free and (seat := dice.choice(free)) not in held:
                    held.add(seat)
                    assert len(held) <= max(limit, len(before & held))
            case _:
                held -= {dice.choice(sorted(held))} if held else set()


def test_a_seat_for_what_was_there_before_the_limit_may_lie_beyond_it() -> None:
    assert [places.beyond(taken) for taken in ([], [1], [0, 1, 2])] == [0, 0, 3]
