"""Who has a role: directly, by groups, by composite roles; the same of the local issuer and of a real Keycloak."""

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

from auth.people import People
from core import errors
from core.settings import Settings
from deploy.local import issuer as local
from deploy.local.issuer_realms import PEOPLE, REALMS, Group, User
from tests.support import api as support
from tests.support import keycloaks
from tests.support.clock import FakeClock
from tests.support.keycloaks import Keycloak

pytestmark = pytest.mark.xdist_group("keycloak")

CROWD = [f"crowd-{number:03}" for number in range(130)]
REALM = "peopled"


def settings(url: str, **more: Any) -> Settings:
    """Settings that know where the provider is."""
    return support.settings("mongodb://x", "amqp://x", url, "x", **more)


@asynccontextmanager
async def _local() -> AsyncGenerator[tuple[str, Settings]]:
    demo = next(realm for realm in REALMS if realm.name == "demo")
    crowd = tuple(User(username=name, given_name="C", family_name=name, realm_roles=("crowded",)) for name in CROWD)
    inner = Group(name="night", members=("wes",))
    realm = msgspec.structs.replace(
        demo,
        name=REALM,
        users=(*demo.users, *crowd),
        groups=(Group(name="shift", realm_roles=("doctor",), members=("wim",), below=(inner,)),),
        composed={"chief": ("senior",), "senior": ("doctor",), "doctor": ("reader",)},
    )
    ann = realm.user("ann")
    assert ann is not None
    chief = msgspec.structs.replace(ann, realm_roles=("supervisor", "chief"))
    realm = msgspec.structs.replace(realm, users=tuple(chief if each is ann else each for each in realm.users))
    async with local.start_issuer(realms=(realm,)) as running:
        yield running.issuer_of(REALM), settings(running.url)


def _provision(server: Keycloak) -> None:
    """The same realm in a Keycloak."""

    def user(name: str, given: str, family: str, *roles: str, ours: tuple[str, ...] = ()) -> dict[str, Any]:
        return {
            "username": name, "firstName": given, "lastName": family, "email": f"{name}@{REALM}.example",
            "enabled": True, "realmRoles": list(roles), "clientRoles": {"penstock": list(ours)},
        }  # fmt: skip

    named = ["supervisor", "reviewer", "crowded", "reader"]
    composed = {"doctor": "reader", "senior": "doctor", "chief": "senior"}
    server.admin("POST", "", {
        "realm": REALM, "enabled": True,
        "roles": {
            "realm": [{"name": name} for name in named]
            + [{"name": name, "composite": True, "composites": {"realm": [part]}} for name, part in composed.items()],
            "client": {"penstock": [{"name": role} for role in ("task-admin", "task-reader", "task-writer")]},
        },
        "clients": [{"clientId": "penstock", "serviceAccountsEnabled": True, "secret": "x"}],
        "groups": [{"name": "shift", "realmRoles": ["doctor"], "subGroups": [{"name": "night"}]}],
        "users": [
            user("ada", "Ada", "Admin", ours=("task-admin",)),
            user("ann", "Ann", "Supervisor", "supervisor", "chief"),
            user("wim", "Wim", "Reviewer", "reviewer") | {"groups": ["/shift"]},
            user("wes", "Wes", "Reviewer", "reviewer") | {"groups": ["/shift/night"]},
            user("off", "Off", "Duty", "reviewer") | {"enabled": False},
            *(user(name, "C", name, "crowded") for name in CROWD),
        ],
    })  # fmt: skip


@asynccontextmanager
async def _keycloak(server: Keycloak) -> AsyncGenerator[tuple[str, Settings]]:
    client_id, secret = server.administrator
    more = {"keycloak_admin_client_id": client_id, "keycloak_admin_client_secret": SecretStr(secret)}
    _provision(server)
    try:
        yield server.issuer_of(REALM), settings(server.url, people_client_id=None, people_client_secret=None, **more)
    finally:
        server.admin("DELETE", f"/{REALM}")


@pytest.fixture(scope="module", params=["local", "keycloak"])
def provider(request: pytest.FixtureRequest) -> Iterator[Keycloak | None]:
    """None for the local one."""
    if request.param == "local":
        yield None
        return
    with keycloaks.running() as running:
        yield running


@pytest.fixture
async def asked(provider: Keycloak | None) -> AsyncIterator[tuple[str, Settings]]:
    """The issuer of a realm with people of every kind, and settings."""
    async with _local() if provider is None else _keycloak(provider) as (issuer, chosen):
        yield issuer, chosen


async def test_everybody_is_found_however_they_have_the_role(
    asked: tuple[str, Settings], fake_clock: FakeClock
) -> None:
    issuer, chosen = asked
    people = People(chosen, clock=fake_clock)

    async def who(*roles: str) -> list[str]:
        return [person.username for person in await people.of_roles(REALM, issuer, roles)]

    assert await who("supervisor") == ["ann"]
    assert await who("reviewer") == ["wes", "wim"]
    assert await who("doctor") == await who("reader") == ["ann", "wes", "wim"]
    assert await who("senior") == ["ann"]
    assert await who("task-admin") == await who("penstock:task-admin") == ["ada"]
    assert await who("supervisor", "task-admin", "nothing", "x:y") == ["ada", "ann"]
    assert await who("crowded") == CROWD
    (ann,) = await people.of_roles(REALM, issuer, ["supervisor"])
    assert (ann.name, ann.email) == ("Ann Supervisor", f"ann@{REALM}.example")
    named = {role.name: role for role in await people.roles(REALM, issuer)}
    assert {"reviewer", "doctor", "penstock:task-admin"} <= named.keys()
    assert (named["doctor"].composite, named["penstock:task-admin"].client) == (True, "penstock")
    await people.aclose()


async def test_what_was_said_is_remembered_for_a_minute(fake_clock: FakeClock) -> None:
    async with local.start_issuer() as running:
        people = People(settings(running.url), clock=fake_clock)
        issuer = running.issuer_of("demo")
        await people.of_roles("demo", issuer, ["reviewer"])
        before = running.hits["demo/admin"]
        await people.of_roles("demo", issuer, ["reviewer"])
        assert running.hits["demo/admin"] == before
        fake_clock.advance(timedelta(seconds=61))
        await people.of_roles("demo", issuer, ["reviewer"])
        assert running.hits["demo/admin"] > before
        await people.aclose()


async def test_a_provider_that_cannot_be_asked_or_is_away_is_said_so(fake_clock: FakeClock) -> None:
    people = People(settings("http://127.0.0.1:1"), clock=fake_clock)
    with pytest.raises(errors.Conflict):
        await people.roles("demo", "https://login.example.org/demo")
    with pytest.raises(errors.Unavailable):
        await people.roles("demo", "http://127.0.0.1:1/realms/demo")
    await people.aclose()
    nobody = People(settings("http://127.0.0.1:1", people_client_id=None), clock=fake_clock)
    with pytest.raises(errors.Conflict, match="PENSTOCK_PEOPLE_CLIENT_ID"):
        await nobody.roles("demo", "http://127.0.0.1:1/realms/demo")
    await nobody.aclose()


async def test_others_than_its_own_client_learn_nothing_from_the_local_issuer(fake_clock: FakeClock) -> None:
    async with local.start_issuer() as running:
        chosen = settings(running.url, people_client_id="intake", people_client_secret=SecretStr("intake"))
        people = People(chosen, clock=fake_clock)
        with pytest.raises(errors.Conflict, match="view-users"):
            await people.roles("demo", running.issuer_of("demo"))
        await people.aclose()


def test_the_client_for_people_is_in_no_list() -> None:
    assert all(PEOPLE not in realm.clients for realm in REALMS)
    assert uuid.UUID(REALMS[0].subject("x"))
