"""What a tenant's realm in Keycloak has to be like: the representation that its admin API takes, and nothing else.

Pure: `auth/keycloak.py` sends it for tenants, the local stack for its own realms.
"""

from datetime import timedelta
from typing import Any

import msgspec

SERVICE_ROLES = ("task-admin", "task-reader", "task-writer")
"""The roles of our own client in every realm (DESIGN 8)."""
_LOOKING = ("view-realm", "view-clients", "view-users")
"""Keycloak's own roles for that, of its client `realm-management`."""


class RealmUser(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is there from the beginning. Keycloak's user profile wants both names and an e-mail address."""

    username: str
    password: str
    given_name: str
    family_name: str
    email: str
    realm_roles: tuple[str, ...] = ()
    service_roles: tuple[str, ...] = ()
    subject: str | None = None
    """The user's id, and so the `sub` of its tokens; Keycloak's choice without it."""
    temporary: bool = False
    """The password is to be changed at the first login."""


class RealmClient(msgspec.Struct, frozen=True, kw_only=True):
    """A program. With a secret it speaks for itself (client credentials), without one it is public and uses PKCE."""

    client_id: str
    secret: str | None = None
    redirect_uris: tuple[str, ...] = ()
    web_origins: tuple[str, ...] = ()
    passwords: bool = False
    """May trade a user's password for a token, as the command line does."""
    service_roles: tuple[str, ...] = ()
    subject: str | None = None
    """The id of its service account."""
    looks_up: bool = False
    """May read the realm's roles, clients and people, as the API does for lists of them."""


class Realm(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant's realm."""

    name: str
    display_name: str
    audience: str
    """The client that stands for the API: every token names it in `aud`, and the service roles are its roles."""
    realm_roles: tuple[str, ...] = ()
    users: tuple[RealmUser, ...] = ()
    clients: tuple[RealmClient, ...] = ()
    access: timedelta = timedelta(minutes=5)
    guards_passwords: bool = True
    """Shuts out who guesses passwords for a while (brute force detection)."""


def representation(realm: Realm) -> dict[str, Any]:
    """A RealmRepresentation of Keycloak 26 that makes the realm with everything in it, in one call."""
    return {
        "realm": realm.name,
        "displayName": realm.display_name,
        "enabled": True,
        "accessTokenLifespan": int(realm.access.total_seconds()),
        "bruteForceProtected": realm.guards_passwords,
        "registrationAllowed": False,
        "loginWithEmailAllowed": True,
        "roles": {
            "realm": [{"name": role} for role in realm.realm_roles],
            "client": {realm.audience: [{"name": role} for role in SERVICE_ROLES]},
        },
        "clients": [
            {"clientId": realm.audience, "name": "Penstock", "bearerOnly": True},
            *(_client(realm, client) for client in realm.clients),
        ],
        "users": [
            *(_user(realm, user) for user in realm.users),
            *(_service_account(realm, client) for client in realm.clients if client.secret is not None),
        ],
    }


def _client(realm: Realm, client: RealmClient) -> dict[str, Any]:
    public = client.secret is None
    found: dict[str, Any] = {
        "clientId": client.client_id,
        "publicClient": public,
        "standardFlowEnabled": public,
        "implicitFlowEnabled": False,
        "directAccessGrantsEnabled": client.passwords,
        "serviceAccountsEnabled": not public,
        "redirectUris": [*client.redirect_uris],
        "webOrigins": [*client.web_origins],
        "protocolMappers": [_audience_mapper(realm)],
    }
    if public:
        uris = "##".join(client.redirect_uris)
        found["attributes"] = {"pkce.code.challenge.method": "S256", "post.logout.redirect.uris": uris}
    else:
        found["secret"] = client.secret
    return found


def _audience_mapper(realm: Realm) -> dict[str, Any]:
    """Without it only those who hold one of our roles would have us in `aud`."""
    return {
        "name": "penstock audience",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-audience-mapper",
        "config": {
            "included.client.audience": realm.audience,
            "access.token.claim": "true",
            "id.token.claim": "false",
        },
    }


def _user(realm: Realm, user: RealmUser) -> dict[str, Any]:
    found: dict[str, Any] = {
        "username": user.username,
        "enabled": True,
        "firstName": user.given_name,
        "lastName": user.family_name,
        "email": user.email,
        "emailVerified": True,
        "credentials": [{"type": "password", "value": user.password, "temporary": user.temporary}],
        "realmRoles": [f"default-roles-{realm.name}", *user.realm_roles],
        "clientRoles": {realm.audience: [*user.service_roles]},
    }
    if user.temporary:
        # Of a password that comes with an import Keycloak does not note by itself that it is temporary.
        found["requiredActions"] = ["UPDATE_PASSWORD"]
    return found if user.subject is None else found | {"id": user.subject}


def _service_account(realm: Realm, client: RealmClient) -> dict[str, Any]:
    looking = {"realm-management": [*_LOOKING]} if client.looks_up else {}
    found: dict[str, Any] = {
        "username": f"service-account-{client.client_id}",
        "enabled": True,
        "serviceAccountClientId": client.client_id,
        "realmRoles": [f"default-roles-{realm.name}"],
        "clientRoles": {realm.audience: [*client.service_roles], **looking},
    }
    return found if client.subject is None else found | {"id": client.subject}
