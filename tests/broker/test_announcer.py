"""The announcer: whoever listens hears every event in order, also those that happened while the broker was away."""

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest

from broker import loops
from broker.announcer import Announcer
from broker.rabbit import events as rabbit
from core.events import Event
from core.settings import Settings
from store import indexes, mongo
from store.eventlog import EventLog
from store.positions import ANNOUNCED, Positions
from tests.store.test_events import event
from tests.support import hands
from tests.support.proxy import Proxy
from tests.support.waiting import wait_until


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[mongo.Database]:
    client = mongo.client(settings.mongodb_url.get_secret_value(), timeout=5.0)
    made = mongo.database(client, settings.mongodb_database)
    await indexes.ensure(made)
    yield made
    await client.close()


class Ear:
    """Hears what is announced."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.gaps = 0

    async def listen(self, events: rabbit.Events) -> None:
        async with events.listen(["#"]) as listener:
            async for item in listener:
                if isinstance(item, rabbit.Gap):
                    self.gaps += 1
                else:
                    self.numbers.append(msgspec.json.decode(item.body, type=Event).n)


async def stored(log: EventLog, first: int, count: int) -> list[Event]:
    made = [event("t", n, n) for n in range(first, first + count)]
    await log.append(made)
    return made


def heard(ear: Ear, upto: int) -> Callable[[], bool]:
    return lambda: set(ear.numbers) >= set(range(1, upto + 1))


async def test_everything_is_announced_in_order(settings: Settings, database: mongo.Database) -> None:
    log, positions, ear = EventLog(database), Positions(database), Ear()
    async with hands.hands(settings.rabbitmq_url.get_secret_value(), settings.broker_prefix) as broker:
        await broker.ready()
        ears = asyncio.create_task(ear.listen(broker.events))
        await wait_until(lambda: ear.gaps, what="listening")
        await stored(log, 1, 5)
        announcer = Announcer(log, positions, broker.events)
        announcing = asyncio.create_task(announcer.run())
        await wait_until(heard(ear, 5), what="what was there before")
        announcer.hear(await stored(log, 6, 5))
        # Stored, and not heard of: as by the leader before.
        await stored(log, 11, 5)
        announcer.hear(await stored(log, 16, 1500))
        await wait_until(heard(ear, 1515), what="all")
        assert ear.numbers == list(range(1, 1516))
        await loops.ended(announcing, ears)
    # Saved now and then, so that a successor repeats a little.
    assert 5 <= (await positions.get(ANNOUNCED)).n <= 1515


async def test_what_happened_while_the_broker_was_away_follows(settings: Settings, database: mongo.Database) -> None:
    log, ear = EventLog(database), Ear()
    url = settings.rabbitmq_url.get_secret_value()
    async with (
        Proxy(url) as proxy,
        hands.hands(proxy.url, settings.broker_prefix) as broker,
        hands.hands(url, settings.broker_prefix) as listening,
    ):
        await broker.ready()
        await listening.ready()
        ears = asyncio.create_task(ear.listen(listening.events))
        await wait_until(lambda: ear.gaps, what="listening")
        announcer = Announcer(log, Positions(database), broker.events)
        announcing = asyncio.create_task(announcer.run())
        announcer.hear(await stored(log, 1, 3))
        await wait_until(heard(ear, 3), what="the first")
        await proxy.shut()
        await wait_until(lambda: not broker.publishing.connected, what="the link is down")
        announcer.hear(await stored(log, 4, 3))
        await proxy.reopen()
        announcer.hear(await stored(log, 7, 3))
        await wait_until(heard(ear, 9), what="the rest")
        await loops.ended(announcing, ears)
    assert list(dict.fromkeys(ear.numbers)) == list(range(1, 10))
