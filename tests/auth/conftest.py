"""A real issuer over loopback, and the parts of `auth` wired to it."""

from collections.abc import AsyncIterator

import httpx
import pytest

from auth import keys, tenants, tokens
from deploy.local import issuer
from tests.auth.registry import Registry
from tests.support.clock import FakeClock


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


@pytest.fixture
async def live(fake_clock: FakeClock) -> AsyncIterator[issuer.Issuer]:
    """The local issuer on a free port of loopback, by the fake clock."""
    async with issuer.start_issuer(now=fake_clock) as running:
        yield running


@pytest.fixture
def registry(live: issuer.Issuer, fake_clock: FakeClock) -> Registry:
    """Tenants `core` and `demo` are registered; `acme` exists at the issuer and is not."""
    known = Registry()
    for realm in ("core", "demo"):
        known.add(realm, live.issuer_of(realm), fake_clock)
    return known


@pytest.fixture
async def lookup(registry: Registry, fake_clock: FakeClock) -> AsyncIterator[tenants.Tenants]:
    known = tenants.Tenants(registry.load, fake_clock)
    yield known
    await known.aclose()


@pytest.fixture
async def published(http: httpx.AsyncClient, fake_clock: FakeClock) -> AsyncIterator[keys.Keys]:
    found = keys.Keys(http, fake_clock)
    yield found
    await found.aclose()


@pytest.fixture
async def verifier(
    lookup: tenants.Tenants, http: httpx.AsyncClient, fake_clock: FakeClock
) -> AsyncIterator[tokens.Verifier]:
    made = tokens.Verifier(lookup=lookup, http=http, audience="penstock", client_id="penstock", now=fake_clock)
    yield made
    await made.aclose()
