"""Task lists by example: what contract xfsc 1.7 says, and the finalizers that have to be asked for."""

from typing import Any

import pytest

from core import flow_check, flow_parse, flow_view
from core.flow import Child, ChildKind, StepStatus, child_id
from core.flow_template import Template
from core.task import Outcome, Reason
from tests.support.flow_world import Behaviour, World

Json = dict[str, Any]
NAMES = flow_check.Names(definitions=frozenset({"one", "inc", "echo", "boom", "p", "q", "r", "all"}))


def a_list(*groups: tuple[str, list[str]], **more: Any) -> Template:
    parts: list[Json] = [{"execution": execution, "tasks": tasks} for execution, tasks in groups]
    finalizers: dict[int, str] = more.pop("finalizers", {})
    for number, name in finalizers.items():
        parts[number]["finalizer"] = name
    template = flow_parse.parse("list", {"driver": "groups", "queue": "a:b", "groups": parts, **more})
    flow_check.check(template, NAMES)
    return template


def stub(child: Child) -> tuple[Outcome, Any]:
    """The targets of contract xfsc 2: one answers {"n": 1}, inc adds one, echo answers its input, boom fails."""
    if child.definition == "boom":
        return Outcome.FAILED, {"err": 1}
    if child.definition == "one":
        return Outcome.SUCCEEDED, {"n": 1}
    if child.definition == "inc":
        return Outcome.SUCCEEDED, {"n": child.params.get("n", 0) + 1}
    return Outcome.SUCCEEDED, child.params


def statuses(world: World) -> list[list[str]]:
    template, flow = world.template, world.flow
    return [
        [item.status.value for item in flow_view.items(template, flow, str(number))]
        for number in range(len(template.groups))
    ]


def test_a_sequential_group_passes_each_result_on() -> None:
    world = World(a_list(("sequential", ["echo", "inc", "inc"])), params={"n": 5}, behaviour=stub)
    created = [[child.index for child in world.engine(*world.ends()).create] for _ in range(4)]
    assert created == [[0], [1], [2], []]
    assert world.params("0") == [{"n": 5}, {"n": 5}, {"n": 6}]
    assert world.flow.outcome is Outcome.SUCCEEDED


def test_after_a_failure_the_others_of_a_sequential_group_fail_without_being_executed() -> None:
    """Worked example L02 of the contract."""
    world = World(a_list(("sequential", ["one", "boom", "echo"])), params={}, behaviour=stub)
    world.run()
    assert statuses(world) == [["succeeded", "failed", "failed"]]
    assert len(world.jobs) == 2
    assert world.flow.outcome is Outcome.FAILED
    assert world.flow.reason == Reason(type="group-failed", message="1 of 1 groups failed.", data={"groups": [0]})
    assert world.flow.steps["0"].failures == 2


def test_members_of_a_parallel_group_run_at_once_and_do_not_touch_each_other() -> None:
    world = World(a_list(("parallel", ["one", "boom", "echo"])), params={"x": 1}, behaviour=stub)
    assert [child.params for child in world.engine().create] == [{"x": 1}] * 3
    world.calm()
    assert statuses(world) == [["succeeded", "failed", "succeeded"]]
    assert world.flow.outcome is Outcome.FAILED


def test_a_failed_group_does_not_stop_later_ones_and_each_starts_from_the_input_of_the_list() -> None:
    template = a_list(("sequential", ["one", "boom"]), ("parallel", ["echo", "inc"]), ("sequential", ["inc"]))
    world = World(template, params={"n": 40}, behaviour=stub)
    begun: list[set[str]] = []
    while world.flow.outcome is None:
        begun.append({child.step for child in world.engine(*world.ends()).create})
    assert begun == [{"0"}, {"0"}, {"1"}, {"2"}, set()]
    assert world.params("1") == [{"n": 40}, {"n": 40}]
    assert world.params("2") == [{"n": 40}]
    assert [world.flow.steps[name].status.value for name in "012"] == ["failed", "succeeded", "succeeded"]
    assert world.flow.outcome is Outcome.FAILED


def test_tasks_of_a_list_are_tried_once_unless_the_template_says_otherwise() -> None:
    plan = World(a_list(("parallel", ["one", "one"]))).engine()
    assert [(child.kind, child.definition, child.attempts) for child in plan.create] == [(ChildKind.TASK, "one", 1)] * 2
    assert World(a_list(("parallel", ["one"]), maxAttempts=3)).engine().create[0].attempts == 3


@pytest.mark.parametrize("value", [None, [], "text", 0])
def test_any_json_value_may_be_the_input(value: Any) -> None:
    world = World(a_list(("sequential", ["echo", "echo"])), params=value, behaviour=stub)
    world.run()
    assert world.params("0") == [value, value]


def test_upstreams_final_policies_are_kept_and_not_run() -> None:
    group = {"execution": "parallel", "tasks": ["one"], "finalPolicy": "sum"}
    template = flow_parse.parse("list", {"driver": "groups", "queue": "a:b", "groups": [group]})
    assert template.groups[0].final_policy == "sum"
    world = World(template, behaviour=stub)
    assert world.run().result is None
    assert len(world.jobs) == 1


def final(**results: Any) -> Behaviour:
    """As the stub; a finalizer answers what is given for it, None being a failure."""

    def behave(child: Child) -> tuple[Outcome, Any]:
        if child.definition not in results:
            return stub(child)
        result = results[child.definition]
        return (Outcome.FAILED, "no") if result is None else (Outcome.SUCCEEDED, result)

    return behave


def test_finalizers_get_what_succeeded() -> None:
    template = a_list(
        ("parallel", ["one", "boom", "inc"]), ("sequential", ["one", "inc"]), ("sequential", ["boom"]),
        ("parallel", ["one"]),
        finalizers={0: "p", 1: "q", 2: "r"}, finalizer="all",
    )  # fmt: skip
    world = World(template, params={"n": 9}, behaviour=final(p="P", q="Q", all={"sum": 1}))
    flow = world.run()
    assert world.params("0-final") == [[{"n": 1}, {"n": 10}]]
    assert world.params("1-final") == [{"n": 2}]
    assert world.params("2-final") == []
    assert world.params("final") == [["Q", [{"n": 1}]]]
    assert (flow.outcome, flow.result) == (Outcome.FAILED, {"sum": 1})


def test_a_group_whose_finalizer_fails_has_failed() -> None:
    template = a_list(("sequential", ["one"]), finalizers={0: "p"})
    assert World(template, behaviour=final(p=None)).run().reason == Reason(
        type="group-failed", message="1 of 1 groups failed.", data={"groups": [0]}
    )


def test_a_list_whose_finalizer_fails_has_failed() -> None:
    template = a_list(("sequential", ["one"]), finalizer="all")
    flow = World(template, behaviour=final(all=None)).run()
    assert flow.reason == Reason(type="finalizer-failed", message="The finalizer of the list failed.")


def test_groups_may_run_at_once() -> None:
    world = World(a_list(("sequential", ["one", "one"]), ("parallel", ["inc"]), execution="parallel"), params={})
    assert {child.step for child in world.engine().create} == {"0", "1"}


def test_a_canceled_list_ends_what_runs_and_begins_nothing() -> None:
    world = World(a_list(("sequential", ["one", "inc"]), ("parallel", ["inc"])), params={}, behaviour=stub)
    first = world.engine().create[0]
    world.ask_cancel()
    assert [cancel.id for cancel in world.engine().cancel] == [first.id]
    world.calm()
    assert world.flow.outcome is Outcome.CANCELED
    assert world.flow.steps["0"].status is StepStatus.CANCELED
    assert statuses(world) == [["failed", "waiting"], ["waiting"]]


def test_the_ids_of_all_tasks_are_known_from_the_start() -> None:
    world = World(a_list(("sequential", ["one", "inc"]), ("parallel", ["inc"])), params={}, behaviour=stub)
    ids = [item.id for name in "01" for item in flow_view.items(world.template, world.flow, name)]
    assert ids == [child_id("flow-1", "0", 0), child_id("flow-1", "0", 1), child_id("flow-1", "1", 0)]
    world.run()
    assert set(ids) == world.jobs.keys()
