"""Who is calling: the one record that a verified token becomes, and how its roles are read."""

from datetime import datetime
from typing import Literal

import msgspec

from core import errors

CORE = "core"
"""The tenant (and realm) of the platform's operators. It owns no queues."""

PLATFORM_ADMIN = "platform-admin"
TASK_ADMIN = "task-admin"
TASK_READER = "task-reader"
TASK_WRITER = "task-writer"


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Keycloak's `realm_access`, and one client's entry of `resource_access`."""

    roles: tuple[str, ...] = ()


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What is read out of a token. A claim of another type makes the token malformed."""

    iss: str
    sub: str
    exp: float
    aud: str | tuple[str, ...] = ()
    nbf: float | None = None
    typ: str | None = None
    azp: str | None = None
    client_id: str | None = None
    preferred_username: str | None = None
    name: str | None = None
    email: str | None = None
    realm_access: Access | None = None
    resource_access: dict[str, Access] | None = None


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """A caller. `tenant` is where it acts, `home` where its token comes from; only operators' differ."""

    tenant: str
    home: str
    subject: str
    """The token's `sub`: unique within `home`."""
    name: str
    """For people to read: the token's `name`, else `preferred_username`, else the subject. Never decides
    anything.
    """
    email: str | None = None
    """As the issuer says it, verified or not. Never decides anything."""
    roles: frozenset[str]
    """What `policy` decides by: see `roles_of`."""
    kind: Literal["user", "service"] = "user"
    """`service`: a client that speaks for itself (client credentials). It gives and takes no right."""
    is_operator: bool = False
    """`platform-admin` in the realm `core`. The same role in any other realm is a role like all others."""
    expires_at: datetime

    def acting_in(self, tenant: str) -> "Principal":
        """The operator as an administrator of `tenant`: task-admin there, and no other role given in `core`.

        So a role of `core` never meets a queue binding of the same name. Raises `Forbidden` for anybody else.
        """
        if not self.is_operator:
            raise errors.Forbidden(f"Acting in a tenant needs the role {PLATFORM_ADMIN} in the realm {CORE}.")
        roles = frozenset({PLATFORM_ADMIN, TASK_ADMIN})
        return msgspec.structs.replace(self, tenant=tenant, roles=roles)


def from_claims(claims: Claims, *, tenant: str, client_id: str, expires_at: datetime) -> Principal:
    """The principal of a verified token; `tenant` owns its issuer, `client_id` is our own client there."""
    roles = roles_of(claims, client_id)
    return Principal(
        tenant=tenant,
        home=tenant,
        subject=claims.sub,
        name=claims.name or claims.preferred_username or claims.sub,
        email=claims.email or None,
        roles=roles,
        kind=_kind(claims),
        is_operator=tenant == CORE and PLATFORM_ADMIN in roles,
        expires_at=expires_at,
    )


def roles_of(claims: Claims, client_id: str) -> frozenset[str]:
    """Realm roles as they are, client roles as `client:role`, our own client's also unqualified (DESIGN 8).

    An unqualified `task-admin` therefore comes from two places only: a realm role of that name, and a role of
    the client `client_id` itself. Both are given out by the administrators of the caller's own realm, and
    count in that realm's tenant alone. Another client's `task-admin` stays `client:task-admin`, whatever
    the client is called; a role of our own client that contains a colon is left qualified, so that whoever
    manages our client alone cannot forge the role of another one.
    """
    found = set(claims.realm_access.roles if claims.realm_access else ())
    for client, access in (claims.resource_access or {}).items():
        found.update(f"{client}:{role}" for role in access.roles)
        if client == client_id:
            found.update(role for role in access.roles if ":" not in role)
    return frozenset(found)


def _kind(claims: Claims) -> Literal["user", "service"]:
    """Keycloak names a service account after its client; other issuers let the client be its own subject."""
    client = claims.client_id or claims.azp
    if client is None:
        return "user"
    is_service = claims.preferred_username == f"service-account-{client.lower()}" or claims.sub == client
    return "service" if is_service else "user"
