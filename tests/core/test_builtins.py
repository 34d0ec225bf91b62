"""Built-ins as rules: when a wait is over, what a clean-up removes, which record ends a subscription."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core import builtins, errors, selecting
from core.definition import Definition
from tests.support.making import NOW

WAIT, SUBSCRIBE, CLEAN_UP = (
    builtins.definition("demo", name, lane="lane-1", at=NOW, version=1) for name in builtins.NAMES
)


@pytest.mark.parametrize(
    ("params", "until"),
    [
        ({"duration": {"hours": 1, "minutes": 2, "seconds": 3}}, NOW + timedelta(hours=1, minutes=2, seconds=3)),
        ({"duration": {"seconds": 0}}, NOW),
        ({"until": "2031"}, datetime(2031, 1, 1, tzinfo=UTC)),
        ({"until": "2031-06"}, datetime(2031, 6, 1, tzinfo=UTC)),
        ({"until": "2031-06-09"}, datetime(2031, 6, 9, tzinfo=UTC)),
        ({"until": "2031-06-09T10:00:00+02:00"}, datetime(2031, 6, 9, 8, tzinfo=UTC)),
        ({"until": "2031-06-09T10:00:00.5Z"}, datetime(2031, 6, 9, 10, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_a_wait_is_over_after_a_time_or_at_a_date(params: Any, until: datetime) -> None:
    builtins.check(WAIT, params)
    assert builtins.until(params, NOW) == until


REFUSED: list[tuple[Definition, Any, str]] = [
    (WAIT, {}, "params"),
    (WAIT, {"duration": {"hours": 1}, "until": "2031"}, "params"),
    (WAIT, {"duration": {}}, "params.duration"),
    (WAIT, {"duration": {"days": 1}}, "params.duration"),
    (WAIT, {"duration": {"hours": 1.5}}, "params.duration.hours"),
    (WAIT, {"duration": {"hours": -1}}, "params.duration.hours"),
    (WAIT, {"until": "tomorrow"}, "params.until"),
    (WAIT, {"until": "2031-02-30"}, "params.until"),
    (WAIT, {"until": "2031-13"}, "params.until"),
    (SUBSCRIBE, {}, "params"),
    (SUBSCRIBE, {"select-by": []}, "params.select-by"),
    (
        SUBSCRIBE,
        {"select-by": [{"get-in": ["a"], "comparator": "ne", "value": 1}]},
        "params.select-by.0.comparator",
    ),
    (SUBSCRIBE, {"select-by": [{"get-in": [], "comparator": "eq", "value": 1}]}, "params.select-by.0.get-in"),
    (CLEAN_UP, {"rules": [{}]}, "params.rules.0"),
    (
        CLEAN_UP,
        {"rules": [{"retentionPolicy": {"unit": "days", "value": 1}}]},
        "params.rules.0.retentionPolicy.unit",
    ),
    (
        CLEAN_UP,
        {
            "rules": [
                {
                    "retentionPolicy": {"unit": "day", "value": 1},
                    "includeDefinitions": ["a"],
                    "excludeDefinitions": ["b"],
                }
            ]
        },
        "params.rules.0",
    ),
]


@pytest.mark.parametrize(("of", "params", "field"), REFUSED)
def test_params_that_cannot_be_are_refused_with_their_place(of: Any, params: Any, field: str) -> None:
    with pytest.raises(errors.PayloadMismatch) as refused:
        builtins.check(of, params)
    assert field in {fault.field for fault in refused.value.faults}


@pytest.mark.parametrize(
    ("unit", "value", "before"),
    [
        ("minute", 5, datetime(2031, 5, 31, 11, 55, tzinfo=UTC)),
        ("week", 2, datetime(2031, 5, 17, 12, tzinfo=UTC)),
        ("month", 3, datetime(2031, 2, 28, 12, tzinfo=UTC)),
        ("month", 17, datetime(2029, 12, 31, 12, tzinfo=UTC)),
        ("year", 1, datetime(2030, 5, 31, 12, tzinfo=UTC)),
        ("year", 100_000, datetime(1, 1, 31, 12, tzinfo=UTC)),
    ],
)
def test_a_clean_up_goes_back_by_the_calendar(unit: str, value: int, before: datetime) -> None:
    params = {"rules": [{"retentionPolicy": {"unit": unit, "value": value}, "excludeDefinitions": ["a/b"]}]}
    builtins.check(CLEAN_UP, params)
    (rule,) = builtins.rules(params, datetime(2031, 5, 31, 12, tzinfo=UTC))
    assert (rule.before, rule.include, rule.exclude) == (before, None, ("a/b",))


RECORD = {"resourceType": "Patient", "name": [{"family": "Ruiz"}], "age": 41, "on": "2031-05-01", "active": True}


@pytest.mark.parametrize(
    ("path", "comparator", "value", "holds"),
    [
        (["resourceType"], "eq", "Patient", True),
        (["resourceType"], "eq", "Claim", False),
        (["name", 0, "family"], "eq", "Ruiz", True),
        (["name", "0", "family"], "eq", "Ruiz", True),
        (["name", 1, "family"], "eq", None, True),
        (["age"], "gt", 40, True),
        (["age"], "gt", 41, False),
        (["age"], "ge", 41, True),
        (["age"], "lt", 41.5, True),
        (["age"], "le", 40, False),
        (["age"], "gt", "40", False),
        (["on"], "gt", "2031-04-30", True),
        (["active"], "eq", True, True),
        (["active"], "eq", 1, False),
        (["active"], "ge", 0, False),
        (["nothing"], "lt", 5, False),
        (["age", "deeper"], "eq", None, True),
    ],
)
def test_a_record_is_selected_by_a_comparison(path: list[Any], comparator: str, value: Any, holds: bool) -> None:  # noqa: FBT001
    one = {"get-in": path, "comparator": comparator, "value": value}
    assert selecting.matches([one], RECORD) is holds


def test_all_comparisons_must_hold() -> None:
    kind = {"get-in": ["resourceType"], "comparator": "eq", "value": "Patient"}
    old = {"get-in": ["age"], "comparator": "gt", "value": 90}
    assert selecting.matches([kind], RECORD)
    assert not selecting.matches([kind, old], RECORD)
