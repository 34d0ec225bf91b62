"""How a flow is shown: every step live, and its drawing."""

import re
from typing import Any

from core import flow_parse, flow_view
from core.flow import Child, StepStatus
from core.task import Outcome
from tests.support.flow_world import World

Json = dict[str, Any]
NODE = re.compile(r'^ +\w+\["[^"\[\]{}]*"\]:::(waiting|running|succeeded|failed|skipped|canceled)$')
OTHER = re.compile(
    r'^( +\w+ (-->|-\.->) \w+|  subgraph \w+\["[^"\[\]{}]*"\]|  end|flowchart TD|  classDef \w+ [\w:#,\- ]+)$'
)


def world(body: Json, **more: Any) -> World:
    return World(flow_parse.parse("t", {"queue": "a:b", **body}), **more)


DAG: Json = {
    "driver": "dag",
    "steps": {
        "a": {"definition": "work", "compensate": "undo"},
        "b": {"definition": "work", "dependsOn": ["a"], "forEach": [1, 2, 3], "onFailure": "compensate"},
        "c": {"template": "sub", "dependsOn": ["b"]},
    },
}


def fails(step: str, index: int = 0) -> Any:
    def behave(child: Child) -> tuple[Outcome, Any]:
        bad = (child.step, child.index) == (step, index)
        return (Outcome.FAILED if bad else Outcome.SUCCEEDED), None

    return behave


def lines(one: World) -> list[str]:
    drawn = flow_view.mermaid(one.template, one.flow)
    for line in drawn.splitlines():
        assert NODE.fullmatch(line) or OTHER.fullmatch(line), line
    return drawn.splitlines()


def test_every_step_is_shown_live_those_that_have_not_begun_included() -> None:
    one = world(DAG)
    one.engine()
    one.engine(*one.ends())
    a, b, c = flow_view.steps(one.template, one.flow)
    assert [view.status for view in (a, b, c)] == [StepStatus.SUCCEEDED, StepStatus.RUNNING, StepStatus.WAITING]
    assert (b.count, b.done, b.fan, b.after, b.runs, b.ended_at) == (3, 0, True, ("a",), ("work",), None)
    assert (c.runs, c.started_at) == (("sub",), None)
    assert a.ended_at is not None
    items = list(flow_view.items(one.template, one.flow, "b"))
    assert [(item.id, item.status) for item in items] == [
        (child.id, StepStatus.RUNNING) for child in one.children("b").values()
    ]


def test_a_dag_is_drawn_with_states_progress_and_compensation() -> None:
    one = world(DAG, behaviour=fails("b", 1))
    assert '  n0["a<br/>waiting"]:::waiting' in lines(one)
    one.engine()
    one.engine(*one.ends())
    drawn = lines(one)
    assert '  n1["b<br/>running 0/3"]:::running' in drawn
    assert "  n0 --> n1" in drawn
    one.run()
    drawn = lines(one)
    assert '  n1["b<br/>failed 3/3, 1 failed"]:::failed' in drawn
    assert '  n2["c<br/>skipped"]:::skipped' in drawn
    assert '  n3["undo a<br/>succeeded"]:::succeeded' in drawn
    assert "  n0 -.-> n3" in drawn
    assert [view.name for view in flow_view.steps(one.template, one.flow)] == ["a", "b", "c", "~a"]


def test_a_list_is_drawn_group_by_group() -> None:
    groups = [{"execution": "sequential", "tasks": ["x", "y/z"]}, {"execution": "parallel", "tasks": ["q", "q"]}]
    one = world({"driver": "groups", "groups": groups, "finalizer": "p"})
    one.engine()
    drawn = lines(one)
    assert '  subgraph g0["1: sequential, running"]' in drawn
    assert '    g0t0["x<br/>running"]:::running' in drawn
    assert '    g0t1["y/z<br/>waiting"]:::waiting' in drawn
    assert "    g0t0 --> g0t1" in drawn
    assert "  g0 --> g1" in drawn
    one.run()
    assert [view.name for view in flow_view.steps(one.template, one.flow)] == ["0", "1", "final"]
    assert flow_view.steps(one.template, one.flow)[2].runs == ("p",)
    assert '    g1t1["q<br/>succeeded"]:::succeeded' in lines(one)


def test_decisions_are_drawn_with_what_they_were_about_and_what_they_scheduled() -> None:
    def decider(child: Child) -> tuple[Outcome, Any]:
        if child.params.get("event") == "awf.workflow.event/workflow-init":
            task = {"definition": "work", "label": 'say "hi" [x]', "params": {"n": 1}}
            return Outcome.SUCCEEDED, {"action": "schedule-task", "task-request": task}
        return Outcome.SUCCEEDED, {"action": "complete-workflow"}

    one = world({"driver": "decisions"}, behaviour=decider)
    one.run()
    drawn = lines(one)
    assert '  a0["say #34;hi#34; #91;x#93;<br/>succeeded"]:::succeeded' in drawn
    assert "  d0 --> a0" in drawn
    assert "  a0 --> d1" in drawn
    assert [view.runs for view in flow_view.steps(one.template, one.flow)] == [("t",), ("work",)]


def test_a_long_drawing_is_cut() -> None:
    steps = {f"s{n}": {"definition": "work"} for n in range(500)}
    drawn = lines(world({"driver": "dag", "steps": steps}))
    assert len(drawn) < 220
    assert '  more["more than 200"]:::waiting' in drawn
