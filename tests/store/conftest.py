"""The collections over the run's real mongod, in a database for each test."""

from collections.abc import AsyncIterator, Iterator

import pytest

from store import indexes, mongo
from store.listing import Listing
from store.sweeps import Sweeps
from store.tasks import Tasks
from tests.support import tenancy


@pytest.fixture
async def database(mongodb_url: str, database_name: str) -> AsyncIterator[mongo.Database]:
    """An empty database with every index."""
    client = mongo.client(mongodb_url, timeout=10.0)
    made = mongo.database(client, database_name)
    await indexes.ensure(made)
    yield made
    await client.close()


@pytest.fixture
def tasks(database: mongo.Database) -> Tasks:
    """The tasks collection."""
    return Tasks(database)


@pytest.fixture
def listing(database: mongo.Database) -> Listing:
    """Listings of it."""
    return Listing(database)


@pytest.fixture
def sweeps(database: mongo.Database) -> Sweeps:
    """The engine's view of it."""
    return Sweeps(database)


@pytest.fixture(autouse=True)
def _tenants_named() -> Iterator[None]:
    """Every command to MongoDB names its tenant."""
    with tenancy.watched():
        yield
