"""Who has which role, as the identity provider says it: Keycloak's admin API, or the local issuer's like it.

A role is had directly, through a group or a group above it, and through every role that is composed of it. Names are
those of bindings: realm roles as they are, client roles as `client:role`, and our own client's also unqualified.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from cachetools import TTLCache

from auth import keycloak
from auth.flights import Flights
from auth.tenants import issuer_of
from core import errors
from core.clock import Clock
from core.settings import Settings

_KEPT = timedelta(seconds=60)
_MOST_KEPT = 2_000
_SERVICE = "service-account-"


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of a tenant; `id` is the subject of their tokens."""

    id: str
    name: str
    username: str
    email: str | None = None


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """A role as bindings name it."""

    name: str
    client: str | None = None
    """The client whose role it is; None for one of the realm."""
    description: str | None = None
    composite: bool = False


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    """A role and where Keycloak keeps it."""

    role: Role
    own: str
    """Its name within its client, or the realm."""
    id: str
    container: str | None
    """The client's id in Keycloak."""


class People:
    """Roles and the people who have them, by tenant; remembered for a minute.

    Every call raises `Unavailable` while the provider is away, and `Conflict` where it cannot be asked: no service
    client is set, or the tenant's issuer is of another kind.
    """

    def __init__(self, settings: Settings, *, clock: Clock) -> None:
        self._settings = settings
        self._roles: TTLCache[str, Sequence[_Known], datetime] = TTLCache(_MOST_KEPT, _KEPT, timer=clock)
        self._people: TTLCache[tuple[str, str], Sequence[Person], datetime] = TTLCache(_MOST_KEPT, _KEPT, timer=clock)
        self._reads_roles: Flights[str, Sequence[_Known]] = Flights(self._read_roles)
        self._reads_people: Flights[tuple[str, str], Sequence[Person]] = Flights(self._read_people)

    async def roles(self, tenant: str, issuer: str) -> list[Role]:
        """All roles of the tenant, by name."""
        self._check(tenant, issuer)
        return [known.role for known in await self._known(tenant)]

    async def of_roles(self, tenant: str, issuer: str, roles: Iterable[str]) -> list[Person]:
        """Everybody who has one of the roles, once, by name; a role that is not there is nobody's."""
        self._check(tenant, issuer)
        found = await asyncio.gather(*[self._of_role(tenant, role) for role in dict.fromkeys(roles)])
        everybody = {person.id: person for people in found for person in people}
        return sorted(everybody.values(), key=lambda person: (person.name.casefold(), person.id))

    async def aclose(self) -> None:
        """Let go of what is being read."""
        await self._reads_people.aclose()
        await self._reads_roles.aclose()

    def _check(self, tenant: str, issuer: str) -> None:
        if issuer != issuer_of(self._settings.auth_url, tenant):
            raise errors.Conflict(f"The people of {tenant} are kept by {issuer}, which cannot be asked for them.")

    async def _known(self, tenant: str) -> Sequence[_Known]:
        found = self._roles.get(tenant)
        if found is None:
            found = self._roles[tenant] = await self._reads_roles.get(tenant)
        return found

    async def _of_role(self, tenant: str, role: str) -> Sequence[Person]:
        found = self._people.get((tenant, role))
        if found is None:
            found = self._people[tenant, role] = await self._reads_people.get((tenant, role))
        return found

    async def _read_roles(self, tenant: str) -> Sequence[_Known]:
        async with keycloak.looking_into(self._settings, tenant) as admin:
            found = [_known_role(each, None, None) for each in await admin.a_get_realm_roles()]
            clients: list[dict[str, Any]] = await admin.a_get_clients()
            owned = await asyncio.gather(*[admin.a_get_client_roles(client["id"]) for client in clients])
        for client, roles in zip(clients, owned, strict=True):
            found += [_known_role(each, client["clientId"], client["id"]) for each in roles]
        return sorted(found, key=lambda known: known.role.name)

    async def _read_people(self, key: tuple[str, str]) -> Sequence[Person]:
        tenant, role = key
        known = await self._known(tenant)
        meant = [each for each in known if self._is_called(each, role)]
        if not meant:
            return []
        people: dict[str, Person] = {}
        async with keycloak.looking_into(self._settings, tenant) as admin:
            for each in await _granting(admin, known, meant):
                async for row in _holders(admin, each):
                    if row.get("enabled", True) and not str(row["username"]).startswith(_SERVICE):
                        people[row["id"]] = _person(row)
        return list(people.values())

    def _is_called(self, known: _Known, name: str) -> bool:
        ours = known.role.client == self._settings.client_id and ":" not in known.own
        return name == known.role.name or (ours and name == known.own)


async def _granting(admin: Any, known: Sequence[_Known], meant: Sequence[_Known]) -> list[_Known]:
    """The roles meant, and all that are composed of them, over any number of steps."""
    composites = [each for each in known if each.role.composite]
    parts = await asyncio.gather(*[admin.a_get_role_composites_by_id(each.id) for each in composites])
    within: Mapping[str, set[str]] = {
        each.id: {part["id"] for part in some} for each, some in zip(composites, parts, strict=True)
    }
    found = {each.id for each in meant}
    while more := {role for role, some in within.items() if role not in found and not some.isdisjoint(found)}:
        found |= more
    return [each for each in known if each.id in found]


async def _holders(admin: Any, role: _Known) -> AsyncIterator[dict[str, Any]]:
    """Users who have just this role, directly or by a group."""
    users: list[dict[str, Any]]
    groups: list[dict[str, Any]]
    if role.container is None:
        users = await admin.a_get_realm_role_members(role.own)
        groups = await admin.a_get_realm_role_groups(role.own)
    else:
        users = await admin.a_get_client_role_members(role.container, role.own)
        groups = await admin.a_get_client_role_groups(role.container, role.own)
    for user in users:
        yield user
    while groups:
        group = groups.pop()
        for user in await admin.a_get_group_members(group["id"]):
            yield user
        groups += await admin.a_get_group_children(group["id"])


def _known_role(row: Mapping[str, Any], client: str | None, container: str | None) -> _Known:
    own = str(row["name"])
    role = Role(
        name=own if client is None else f"{client}:{own}",
        client=client,
        description=row.get("description") or None,
        composite=bool(row.get("composite")),
    )
    return _Known(role=role, own=own, id=str(row["id"]), container=container)


def _person(row: Mapping[str, Any]) -> Person:
    full = " ".join(part for part in (row.get("firstName"), row.get("lastName")) if part)
    username = str(row["username"])
    return Person(id=str(row["id"]), name=full or username, username=username, email=row.get("email") or None)
