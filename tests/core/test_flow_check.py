"""What is refused when a template is stored, and the place each fault names."""

import itertools
from typing import Any

import pytest

from core import errors, flow_check, flow_parse
from core.flow import Driver
from core.flow_template import Compensation, Execution, OnFailure, Template
from core.priority import Priority

Json = dict[str, Any]
KNOWN = flow_check.Names(definitions=frozenset({"work", "undo"}), templates=frozenset({"sub"}))


def store(body: Any) -> Template:
    template = flow_parse.parse("t", body)
    flow_check.check(template, KNOWN)
    return template


def faults(body: Any) -> dict[str, str]:
    with pytest.raises(errors.Invalid) as caught:
        store(body)
    return {fault.field: fault.message for fault in caught.value.faults}


def dag(steps: Any, **more: Any) -> Json:
    return {"driver": "dag", "queue": "a:b", "steps": steps, **more}


def groups(*parts: Any, **more: Any) -> Json:
    return {"driver": "groups", "queue": "a:b", "groups": list(parts), **more}


def test_a_whole_template_is_read() -> None:
    template = store(
        dag(
            {
                "a": {"definition": "work", "compensate": "undo"},
                "b": {
                    "template": "sub",
                    "dependsOn": ["a"],
                    "forEach": {"$from": "steps.a.result.list"},
                    "chunk": 3,
                    "when": {"gt": [{"$from": "steps.a.count"}, 0]},
                    "params": {"x": {"$from": "item"}, "y": {"$from": "index"}, "z": {"$from": "input.z"}},
                    "onFailure": "compensate",
                    "compensate": {"definition": "undo", "params": [{"$from": "result"}, {"$from": "steps.b.count"}]},
                },
            },
            result={"$from": "steps.b.results"},
            priority="high",
            paramsSchema={"properties": {"z": {}}, "additionalProperties": False},
            overallTimeoutSeconds=60,
        )
    )
    assert (template.name, template.driver, template.priority) == ("t", Driver.DAG, Priority.HIGH)
    assert template.steps["a"].compensate == Compensation(definition="undo")
    assert template.steps["b"].on_failure is OnFailure.COMPENSATE
    assert flow_check.mentions(template) == KNOWN


def test_upstreams_list_template_is_read() -> None:
    body = groups({"execution": "sequential", "tasks": ["work", "undo"]}, {"execution": "parallel", "tasks": ["work"]})
    template = store({**body, "name": "other", "context": {"cacheNamespace": "login"}})
    assert [group.execution for group in template.groups] == [Execution.SEQUENTIAL, Execution.PARALLEL]
    assert template.name == "t"
    assert flow_check.mentions(template).definitions == {"work", "undo"}


_SHAPELESS: list[tuple[Any, list[str]]] = [
    ([], [""]),
    ({}, ["driver", "queue"]),
    ({"driver": "magic", "queue": 3, "colour": 1}, ["driver", "queue", "colour"]),
    (groups(3), ["groups.0"]),
    (groups({"execution": "sometimes", "tasks": ["work"]}), ["groups.0.execution"]),
    (groups({"execution": "parallel", "tasks": ["work", 7], "x": 1}), ["groups.0.tasks.1", "groups.0.x"]),
    (groups({"tasks": "work"}), ["groups.0.execution", "groups.0.tasks"]),
    (groups() | {"groups": {}}, ["groups"]),
    (dag([]), ["steps"]),
    (dag({"a": 1}), ["steps.a"]),
    (dag({"a": {"definition": "work", "dependson": []}}), ["steps.a.dependson"]),
    (dag({"a": {"definition": "work", "onFailure": "shrug"}}), ["steps.a.onFailure"]),
    (dag({"a": {"definition": "work", "runIf": 1, "chunk": "x"}}), ["steps.a.runIf", "steps.a.chunk"]),
    (dag({"a": {"definition": "work", "compensate": {"params": 1}}}), ["steps.a.compensate"]),
    (dag({}, priority="whatever"), ["priority"]),
    ({"driver": "decisions", "queue": "a:b", "decision": {"leaseSeconds": "x"}}, ["decision.leaseSeconds"]),
]


@pytest.mark.parametrize(("body", "fields"), _SHAPELESS)
def test_a_malformed_template_names_every_place(body: Any, fields: list[str]) -> None:
    assert sorted(faults(body)) == sorted(fields)


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        (groups(), "groups", "at least one group"),
        (groups({"execution": "parallel", "tasks": []}), "groups.0.tasks", "at least one task"),
        (groups({"execution": "parallel", "tasks": ["work", "no"]}), "groups.0.tasks.1", "no definition 'no'"),
        (groups({"execution": "parallel", "tasks": ["work"]}, maxAttempts=0), "maxAttempts", "at least 1"),
        (groups({"execution": "parallel", "tasks": ["work"]}, result=1), "result", "no meaning with driver 'groups'"),
        (dag({}), "steps", "1 to 1000"),
        (dag({"a b": {"definition": "work"}}), "steps.a b", "name is 1 to 64"),
        (dag({"~a": {"definition": "work"}}), "steps.~a", "name is 1 to 64"),
        (dag({"a": {}}), "steps.a", "either a definition or a template"),
        (dag({"a": {"definition": "work", "template": "sub"}}), "steps.a", "either a definition or a template"),
        (dag({"a": {"definition": "no"}}), "steps.a.definition", "no definition 'no'"),
        (dag({"a": {"template": "no"}}), "steps.a.template", "no flow template 'no'"),
        (dag({"a": {"definition": "work", "compensate": "no"}}), "steps.a.compensate.definition", "no definition"),
        (dag({"a": {"definition": "work", "dependsOn": ["b"]}}), "steps.a.dependsOn.0", "no step 'b'"),
        (dag({"a": {"definition": "work", "chunk": 3}}), "steps.a.chunk", "goes with 'forEach'"),
        (dag({"a": {"definition": "work", "forEach": [], "chunk": 0}}), "steps.a.chunk", "from 1 on"),
        (dag({"a": {"definition": "work", "forEach": {"x": 1}}}), "steps.a.forEach", "must be a list"),
        (dag({"a": {"definition": "work", "when": {"like": [1, 2]}}}), "steps.a.when.like", "unknown operator"),
        (dag({"a": {"definition": "work", "params": {"$from": 3}}}), "steps.a.params", "a path is"),
        (dag({"a": {"definition": "work"}}, overallTimeoutSeconds=0), "overallTimeoutSeconds", "more than 0"),
        (dag({"a": {"definition": "work"}}, execution="parallel"), "execution", "no meaning with driver 'dag'"),
        (dag({"a": {"definition": "work"}}, paramsSchema={"type": "no"}), "paramsSchema", ""),
        ({"driver": "decisions", "queue": "a:b", "steps": {"a": {}}}, "steps", "no meaning with driver 'decisions'"),
    ],
)
def test_what_cannot_be_carried_out_is_refused(body: Any, field: str, message: str) -> None:
    found = faults(body)
    assert list(found) == [field]
    assert message in found[field]


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_circle_is_shown(size: int) -> None:
    steps = {f"s{n}": {"definition": "work", "dependsOn": [f"s{(n + 1) % size}"]} for n in range(size)}
    ((field, message),) = faults(dag(steps)).items()
    way = message.removeprefix("the steps depend on each other in a circle: ").split(" -> ")
    assert field == f"steps.{way[0]}.dependsOn"
    assert way[0] == way[-1]
    assert set(way) == set(steps)
    assert all(steps[one]["dependsOn"] == [other] for one, other in itertools.pairwise(way))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("steps.nope.result", "names no step"),
        ("steps", "names no step"),
        ("steps.b.result", "does not come after"),
        ("steps.c.result", "does not come after"),
        ("steps.a.output", "must go on with one of steps.a.count"),
        ("steps.a", "must go on with one of steps.a.count"),
        ("inputs.x", "must begin with"),
        ("item", "a step with 'forEach'"),
        ("index", "a step with 'forEach'"),
        ("result", "a compensation"),
        ("flow", "must be one of flow.id"),
        ("flow.secret", "must be one of flow.id"),
        ("input.x", "is not in paramsSchema"),
        ("input.o.z", "is not in paramsSchema"),
    ],
)
def test_a_path_that_points_nowhere_is_refused_where_it_is_written(path: str, message: str) -> None:
    schema: Json = {
        "properties": {"o": {"properties": {"y": {}}, "additionalProperties": False}, "rows": {"type": "array"}},
        "additionalProperties": False,
    }
    steps = {
        "a": {"definition": "work"},
        "b": {"definition": "work", "dependsOn": ["a"], "params": {"items": [1, {"$from": path}]}},
        "c": {"definition": "work", "dependsOn": ["b"]},
    }
    found = faults(dag(steps, paramsSchema=schema))
    assert list(found) == ["steps.b.params.items.1"]
    assert message in found["steps.b.params.items.1"]


def test_every_place_that_may_refer_is_looked_at() -> None:
    nowhere = {"$from": "steps.nope.result"}
    step = {
        "definition": "work",
        "when": {"not": nowhere},
        "forEach": nowhere,
        "params": nowhere,
        "compensate": {"definition": "undo", "params": nowhere},
    }
    assert list(faults(dag({"a": step}, result=[nowhere]))) == [
        "steps.a.when.not",
        "steps.a.forEach",
        "steps.a.params",
        "steps.a.compensate.params",
        "result.0",
    ]


@pytest.mark.parametrize(
    "path", ["input.o.y.deep", "input.rows.0.z", "input", "flow.id", "flow.label", "steps.a.error"]
)
def test_a_path_that_may_lead_somewhere_is_let_in(path: str) -> None:
    schema: Json = {
        "properties": {"o": {"properties": {"y": {}}}, "rows": {"type": "array"}},
        "additionalProperties": False,
    }
    steps = {"a": {"definition": "work"}, "b": {"definition": "work", "dependsOn": ["a"], "params": {"$from": path}}}
    store(dag(steps, paramsSchema=schema))


def test_a_when_is_about_the_step_and_not_about_an_item() -> None:
    step = {"definition": "work", "forEach": [1], "when": {"$from": "item"}}
    assert list(faults(dag({"a": step}))) == ["steps.a.when"]


def test_a_template_may_start_itself() -> None:
    store(dag({"a": {"template": "t", "when": {"$from": "input.more"}}}))
