"""The adversary's plan is a function of its seed, and leaves nobody out."""

from tests.chaos.plan import Fault, Faults, Kind

PROCESSES = ("api-1", "engine-1", "mongod", "rabbitmq", "issuer")
LINKS = ("api-1>mongod", "engine-1>rabbitmq")


def planned(seed: int, count: int) -> list[Fault]:
    plan = Faults(
        seed, processes=PROCESSES, links=LINKS, longest=4.0, rest=2.0,
        wiped=("rabbitmq",), filled=("rabbitmq", "mongod"), turned=("api-1", "engine-1"), keyed=("issuer",),
    )  # fmt: skip
    return [plan.next() for _ in range(count)]


def test_the_same_seed_makes_the_same_plan() -> None:
    assert planned(1, 50) == planned(1, 50)
    assert planned(1, 50) != planned(2, 50)


def test_everybody_is_struck_before_anybody_is_struck_again() -> None:
    for start in (0, 7, 14):
        assert {fault.target for fault in planned(3, 21)[start : start + 7]} == {*PROCESSES, *LINKS}


def test_links_are_not_killed_and_only_rabbitmq_is_wiped() -> None:
    plan = planned(4, 600)
    assert {fault.kind for fault in plan} == set(Kind) - {Kind.SWAP}
    assert {fault.target for fault in plan if fault.kind is Kind.WIPE} == {"rabbitmq"}
    assert {fault.target for fault in plan if fault.kind is Kind.FULL} == {"rabbitmq", "mongod"}
    assert {fault.target for fault in plan if fault.kind is Kind.ROTATE} == {"issuer"}
    assert {fault.target for fault in plan if fault.kind is Kind.MUTE} <= set(LINKS)
    turned = [fault for fault in plan if fault.kind is Kind.CLOCK]
    assert {fault.target for fault in turned} == {"api-1", "engine-1"}
    assert {fault.shift > 0 for fault in turned} == {True, False}
    assert all(fault.shift == 0 for fault in plan if fault.kind is not Kind.CLOCK)
    assert all(0 < fault.seconds <= 4.0 and 0 < fault.rest <= 2.0 for fault in plan)
