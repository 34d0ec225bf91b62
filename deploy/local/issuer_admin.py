"""The part of Keycloak's admin API by which roles and people are looked up, for the local issuer's realms."""

import uuid
from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from deploy.local import issuer_realms
from deploy.local.issuer_realms import OUR_CLIENT, Group, Realm, User
from deploy.local.issuer_tokens import Mint

_MOST = "100"
_IDS = uuid.UUID("0b7a6a54-3f0c-4d0a-9a86-1d1c5e8f7c22")

Endpoint = Callable[[Request, Realm], Awaitable[Response]]
Wrapped = Callable[[str, Endpoint], Callable[[Request], Awaitable[Response]]]
Rows = Callable[[Realm, dict[str, str]], Iterator[dict[str, Any]]]


class Admin:
    """The endpoints; they answer the realm's client `penstock-people` alone."""

    def __init__(self, mint: Mint) -> None:
        self._mint = mint

    def routes(self, wrapped: Wrapped) -> list[BaseRoute]:
        """What there is below `/admin/realms/{realm}`."""
        base = "/admin/realms/{realm}"
        client = f"{base}/clients/{{client}}/roles"
        listings: dict[str, Rows] = {
            f"{base}/clients": _clients,
            f"{base}/roles": _realm_roles,
            f"{base}/roles/{{role}}/users": _users_in_role,
            f"{base}/roles/{{role}}/groups": _groups_in_role,
            f"{base}/roles-by-id/{{id}}/composites": _composites,
            f"{base}/groups/{{id}}/members": _members,
            f"{base}/groups/{{id}}/children": _children,
            client: _client_roles,
            f"{client}/{{role}}/users": _users_in_client_role,
            f"{client}/{{role}}/groups": _no_groups,
        }
        return [Route(path, wrapped("admin", self._listing(rows))) for path, rows in listings.items()]

    def _listing(self, rows: Rows) -> Endpoint:
        async def answer(request: Request, realm: Realm) -> Response:
            self._check(request, realm)
            first, most = (int(request.query_params.get(*usual)) for usual in (("first", "0"), ("max", _MOST)))
            found = list(rows(realm, request.path_params))
            return JSONResponse(found[first : first + most])

        return answer

    def _check(self, request: Request, realm: Realm) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        claims = self._mint.read(realm, token, "Bearer") if scheme.lower() == "bearer" else None
        if claims is None:
            raise HTTPException(HTTPStatus.UNAUTHORIZED, "HTTP 401 Unauthorized")
        if claims["azp"] != issuer_realms.PEOPLE.client_id:
            raise HTTPException(HTTPStatus.FORBIDDEN, "HTTP 403 Forbidden")


def _no_groups(_: Realm, __: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Groups have realm roles alone here."""
    return iter(())


def _clients(realm: Realm, _: dict[str, str]) -> Iterator[dict[str, Any]]:
    for client_id in (OUR_CLIENT, *(client.client_id for client in realm.clients)):
        yield {"id": _id(realm, f"client {client_id}"), "clientId": client_id}


def _realm_roles(realm: Realm, _: dict[str, str]) -> Iterator[dict[str, Any]]:
    for name in _names(realm):
        yield _role(realm, name)


def _client_roles(realm: Realm, asked: dict[str, str]) -> Iterator[dict[str, Any]]:
    if asked["client"] == _id(realm, f"client {OUR_CLIENT}"):
        for name in sorted({role for user in realm.users for role in user.service_roles}):
            yield {"id": _id(realm, f"our role {name}"), "name": name, "composite": False, "clientRole": True}


def _composites(realm: Realm, asked: dict[str, str]) -> Iterator[dict[str, Any]]:
    for name in _names(realm):
        if _id(realm, f"role {name}") == asked["id"]:
            yield from (_role(realm, part) for part in realm.composed.get(name, ()))


def _users_in_role(realm: Realm, asked: dict[str, str]) -> Iterator[dict[str, Any]]:
    if asked["role"] not in _names(realm):
        raise HTTPException(HTTPStatus.NOT_FOUND, "Could not find role")
    yield from (_user(realm, user) for user in realm.users if asked["role"] in user.realm_roles)


def _users_in_client_role(realm: Realm, asked: dict[str, str]) -> Iterator[dict[str, Any]]:
    yield from (_user(realm, user) for user in realm.users if asked["role"] in user.service_roles)


def _groups_in_role(realm: Realm, asked: dict[str, str]) -> Iterator[dict[str, Any]]:
    for group, _ in realm.every_group():
        if asked["role"] in group.realm_roles:
            yield _group(realm, group)


def _members(realm: Realm, asked: dict[str, str]) -> Iterator[dict[str, Any]]:
    for name in _group_of(realm, asked["id"]).members:
        user = realm.user(name)
        if user is not None:
            yield _user(realm, user)


def _children(realm: Realm, asked: dict[str, str]) -> Iterator[dict[str, Any]]:
    yield from (_group(realm, each) for each in _group_of(realm, asked["id"]).below)


def _group_of(realm: Realm, group_id: str) -> Group:
    for group, _ in realm.every_group():
        if _id(realm, f"group {group.name}") == group_id:
            return group
    raise HTTPException(HTTPStatus.NOT_FOUND, "Could not find group by id")


def _names(realm: Realm) -> list[str]:
    """All realm roles."""
    named = {role for user in realm.users for role in user.realm_roles}
    named |= {role for group, _ in realm.every_group() for role in group.realm_roles}
    return sorted(named | set(realm.composed) | {part for parts in realm.composed.values() for part in parts})


def _role(realm: Realm, name: str) -> dict[str, Any]:
    composite = name in realm.composed
    return {"id": _id(realm, f"role {name}"), "name": name, "composite": composite, "clientRole": False}


def _user(realm: Realm, user: User) -> dict[str, Any]:
    return {
        "id": realm.subject(user.username),
        "username": user.username,
        "firstName": user.given_name,
        "lastName": user.family_name,
        "email": f"{user.username}@{realm.name}.example",
        "enabled": True,
    }


def _group(realm: Realm, group: Group) -> dict[str, Any]:
    return {"id": _id(realm, f"group {group.name}"), "name": group.name, "path": f"/{group.name}"}


def _id(realm: Realm, name: str) -> str:
    return str(uuid.uuid5(_IDS, f"{realm.name} {name}"))
