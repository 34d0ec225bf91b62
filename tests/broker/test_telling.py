"""Telling: who listens hears everything in order; what nobody hears is hardly sent."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from broker import loops, telling
from broker.rabbit import events as rabbit
from broker.rabbit import topology
from core.events import Event
from core.settings import Settings
from tests.store.test_events import event
from tests.support import hands
from tests.support.waiting import wait_until


class Desk:
    """Makes messages of events, and keeps count of what was made and heard."""

    def __init__(self, exchange: rabbit.Events) -> None:
        self.exchange = exchange
        self.teller = telling.Teller(exchange, self._made, lambda e: topology.event_key(e.tenant, e.queue, e.type))
        self.made: list[int] = []
        self.heard: list[int] = []
        self.listening = asyncio.Event()

    async def _made(self, events: Sequence[Event]) -> list[rabbit.Event]:
        self.made += [each.n for each in events]
        return [
            rabbit.Event(tenant=each.tenant, queue=each.queue, kind=each.type, body=str(each.n).encode())
            for each in events
        ]

    async def listen(self, pattern: str) -> None:
        async with self.exchange.listen([pattern]) as listener:
            async for item in listener:
                if isinstance(item, rabbit.Gap):
                    self.listening.set()
                else:
                    self.heard.append(int(item.body))


@pytest.fixture
async def desk(settings: Settings) -> AsyncIterator[Desk]:
    async with hands.hands(settings.rabbitmq_url.get_secret_value(), settings.broker_prefix) as broker:
        await broker.ready()
        yield Desk(broker.events)


def batch(first: int, count: int, *, types: Sequence[str] = ("created", "started")) -> list[Event]:
    return [event("t", n, n, type=types[n % len(types)]) for n in range(first, first + count)]


async def test_of_what_nobody_hears_one_of_each_sort_is_made(desk: Desk) -> None:
    assert await desk.teller.tell(batch(1, 10)) == 0
    assert desk.made == list(range(1, 11))
    desk.made.clear()
    assert await desk.teller.tell(batch(11, 100)) == 0
    assert desk.made == [11, 12]


async def test_a_listener_hears_all_that_follows_in_order(desk: Desk) -> None:
    await desk.teller.tell(batch(1, 10))
    ears = asyncio.create_task(desk.listen("#"))
    await desk.listening.wait()
    assert await desk.teller.tell(batch(11, 50)) == 50
    assert await desk.teller.tell(batch(61, 50)) == 50
    await wait_until(lambda: len(desk.heard) >= 100, what="all events")
    assert desk.heard == list(range(11, 111))
    await loops.ended(ears)


async def test_a_listener_to_one_sort_hears_that_in_order_and_of_others_one_is_made(desk: Desk) -> None:
    await desk.teller.tell(batch(1, 10))
    ears = asyncio.create_task(desk.listen("tenant.*.*.started"))
    await desk.listening.wait()
    desk.made.clear()
    assert await desk.teller.tell(batch(11, 20)) == 10
    await wait_until(lambda: len(desk.heard) >= 10, what="the events")
    assert desk.heard == [n for n in range(11, 31) if n % 2]
    assert [n for n in desk.made if n % 2 == 0] == [12]
    await loops.ended(ears)


MANY = [f"type-{number}" for number in range(500)]
"""More sorts than one question asks for."""


async def test_of_very_many_sorts_that_nobody_hears_none_is_made(desk: Desk) -> None:
    await desk.teller.tell(batch(0, 500, types=MANY))
    desk.made.clear()
    assert await desk.teller.tell(batch(500, 1000, types=MANY)) == 0
    assert desk.made == []


@pytest.mark.parametrize("pattern", ["tenant.*.*.type-44", "#"])
async def test_who_hears_some_of_very_many_sorts_hears_them_in_order_and_no_question(desk: Desk, pattern: str) -> None:
    await desk.teller.tell(batch(0, 500, types=MANY))
    ears = asyncio.create_task(desk.listen(pattern))
    await desk.listening.wait()
    wanted = [n for n in range(500, 2500) if pattern == "#" or n % 500 == 44]
    heard = [await desk.teller.tell(batch(first, 1000, types=MANY)) for first in (500, 1500)]
    assert sum(each or 0 for each in heard) == len(wanted)
    await wait_until(lambda: len(desk.heard) >= len(wanted), what="the events")
    assert desk.heard == wanted
    await loops.ended(ears)


async def test_what_the_broker_did_not_take_is_told(settings: Settings) -> None:
    async with hands.hands("amqp://127.0.0.1:1/", settings.broker_prefix) as away:
        assert await Desk(away.events).teller.tell(batch(1, 3)) is None
        assert await away.events.unheard(["tenant.demo.a:b.created"]) is None
