"""Whatever the order of ends, however often they are told, and wherever an engine dies: the outcome is the same."""

import itertools
import random
from typing import Any, cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import flow_check, flow_parse
from core.flow import Child, Flow, StepStatus
from core.flow_template import Template
from core.task import Outcome
from tests.support.flow_world import Behaviour, World

SLOW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
Json = dict[str, Any]
Failing = frozenset[tuple[str, int]]
KNOWN = flow_check.Names(definitions=frozenset({"work", "undo", "sum", "all"}))


# --- DAGs ------------------------------------------------------------------------------------------------


@st.composite
def dags(draw: st.DrawFn) -> tuple[Json, Failing]:
    """A small DAG of all kinds of steps, and which of its children fail."""
    steps: Json = {}
    failing: set[tuple[str, int]] = set()
    for number in range(draw(st.integers(1, 6))):
        name = f"s{number}"
        before = sorted(draw(st.sets(st.sampled_from(sorted(steps)), max_size=3))) if steps else []
        step: Json = {"definition": "work", "dependsOn": before}
        step["params"] = {"of": name, "got": [{"$from": f"steps.{other}.results"} for other in before]}
        kind = draw(st.sampled_from(["plain", "plain", "literal", "input", "results"]))
        if kind == "literal":
            step["forEach"] = list(range(draw(st.integers(0, 4))))
        elif kind == "input":
            step["forEach"] = {"$from": "input.items"}
            step["chunk"] = draw(st.integers(1, 4))
        elif kind == "results" and before:
            step["forEach"] = {"$from": f"steps.{before[0]}.results"}
        if "forEach" in step:
            step["params"] |= {"item": {"$from": "item"}, "index": {"$from": "index"}}
        if before and draw(st.integers(0, 3)) == 0:
            step["when"] = {"eq": [{"$from": f"steps.{before[-1]}.outcome"}, draw(st.sampled_from(STATES))]}
        step["runIf"] = draw(st.sampled_from(["succeeded", "succeeded", "not-failed", "ended"]))
        step["onFailure"] = draw(st.sampled_from(["stop", "continue", "compensate"]))
        if draw(st.booleans()):
            step["compensate"] = {"definition": "undo", "params": {"undo": {"$from": "result"}}}
        failing |= {(name, index) for index in range(7) if draw(st.integers(0, 9)) == 0}
        steps[name] = step
    return steps, frozenset(failing)


STATES = ["succeeded", "failed", "skipped"]
INPUT: dict[str, list[Any]] = {"items": [10, 11, 12, 13, 14]}


class Told:
    """What a DAG must come to, worked out without the planner: every step in order, nothing ever cut short."""

    def __init__(self, steps: Json, failing: Failing) -> None:
        self.steps = steps
        self.failing = failing
        self.states: dict[str, str] = {}
        self.why: dict[str, str] = {}
        self.params: dict[str, list[Any]] = {}
        self.results: dict[str, list[Any]] = {}
        for name in steps:
            self.states[name] = self.step(name, steps[name])

    def step(self, name: str, step: Json) -> str:
        """One step's end; notes the params and results of its children."""
        self.params[name], self.results[name] = [], []
        before = step["dependsOn"]
        broken = [o for o in before if self.states[o] == "failed" or self.why.get(o) == "failure"]
        skipped = [o for o in before if self.states[o] == "skipped" and o not in broken]
        if step["runIf"] != "ended" and broken:
            self.why[name] = "failure"
            return "skipped"
        if step["runIf"] == "succeeded" and skipped:
            return "skipped"
        if "when" in step and self.states[before[-1]] != step["when"]["eq"][1]:
            return "skipped"
        got = [self.results[other] for other in before]
        if "forEach" not in step:
            self.params[name] = [{"of": name, "got": got}]
        else:
            each = [{"item": item, "index": index} for index, item in enumerate(self.items(step))]
            self.params[name] = [{"of": name, "got": got} | one for one in each]
        bad = [(name, index) in self.failing for index in range(len(self.params[name]))]
        results = [None if bad[index] else answer(name, index, p) for index, p in enumerate(self.params[name])]
        self.results[name] = results
        return "failed" if any(bad) else "succeeded"

    def items(self, step: Json) -> list[Any]:
        """What a step fans out over."""
        given: Any = step["forEach"]
        if isinstance(given, list):
            return list[Any](cast("list[Any]", given))
        if "chunk" in step:
            size = step["chunk"]
            rows = INPUT["items"]
            return [rows[at : at + size] for at in range(0, 5, size)]
        return self.results[step["dependsOn"][0]]

    @property
    def fails(self) -> bool:
        """Whether a step fails that the flow does not forgive."""
        return any(s == "failed" and self.steps[n]["onFailure"] != "continue" for n, s in self.states.items())


def answer(name: str, index: int, params: Any) -> list[Any]:
    """A result that tells from what it was made."""
    return [name, index, hash(repr(params))]


def behaves(failing: Failing) -> Behaviour:
    def behave(child: Child) -> tuple[Outcome, Any]:
        if (child.step, child.index) in failing:
            return Outcome.FAILED, "no"
        return Outcome.SUCCEEDED, answer(child.step, child.index, child.params)

    return behave


def dag(steps: Json) -> Template:
    body = {"driver": "dag", "queue": "a:b", "steps": steps}
    template = flow_parse.parse("t", body)
    flow_check.check(template, KNOWN)
    return template


@SLOW
@given(dags(), st.integers(0, 2**32))
def test_a_dag_ends_the_same_in_any_order_and_after_any_crash(case: tuple[Json, Failing], seed: int) -> None:
    steps, failing = case
    told = Told(steps, failing)
    world = World(dag(steps), params=INPUT, behaviour=behaves(failing), dice=random.Random(seed))
    world.chaos()
    flow = world.flow
    assert flow.outcome is (Outcome.FAILED if told.fails else Outcome.SUCCEEDED)
    for name in steps:
        made = world.children(name)
        assert {i: c.params for i, c in made.items()}.items() <= dict(enumerate(told.params[name])).items()
        if not told.fails:
            assert flow.steps[name].status.value == told.states[name]
            assert len(made) == len(told.params[name])
            assert flow.steps[name].failures == sum((name, i) in failing for i in made)
    for name, state in flow.steps.items():
        if told.fails and state.status is StepStatus.FAILED and not name.startswith("~"):
            assert told.states[name] == "failed"
    assert_undone(world, flow, steps)


def assert_undone(world: World, flow: Flow, steps: Json) -> None:
    """What succeeded before a compensating failure is undone once, dependents first, one step after another."""
    undone = [name for name in flow.steps if name.startswith("~")]
    assert undone == [f"~{name}" for name in flow.undo or ()]
    if flow.undo is None:
        return
    assert flow.outcome is Outcome.FAILED
    good = {
        name: {i for i in world.children(name) if result_of(world, name, i) is not None}
        for name, step in steps.items()
        if "compensate" in step
    }
    assert set(flow.undo) == {name for name, indexes in good.items() if indexes}
    moment = {one: number for number, one in enumerate(world.order)}
    last = max(number for one, number in moment.items() if not is_undo(world, one))
    for dependent, name in itertools.combinations(flow.undo, 2):
        assert not after(steps, name, dependent), "undone before what was built on it"
    for name in flow.undo:
        made = world.children(f"~{name}")
        assert made.keys() == good[name]
        for index, child in made.items():
            assert child.params == {"undo": result_of(world, name, index)}
            assert moment[child.id] > last


def after(steps: Json, name: str, other: str) -> bool:
    """Whether a step comes after another."""
    before = steps[name]["dependsOn"]
    return other in before or any(after(steps, one, other) for one in before)


def is_undo(world: World, one: str) -> bool:
    child = world.jobs[one].child
    return child is not None and child.step.startswith("~")


def result_of(world: World, name: str, index: int) -> Any:
    end = world.jobs[world.children(name)[index].id].end
    return end.result if end else None


@SLOW
@given(dags(), st.integers(0, 2**32))
def test_a_canceled_dag_leaves_nothing_running(case: tuple[Json, Failing], seed: int) -> None:
    steps, failing = case
    world = World(dag(steps), params=INPUT, behaviour=behaves(failing), dice=random.Random(seed))
    world.chaos(cancel=True)
    expected = {Outcome.FAILED} if Told(steps, failing).fails else {Outcome.SUCCEEDED}
    assert world.flow.outcome in expected | ({Outcome.CANCELED} if world.flow.cancel_request else set())


# --- task lists --------------------------------------------------------------------------------------------


@st.composite
def lists(draw: st.DrawFn) -> tuple[Json, Failing]:
    groups: list[Json] = []
    failing: set[tuple[str, int]] = set()
    for number in range(draw(st.integers(1, 4))):
        size = draw(st.integers(1, 4))
        group: Json = {"execution": draw(st.sampled_from(["sequential", "parallel"])), "tasks": ["work"] * size}
        if draw(st.booleans()):
            group["finalizer"] = "sum"
        failing |= {(str(number), index) for index in range(size) if draw(st.integers(0, 4)) == 0}
        failing |= {(f"{number}-final", 0)} if draw(st.integers(0, 4)) == 0 else set()
        groups.append(group)
    body: Json = {"driver": "groups", "queue": "a:b", "groups": groups}
    if draw(st.booleans()):
        body["finalizer"] = "all"
    body["execution"] = draw(st.sampled_from(["sequential", "parallel"]))
    return body, frozenset(failing)


def upstream(group: Json, key: str, failing: Failing) -> list[tuple[Any, Any]]:
    """Input and result of each member that is executed (contract xfsc 1.7); None as the result of a failure."""
    done: list[tuple[Any, Any]] = []
    given: Any = INPUT
    for index in range(len(group["tasks"])):
        if group["execution"] == "sequential" and done:
            given = done[-1][1]
            if given is None:
                break
        good = (key, index) not in failing
        done.append((given, answer(key, index, given) if good else None))
    return done


@SLOW
@given(lists(), st.integers(0, 2**32))
def test_a_list_does_what_upstream_does_in_any_order_and_after_any_crash(case: tuple[Json, Failing], seed: int) -> None:
    body, failing = case
    template = flow_parse.parse("t", body)
    flow_check.check(template, KNOWN)
    world = World(template, params=INPUT, behaviour=behaves(failing), dice=random.Random(seed))
    world.chaos()
    flow = world.flow
    bad: set[int] = set()
    outputs: list[Any] = []
    for number, group in enumerate(body["groups"]):
        key, size = str(number), len(group["tasks"])
        done = upstream(group, key, failing)
        results = [result for _, result in done if result is not None]
        assert world.params(key) == [given for given, _ in done]
        whole = len(results) == size
        final = world.params(f"{key}-final")
        one_by_one = group["execution"] == "sequential"
        output: Any = results[-1] if one_by_one and results else results
        if "finalizer" in group and (whole if one_by_one else results):
            assert final == [output]
            whole = whole and (f"{key}-final", 0) not in failing
            output = answer(f"{key}-final", 0, output)
        else:
            assert final == []
        assert flow.steps[key].failures == size - len(results)
        bad |= set() if whole else {number}
        outputs += [output] if whole else []
    assert flow.outcome is (Outcome.FAILED if bad else Outcome.SUCCEEDED)
    if "finalizer" in body:
        assert world.params("final") == [outputs]
        assert flow.result == answer("final", 0, outputs)


# --- decisions -----------------------------------------------------------------------------------------------


class Decider:
    """Schedules some activities at the start and some after each end, and completes when all of them are done."""

    def __init__(self, first: int, more: dict[int, int]) -> None:
        self.first = first
        self.more = more
        self.asked: list[Any] = []
        self.scheduled = 0
        self.ended = 0

    def __call__(self, child: Child) -> tuple[Outcome, Any]:
        """Decide, or be an activity."""
        if child.step != "decisions":
            return (Outcome.FAILED, "no") if child.index % 3 == 2 else (Outcome.SUCCEEDED, child.params)
        self.asked.append(child.params.get("task-id"))
        if "activity" in child.params:
            number = self.ended
            self.ended += 1
            return Outcome.SUCCEEDED, self.actions(self.more.get(number, 0))
        return Outcome.SUCCEEDED, self.actions(self.first)

    def actions(self, count: int) -> list[Json]:
        """So many activities; completion where none is left to wait for."""
        fresh = range(self.scheduled, self.scheduled + count)
        self.scheduled += count
        if not count and self.ended == self.scheduled:
            return [{"action": "awf.workflow.action/complete-workflow", "result": {"count": self.ended}}]
        request = [{"definition": "work", "label": f"l-{n}", "params": {"n": n}} for n in fresh]
        return [{"action": "awf.workflow.action/schedule-task", "task-request": one} for one in request]


@SLOW
@given(st.integers(0, 4), st.dictionaries(st.integers(0, 5), st.integers(0, 3)), st.integers(0, 2**32))
def test_every_end_is_decided_about_once_and_one_at_a_time(first: int, more: dict[int, int], seed: int) -> None:
    template = flow_parse.parse("t", {"driver": "decisions", "queue": "a:b"})
    decider = Decider(first, more)
    world = World(template, params=INPUT, behaviour=decider, dice=random.Random(seed))
    world.chaos()
    assert world.flow.outcome is Outcome.SUCCEEDED
    assert world.flow.result == {"count": decider.scheduled}
    activities = world.children("activities")
    assert [activities[n].params for n in sorted(activities)] == [{"n": n} for n in range(decider.scheduled)]
    assert decider.asked[0] is None
    assert sorted(decider.asked[1:]) == sorted(child.id for child in activities.values())
    decisions = [world.jobs[child.id] for _, child in sorted(world.children("decisions").items())]
    assert len(decisions) == decider.scheduled + 1
    for one, following in itertools.pairwise(decisions):
        assert one.end is not None
        assert following.born > one.end.at
