"""Events: stored once, numbered without a gap, read by those whose they are."""

from datetime import datetime, timedelta

import msgspec
import pytest

from core.events import Event
from core.priority import Priority
from core.task import State
from store import mongo
from store.eventlog import EventLog, Overtaken
from store.events import Events
from tests.support.making import ANN, NOW


def event(task: str, seq: int, n: int, *, tenant: str = "demo", at: datetime = NOW, **fields: object) -> Event:
    made = Event(
        tenant=tenant, task=task, seq=seq, n=n, type="created", at=at, by=ANN, state=State.READY,
        queue="intake:reports", priority=Priority.NORMAL,
    )  # fmt: skip
    return msgspec.structs.replace(made, **fields)


@pytest.fixture
def log(database: mongo.Database) -> EventLog:
    """The engine's side."""
    return EventLog(database)


@pytest.fixture
def events(database: mongo.Database) -> Events:
    """The callers' side."""
    return Events(database)


async def test_an_event_reads_back_as_it_was_stored(log: EventLog, events: Events) -> None:
    full = event("t", 1, 1, name="x", record_id="r", data={"$a.b": [1, None]}, definition="d/e")
    await log.append([full])
    assert await events.history("demo", "t", limit=10) == [full]
    assert await log.after(0, 10) == [full]


async def test_the_same_event_is_not_stored_twice(log: EventLog) -> None:
    await log.append([event("t", 1, 1)])
    with pytest.raises(Overtaken):
        await log.append([event("t", 1, 2)])
    assert [each.n for each in await log.after(0, 10)] == [1]
    assert await log.known(["demo/t/1", "demo/t/2"]) == {"demo/t/1"}


async def test_a_second_writer_meets_the_numbers_of_the_first_and_adds_nothing_behind(log: EventLog) -> None:
    await log.append([event("a", 1, 1), event("b", 1, 2)])
    with pytest.raises(Overtaken):
        await log.append([event("c", 1, 2), event("d", 1, 3)])
    assert [each.task for each in await log.after(0, 10)] == ["a", "b"]
    assert await log.newest() == 2


async def test_history_goes_on_behind_a_number(log: EventLog, events: Events) -> None:
    await log.append([event("t", seq, seq) for seq in range(1, 6)] + [event("u", 1, 6)])
    first = await events.history("demo", "t", limit=2)
    rest = await events.history("demo", "t", after_seq=first[-1].seq, limit=10)
    assert [each.seq for each in [*first, *rest]] == [1, 2, 3, 4, 5]


async def test_a_tenant_sees_only_its_own(log: EventLog, events: Events) -> None:
    await log.append([event("t", 1, 1), event("t", 1, 2, tenant="acme")])
    assert [each.n for each in (await events.since("acme", 0, limit=10)).events] == [2]
    assert [each.tenant for each in await events.history("acme", "t", limit=10)] == ["acme"]
    assert (await events.since("other", 0, limit=10)).reached == 0
    assert (await events.newest("demo"), await events.newest("acme"), await events.newest("other")) == (1, 2, 0)


async def test_a_filtered_slice_says_how_far_it_looked(log: EventLog, events: Events) -> None:
    others = [event("t", seq, seq, queue="intake:other") for seq in range(1, 8)]
    await log.append([*others[:3], event("u", 1, 4), *[msgspec.structs.replace(e, n=e.n + 1) for e in others[3:]]])
    everything = await events.since("demo", 0, limit=10, queues=["intake:reports"])
    assert ([each.n for each in everything.events], everything.reached) == ([4], 8)
    some = await events.since("demo", 0, limit=3, queues=["intake:other"])
    assert ([each.n for each in some.events], some.reached) == ([1, 2, 3], 3)
    none = await events.since("demo", 2, limit=3, types=["deleted"])
    assert (none.events, none.reached) == ([], 8)


async def test_old_events_are_erased_in_batches_and_those_of_a_task_at_once(log: EventLog) -> None:
    old, new = NOW - timedelta(days=2), NOW
    await log.append([event("t", seq, seq, at=old) for seq in range(1, 4)] + [event("u", 1, 4, at=new)])
    await log.append([event("t", 1, 5, tenant="acme", at=new)])
    assert await log.erase(NOW - timedelta(days=1), 2) == 2
    assert await log.erase(NOW - timedelta(days=1), 2) == 1
    assert await log.erase_of([("demo", "u"), ("demo", "t")]) == 1
    assert [each.tenant for each in await log.after(0, 10)] == ["acme"]


async def test_events_of_tasks_of_any_tenant_are_erased_by_their_numbers(log: EventLog) -> None:
    await log.append([event("t", seq, seq) for seq in range(1, 4)] + [event("tt", 1, 4)])
    await log.append([event("t", 1, 5, tenant="acme"), event("u", 1, 6, tenant="acme")])
    assert await log.erase_numbered([("demo/t", 3), ("acme/t", 2)]) == 4
    assert [(each.tenant, each.task) for each in await log.after(0, 10)] == [("demo", "tt"), ("acme", "u")]
