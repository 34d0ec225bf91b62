"""What happens to a flow, and what its record promises to a store: sequence numbers, timers, repair, bounded size."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import errors, flow_bits, flow_life, flow_parse, flows
from core.flow import BORN_WITH, PLAN_REPAIR, Flow, Parent, Status, child_id
from core.flow_template import StoredTemplate, Template
from core.ids import TASK_ID
from core.priority import Priority
from core.task import Outcome
from tests.support.flow_world import ANN, NOW, World, document, end_of


def template(**more: Any) -> Template:
    steps = {"a": {"definition": "work"}, "b": {"definition": "work", "dependsOn": ["a"]}}
    return flow_parse.parse("t", {"driver": "dag", "queue": "a:b", "steps": steps, **more})


def begin(found: Template, **more: Any) -> Flow:
    launch = flow_life.Launch(id="flow-1", **more)
    return flow_life.begin(launch, template=found, version=3, tenant="demo", at=NOW, by=ANN)


# --- beginning -------------------------------------------------------------------------------------------


def test_a_flow_begins_with_what_its_template_and_its_caller_say() -> None:
    found = template(priority="low", context={"a": 1, "b": 1}, overallTimeoutSeconds=90)
    parent = Parent(flow="f", step="s", index=2)
    flow = begin(found, params=[1], label="x", context={"b": 2}, parent=parent, depth=1)
    assert (flow.status, flow.seq, flow.version, flow.template) == (Status.CREATED, 1, 3, "t")
    assert (flow.priority, flow.context, flow.parent, flow.depth) == (Priority.LOW, {"a": 1, "b": 2}, parent, 1)
    assert (flow.due_at, flow.overall_at) == (NOW, NOW + timedelta(seconds=90))
    assert begin(found, priority=Priority.URGENT).priority is Priority.URGENT


def test_a_flow_may_begin_later() -> None:
    start = NOW + timedelta(hours=1)
    found = template(overallTimeoutSeconds=60)
    flow = begin(found, execute_at=start)
    assert (flow.due_at, flow.overall_at) == (start, start + timedelta(seconds=60))
    assert flows.plan(found, flow, at=start - timedelta(seconds=1)).flow is flow
    plan = flows.plan(found, flow, at=start)
    assert len(plan.create) == 1
    assert (plan.flow.status, plan.flow.started_at, plan.flow.execute_at) == (Status.IN_PROGRESS, start, start)


def test_a_flow_that_waits_can_be_canceled() -> None:
    found = template()
    flow = begin(found, execute_at=NOW + timedelta(hours=1))
    flow = flow_life.request_cancel(flow, at=NOW, by=ANN, message="enough", now=False)
    after = flows.plan(found, flow, at=NOW).flow
    assert (after.status, after.outcome, after.started_at) == (Status.DONE, Outcome.CANCELED, None)
    assert after.reason is not None
    assert (after.reason.message, after.last_event.by) == ("enough", ANN)


# --- planning and settling -------------------------------------------------------------------------------


def test_a_plan_is_repeated_until_it_is_settled() -> None:
    found = template()
    first = flows.plan(found, begin(found), at=NOW)
    assert (first.flow.seq, first.flow.plan_due, first.flow.due_at) == (2, NOW + PLAN_REPAIR, NOW + PLAN_REPAIR)
    again = flows.plan(found, first.flow, at=NOW + timedelta(seconds=60))
    assert (again.create, again.flow) == (first.create, first.flow)
    settled = flow_life.settle(first.flow)
    assert (settled.plan_due, settled.due_at, settled.seq) == (None, None, 2)
    quiet = flows.plan(found, settled, at=NOW)
    assert (quiet.create, quiet.flow.seq) == ((), 2)


def test_a_record_without_plan_due_reads_as_settled() -> None:
    """What a store does that notes it by `planDue` alone."""
    found = template()
    saved = flows.plan(found, begin(found), at=NOW).flow
    stored = document(msgspec.structs.replace(saved, plan_due=None, due_at=None))
    assert stored.steps["a"].created == 0
    assert flows.plan(found, stored, at=NOW).create == ()
    asked = flow_life.request_cancel(stored, at=NOW, by=ANN, message=None, now=False)
    assert [cancel.unborn for cancel in flows.plan(found, asked, at=NOW).cancel] == [False]


def test_a_child_whose_creation_is_not_certain_is_canceled_as_perhaps_unborn() -> None:
    found = template()
    flow = flows.plan(found, begin(found), at=NOW).flow
    flow = flow_life.request_cancel(flow, at=NOW, by=ANN, message=None, now=False)
    plan = flows.plan(found, flow, at=NOW)
    assert plan.create == ()
    assert [cancel.unborn for cancel in plan.cancel] == [True]


def test_cancels_are_repeated_until_settled_and_again_when_it_becomes_urgent() -> None:
    world = World(template())
    world.engine()
    flow = flow_life.request_cancel(world.flow, at=NOW, by=ANN, message=None, now=False)
    plan = flows.plan(world.template, flow, at=NOW)
    assert plan.cancel == flows.plan(world.template, plan.flow, at=NOW).cancel
    settled = flow_life.settle(plan.flow)
    assert flows.plan(world.template, settled, at=NOW).cancel == ()
    assert flow_life.request_cancel(settled, at=NOW, by=ANN, message=None, now=False) is settled
    urgent = flow_life.request_cancel(settled, at=NOW, by=ANN, message=None, now=True)
    assert [(cancel.now, cancel.unborn) for cancel in flows.plan(world.template, urgent, at=NOW).cancel] == [
        (True, False)
    ]
    assert flow_life.request_cancel(urgent, at=NOW, by=ANN, message=None, now=False) is urgent


def test_what_succeeds_while_the_flow_is_being_canceled_has_succeeded() -> None:
    world = World(template())
    world.engine()
    world.ask_cancel()
    flow = flow_life.absorb(flows.plan(world.template, world.flow, at=NOW).flow, end_of(world.flow, "a"))
    after = flows.plan(world.template, flow, at=NOW).flow
    assert (after.outcome, after.steps["a"].status) == (Outcome.CANCELED, "succeeded")


def test_an_ended_flow_cannot_be_canceled_and_changes_no_more() -> None:
    world = World(template())
    flow = world.run()
    with pytest.raises(errors.WrongState):
        flow_life.request_cancel(flow, at=NOW, by=ANN, message=None, now=True)
    assert flow_life.absorb(flow, end_of(flow, "a")) is flow
    assert flows.plan(world.template, flow, at=NOW).flow is flow


def test_the_overall_time_limit_fails_the_flow_and_cancels_what_runs() -> None:
    world = World(template(overallTimeoutSeconds=60))
    world.engine()
    assert world.flow.due_at == NOW + timedelta(seconds=60)
    world.at = NOW + timedelta(seconds=60)
    plan = world.engine()
    assert [cancel.step for cancel in plan.cancel] == ["a"]
    world.calm()
    assert world.flow.reason is not None
    assert (world.flow.outcome, world.flow.reason.type) == (Outcome.FAILED, "overall-timeout")
    assert world.flow.due_at is None


def test_a_result_that_is_too_large_fails_the_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.flows.MAX_RESULT_BYTES", 10)
    flow = World(template(result={"$from": "steps.a.result"}), params="x" * 20).run()
    assert flow.reason is not None
    assert (flow.outcome, flow.reason.type, flow.result) == (Outcome.FAILED, "result-too-large", None)


# --- absorbing -------------------------------------------------------------------------------------------


def test_only_open_children_of_the_flow_count() -> None:
    world = World(template())
    flow = world.engine().flow
    end = end_of(flow, "a")
    strangers = [
        end_of(flow, "b"),
        end_of(flow, "zz"),
        end_of(flow, "a", 1),
        msgspec.structs.replace(end, index=-1),
        msgspec.structs.replace(end, id=child_id("flow-2", "a", 0)),
    ]
    assert flow_life.absorb(flow, *strangers) is flow
    once = flow_life.absorb(flow, end)
    assert once.seq == flow.seq + 1
    assert flow_life.absorb(once, end, end_of(flow, "a", outcome=Outcome.FAILED)) is once


@given(st.permutations(range(12)), st.sets(st.integers(0, 11)))
def test_the_order_of_ends_leaves_no_trace(order: list[int], bad: set[int]) -> None:
    steps = {"a": {"definition": "work", "forEach": list(range(12)), "onFailure": "continue"}}
    found = flow_parse.parse("t", {"driver": "dag", "queue": "a:b", "steps": steps})
    begun = flows.plan(found, begin(found), at=NOW).flow
    ends = [
        end_of(begun, "a", n, seconds=n, outcome=Outcome.FAILED if n in bad else Outcome.SUCCEEDED) for n in range(12)
    ]
    assert flow_life.absorb(begun, *(ends[n] for n in order)).steps == flow_life.absorb(begun, *ends).steps


# --- records ---------------------------------------------------------------------------------------------


def test_what_a_flow_is_born_with_never_changes() -> None:
    world = World(template(), params={"n": 1})
    before = world.flow
    after = world.run()
    assert all(getattr(before, name) == getattr(after, name) for name in BORN_WITH)
    assert set(Flow.__struct_fields__) >= BORN_WITH


def test_a_stored_template_comes_back_as_it_was() -> None:
    stored = StoredTemplate(
        tenant="demo", name="t", lane="lane-1", version=1, content=template(result=None), created_at=NOW,
        created_by=ANN, updated_at=NOW, updated_by=ANN,
    )  # fmt: skip
    kept = msgspec.to_builtins(stored)
    assert "params" not in kept["content"]["steps"]["a"]
    assert msgspec.convert(kept, StoredTemplate) == stored


def test_ids_of_children_follow_from_their_place() -> None:
    ids = [child_id("f", "a", n) for n in range(300)]
    assert ids == sorted(set(ids))
    assert len({child_id(flow, step, 0) for flow in "fg" for step in ("a", "b", "~a")}) == 6
    assert all(TASK_ID.fullmatch(one) and one[14] == "8" and one[19] in "89ab" for one in ids)


@given(st.sets(st.integers(0, 200)), st.sets(st.integers(0, 200)))
def test_bitmaps_are_sets_of_numbers(one: set[int], other: set[int]) -> None:
    bits = flow_bits.add(flow_bits.add(b"", one), other)
    assert {n for n in range(300) if flow_bits.has(bits, n)} == one | other
    assert list(flow_bits.absent(bits, 5, 150)) == sorted(set(range(5, 150)) - one - other)
    assert flow_bits.count(bits) == len(one | other)
