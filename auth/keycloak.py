"""Tenants' realms in Keycloak, through its admin API: made with everything in them, shut, opened, and deleted.

python-keycloak speaks to it; its types are partial, so what comes out of it is taken as `Any` here and nowhere else.
"""

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import keycloak
import msgspec
from keycloak.exceptions import KeycloakError
from pydantic import SecretStr

from core import errors, realms
from core.settings import Settings

CLI_CLIENT = "penstock-cli"
_MARK = "penstock.tenant"
_LOOPBACK = ("http://127.0.0.1/*", "http://localhost/*")
_TIMEOUT = 20
_RETRY_AFTER = 5.0


class FirstAdmin(msgspec.Struct, frozen=True, kw_only=True):
    """Who is to administer a new tenant; a password is made up where none is given."""

    username: str
    email: str
    given_name: str
    family_name: str
    password: str | None = None


class NewRealm(msgspec.Struct, frozen=True, kw_only=True):
    """What a new tenant's realm is to have beside what every one has."""

    tenant: str
    display_name: str
    admin: FirstAdmin
    service_client: str = "intake"
    realm_roles: tuple[str, ...] = ()


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What a new realm's people begin with; kept nowhere by us, so shown once."""

    username: str
    password: str
    temporary: bool
    """It must be changed at the first login."""
    client_id: str
    client_secret: str


class Realms:
    """The realms of one Keycloak, by a service client that may make them.

    Every call raises `Unavailable` while Keycloak does not answer, and `Conflict` with what it says where it refuses.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def configured(self) -> bool:
        """Whether there is a client to do it with."""
        return self._settings.keycloak_admin_client_id is not None

    async def create(self, wanted: NewRealm) -> Credentials:
        """Make the realm in one call; raises `AlreadyExists` when there is one of this name that is not a tenant's.

        What an earlier attempt left, which never became a tenant, is made anew.
        """
        made, credentials = self._compose(wanted)
        async with self._admin() as admin:
            there = await self._find(admin, wanted.tenant)
            if there is not None:
                if there.get("attributes", {}).get(_MARK) != wanted.tenant:
                    raise errors.AlreadyExists(
                        f"Keycloak has a realm {wanted.tenant} already; attach it by naming its issuer."
                    )
                await admin.a_delete_realm(wanted.tenant)
            body = realms.representation(made) | {"attributes": {_MARK: wanted.tenant}}
            await admin.a_create_realm(body)
        return credentials

    async def open(self, tenant: str, *, enabled: bool) -> None:
        """Let people log in, or nobody; a realm that is not there stays so."""
        async with self._admin() as admin:
            if await self._find(admin, tenant) is not None:
                await admin.a_update_realm(tenant, {"realm": tenant, "enabled": enabled})

    async def delete(self, tenant: str) -> None:
        """Delete a realm that `create` made, with everybody in it; another one, or none, is left alone."""
        async with self._admin() as admin:
            there = await self._find(admin, tenant)
            if there is not None and there.get("attributes", {}).get(_MARK) == tenant:
                await admin.a_delete_realm(tenant)

    async def _find(self, admin: Any, tenant: str) -> dict[str, Any] | None:
        # Asked by name it is 403, not 404, for a realm that is not there when the client is no administrator of all.
        found: list[dict[str, Any]] = await admin.a_get_realms()
        for realm in found:
            if realm.get("realm") == tenant:
                whole: dict[str, Any] = await admin.a_get_realm(tenant)
                return whole
        return None

    def _compose(self, wanted: NewRealm) -> tuple[realms.Realm, Credentials]:
        settings, admin = self._settings, wanted.admin
        credentials = Credentials(
            username=admin.username,
            password=admin.password or secrets.token_urlsafe(16),
            temporary=admin.password is None,
            client_id=wanted.service_client,
            client_secret=secrets.token_urlsafe(32),
        )
        origin = (settings.public_url or "").rstrip("/")
        pages = ((f"{origin}/*",) if origin else ()) + (_LOOPBACK if settings.environment == "local" else ())
        made = realms.Realm(
            name=wanted.tenant,
            display_name=wanted.display_name,
            audience=settings.audience,
            realm_roles=wanted.realm_roles,
            users=(
                realms.RealmUser(
                    username=admin.username,
                    password=credentials.password,
                    given_name=admin.given_name,
                    family_name=admin.family_name,
                    email=admin.email,
                    service_roles=("task-admin",),
                    temporary=credentials.temporary,
                ),
            ),
            clients=(
                realms.RealmClient(
                    client_id=settings.console_client_id,
                    redirect_uris=pages,
                    web_origins=(origin,) if origin else ("+",),
                ),
                realms.RealmClient(client_id=CLI_CLIENT, redirect_uris=_LOOPBACK, passwords=True),
                realms.RealmClient(
                    client_id=wanted.service_client,
                    secret=credentials.client_secret,
                    service_roles=("task-writer",),
                ),
            ),
        )
        return made, credentials

    @asynccontextmanager
    async def _admin(self) -> AsyncGenerator[Any]:
        settings = self._settings
        secret = settings.keycloak_admin_client_secret
        if settings.keycloak_admin_client_id is None or secret is None:
            raise errors.Conflict(
                "Realms cannot be made here: PENSTOCK_KEYCLOAK_ADMIN_CLIENT_ID and _SECRET are not set. "
                "Make the realm by hand and name its issuer."
            )
        own = settings.keycloak_admin_realm
        async with _speaking(settings, own, own, settings.keycloak_admin_client_id, secret) as admin:
            yield admin


@asynccontextmanager
async def looking_into(settings: Settings, tenant: str) -> AsyncGenerator[Any]:
    """An admin client of the tenant's realm that reads its roles and people; raises as `Realms` does.

    It logs in as the realm's own service client for that (`people_client_id`), else as the one that makes realms.
    """
    if settings.people_client_id is not None and settings.people_client_secret is not None:
        login, client, secret = tenant, settings.people_client_id, settings.people_client_secret
    elif settings.keycloak_admin_client_id is not None and settings.keycloak_admin_client_secret is not None:
        login, client = settings.keycloak_admin_realm, settings.keycloak_admin_client_id
        secret = settings.keycloak_admin_client_secret
    else:
        raise errors.Conflict(
            "Roles and people cannot be looked up here: PENSTOCK_PEOPLE_CLIENT_ID and _SECRET are not set."
        )
    async with _speaking(settings, tenant, login, client, secret) as admin:
        yield admin


@asynccontextmanager
async def _speaking(
    settings: Settings, realm: str, login_realm: str, client_id: str, secret: SecretStr
) -> AsyncGenerator[Any]:
    """python-keycloak's client of a realm, logged in by a service client of a realm; its failures are ours."""
    admin: Any = keycloak.KeycloakAdmin(
        server_url=settings.auth_url,
        realm_name=realm,
        user_realm_name=login_realm,
        client_id=client_id,
        client_secret_key=secret.get_secret_value(),
        grant_type="client_credentials",
        timeout=_TIMEOUT,
        max_retries=0,
    )
    try:
        yield admin
    except KeycloakError as refusal:
        raise _refused(refusal) from refusal
    except httpx.HTTPError as away:
        raise errors.Unavailable("Keycloak does not answer; try again.", retry_after=_RETRY_AFTER) from away
    finally:
        await admin.connection.aclose()
        opened = getattr(admin.connection, "_keycloak_openid", None)
        if opened is not None:
            await opened.connection.aclose()


def _refused(refusal: KeycloakError) -> errors.PenstockError:
    status = refusal.response_code
    if status is None or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return errors.Unavailable("Keycloak does not answer; try again.", retry_after=_RETRY_AFTER)
    if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        return errors.Conflict(
            "Keycloak does not let Penstock's service client do this. To make realms it needs the role create-realm; "
            "to look up roles and people view-users, view-realm and view-clients of realm-management."
        )
    said = str(refusal.error_message)[:300]
    return errors.Conflict(f"Keycloak refused: {said}")
