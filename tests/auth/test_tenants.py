"""Issuer to tenant: remembered briefly, forgotten on request, never asked twice at once."""

import asyncio
from datetime import timedelta

import pytest

from auth import tenants
from core import errors, tenant
from deploy.local import issuer
from tests.auth.registry import Registry
from tests.support.clock import FakeClock


async def test_a_registered_issuer_is_its_tenants(lookup: tenants.Tenants, live: issuer.Issuer) -> None:
    found = await lookup.find(live.issuer_of("demo"))
    assert found is not None
    assert found.id == "demo"


async def test_an_unregistered_issuer_is_nobodys(lookup: tenants.Tenants, live: issuer.Issuer) -> None:
    assert await lookup.find(live.issuer_of("acme")) is None
    assert await lookup.find(live.issuer_of("demo") + "/") is None
    assert await lookup.find("") is None


async def test_answers_are_kept_for_the_time_given(
    lookup: tenants.Tenants, registry: Registry, live: issuer.Issuer, fake_clock: FakeClock
) -> None:
    demo, acme = live.issuer_of("demo"), live.issuer_of("acme")
    assert lookup.peek(demo) is None
    for _ in range(3):
        await lookup.find(demo)
        await lookup.find(acme)
    assert registry.asked == [demo, acme]
    assert (kept := lookup.peek(demo)) is not None
    assert kept.id == "demo"
    fake_clock.advance(timedelta(seconds=5))
    assert lookup.peek(demo) is None
    registry.add("acme", acme, fake_clock)
    assert await lookup.find(acme) is not None


async def test_forgetting_one_or_all(lookup: tenants.Tenants, registry: Registry, live: issuer.Issuer) -> None:
    demo, core = live.issuer_of("demo"), live.issuer_of("core")
    await lookup.find(demo)
    await lookup.find(core)
    lookup.forget(demo)
    lookup.forget("http://never.asked")
    assert lookup.peek(demo) is None
    assert lookup.peek(core) is not None
    lookup.forget()
    assert lookup.peek(core) is None
    assert registry.asked == [demo, core]


async def test_a_hundred_at_once_ask_once(lookup: tenants.Tenants, registry: Registry, live: issuer.Issuer) -> None:
    demo = live.issuer_of("demo")
    found = await asyncio.gather(*(lookup.find(demo) for _ in range(100)))
    assert {one.id for one in found if one} == {"demo"}
    assert registry.asked == [demo]


async def test_a_failure_is_passed_on_and_not_kept(fake_clock: FakeClock) -> None:
    away = True

    async def load(issuer: str) -> tenant.Tenant | None:
        if away:
            raise errors.Unavailable("MongoDB is away.")
        return tenant.Tenant(id="demo", issuer=issuer, created_at=fake_clock(), version=1)

    known = tenants.Tenants(load, fake_clock)
    with pytest.raises(errors.Unavailable):
        await known.find("http://issuer")
    away = False
    assert await known.find("http://issuer") is not None


async def test_what_is_forgotten_while_it_is_asked_for_is_not_kept(fake_clock: FakeClock) -> None:
    versions = iter((1, 2))

    async def load(issuer: str) -> tenant.Tenant | None:
        found = tenant.Tenant(id="demo", issuer=issuer, created_at=fake_clock(), version=next(versions))
        if found.version == 1:
            known.forget()
        return found

    known = tenants.Tenants(load, fake_clock)
    await known.find("http://issuer")
    found = await known.find("http://issuer")
    assert found is not None
    assert found.version == 2


async def test_an_endless_issuer_is_not_looked_up(lookup: tenants.Tenants, registry: Registry) -> None:
    assert await lookup.find("http://" + "x" * tenants.MAX_ISSUER) is None
    assert registry.asked == []


async def test_the_memory_is_bounded(registry: Registry, fake_clock: FakeClock) -> None:
    known = tenants.Tenants(registry.load, fake_clock, size=10)
    for number in range(50):
        await known.find(f"http://issuer/{number}")
    assert known.remembered == 10


@pytest.mark.parametrize("base", ["http://127.0.0.1:8081", "http://127.0.0.1:8081/"])
def test_the_issuer_of_a_realm(base: str) -> None:
    assert tenants.issuer_of(base, "demo") == "http://127.0.0.1:8081/realms/demo"
