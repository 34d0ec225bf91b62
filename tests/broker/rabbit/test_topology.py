"""Names and arguments: what depends on the server's version, and that events keep their parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.rabbit import topology


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3.10.8", (3, 10)), ("3.9.13", (3, 9)), ("4.3.0-rc.1", (4, 3)), ("4.10.1", (4, 10)), ("unknown", (0, 0))],
)
def test_a_version_is_its_first_two_numbers(text: str, expected: tuple[int, int]) -> None:
    assert topology.version(text) == expected


def test_lanes_are_classic_queues_of_the_fast_version_before_4_3() -> None:
    assert topology.lane_arguments(topology.Version(3, 10)) == {
        "x-queue-type": "classic",
        "x-max-priority": 4,
        "x-queue-version": 2,
    }


def test_an_old_server_is_not_asked_for_a_queue_version() -> None:
    assert "x-queue-version" not in topology.lane_arguments(topology.Version(3, 9))


def test_lanes_are_replicated_queues_with_a_delivery_limit_from_4_3_on() -> None:
    arguments = topology.lane_arguments(topology.Version(4, 3))
    assert arguments["x-queue-type"] == "quorum"
    assert arguments["x-max-priority"] == 4
    assert arguments["x-delivery-limit"] == 100
    assert "x-queue-version" not in arguments


def test_no_lane_is_lazy() -> None:
    for version in (topology.Version(3, 9), topology.Version(3, 10), topology.Version(4, 3)):
        assert "x-queue-mode" not in topology.lane_arguments(version)


words = st.text(min_size=1, max_size=20)


@given(tenant=words, queue=words, kind=st.from_regex(r"[a-z]+(\.[a-z]+)*", fullmatch=True))
def test_an_event_key_gives_its_parts_back_whatever_the_names(tenant: str, queue: str, kind: str) -> None:
    assert topology.event_parts(topology.event_key(tenant, queue, kind)) == (tenant, queue, kind)


@given(tenant=words, queue=words)
def test_no_name_is_a_wildcard(tenant: str, queue: str) -> None:
    words = topology.event_key(tenant, queue, "task.completed").split(".")
    assert len(words) == 5
    assert not {"*", "#"} & set("".join(words))


def test_a_lane_that_a_policy_mirrors_is_of_the_first_version() -> None:
    assert "x-queue-version" not in topology.lane_arguments(topology.Version(3, 10), mirrored=True)
    assert topology.lane_arguments(topology.Version(4, 3), mirrored=True)["x-queue-type"] == "quorum"
