"""The nine events on the topic exchange: each once, in order, under its documented key, with the task as it was."""

import asyncio
from typing import Any

import msgspec
import pytest

from broker import assembly, loops
from broker.adsp_announcer import AdspAnnouncer
from broker.envelopes import Envelopes
from broker.follower import Follower
from broker.rabbit import events as rabbit
from broker.rabbit import topology
from core.creation import Submission
from core.queue import Queue
from store import snapshots
from store.eventlog import EventLog
from store.headers import Headers
from store.positions import ADSP, Positions
from store.snapshots import Snapshots
from tests.support.making import ANN, WIM
from tests.support.waiting import wait_until


async def listen(listener: rabbit.Listener, heard: list[tuple[str, str, dict[str, Any]]]) -> None:
    """Note what comes: queue, kind, body."""
    async for item in listener:
        if isinstance(item, rabbit.Event):
            heard.append((item.queue, item.kind, msgspec.json.decode(item.body)))
        else:
            heard.append(("", "listening", {}))


@pytest.mark.parametrize("behind", [0, 1])
async def test_the_nine_events_are_announced(parts: assembly.Parts, queue: Queue, behind: int) -> None:
    """`behind`: also when the announcer that was before stopped after that many events."""
    database = parts.record.database
    log, positions = EventLog(database), Positions(database)
    exchange = rabbit.Events(
        parts.broker.consuming, parts.broker.publisher, topology.events_exchange(parts.settings.broker_prefix)
    )
    heard: list[tuple[str, str, dict[str, Any]]] = []
    pattern = topology.event_pattern("demo", family=topology.ADSP)
    follower = Follower(database, log, Headers(database), positions, clock=parts.clock, heard=lambda _: None)
    announcer = AdspAnnouncer(log, positions, Envelopes(Snapshots(database)), exchange)
    await positions.advance(ADSP, n=behind)
    async with exchange.listen([pattern]) as listener:
        running = [asyncio.create_task(work) for work in (listen(listener, heard), follower.run(), announcer.run())]
        try:
            await wait_until(lambda: heard, what="the listener")
            made = (await parts.lifecycle.submit_one(queue, Submission(name="one", params={"a": 1}), by=ANN)).task
            task = await parts.lifecycle.assign(made, to=WIM, by=ANN)
            task = await parts.lifecycle.start(task, exec_id=None, by=WIM)
            await parts.lifecycle.complete_by_right(task, result=None, by=WIM, check=lambda now: now)
            await wait_until(lambda: len(heard) == 5 - behind, what="the events", timeout=20)
        finally:
            await loops.ended(*running)
    told = [(where, kind, body["payload"]["task"]["status"]) for where, kind, body in heard[1:]]
    assert (
        told
        == [
            ("intake:reports", "task-created", "Pending"),
            ("intake:reports", "task-assigned", "Pending"),
            ("intake:reports", "task-started", "In Progress"),
            ("intake:reports", "task-completed", "Completed"),
        ][behind:]
    )


async def test_events_of_many_are_told_as_those_of_one(
    parts: assembly.Parts, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a short history, of one that is too long to be read by the names of its events, of an erased task."""
    monkeypatch.setattr(snapshots, "_SHORT", 2)
    database = parts.record.database
    log = EventLog(database)
    follower = Follower(database, log, Headers(database), Positions(database), clock=parts.clock, heard=lambda _: None)
    running = asyncio.create_task(follower.run())
    try:
        for number in range(3):
            made = (await parts.lifecycle.submit_one(queue, Submission(name=f"{number}"), by=ANN)).task
            for to in (WIM, ANN)[:number]:
                made = await parts.lifecycle.assign(made, to=to, by=ANN)

        async def stored() -> bool:
            return len(await log.after(0, 100)) == 6

        await wait_until(stored, what="the events", timeout=60)
    finally:
        await loops.ended(running)
    events = await log.after(0, 100)
    await database["tasks"].delete_one({"name": "1"})
    kept, names = Snapshots(database), sorted({event.task for event in events})
    many = await kept.of_many([("demo", name) for name in names])
    assert {name: many["demo", name] for name in names} == await kept.of("demo", names)
    assert [story.now is None for story in many.values()].count(True) == 1


def test_the_keys_are_those_of_the_guide() -> None:
    assert topology.event_key("demo", "intake:reports", "task-created", topology.ADSP) == (
        "task-service.demo.intake:reports.task-created"
    )
    assert topology.event_pattern("demo", kind="task-completed", family=topology.ADSP) == (
        "task-service.demo.*.task-completed"
    )
