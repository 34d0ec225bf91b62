"""A world for flows without servers: it carries plans out as an engine would, and loses, repeats and delays at random.

Records go through their document form on every save, as they would in MongoDB.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from core import flow_life, flows
from core.flow import Cancel, Child, Completion, Flow, Plan, Status, child_id
from core.flow_template import Template
from core.task import Actor, Outcome, Reason

NOW = datetime(2031, 5, 1, 12, tzinfo=UTC)
ANN = Actor(id="u-ann", name="Ann")

Behaviour = Callable[[Child], tuple[Outcome, Any]]
"""How a child ends: its outcome, and its result or error."""


class Lost(Exception):
    """The process died here."""


class Job(msgspec.Struct, kw_only=True):
    """One child as the store has it; a tombstone has no `child`."""

    child: Child | None
    born: datetime
    end: Completion | None = None


def echo(child: Child) -> tuple[Outcome, Any]:
    """Every child succeeds with its params as its result."""
    return Outcome.SUCCEEDED, child.params


def document(flow: Flow) -> Flow:
    """The record as it comes back from the store."""
    kept = msgspec.to_builtins(flow, builtin_types=(datetime, bytes))
    return msgspec.convert(kept, Flow, builtin_types=(datetime, bytes))


def end_of(
    flow: Flow, step: str, index: int = 0, *, outcome: Outcome = Outcome.SUCCEEDED, seconds: float = 0, **more: Any
) -> Completion:
    """The end of a child of the flow, so many seconds later."""
    at = NOW + timedelta(seconds=seconds)
    return Completion(id=child_id(flow.id, step, index), step=step, index=index, outcome=outcome, at=at, **more)


class World:
    """One flow, its children, and engines that work on it."""

    def __init__(
        self, template: Template, *, params: Any = None, behaviour: Behaviour = echo, dice: random.Random | None = None
    ) -> None:
        self.template = template
        self.behaviour = behaviour
        self.dice = dice or random.Random(1)
        self.at = NOW
        launch = flow_life.Launch(id="flow-1", params=params, label="one")
        self.flow = document(flow_life.begin(launch, template=template, version=1, tenant="demo", at=NOW, by=ANN))
        self.jobs: dict[str, Job] = {}
        self.news: list[Completion] = []
        """Ends that no engine has dealt with yet."""
        self.order: list[str] = []
        """Children in the order of their creation."""
        self.zombies: list[Plan] = []
        """Saved plans whose engine stalled; they are carried out whenever it wakes."""
        self.endings = 0
        self.rounds = 0

    # --- an engine -----------------------------------------------------------------------------------

    def tick(self) -> datetime:
        """A second passes."""
        self.at += timedelta(seconds=1)
        return self.at

    def engine(self, *ends: Completion, risk: float = 0.0) -> Plan:
        """Deal with these ends as an engine does; raises `Lost` where it dies, with what was done until then done."""
        self.rounds += 1
        before = self.flow
        plan = self.plan(flow_life.absorb(before, *ends))
        self.perish(risk)
        if plan.flow.seq != before.seq:
            self.save(before, plan.flow)
        if self.dice.random() < risk / 2:
            self.zombies.append(plan)
            raise Lost
        self.perish(risk)
        self.carry_out(plan, risk=risk)
        self.perish(risk)
        if self.flow.seq == plan.flow.seq:
            self.flow = document(flow_life.settle(self.flow))
        return plan

    def plan(self, flow: Flow) -> Plan:
        """Plan, reading what the planner needs."""
        known: dict[str, Completion] = {}
        while True:
            plan = flows.plan(self.template, flow, at=self.tick(), completions=known)
            if not plan.needs:
                return plan
            assert not known.keys() & set(plan.needs)
            for one in plan.needs:
                end = self.jobs[one].end
                assert end is not None, "the planner asked for the result of a child that has not ended"
                known[one] = end

    def save(self, before: Flow, after: Flow) -> None:
        """The guarded write: refused when somebody else wrote since."""
        if self.flow.seq != before.seq:
            raise Lost
        assert self.flow.status is not Status.DONE, "an ended flow was changed"
        self.endings += after.status is Status.DONE
        self.flow = document(after)

    def carry_out(self, plan: Plan, *, risk: float = 0.0) -> None:
        """Create and cancel, each harmless when repeated."""
        for child in plan.create:
            self.perish(risk / 4)
            self.create(child)
        for cancel in plan.cancel:
            self.perish(risk / 4)
            self.cancel(cancel)

    def create(self, child: Child) -> None:
        """Insert; a taken id stays what it is."""
        known = self.jobs.get(child.id)
        if known is None:
            self.jobs[child.id] = Job(child=child, born=self.at)
            self.order.append(child.id)
        elif known.child is not None:
            assert known.child == child, "one id, two different children"

    def cancel(self, cancel: Cancel) -> None:
        """End an open child now; what does not exist yet gets a tombstone."""
        job = self.jobs.get(cancel.id)
        if job is None:
            assert cancel.unborn, "canceling a child that is said to exist and does not"
            job = self.jobs[cancel.id] = Job(child=None, born=self.at)
        if job.end is None:
            reason = Reason(type="canceled", message="Canceled.")
            self.finish(cancel.id, cancel.step, cancel.index, Outcome.CANCELED, reason=reason)

    def perish(self, risk: float) -> None:
        """Die with this probability."""
        if self.dice.random() < risk:
            raise Lost

    # --- the others ----------------------------------------------------------------------------------

    def open(self) -> list[Child]:
        """Children that somebody may work on."""
        return [job.child for job in self.jobs.values() if job.end is None and job.child is not None]

    def work(self, child: Child) -> Completion:
        """A worker ends the child as it behaves."""
        outcome, value = self.behaviour(child)
        return self.finish(child.id, child.step, child.index, outcome, value=value)

    def finish(
        self, one: str, step: str, index: int, outcome: Outcome, *, value: Any = None, reason: Reason | None = None
    ) -> Completion:
        """The child ends; the news of it will reach an engine."""
        good = outcome is Outcome.SUCCEEDED
        end = Completion(
            id=one, step=step, index=index, outcome=outcome, at=self.tick(), reason=reason,
            result=value if good else None, error=None if good else value,
        )  # fmt: skip
        assert self.jobs[one].end is None, "a child ended twice"
        self.jobs[one].end = end
        self.news.append(end)
        return end

    def ends(self) -> tuple[Completion, ...]:
        """Everybody works on what is open; the news of it, for an engine."""
        for child in self.open():
            self.work(child)
        news, self.news = self.news, []
        return tuple(news)

    def ask_cancel(self) -> None:
        """Somebody cancels the flow."""
        if self.flow.status is not Status.DONE:
            after = flow_life.request_cancel(self.flow, at=self.tick(), by=ANN, message=None, now=False)
            self.flow = document(after)

    def revive(self) -> None:
        """A stalled engine wakes and does what it had saved."""
        self.carry_out(self.zombies.pop(self.dice.randrange(len(self.zombies))))

    # --- whole lives ---------------------------------------------------------------------------------

    def chaos(self, *, cancel: bool = False, limit: int = 400) -> None:
        """Random work, deliveries in random order and doubled, deaths and stalls; then everything calms down."""
        for _ in range(self.dice.randrange(limit)):
            if self.flow.status is Status.DONE:
                break
            self._something(cancel=cancel)
        self.calm()

    def _something(self, *, cancel: bool) -> None:
        """One random thing happens."""
        dice = self.dice.random()
        if cancel and dice < 0.02:
            self.ask_cancel()
        elif dice < 0.1 and self.zombies:
            self.revive()
        elif dice < 0.5 and (some := self.open()):
            self.work(self.dice.choice(some))
        else:
            self._deliver()

    def _deliver(self) -> None:
        told = self.dice.sample(self.news, self.dice.randint(0, min(4, len(self.news))))
        again = [job.end for job in self.jobs.values() if job.end is not None and self.dice.random() < 0.2]
        try:
            self.engine(*told, *again, risk=0.15)
        except Lost:
            return
        self.news = [end for end in self.news if end not in told]

    def calm(self) -> None:
        """Everybody works and nothing fails any more, until the flow has ended and all is quiet."""
        for _ in range(2000):
            news = self.ends()
            plan = self.engine(*news)
            if self.flow.status is Status.DONE and not self.news:
                break
            assert plan.create or plan.cancel or self.news or news or self.flow.plan_due, "the flow hangs"
        while self.zombies:
            self.revive()
        assert self.flow.status is Status.DONE
        assert self.endings == 1
        assert not self.open(), "a child outlived its flow"

    def run(self) -> Flow:
        """A life without mishaps; answers the flow as it ended."""
        self.calm()
        return self.flow

    def children(self, step: str) -> dict[int, Child]:
        """The children of a step that were created, by number."""
        return {job.child.index: job.child for job in self.jobs.values() if job.child and job.child.step == step}

    def params(self, step: str) -> list[Any]:
        """Their params, in the order of the items."""
        made = self.children(step)
        return [made[index].params for index in sorted(made)]
