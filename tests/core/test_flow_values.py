"""The little language of templates: values by path and conditions."""

import functools
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import flow_values
from core.flow_values import MISSING, Path

DATA: dict[str, Any] = {
    "input": {"n": 5, "name": "gull", "none": None, "a.b": 1, "list": [{"x": 1}, {"x": 2}], "yes": True, "one": 1}
}


def look(path: Path) -> Any:
    return flow_values.dig(DATA, path)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("input.n", 5),
        ("input.list.1.x", 2),
        (["input", "a.b"], 1),
        (["input", "list", 0, "x"], 1),
        ("input.list.2", None),
        ("input.list.-1", None),
        ("input.list.x", None),
        ("input.n.x", None),
        ("input.none", None),
        ("nowhere", None),
    ],
)
def test_a_path_leads_to_a_value_or_to_null(written: Any, value: Any) -> None:
    assert flow_values.resolve({"$from": written}, look) == value


def test_a_default_is_for_what_is_missing_not_for_null() -> None:
    assert flow_values.resolve({"$from": "input.no", "default": 7}, look) == 7
    assert flow_values.resolve({"$from": "input.none", "default": 7}, look) is None


def test_values_are_replaced_at_any_depth_and_nothing_else_is() -> None:
    written = {"a": [1, {"b": {"$from": "input.name"}}], "c": {"$literal": {"$from": "input.n"}}, "d": None, "e": 1.5}
    assert flow_values.resolve(written, look) == {
        "a": [1, {"b": "gull"}],
        "c": {"$from": "input.n"},
        "d": None,
        "e": 1.5,
    }


@given(st.recursive(st.none() | st.integers() | st.text() | st.just({"$from": "input.secret"}), st.lists, max_leaves=9))
def test_data_is_not_looked_into(data: Any) -> None:
    def smuggle(path: Path) -> Any:
        assert path == ("input", "x"), "data was taken for a path"
        return data

    assert flow_values.resolve({"got": {"$from": "input.x"}}, smuggle) == {"got": data}


N = {"$from": "input.n"}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (True, True),
        (False, False),
        (N, True),
        ({"$from": "input.none"}, False),
        ({"$from": "input.no", "default": [0]}, True),
        ({"eq": [N, 5]}, True),
        ({"eq": [N, 5.0]}, True),
        ({"eq": [{"$from": "input.yes"}, {"$from": "input.one"}]}, False),
        ({"ne": [N, 5]}, False),
        ({"eq": [{"$from": "input.no"}, None]}, True),
        ({"gt": [N, 4]}, True),
        ({"ge": [N, 5]}, True),
        ({"lt": [N, 5]}, False),
        ({"le": [N, 5]}, True),
        ({"lt": [{"$from": "input.name"}, "owl"]}, True),
        ({"gt": [{"$from": "input.name"}, 3]}, False),
        ({"lt": [{"$from": "input.none"}, 3]}, False),
        ({"ge": [{"$from": "input.yes"}, 1]}, False),
        ({"in": [{"$from": "input.name"}, ["owl", "gull"]]}, True),
        ({"in": [1, {"$from": "input.n"}]}, False),
        ({"in": [True, [1]]}, False),
        ({"not": N}, False),
        ({"and": [N, {"gt": [N, 9]}]}, False),
        ({"and": []}, True),
        ({"or": [{"gt": [N, 9]}, {"not": {"gt": [N, 9]}}]}, True),
        ({"or": []}, False),
    ],
)
def test_conditions(condition: Any, holds: bool) -> None:  # noqa: FBT001
    assert list(flow_values.faults_of_condition(condition, "when")) == []
    assert flow_values.holds(condition, look) is holds


DEEP = functools.reduce(lambda inner, _: {"not": inner}, range(100), cast("Any", True))


@pytest.mark.parametrize(
    ("condition", "field"),
    [
        (None, "when"),
        ("yes", "when"),
        ({}, "when"),
        ({"eq": [1, 1], "ne": [1, 1]}, "when"),
        ({"like": ["a", "b"]}, "when.like"),
        ({"eq": 3}, "when.eq"),
        ({"eq": [1]}, "when.eq"),
        ({"and": {"not": True}}, "when.and"),
        ({"or": [True, {"not": 3}]}, "when.or.1.not"),
        ({"gt": [{"$from": ""}, 1]}, "when.gt.0"),
        ({"$from": "a..b"}, "when"),
        ({"$from": "a", "else": 1}, "when"),
        (DEEP, "when" + ".not" * 65),
    ],
)
def test_a_malformed_condition_names_its_place(condition: Any, field: str) -> None:
    assert [fault.field for fault in flow_values.faults_of_condition(condition, "when")] == [field]


MALFORMED: list[tuple[Any, str]] = [
    ({"a": {"$from": 3}}, "p.a"),
    ({"a": [0, {"$from": []}]}, "p.a.1"),
    ({"$from": ["a", None]}, "p"),
    ({"$literal": 1, "b": 2}, "p"),
]


@pytest.mark.parametrize(("value", "field"), MALFORMED)
def test_a_malformed_value_names_its_place(value: Any, field: str) -> None:
    assert [fault.field for fault in flow_values.faults_of_value(value, "p")] == [field]


def test_every_reference_is_found_with_its_place() -> None:
    value = {"a": {"$from": "x.y"}, "b": [{"eq": [{"$from": ["z"]}, 1]}], "c": {"$literal": {"$from": "w"}}}
    assert list(flow_values.references(value, "p")) == [(("x", "y"), "p.a"), (("z",), "p.b.0.eq.0")]


def test_digging_tells_missing_from_null() -> None:
    assert flow_values.dig({"a": None}, ("a",)) is None
    assert flow_values.dig({"a": None}, ("b",)) is MISSING
