"""Registering tenants, with or without a realm made for them, changing their settings, and letting them go."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec

from auth.keycloak import Credentials, NewRealm, Realms
from auth.principal import CORE
from auth.tenants import issuer_of
from core import errors, ids
from core.clock import Clock
from core.settings import Settings
from core.tenant import Tenant, TenantState
from store.tenants import Tenants

_TRIES = 20


class Tenancy:
    """The operations on tenants; who may do them was decided before."""

    def __init__(self, tenants: Tenants, realms: Realms, clock: Clock, settings: Settings) -> None:
        self._tenants = tenants
        self._realms = realms
        self._clock = clock
        self._settings = settings

    async def attach(self, tenant: str, issuer: str, display_name: str | None) -> tuple[Tenant, bool]:
        """Register the tenant with its issuer, or give it another one; True when it is new."""
        _check_id(tenant)
        if self._settings.environment == "production" and not issuer.startswith("https://"):
            raise errors.Invalid(
                "The issuer must be https:// here.",
                faults=[errors.Fault(field="issuer", message="must start with https://")],
            )
        if tenant == CORE:
            raise errors.Conflict("The issuer of core is set by PENSTOCK_AUTH_URL.")
        made = Tenant(id=tenant, issuer=issuer, display_name=display_name, created_at=self._clock(), version=1)
        owner = await self._tenants.by_issuer(issuer)
        if owner is not None and owner.id != tenant:
            raise errors.AlreadyExists(f"The issuer {issuer} is that of another tenant.")
        if await self._tenants.get(tenant) is None:
            await self._tenants.insert(made)
            return made, True
        return await self.change(tenant, {"issuer": issuer, "display_name": display_name}), False

    async def found(self, wanted: NewRealm, display_name: str | None) -> tuple[Tenant, Credentials]:
        """Make a realm and register its tenant; raises `AlreadyExists` when there is such a tenant, or such a realm."""
        _check_id(wanted.tenant)
        if wanted.tenant in {CORE, self._settings.keycloak_admin_realm}:
            raise errors.Conflict(f"The realm {wanted.tenant} is the platform's own.")
        if await self._tenants.get(wanted.tenant) is not None:
            raise errors.AlreadyExists(f"Tenant {wanted.tenant} exists already; its realm is not made anew.")
        issuer = issuer_of(self._settings.auth_url, wanted.tenant)
        if await self._tenants.by_issuer(issuer) is not None:
            raise errors.AlreadyExists(f"The issuer {issuer} is that of another tenant.")
        credentials = await self._realms.create(wanted)
        made = Tenant(
            id=wanted.tenant,
            issuer=issuer,
            display_name=display_name,
            created_at=self._clock(),
            version=1,
            realm_made=True,
        )
        await self._tenants.insert(made)
        return made, credentials

    async def attach_core(self) -> None:
        """Register the operators' tenant with the issuer that the settings imply."""
        issuer = issuer_of(self._settings.auth_url, CORE)
        there = await self._tenants.get(CORE)
        if there is None:
            made = Tenant(
                id=CORE, issuer=issuer, display_name="Platform operators", created_at=self._clock(), version=1
            )
            await self._tenants.insert(made)
        elif there.issuer != issuer:
            await self.change(CORE, {"issuer": issuer})

    async def change(self, tenant: str, fields: Mapping[str, Any], *, match: int | None = None) -> Tenant:
        """Give the tenant new values for some settings; raises `NotFound`, `PreconditionFailed`, `Conflict`."""
        if tenant == CORE and fields.get("state", TenantState.ACTIVE) is not TenantState.ACTIVE:
            raise errors.Conflict("The operators' own tenant stays active.")
        for _ in range(_TRIES):
            there = await self._tenants.get(tenant)
            if there is None:
                raise errors.NotFound(f"There is no tenant {tenant}.")
            if match is not None and there.version != match:
                raise errors.PreconditionFailed(f"Tenant {tenant} is at version {there.version}, not {match}.")
            changed = msgspec.structs.replace(there, **fields, version=there.version + 1)
            if await self._tenants.replace(changed, was=there.version):
                await self._open_or_shut(there, changed)
                return changed
        raise errors.Changed(retry_after=1.0)

    async def delete(self, tenant: str, *, grace: timedelta | None, match: int | None) -> Tenant:
        """Shut the tenant out now, and have it erased after its grace."""
        days = timedelta(days=self._settings.tenant_grace_days) if grace is None else grace
        fields = {"state": TenantState.DELETING, "erase_at": self._clock() + days}
        return await self.change(tenant, fields, match=match)

    async def _open_or_shut(self, there: Tenant, changed: Tenant) -> None:
        """A realm of ours lets nobody log in while its tenant is being deleted."""
        shut = changed.state is TenantState.DELETING
        if changed.realm_made and shut is not (there.state is TenantState.DELETING):
            await self._realms.open(changed.id, enabled=not shut)


def _check_id(tenant: str) -> None:
    if ids.TENANT.fullmatch(tenant) is None:
        raise errors.Invalid(
            "A tenant's id is 1 to 40 small letters, digits and '-'.",
            faults=[errors.Fault(field="tenant", message=f"must match {ids.TENANT.pattern}")],
        )
