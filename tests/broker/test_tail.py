"""The tail of the log: what was heard is not read again, and what was missed is."""

from collections.abc import AsyncIterator

import pytest

from broker.tail import Tail
from core.settings import Settings
from store import indexes, mongo
from store.eventlog import EventLog
from tests.store.test_events import event


@pytest.fixture
async def log(settings: Settings) -> AsyncIterator[EventLog]:
    client = mongo.client(settings.mongodb_url.get_secret_value(), timeout=5.0)
    made = mongo.database(client, settings.mongodb_database)
    await indexes.ensure(made)
    yield EventLog(made)
    await client.close()


async def test_what_was_heard_is_given_from_memory(log: EventLog) -> None:
    tail = Tail(log)
    # Not stored, so only memory can have them.
    tail.hear([event("t", n, n) for n in (1, 2, 3)])
    assert [each.n for each in await tail.after(0, 2)] == [1, 2]
    assert tail.more
    assert [each.n for each in await tail.after(2, 2)] == [3]
    assert await tail.after(3, 2) == []


async def test_what_was_missed_is_read(log: EventLog) -> None:
    tail = Tail(log)
    stored = [event("t", n, n) for n in range(1, 7)]
    await log.append(stored)
    tail.hear(stored[:2])
    tail.hear(stored[4:])
    assert [each.n for each in await tail.after(0, 10)] == [1, 2]
    assert [each.n for each in await tail.after(2, 10)] == [3, 4, 5, 6]
    tail.hear(stored)
    assert [each.n for each in await tail.after(4, 10)] == [5, 6]
    tail.hear(stored[:1])
    tail.forget()
    assert [each.n for each in await tail.after(0, 1)] == [1]
