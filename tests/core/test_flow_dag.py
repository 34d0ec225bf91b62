"""DAGs by example: values, conditions, fan-out and fan-in, what a failure means, compensation."""

import time
from collections import Counter
from typing import Any

import msgspec
import pytest

from core import flow_check, flow_life, flow_parse, flows
from core.flow import MAX_DEPTH, Child, ChildKind, Flow, StepStatus, child_id
from core.flow_template import Template
from core.task import Outcome, Reason
from tests.support.flow_world import ANN, NOW, Behaviour, World, document, end_of

Json = dict[str, Any]
NAMES = flow_check.Names(
    definitions=frozenset({"work", "count", "sum", "undo", "approve"}), templates=frozenset({"sub"})
)


def dag(steps: Json, **more: Any) -> Template:
    template = flow_parse.parse("t", {"driver": "dag", "queue": "a:b", "steps": steps, **more})
    flow_check.check(template, NAMES)
    return template


def failing(*names: str, error: Any = "no") -> Behaviour:
    """The named steps (or `step[index]`) fail, the others succeed with their params."""

    def behave(child: Child) -> tuple[Outcome, Any]:
        bad = child.step in names or f"{child.step}[{child.index}]" in names
        return (Outcome.FAILED, error) if bad else (Outcome.SUCCEEDED, child.params)

    return behave


def states(flow: Flow) -> dict[str, str]:
    return {name: state.status.value for name, state in flow.steps.items()}


def test_steps_follow_their_dependencies_and_take_values_from_them() -> None:
    steps = {
        "a": {"definition": "work", "params": {"x": {"$from": "input.n"}}},
        "b": {"definition": "work", "dependsOn": ["a"], "params": {"y": {"$from": "steps.a.result.x"}}},
        "c": {
            "definition": "work",
            "dependsOn": ["a", "b"],
            "params": [{"$from": "steps.b.result"}, {"$from": "steps.a.results"}, {"$from": "flow.label"}],
        },
    }
    world = World(dag(steps, result={"last": {"$from": "steps.c.result.0.y"}}), params={"n": 7})
    flow = world.run()
    assert world.params("c") == [[{"y": 7}, [{"x": 7}], "one"]]
    assert (flow.outcome, flow.result) == (Outcome.SUCCEEDED, {"last": 7})
    assert [child.label for name in "abc" for child in world.children(name).values()] == ["a", "b", "c"]


def test_a_step_without_params_gets_the_input_and_in_a_fan_out_the_item() -> None:
    steps = {"a": {"definition": "work"}, "b": {"definition": "work", "forEach": {"$from": "input.list"}}}
    world = World(dag(steps), params={"list": [1, None]})
    world.run()
    assert world.params("a") == [{"list": [1, None]}]
    assert world.params("b") == [1, None]


def test_independent_steps_begin_together() -> None:
    world = World(dag({"a": {"definition": "work"}, "b": {"definition": "work"}}))
    plan = world.engine()
    assert [child.step for child in plan.create] == ["a", "b"]


def test_a_map_reduce_counts_what_a_plain_count_counts() -> None:
    words = [["duck", "gull"], ["gull"], [], ["owl", "duck", "gull"]] * 25
    steps = {
        "map": {"definition": "count", "forEach": {"$from": "input.rows"}, "chunk": 10},
        "reduce": {"definition": "sum", "dependsOn": ["map"], "params": {"parts": {"$from": "steps.map.results"}}},
    }

    def behave(child: Child) -> tuple[Outcome, Any]:
        if child.definition == "count":
            return Outcome.SUCCEEDED, dict(Counter(word for row in child.params for word in row))
        total: Counter[str] = Counter()
        for part in child.params["parts"]:
            total.update(part)
        return Outcome.SUCCEEDED, dict(total)

    template = dag(steps, result={"$from": "steps.reduce.result"})
    world = World(template, params={"rows": words}, behaviour=behave)
    flow = world.run()
    assert flow.result == dict(Counter(word for row in words for word in row))
    assert len(world.children("map")) == 10
    assert [child.label for child in world.children("map").values()][:2] == ["map[0]", "map[1]"]


def test_an_empty_fan_out_succeeds_at_once() -> None:
    steps: Json = {
        "a": {"definition": "work", "forEach": []},
        "b": {"definition": "work", "dependsOn": ["a"], "params": {"$from": "steps.a.results"}},
    }
    world = World(dag(steps))
    assert world.run().outcome is Outcome.SUCCEEDED
    assert world.params("b") == [[]]
    assert world.flow.steps["a"].started_at == world.flow.steps["a"].ended_at


def test_a_flow_of_empty_fan_outs_ends_in_its_first_plan() -> None:
    world = World(dag({"a": {"definition": "work", "forEach": []}}))
    plan = world.engine()
    assert (plan.flow.outcome, plan.flow.due_at, plan.flow.plan_due) == (Outcome.SUCCEEDED, None, None)
    assert plan.flow.started_at == plan.flow.ended_at


@pytest.mark.parametrize("value", [None, 3, {"a": 1}, "abc"])
def test_a_fan_out_over_no_list_fails_the_step(value: Any) -> None:
    steps = {"a": {"definition": "work", "forEach": {"$from": "input.x"}}, "b": {"definition": "work"}}
    world = World(dag(steps), params={"x": value})
    plan = world.engine()
    assert plan.create == ()
    assert plan.flow.outcome is Outcome.FAILED
    assert plan.flow.reason == Reason(
        type="step-failed",
        message="Step 'a' failed.",
        data={"step": "a", "reason": {"type": "not-a-list", "message": "What forEach leads to is not a list."}},
    )


def test_a_fan_out_beyond_the_limit_fails_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.flow_dag.MAX_ITEMS", 3)
    world = World(dag({"a": {"definition": "work", "forEach": [1, 2, 3, 4]}}))
    assert world.run().steps["a"].reason == Reason(
        type="too-many-items", message="A step fans out to at most 3 children; use 'chunk'."
    )


def test_nested_fan_out_pairs_items_with_results() -> None:
    steps = {
        "a": {"definition": "work", "forEach": [1, 2], "params": {"v": {"$from": "item"}, "n": {"$from": "index"}}},
        "b": {
            "definition": "work",
            "dependsOn": ["a"],
            "forEach": {"$from": "steps.a.results"},
            "params": {"got": {"$from": "item.v"}, "first": {"$from": "steps.a.results.0.v"}},
        },
    }
    world = World(dag(steps))
    world.run()
    assert world.params("b") == [{"got": 1, "first": 1}, {"got": 2, "first": 1}]


def test_one_result_of_a_fan_out_is_read_alone() -> None:
    steps = {
        "a": {"definition": "work", "forEach": list(range(50))},
        "b": {"definition": "work", "dependsOn": ["a"], "params": {"$from": "steps.a.results.7"}},
    }
    template = dag(steps)
    flow = World(template).engine().flow
    flow = flow_life.absorb(flow, *(end_of(flow, "a", index) for index in range(50)))
    assert flows.plan(template, flow, at=NOW).needs == (end_of(flow, "a", 7).id,)


# --- conditions and skipping -----------------------------------------------------------------------------


def test_a_step_whose_condition_does_not_hold_is_skipped_and_so_is_what_follows() -> None:
    steps = {
        "a": {"definition": "work", "when": {"$from": "input.go"}},
        "b": {"definition": "work", "dependsOn": ["a"]},
        "c": {"definition": "work", "dependsOn": ["a"], "runIf": "not-failed", "params": {"$from": "steps.a.result"}},
        "d": {"definition": "work", "dependsOn": ["b"], "runIf": "ended", "params": {"$from": "steps.b.outcome"}},
    }
    world = World(dag(steps), params={"go": 0})
    flow = world.run()
    assert states(flow) == {"a": "skipped", "b": "skipped", "c": "succeeded", "d": "succeeded"}
    assert flow.outcome is Outcome.SUCCEEDED
    reasons = [flow.steps[name].reason for name in "ab"]
    assert [reason.type for reason in reasons if reason] == ["condition", "dependency-skipped"]
    assert world.params("c") == [None]
    assert world.params("d") == ["skipped"]


def test_a_condition_may_choose_between_two_ways_that_meet_again() -> None:
    high = {"gt": [{"$from": "steps.a.result.n"}, 10]}
    steps = {
        "a": {"definition": "work"},
        "big": {"definition": "work", "dependsOn": ["a"], "when": high},
        "small": {"definition": "work", "dependsOn": ["a"], "when": {"not": high}},
        "end": {"definition": "work", "dependsOn": ["big", "small"], "runIf": "not-failed"},
    }
    for number, way in ((11, "big"), (10, "small")):
        flow = World(dag(steps), params={"n": number}).run()
        assert {name for name, state in states(flow).items() if state == "succeeded"} == {"a", way, "end"}


# --- failure ---------------------------------------------------------------------------------------------


def test_stop_cancels_what_runs_and_begins_nothing_new() -> None:
    steps = {
        "a": {"definition": "work"},
        "b": {"definition": "work"},
        "c": {"definition": "work", "dependsOn": ["a"]},
    }
    world = World(dag(steps))
    a, b = world.engine().create
    bad = world.finish(a.id, "a", 0, Outcome.FAILED, reason=Reason(type="failed-by-worker", message="no"))
    plan = world.engine(bad)
    assert [(cancel.id, cancel.now, cancel.unborn) for cancel in plan.cancel] == [(b.id, False, False)]
    assert plan.create == ()
    assert plan.flow.outcome is None
    world.engine(*world.news)
    assert world.flow.outcome is Outcome.FAILED
    assert states(world.flow) == {"a": "failed", "b": "canceled", "c": "skipped"}
    assert world.flow.reason == Reason(
        type="step-failed",
        message="Step 'a' failed.",
        data={
            "step": "a", "child": a.id, "index": 0, "outcome": "failed",
            "reason": {"type": "failed-by-worker", "message": "no"},
        },
    )  # fmt: skip


def test_what_would_begin_with_the_end_that_fails_the_flow_never_begins() -> None:
    steps = {
        "a": {"definition": "work"},
        "b": {"definition": "work"},
        "c": {"definition": "work", "dependsOn": ["a"]},
        "d": {"definition": "work", "dependsOn": ["a"], "params": {"$from": "steps.a.result"}},
        "e": {"definition": "work", "dependsOn": ["b"]},
    }
    world = World(dag(steps), behaviour=failing("e"))
    a, b = world.engine().create
    (e,) = world.engine(world.work(b)).create
    plan = world.engine(world.work(a), world.work(e))
    assert (plan.create, plan.cancel, plan.needs) == ((), (), ())
    expected = {"a": "succeeded", "b": "succeeded", "e": "failed", "c": "skipped", "d": "skipped"}
    assert (states(plan.flow), plan.flow.outcome) == (expected, Outcome.FAILED)


def test_one_bad_item_fails_a_fan_out_under_stop_and_the_others_are_canceled() -> None:
    world = World(dag({"a": {"definition": "work", "forEach": [1, 2, 3]}}))
    second = world.engine().create[1]
    plan = world.engine(world.finish(second.id, "a", 1, Outcome.EXPIRED))
    assert [cancel.index for cancel in plan.cancel] == [0, 2]
    world.calm()
    state = world.flow.steps["a"]
    assert (state.status, state.failures, state.cancels, state.done) == (StepStatus.FAILED, 1, 2, 3)
    assert [(fault.index, fault.outcome) for fault in state.faults] == [(1, Outcome.EXPIRED)]


def test_under_continue_a_fan_out_runs_to_its_end_and_the_rest_goes_on() -> None:
    steps = {
        "a": {"definition": "work", "forEach": [1, 2, 3], "onFailure": "continue"},
        "b": {"definition": "work", "dependsOn": ["a"]},
        "c": {
            "definition": "work",
            "dependsOn": ["a"],
            "runIf": "ended",
            "params": {
                "results": {"$from": "steps.a.result"},
                "errors": {"$from": "steps.a.error"},
                "counts": [{"$from": "steps.a.count"}, {"$from": "steps.a.failed"}],
                "one": {"$from": "steps.a.results.1", "default": "none"},
                "outcome": {"$from": "steps.a.outcome"},
            },
        },
        "d": {"definition": "work", "dependsOn": ["b"], "runIf": "not-failed"},
    }
    world = World(dag(steps), behaviour=failing("a[1]", error={"code": 5}))
    flow = world.run()
    assert flow.outcome is Outcome.SUCCEEDED
    assert states(flow) == {"a": "failed", "b": "skipped", "c": "succeeded", "d": "skipped"}
    errors = [None, {"code": 5}, None]
    outcome = {"counts": [3, 1], "one": "none", "outcome": "failed"}
    assert world.params("c") == [{"results": [1, None, 3], "errors": errors, **outcome}]


def test_a_child_that_could_not_be_created_fails_its_step() -> None:
    world = World(dag({"a": {"definition": "work"}}))
    (child,) = flows.plan(world.template, world.flow, at=NOW).create
    world.engine()
    why = Reason(type="payload-mismatch", message="params do not fit the definition.", data={"faults": ["x"] * 99})
    flow = flow_life.absorb(world.flow, end_of(world.flow, "a", outcome=Outcome.FAILED, reason=why))
    assert child.id == child_id("flow-1", "a", 0)
    after = flows.plan(world.template, flow, at=NOW).flow
    assert after.steps["a"].faults[0].reason == Reason(type=why.type, message=why.message)
    assert after.outcome is Outcome.FAILED


# --- compensation ----------------------------------------------------------------------------------------


def saga() -> Json:
    undo = {"definition": "undo", "params": {"of": {"$from": "result"}, "n": {"$from": "input.n"}}}
    return {
        "a": {"definition": "work", "params": "A", "compensate": undo},
        "b": {"definition": "work", "params": "B", "dependsOn": ["a"], "compensate": "undo"},
        "skip": {"definition": "work", "when": False, "compensate": "undo"},
        "c": {
            "definition": "work", "dependsOn": ["b"], "forEach": ["x", "y", "z"],
            "onFailure": "compensate",
            "compensate": {
                "definition": "undo", "params": [{"$from": "item"}, {"$from": "index"}, {"$from": "result"}],
            },
        },
    }  # fmt: skip


def test_compensation_undoes_what_succeeded_the_last_first_and_one_step_after_another() -> None:
    world = World(dag(saga()), params={"n": 1}, behaviour=failing("c[1]"))
    created: list[str] = []
    for child in (world.engine().create, world.engine(*world.ends()).create, world.engine(*world.ends()).create):
        created += [one.step for one in child]
    assert created == ["a", "b", "c", "c", "c"]
    assert world.engine(*world.ends()).create == tuple(world.children("~c").values())
    assert {i: c.params for i, c in world.children("~c").items()} == {0: ["x", 0, "x"], 2: ["z", 2, "z"]}
    assert [c.label for c in world.children("~c").values()] == ["undo c[0]", "undo c[2]"]
    assert world.engine(*world.ends()).create == (world.children("~b")[0],)
    assert world.params("~b") == ["B"]
    assert world.flow.outcome is None
    world.engine(*world.ends())
    assert world.params("~a") == [{"of": "A", "n": 1}]
    world.engine(*world.ends())
    assert world.flow.outcome is Outcome.FAILED
    assert world.flow.undo == ("c", "b", "a")
    assert states(world.flow) | {"skip": "skipped", "c": "failed", "~a": "succeeded"} == states(world.flow)


def test_a_failed_compensation_is_named_and_stops_no_other() -> None:
    world = World(dag(saga()), params={"n": 1}, behaviour=failing("c[1]", "~b"))
    flow = world.run()
    assert flow.reason is not None
    assert (flow.reason.type, flow.reason.data["compensationFailed"]) == ("step-failed", ["b"])
    assert states(flow)["~a"] == "succeeded"


def test_a_failure_under_stop_compensates_nothing() -> None:
    steps = saga()
    steps["c"]["onFailure"] = "stop"
    flow = World(dag(steps), params={}, behaviour=failing("c[1]")).run()
    assert flow.undo is None
    assert not [name for name in flow.steps if name.startswith("~")]


def test_a_step_counts_as_completed_after_what_it_depends_on_whatever_the_clocks_say() -> None:
    steps = {
        "a": {"definition": "work", "compensate": "undo"},
        "b": {"definition": "work", "compensate": "undo", "dependsOn": ["a"]},
        "c": {"definition": "work", "compensate": "undo"},
        "d": {"definition": "work", "dependsOn": ["b", "c"], "onFailure": "compensate"},
    }
    template = dag(steps)
    flow = World(template).engine().flow
    bad = end_of(flow, "d", outcome=Outcome.FAILED)
    for end in (end_of(flow, "c", seconds=7), end_of(flow, "a", seconds=9), end_of(flow, "b", seconds=1), bad):
        flow = flow_life.absorb(flow_life.settle(flow), end)
        known = {end_of(flow, name).id: end_of(flow, name) for name in "abc"}
        flow = flows.plan(template, flow, at=NOW, completions=known).flow
    assert flow.undo == ("b", "a", "c")


def test_cancel_waits_for_what_runs_and_compensates_where_the_template_says_so() -> None:
    world = World(dag(saga(), onCancel="compensate"), params={"n": 1})
    world.engine()
    world.engine(*world.ends())
    world.ask_cancel()
    plan = world.engine()
    assert [(cancel.step, cancel.now) for cancel in plan.cancel] == [("b", False)]
    world.calm()
    assert (world.flow.outcome, world.flow.undo) == (Outcome.CANCELED, ("a",))
    assert states(world.flow) == {
        "a": "succeeded",
        "b": "canceled",
        "skip": "skipped",
        "c": "skipped",
        "~a": "succeeded",
    }


# --- child flows -----------------------------------------------------------------------------------------


def test_a_step_may_be_a_flow() -> None:
    steps = {"a": {"template": "sub", "params": {"x": 1}}, "b": {"definition": "work", "dependsOn": ["a"]}}
    world = World(dag(steps))
    (child,) = world.engine().create
    assert (child.kind, child.definition, child.params) == (ChildKind.FLOW, "sub", {"x": 1})
    world.ask_cancel()
    assert [(cancel.id, cancel.kind) for cancel in world.engine().cancel] == [(child.id, ChildKind.FLOW)]


def test_flows_that_start_flows_end_somewhere() -> None:
    template = dag({"a": {"template": "sub"}})
    launch = flow_life.Launch(id="deep", depth=MAX_DEPTH)
    flow = flow_life.begin(launch, template=template, version=1, tenant="demo", at=NOW, by=ANN)
    after = flows.plan(template, flow, at=NOW).flow
    assert after.steps["a"].reason == Reason(type="too-deep", message="Flows start flows at most 16 deep.")


# --- size and speed --------------------------------------------------------------------------------------


def test_ten_thousand_items_plan_fast_and_stay_small() -> None:
    steps = {
        "map": {
            "definition": "count",
            "forEach": {"$from": "input.rows"},
            "params": {"row": {"$from": "item"}, "n": {"$from": "index"}, "all": [{"$from": "input.unit"}, "km"]},
            "onFailure": "continue",
        },
        "reduce": {
            "definition": "sum", "dependsOn": ["map"], "runIf": "ended",
            "params": {"parts": {"$from": "steps.map.results"}},
        },
    }  # fmt: skip
    template = dag(steps)
    rows = [{"id": n, "species": "gull"} for n in range(10_000)]
    world = World(template, params={"rows": rows, "unit": "m"})
    began = time.perf_counter()
    plan = flows.plan(template, world.flow, at=NOW)
    assert time.perf_counter() - began < 0.5
    assert len(plan.create) == 10_000
    assert len({child.id for child in plan.create}) == 10_000
    assert [child.id for child in plan.create] == sorted(child.id for child in plan.create)

    why = Reason(type="failed-by-worker", message="x" * 5000)
    known = {
        child.id: end_of(plan.flow, "map", child.index, result={"n": 1}, error="e")
        if child.index % 2
        else end_of(plan.flow, "map", child.index, outcome=Outcome.FAILED, reason=why)
        for child in plan.create
    }
    flow = flow_life.settle(plan.flow)
    began = time.perf_counter()
    flow = flow_life.absorb(flow, *list(known.values())[1:])
    assert flows.plan(template, flow, at=NOW).create == ()
    flow = flow_life.absorb(flow, next(iter(known.values())))
    plan = flows.plan(template, flow, at=NOW, completions=known)
    assert time.perf_counter() - began < 1.0
    assert plan.create[0].params["parts"][:3] == [None, {"n": 1}, None]
    kept = msgspec.json.encode(msgspec.structs.replace(document(plan.flow), params=None))
    assert len(kept) < 10_000
