"""What every test may ask for: real servers, a database of its own, a clock; and a check for leaks."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent import futures
from typing import Any

import hypothesis
import pymongo
import pytest

from tests.support import clock, scratch, servers

# A loaded machine is no reason to fail a property.
hypothesis.settings.register_profile("penstock", deadline=None, print_blob=True)
hypothesis.settings.load_profile("penstock")


def _is_xdist_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    """The process that pytest was started as owns the servers of the run, and leaves nothing behind that it started."""
    if _is_xdist_worker(config):
        return
    try:
        servers.open_run()
    except scratch.NoRoomError as error:
        raise pytest.UsageError(str(error)) from None
    config.add_cleanup(servers.close_run)


@pytest.fixture(scope="session")
def mongodb_url() -> str:
    """A real mongod: a replica set of one member, shared by the whole run."""
    return servers.url(servers.MONGODB)


@pytest.fixture(scope="session")
def rabbitmq_url(worker_id: str) -> str:
    """A real RabbitMQ node, shared by the whole run, with a virtual host for this xdist worker alone."""
    vhost = "main" if worker_id == "master" else worker_id
    return servers.url(servers.RABBITMQ) + vhost


@pytest.fixture(scope="session")
def _drop_database(mongodb_url: str) -> Iterator[Callable[[str], None]]:
    """Drops databases behind the tests' backs: mongod takes 0.1 s for one, however small it is."""
    with (
        pymongo.MongoClient[dict[str, Any]](mongodb_url) as client,
        futures.ThreadPoolExecutor(max_workers=1) as behind,
    ):

        def drop(name: str) -> None:
            behind.submit(client.drop_database, name)

        yield drop


@pytest.fixture
def database_name(_drop_database: Callable[[str], None]) -> Iterator[str]:
    """The name of a database for this test alone, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    yield name
    _drop_database(name)


@pytest.fixture
def fake_clock() -> clock.FakeClock:
    """A clock that only this test moves."""
    return clock.FakeClock()


@pytest.fixture(autouse=True)
async def _no_task_left_over() -> AsyncIterator[None]:
    """Fail a test whose asyncio tasks outlive it; those that were cancelled get a moment to end."""
    before = asyncio.all_tasks()
    yield
    leftover = asyncio.all_tasks() - before - {asyncio.current_task()}
    if leftover:
        _, leftover = await asyncio.wait(leftover, timeout=1)
    assert not leftover, f"left running: {leftover}"
