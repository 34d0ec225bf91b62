"""One application over the run's real servers, with a client for every caller."""

import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pymongo
import pymongo.database
import pytest

from core.settings import Settings
from tests.support import api as support
from tests.support import keycloaks, tenancy
from tests.support.keycloaks import Issuer


@pytest.fixture(scope="session")
def tokens() -> Iterator[Issuer]:
    """The local issuer, one for all tests of a worker; a real Keycloak with PENSTOCK_TEST_ISSUER=keycloak."""
    with keycloaks.running() if keycloaks.wanted() else support.issuing() as running:
        # An application that has read the realm's keys does not read them again at once for one that came later.
        running.sign("demo", {})
        yield running


@pytest.fixture(scope="session")
def kept_database(mongodb_url: str) -> Iterator[pymongo.database.Database[dict[str, Any]]]:
    """One database for all tests of a worker: mongod takes 0.3 s to make and drop one with all its indexes."""
    with pymongo.MongoClient[dict[str, Any]](mongodb_url) as client:
        database = client[f"test_{uuid.uuid4().hex}"]
        yield database
        client.drop_database(database)


@pytest.fixture
def database_name(kept_database: pymongo.database.Database[dict[str, Any]]) -> str:
    """The name of that database, emptied of what the tests before left."""
    for name in kept_database.list_collection_names():
        kept_database[name].delete_many({})
    return kept_database.name


@pytest.fixture
def settings(mongodb_url: str, rabbitmq_url: str, database_name: str, tokens: Issuer) -> Settings:
    return support.settings(mongodb_url, rabbitmq_url, tokens.url, database_name)


@pytest.fixture
async def api(settings: Settings, tokens: Issuer) -> AsyncIterator[support.Api]:
    """An application; `api("wim")` is a client of that person."""
    async with support.serving(settings, tokens) as running:
        yield running
        await support.drop_lanes(running.parts)


@pytest.fixture
async def queue(api: support.Api) -> str:
    """The path of a queue in demo: reviewers work, supervisors assign, task-writers submit."""
    await support.make_queue(api("ada"))
    return support.QUEUE


@pytest.fixture(autouse=True)
def _tenants_named() -> Iterator[None]:
    """Every command to MongoDB names its tenant."""
    with tenancy.watched():
        yield
