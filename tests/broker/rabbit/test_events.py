"""Events reach every process that listens for them, and a listener knows when it missed some."""

import asyncio

import pytest

from broker.rabbit import events, topology
from tests.support import proxy, waiting
from tests.support.hands import Connect, Hands


def event(
    number: int, *, tenant: str = "demo", queue: str = "intake:reports", kind: str = "task.ready"
) -> events.Event:
    return events.Event(tenant=tenant, queue=queue, kind=kind, body=b"%d" % number)


EVERYTHING = topology.event_pattern()


async def test_every_listener_gets_what_fits_its_patterns(connect: Connect) -> None:
    here, there = await connect(), await connect()
    reports = topology.event_pattern("demo", "intake:reports")
    ended = topology.event_pattern(kind="task.completed")
    async with here.events.listen([EVERYTHING]) as all_of_it, there.events.listen([reports, ended]) as some:
        assert [await anext(all_of_it), await anext(some)] == [events.Gap(), events.Gap()]
        sent = [
            event(1),
            event(2, tenant="acme"),
            event(3, tenant="acme", kind="task.completed"),
            event(4, queue="a b:c_d-e", kind="task.completed"),
            event(5, kind="task.completed"),
        ]
        assert await here.events.publish(sent)
        assert [await anext(all_of_it) for _ in sent] == sent
        assert [await anext(some) for _ in range(4)] == [sent[0], sent[2], sent[3], sent[4]]


async def test_events_nobody_listens_to_are_no_failure(broker: Hands) -> None:
    assert await broker.events.publish([event(1)])
    assert await broker.events.publish([])


async def test_a_pattern_can_be_added_and_taken_away(broker: Hands) -> None:
    acme = topology.event_pattern("acme")
    async with broker.events.listen([topology.event_pattern("demo")]) as listener:
        await anext(listener)
        await broker.events.publish([event(1, tenant="acme"), event(2)])
        assert await anext(listener) == event(2)
        await listener.bind(acme)
        await broker.events.publish([event(3, tenant="acme")])
        assert await anext(listener) == event(3, tenant="acme")
        await listener.unbind(acme)
        await broker.events.publish([event(4, tenant="acme"), event(5)])
        assert await anext(listener) == event(5)


async def test_a_listener_that_lost_its_link_is_told_and_goes_on(connect: Connect, wire: proxy.Proxy) -> None:
    far, near = await connect(wire.url), await connect()
    async with far.events.listen([topology.event_pattern("demo")]) as listener:
        await anext(listener)
        await wire.shut()
        await waiting.wait_until(lambda: not far.taking.connected, what="the loss is noticed")
        await near.events.publish([event(1)])
        await listener.bind(topology.event_pattern("acme"))
        await wire.reopen()
        assert await anext(listener) == events.Gap()
        await near.events.publish([event(2), event(3, tenant="acme")])
        assert [await anext(listener), await anext(listener)] == [event(2), event(3, tenant="acme")]


async def test_a_listener_that_does_not_keep_up_is_told(broker: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_UNREAD", 10)
    async with broker.events.listen([EVERYTHING]) as slow, broker.events.listen([EVERYTHING]) as quick:
        assert [await anext(slow), await anext(quick)] == [events.Gap(), events.Gap()]
        sent = [event(number) for number in range(15)]
        for each in sent:
            await broker.events.publish([each])
            assert await anext(quick) == each
        await waiting.wait_until(lambda: slow.unread == 6, what="the slow one has the last ones")
        assert [await anext(slow) for _ in range(6)] == [events.Gap(), *sent[10:]]


async def test_without_a_broker_events_are_not_taken(connect: Connect, wire: proxy.Proxy) -> None:
    await wire.shut()
    broker = await connect(wire.url)
    assert not await broker.events.publish([event(1)])
    async with broker.events.listen([EVERYTHING]) as listener:
        nothing = asyncio.ensure_future(anext(listener))
        await asyncio.wait([nothing], timeout=0.05)
        assert not nothing.done()
        nothing.cancel()


async def test_many_events_come_in_order(broker: Hands) -> None:
    async with broker.events.listen([EVERYTHING]) as listener:
        await anext(listener)
        sent = [event(number) for number in range(2000)]
        assert await broker.events.publish(sent)
        assert [await anext(listener) for _ in sent] == sent
