"""The tenant record: an organisation, its issuer and its settings."""

from datetime import datetime
from enum import StrEnum

import msgspec

from core.quota import Quotas


class TenantState(StrEnum):
    """Whether a tenant's callers are let in; a suspended tenant is refused everything but reads."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETING = "deleting"
    """Its people are refused everything; at `erase_at` all that it owns is erased. Until then it can be activated."""


class Tenant(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One organisation; `id` is also its realm's name, `issuer` what its tokens say in `iss`."""

    id: str
    issuer: str
    display_name: str | None = None
    state: TenantState = TenantState.ACTIVE
    created_at: datetime
    version: int
    """Grows with every change; written always, so that a change can be conditional on it."""
    realm_made: bool = False
    """We made the realm in Keycloak, and delete it with the tenant."""
    erase_at: datetime | None = None
    quotas: Quotas = Quotas()
    policy_url: str | None = None
    http_allow: tuple[str, ...] = ()
    """URL prefixes that HTTP targets may reach although they are private (`httpTargets.allow`)."""
