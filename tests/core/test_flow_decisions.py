"""Flows that a worker decides: events, actions, refusals, and what becomes of a flow nobody decides about."""

from datetime import UTC, datetime
from typing import Any

import pytest

from core import errors, flow_actions, flow_check, flow_life, flow_parse, flows
from core.flow import MAX_DEPTH, Child, ChildKind, Completion, Flow
from core.flow_template import Template
from core.task import Outcome, Reason
from tests.support.flow_world import NOW, World

Json = dict[str, Any]
KNOWN = flow_check.Names(definitions=frozenset({"mail", "awf.task/wait"}), templates=frozenset({"sub"}))
PREFIX = "awf.workflow.action/"


def template(**more: Any) -> Template:
    found = flow_parse.parse("demo/onboard", {"driver": "decisions", "queue": "a:b", **more})
    flow_check.check(found, KNOWN)
    return found


def schedule(label: str | None, definition: str = "mail", kind: str = "schedule-task", **more: Any) -> Json:
    request = {"definition": definition, "params": {"to": label}, **more}
    return {"action": PREFIX + kind, "task-request": request | ({"label": label} if label else {})}


def complete(result: Any = None) -> Json:
    return {"action": PREFIX + "complete-workflow", "result": result}


def decide(world: World, *actions: Any, answer: Any = None) -> tuple[Child, ...]:
    """The open decision task is answered; what is created then."""
    (task,) = [child for child in world.open() if child.kind is ChildKind.DECISION]
    result = list(actions) if answer is None else answer
    flow_actions.check(world.template, world.flow, flow_actions.read(result), KNOWN)
    return world.engine(end(world, task, result)).create


def end(world: World, child: Child, value: Any = None, outcome: Outcome = Outcome.SUCCEEDED) -> Completion:
    found = world.finish(child.id, child.step, child.index, outcome, value=value)
    world.news.remove(found)
    return found


def begun(world: World) -> Child:
    (decision,) = world.engine().create
    return decision


# --- events ----------------------------------------------------------------------------------------------


def test_the_first_decision_is_about_the_start_of_the_flow() -> None:
    decision = begun(World(template(), params={"who": "ann"}))
    assert (decision.kind, decision.definition) == (ChildKind.DECISION, "demo/onboard")
    about = {"id": "flow-1", "definition": "demo/onboard", "label": "one", "params": {"who": "ann"}}
    assert decision.params == {"event": "awf.workflow.event/workflow-init", "workflow": about}


def test_the_end_of_an_activity_is_an_event_that_carries_it() -> None:
    world = World(template())
    begun(world)
    (mail,) = decide(world, schedule("step-1"))
    assert (mail.kind, mail.definition, mail.params, mail.label) == (ChildKind.TASK, "mail", {"to": "step-1"}, "step-1")
    (decision,) = world.engine(end(world, mail, {"sent": True})).create
    assert decision.params["event"] == "awf.workflow.event/task-completed"
    assert decision.params["task-id"] == mail.id
    activity = {"id": mail.id, "definition": "mail", "label": "step-1", "outcome": "succeeded"}
    assert decision.params["activity"] == activity | {"result": {"sent": True}}
    assert decide(world, complete({"ok": True})) == ()
    assert (world.flow.outcome, world.flow.result) == (Outcome.SUCCEEDED, {"ok": True})


def test_failed_and_canceled_activities_are_events_too() -> None:
    world = World(template())
    begun(world)
    first, second = decide(world, schedule("a"), schedule("b"))
    (decision,) = world.engine(end(world, first, {"code": 1}, Outcome.FAILED)).create
    assert decision.params["activity"] | {"outcome": "failed", "error": {"code": 1}} == decision.params["activity"]
    reason = Reason(type="canceled", message="skip it")
    world.finish(second.id, second.step, second.index, Outcome.CANCELED, reason=reason)
    world.engine(*world.news)
    (decision,) = decide(world, {"action": PREFIX + "do-nothing"})
    assert decision.params["activity"]["outcome"] == "canceled"
    assert decision.params["activity"]["reason"] == {"type": "canceled", "message": "skip it"}


def test_a_child_flow_is_an_activity_with_its_own_event() -> None:
    world = World(template())
    begun(world)
    (sub,) = decide(world, schedule("s", "sub", "schedule-workflow"))
    assert (sub.kind, sub.definition) == (ChildKind.FLOW, "sub")
    (decision,) = world.engine(end(world, sub, 7)).create
    assert decision.params["event"] == "awf.workflow.event/workflow-completed"
    assert decision.params["workflow-id"] == sub.id
    assert "task-id" not in decision.params


def test_one_decision_at_a_time_later_events_wait_in_their_order() -> None:
    world = World(template())
    begun(world)
    activities = decide(world, *(schedule(label) for label in "abc"))
    (first,) = world.engine(end(world, activities[2])).create
    assert world.engine(end(world, activities[0])).create == ()
    assert world.engine(end(world, activities[1])).create == ()
    assert world.flow.decisions is not None
    assert world.flow.decisions.events == (0, 1)
    (second,) = decide(world)
    (third,) = decide(world)
    asked = [decision.params["activity"]["label"] for decision in (first, second, third)]
    assert asked == ["c", "a", "b"]


def test_a_label_is_optional_and_execute_at_goes_with_the_activity() -> None:
    world = World(template())
    begun(world)
    made = decide(
        world,
        schedule(None),
        schedule(None, executeAt="2031-06-01"),
        schedule(None, executeAt="2031-06-01T02:00+02:00"),
    )
    moments = [None, datetime(2031, 6, 1, tzinfo=UTC), datetime(2031, 6, 1, tzinfo=UTC)]
    assert [(child.label, child.execute_at) for child in made] == [(None, moment) for moment in moments]


@pytest.mark.parametrize("answer", [schedule("a"), [schedule("a")], schedule("a") | {"action": "schedule-task"}])
def test_a_single_action_an_array_and_short_names_are_understood(answer: Any) -> None:
    world = World(template())
    begun(world)
    assert [child.label for child in decide(world, answer=answer)] == ["a"]


# --- ends ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("action", "kind"), [("fail", "failed-by-decision"), ("unknown-error", "unknown-error")])
def test_a_decision_may_fail_the_flow(action: str, kind: str) -> None:
    world = World(template())
    begun(world)
    decide(world, {"action": PREFIX + action, "error": {"message": "no"}})
    flow = world.flow
    assert flow.reason is not None
    assert (flow.outcome, flow.reason.type, flow.error) == (Outcome.FAILED, kind, {"message": "no"})


def test_the_end_of_the_flow_cancels_what_is_still_open_at_once() -> None:
    world = World(template())
    begun(world)
    first, second = decide(world, schedule("a"), schedule("b", "sub", "schedule-workflow"))
    world.engine(end(world, first))
    (task,) = [child for child in world.open() if child.kind is ChildKind.DECISION]
    plan = world.engine(end(world, task, complete(1)))
    assert [(c.id, c.kind, c.definition, c.now) for c in plan.cancel] == [(second.id, ChildKind.FLOW, "sub", True)]
    assert plan.flow.outcome is None
    world.calm()
    assert (world.flow.outcome, world.flow.result) == (Outcome.SUCCEEDED, 1)


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.CANCELED, Outcome.EXPIRED])
def test_a_decision_that_is_not_taken_fails_the_flow(outcome: Outcome) -> None:
    world = World(template())
    task = begun(world)
    reason = Reason(type="lease-lost", message="No heartbeat arrived within the lease.")
    world.finish(task.id, task.step, task.index, outcome, reason=reason)
    world.engine(*world.news)
    why = {"type": reason.type, "message": reason.message}
    assert world.flow.outcome is Outcome.FAILED
    assert world.flow.reason == Reason(
        type="decision-failed",
        message="A decision was not taken: its task failed for good.",
        data={"task": task.id, "outcome": outcome.value, "reason": why},
    )


@pytest.mark.parametrize("answer", [[], None, [{"action": PREFIX + "do-nothing"}]])
def test_a_decision_after_which_nothing_can_happen_fails_the_flow(answer: Any) -> None:
    world = World(template())
    world.engine(end(world, begun(world), answer))
    assert world.flow.reason is not None
    assert (world.flow.outcome, world.flow.reason.type) == (Outcome.FAILED, "stalled")


def test_doing_nothing_waits_for_what_is_open() -> None:
    world = World(template())
    begun(world)
    first, second = decide(world, schedule("a"), schedule("b"))
    world.engine(end(world, first))
    assert decide(world) == ()
    assert world.flow.outcome is None
    world.engine(end(world, second))
    decide(world, complete())
    assert world.flow.outcome is Outcome.SUCCEEDED


def test_cancel_ends_the_open_decision_and_every_activity() -> None:
    world = World(template())
    begun(world)
    first, second = decide(world, schedule("a"), schedule("b"))
    (decision,) = world.engine(end(world, first)).create
    world.ask_cancel()
    plan = world.engine()
    assert {cancel.id: cancel.kind for cancel in plan.cancel} == {
        second.id: ChildKind.TASK,
        decision.id: ChildKind.DECISION,
    }
    world.calm()
    assert world.flow.outcome is Outcome.CANCELED


def test_an_answer_that_was_never_checked_fails_the_flow_and_names_the_place() -> None:
    world = World(template())
    world.engine(end(world, begun(world), [{"action": "explode"}]))
    assert world.flow.reason is not None
    assert world.flow.reason.type == "bad-decision"
    assert world.flow.reason.data["faults"][0].startswith("result.0.action: unknown action 'explode'")


# --- refusals --------------------------------------------------------------------------------------------


def refused(world: World, answer: Any, known: flow_check.Names = KNOWN) -> list[str]:
    with pytest.raises(errors.PayloadMismatch) as caught:
        flow_actions.check(world.template, world.flow, flow_actions.read(answer), known)
    return [fault.field for fault in caught.value.faults]


def request(**fields: Any) -> list[Json]:
    return [{"action": PREFIX + "schedule-task", "task-request": {"definition": "mail", **fields}}]


REFUSED: list[tuple[Any, list[str]]] = [
    (["x"], ["result.0"]),
    ("x", ["result"]),
    ([{"action": "explode"}, {}], ["result.0.action", "result.1.action"]),
    ([{"action": PREFIX + "schedule-task"}], ["result.0.task-request"]),
    ({"action": PREFIX + "schedule-task", "task-request": {}}, ["result.task-request.definition"]),
    (request(label=3), ["result.0.task-request.label"]),
    (request(label=""), ["result.0.task-request.label"]),
    (request(executeAt="tomorrow"), ["result.0.task-request.executeAt"]),
    (request(executeAt=5, definition=None), ["result.0.task-request.definition", "result.0.task-request.executeAt"]),
    (request(definition="nowhere"), ["result.0.task-request.definition"]),
    ([schedule("a", "mail", "schedule-workflow")], ["result.0.task-request.definition"]),
    ([schedule("a"), schedule("b"), schedule("a")], ["result.2.task-request.label"]),
    ([schedule("a"), complete()], ["result.1"]),
    ([complete(), complete()], ["result.0"]),
]


@pytest.mark.parametrize(("answer", "fields"), REFUSED)
def test_a_bad_decision_is_refused_with_its_place(answer: Any, fields: list[str]) -> None:
    world = World(template())
    begun(world)
    assert refused(world, answer) == fields


def test_a_label_is_unique_within_the_life_of_the_flow() -> None:
    world = World(template())
    begun(world)
    (mail,) = decide(world, schedule("a"))
    world.engine(end(world, mail))
    assert refused(world, [schedule("b"), schedule("a")]) == ["result.1.task-request.label"]


def test_result_and_error_must_fit_the_template() -> None:
    schema = {"type": "object", "required": ["n"]}
    world = World(template(resultSchema=schema, errorSchema=schema))
    begun(world)
    assert refused(world, [complete({})]) == ["result.0.result"]
    assert refused(world, {"action": "fail", "error": {}}) == ["result.error"]
    flow_actions.check(world.template, world.flow, flow_actions.read(complete({"n": 1})), KNOWN)


def test_workflows_start_workflows_only_so_deep(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(template())
    begun(world)
    monkeypatch.setattr("core.flow_actions.MAX_DEPTH", 0)
    assert MAX_DEPTH > 0
    assert refused(world, [schedule("a", "sub", "schedule-workflow")]) == ["result.0.task-request.definition"]


def test_a_workflow_has_only_so_many_activities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.flow_actions.MAX_ACTIVITIES", 2)
    world = World(template())
    begun(world)
    decide(world, schedule("a"))
    assert refused(world, [schedule("b"), schedule("c")]) == ["result"]


def test_the_names_an_answer_mentions_are_known_before_it_is_checked() -> None:
    actions = flow_actions.read([schedule("a"), schedule("b", "sub", "schedule-workflow")])
    names = flow_check.Names(definitions=frozenset({"mail"}), templates=frozenset({"sub"}))
    assert flow_actions.mentions(actions) == names


# --- what planning asks for --------------------------------------------------------------------------------


def test_planning_asks_for_the_answer_and_for_the_activity_it_tells_about() -> None:
    world = World(template())
    decision = begun(world)
    done = end(world, decision, [schedule("a")])
    flow = flow_life.absorb(world.flow, done)
    wish = flows.plan(world.template, flow, at=NOW)
    assert (wish.needs, wish.create, wish.flow) == ((decision.id,), (), flow)
    made = flows.plan(world.template, flow, at=NOW, completions={decision.id: done})
    again = flows.plan(world.template, made.flow, at=NOW)
    assert again.needs == (decision.id,)
    assert flows.plan(world.template, made.flow, at=NOW, completions={decision.id: done}).create == made.create
    settled: Flow = flow_life.settle(made.flow)
    assert flows.plan(world.template, settled, at=NOW).create == ()
