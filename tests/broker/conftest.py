"""The parts of one process over the run's real MongoDB and RabbitMQ, with a clock that only the test moves."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from broker import assembly
from core.queue import Queue
from core.settings import Settings
from core.task import Actor
from store import indexes
from tests.support.clock import FakeClock
from tests.support.waiting import wait_until

ANN = Actor(id="u-ann", name="Ann")


@pytest.fixture
def settings(mongodb_url: str, rabbitmq_url: str, database_name: str) -> Settings:
    """Settings of a process that has its database and its RabbitMQ names for itself."""
    return Settings(
        environment="local",
        mongodb_url=SecretStr(mongodb_url),
        mongodb_database=database_name,
        rabbitmq_url=SecretStr(rabbitmq_url),
        auth_url="http://127.0.0.1:1",
        broker_prefix=database_name,
    )


@pytest.fixture
async def parts(settings: Settings, fake_clock: FakeClock) -> AsyncIterator[assembly.Parts]:
    """A running process, both its links up."""
    async with assembly.running(settings, name="test", clock=fake_clock) as running:
        await indexes.ensure(running.record.database)
        await wait_until(
            lambda: running.broker.publishing.connected and running.broker.consuming.connected, what="RabbitMQ"
        )
        yield running


@pytest.fixture
async def queue(parts: assembly.Parts) -> AsyncIterator[Queue]:
    """A queue of the tenant demo, removed with its lane at the end."""
    made, _ = await parts.administration.put("demo", "intake", "reports", {}, by=ANN, match=None)
    yield made
    await parts.administration.remove("demo", made.key, by=ANN, match=None, force=True)


@pytest.fixture
def gone() -> asyncio.Event:
    """A caller that stays."""
    return asyncio.Event()
