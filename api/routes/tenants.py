"""Tenants: operators make, list and delete them, a tenant's admin sees and changes its own settings."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

import msgspec
from fastapi import Query
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from api import conditions, described, guards, replies, routing, shown
from api.context import Gate, Limited, Reads, Tenancies
from api.schemas import platform_views
from api.schemas.tenants import TenantBody, TenantPatch
from auth import policy
from auth.keycloak import FirstAdmin, NewRealm
from auth.policy import Action
from core import errors
from core.tenant import Tenant

router = routing.router("tenants")

_PATH = "/tenants/{tenant}"
_TENANT = described.answers(platform_views.TenantView, "The tenant.", headers=("ETag",))
_YEAR = 366 * 86_400.0

Grace = Annotated[
    float | None, Query(ge=0, le=_YEAR, description="Until all is erased; PENSTOCK_TENANT_GRACE_DAYS without it")
]


@router.get("/tenants", responses=described.answers(platform_views.TenantsView, "All tenants, by id."))
async def list_tenants(_: guards.Operating, record: Reads) -> Response:
    """List the tenants of this platform."""
    found = await record.tenants.every()
    return replies.reply(platform_views.TenantsView(items=tuple(shown.tenant_view(each) for each in found)))


@router.put(
    _PATH,
    responses=_TENANT
    | described.answers(platform_views.NewTenantView, "The tenant is new.", status=201, headers=("ETag", "Location"))
    | described.refusals(errors.AlreadyExists, errors.Changed, errors.Conflict),
)
async def put_tenant(
    _: guards.Operating, tenant: guards.TenantId, body: TenantBody, tenancy: Tenancies, gate: Gate
) -> Response:
    """Register a tenant by its OpenID issuer, or make it a realm in Keycloak.

    With an `issuer` the tenant is registered with it, or gets it in place of another. With an `admin` a realm is made:
    the console's client, a program's client with its secret, the service roles, and the first admin. The answer has
    their `credentials`, which are shown this once.
    """
    if body.admin is not None:
        made, credentials = await tenancy.found(_realm(tenant, body), body.display_name)
        gate.forget(made.id)
        view = platform_views.CredentialsView(**msgspec.structs.asdict(credentials))
        return _created(made, view)
    if body.issuer is None:
        raise errors.Invalid(
            "issuer: is missing; or name the admin of a realm that is to be made.",
            faults=[errors.Fault(field="issuer", message="is missing")],
        )
    found, created = await tenancy.attach(tenant, body.issuer, body.display_name)
    gate.forget(found.id)
    return _created(found) if created else _tenant(found)


@router.get(_PATH, responses=_TENANT)
async def get_tenant(at: guards.Steering) -> Response:
    """Read a tenant's settings."""
    return _tenant(at.tenant)


@router.patch(_PATH, responses=_TENANT | described.refusals(errors.PreconditionFailed, errors.Changed, errors.Conflict))
async def patch_tenant(
    *,
    at: guards.Steering,
    body: TenantPatch,
    tenancy: Tenancies,
    gate: Gate,
    quotas: Limited,
    if_match: conditions.IfMatch = None,
) -> Response:
    """Change some of a tenant's settings; null takes one away.

    Only operators change `quotas` and `state`: a suspended tenant can be read, not changed; `active` also takes a
    deletion back.
    """
    if {"state", "quotas"} & body.model_fields_set:
        policy.require(at.who, Action.TENANTS)
    match = conditions.matched(if_match, at.tenant.version, f"Tenant {at.tenant.id}")
    tenant = await tenancy.change(at.tenant.id, body.fields(), match=match)
    gate.forget(tenant.id)
    quotas.forget(tenant.id)
    return _tenant(tenant)


@router.delete(
    _PATH,
    status_code=202,
    responses=described.answers(platform_views.TenantView, "The tenant is shut, and will be erased.", status=202)
    | described.refusals(errors.PreconditionFailed, errors.Changed, errors.Conflict),
)
async def delete_tenant(
    *,
    _: guards.Operating,
    tenant: guards.TenantId,
    tenancy: Tenancies,
    record: Reads,
    gate: Gate,
    grace_seconds: Annotated[Grace, Query(alias="graceSeconds")] = None,
    if_match: conditions.IfMatch = None,
) -> Response:
    """Shut a tenant out at once, and erase everything of it after its days of grace.

    Until then `PATCH` with `{"state": "active"}` takes it back. A realm that was made with the tenant goes with it.
    """
    there = await record.tenants.get(tenant)
    if there is None:
        raise errors.NotFound(f"There is no tenant {tenant}.")
    match = conditions.matched(if_match, there.version, f"Tenant {tenant}")
    grace = None if grace_seconds is None else timedelta(seconds=grace_seconds)
    deleted = await tenancy.delete(tenant, grace=grace, match=match)
    gate.forget(tenant)
    return _tenant(deleted, status=202)


def _realm(tenant: str, body: TenantBody) -> NewRealm:
    assert body.admin is not None
    password = body.admin.password
    return NewRealm(
        tenant=tenant,
        display_name=body.display_name or tenant,
        admin=FirstAdmin(
            username=body.admin.username,
            email=body.admin.email,
            given_name=body.admin.given_name,
            family_name=body.admin.family_name,
            password=None if password is None else password.get_secret_value(),
        ),
        service_client=body.service_client,
        realm_roles=tuple(dict.fromkeys(body.roles)),
    )


def _created(tenant: Tenant, credentials: platform_views.CredentialsView | UnsetType = UNSET) -> Response:
    view = platform_views.NewTenantView(**msgspec.structs.asdict(shown.tenant_view(tenant)), credentials=credentials)
    headers = {"ETag": conditions.etag(tenant.version), "Location": routing.path("tenants", tenant.id)}
    return replies.reply(view, status=201, headers=headers)


def _tenant(tenant: Tenant, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    tagged = {"ETag": conditions.etag(tenant.version), **(headers or {})}
    return replies.reply(shown.tenant_view(tenant), status=status, headers=tagged)
