"""A local issuer on loopback by the fake clock, and a browser."""

from collections.abc import AsyncIterator

import httpx
import pytest

from deploy.local import issuer
from tests.deploy.issuer.client import Realm
from tests.support.clock import FakeClock


@pytest.fixture
async def live(fake_clock: FakeClock) -> AsyncIterator[issuer.Issuer]:
    async with issuer.start_issuer(now=fake_clock) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A browser: it keeps cookies; it stops at redirects."""
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


@pytest.fixture
def demo(http: httpx.AsyncClient, live: issuer.Issuer) -> Realm:
    return Realm(http, live.url)


@pytest.fixture
def acme(http: httpx.AsyncClient, live: issuer.Issuer) -> Realm:
    return Realm(http, live.url, "acme")
