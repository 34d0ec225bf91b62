"""The metrics of tasks: what happened, how long things took, how much waits; and no more series than are allowed."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry

from broker import assembly
from broker.meters import Gauger, Labels, Meters
from core.events import Event
from core.priority import Priority
from core.queue import Queue
from core.task import Outcome, State
from store.depths import Depths
from tests.support.clock import FakeClock
from tests.support.making import ANN, NOW
from tests.support.working import claim, fail, submit

IN = {"tenant": "demo", "queue": "intake:reports"}


def event(seq: int, kind: str, state: State, at: datetime, *, queue: str = "intake:reports") -> Event:
    outcome = Outcome(kind) if state is State.DONE else None
    return Event(
        tenant="demo", task="t", seq=seq, n=seq, type=kind, at=at, by=ANN, state=state, outcome=outcome,
        queue=queue, priority=Priority.NORMAL,
    )  # fmt: skip


def life(waited: float, worked: float) -> Sequence[Event]:
    started = NOW + timedelta(seconds=waited)
    return (
        event(1, "created", State.READY, NOW),
        event(2, "started", State.IN_PROGRESS, started),
        event(3, "succeeded", State.DONE, started + timedelta(seconds=worked)),
    )


def test_events_are_counted_and_durations_measured() -> None:
    registry = CollectorRegistry()
    Meters(registry, most=5).hear(life(2.0, 90.0))
    assert registry.get_sample_value("penstock_task_events_total", IN | {"type": "succeeded"}) == 1
    assert registry.get_sample_value("penstock_task_wait_seconds_sum", IN) == 2.0
    assert registry.get_sample_value("penstock_task_work_seconds_sum", IN) == 90.0
    assert registry.get_sample_value("penstock_task_work_seconds_bucket", IN | {"le": "60.0"}) == 0


def test_past_the_limit_queues_are_summed_up() -> None:
    labels = Labels(2)
    names = [labels.of("demo", f"q:{number}") for number in (1, 2, 3, 1, 4)]
    assert names == [("demo", "q:1"), ("demo", "q:2"), ("other", "other"), ("demo", "q:1"), ("other", "other")]


def test_a_look_replaces_the_one_before_and_an_end_forgets_it() -> None:
    registry = CollectorRegistry()
    meters = Meters(registry, most=1)
    meters.show([("demo", "intake:reports", "ready", 3), ("demo", "b", "ready", 2), ("acme", "c", "ready", 4)])
    assert registry.get_sample_value("penstock_tasks", IN | {"state": "ready"}) == 3
    rest = {"tenant": "other", "queue": "other", "state": "ready"}
    assert registry.get_sample_value("penstock_tasks", rest) == 6
    meters.show([("demo", "intake:reports", "waiting", 1)])
    assert registry.get_sample_value("penstock_tasks", IN | {"state": "ready"}) is None
    meters.forget()
    assert registry.get_sample_value("penstock_tasks", IN | {"state": "waiting"}) is None


async def test_what_waits_is_counted_in_the_record(parts: assembly.Parts, queue: Queue, fake_clock: FakeClock) -> None:
    await submit(parts, queue, 4)
    await submit(parts, queue, 1, delay=timedelta(seconds=5))
    await fail(parts, await claim(parts, queue))
    registry = CollectorRegistry()
    meters = Meters(registry, most=5)
    fake_clock.advance(timedelta(seconds=12))
    rest = await Gauger(meters, Depths(parts.record.database), parts.record.sweeps, clock=parts.clock).step()
    assert rest >= 15
    for state, count in (("ready", 3), ("waiting", 1), ("dead", 1)):
        assert registry.get_sample_value("penstock_tasks", IN | {"state": state}) == count, state
    assert registry.get_sample_value("penstock_timer_lag_seconds") == 7.0
