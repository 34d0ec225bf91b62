"""A real issuer over loopback, and the parts of `auth` wired to it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from auth import keys, tenants, tokens
from deploy.local import issuer
from tests.auth import plain
from tests.auth.plain import ISSUER, Plain
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


@pytest.fixture
def elsewhere() -> Plain:
    """An issuer other than Keycloak, which publishes one key of each kind."""
    made = Plain()
    made.publish(plain.RSA)
    made.publish(plain.EC)
    return made


@pytest.fixture
async def foreign(elsewhere: Plain, fake_clock: FakeClock) -> AsyncIterator[tokens.Verifier]:
    """A verifier for a tenant with that issuer."""
    registry = Registry()
    registry.add("globex", ISSUER, fake_clock)
    known = tenants.Tenants(registry.load, fake_clock)
    async with elsewhere.client() as http:
        made = tokens.Verifier(lookup=known, http=http, audience="penstock", client_id="penstock", now=fake_clock)
        yield made
        await made.aclose()


@pytest.fixture
def good(fake_clock: FakeClock) -> dict[str, Any]:
    """The claims of a plain OIDC token that is good for a minute."""
    exp = int(fake_clock().timestamp()) + 60
    return {"iss": ISSUER, "sub": "s1", "aud": "penstock", "exp": exp}
