"""Tenants: operators register and list them, a tenant's admin sees and changes its own settings."""

from collections.abc import Mapping

from starlette.responses import Response

from api import conditions, described, guards, replies, routing, shown
from api.context import Gate, Reads, Tenancies
from api.schemas import platform_views
from api.schemas.tenants import TenantBody, TenantPatch
from auth import policy
from auth.policy import Action
from core import errors
from core.tenant import Tenant

router = routing.router("tenants")

_PATH = "/tenants/{tenant}"
_TENANT = described.answers(platform_views.TenantView, "The tenant.", headers=("ETag",))


@router.get("/tenants", responses=described.answers(platform_views.TenantsView, "All tenants, by id."))
async def list_tenants(_: guards.Operating, record: Reads) -> Response:
    """List the tenants of this platform."""
    found = await record.tenants.every()
    return replies.reply(platform_views.TenantsView(items=tuple(shown.tenant_view(each) for each in found)))


@router.put(
    _PATH,
    responses=_TENANT
    | described.answers(platform_views.TenantView, "The tenant is new.", status=201, headers=("ETag", "Location"))
    | described.refusals(errors.AlreadyExists, errors.Changed),
)
async def put_tenant(
    _: guards.Operating, tenant: guards.TenantId, body: TenantBody, tenancy: Tenancies, gate: Gate
) -> Response:
    """Register a tenant by its OpenID issuer, or give it another one."""
    found, created = await tenancy.attach(tenant, body.issuer, body.display_name)
    gate.forget(found.id)
    location = {"Location": routing.path("tenants", found.id)} if created else {}
    return _tenant(found, status=201 if created else 200, headers=location)


@router.get(_PATH, responses=_TENANT)
async def get_tenant(at: guards.Steering) -> Response:
    """Read a tenant's settings."""
    return _tenant(at.tenant)


@router.patch(_PATH, responses=_TENANT | described.refusals(errors.PreconditionFailed, errors.Changed))
async def patch_tenant(
    at: guards.Steering, body: TenantPatch, tenancy: Tenancies, gate: Gate, if_match: conditions.IfMatch = None
) -> Response:
    """Change some of a tenant's settings; null takes one away.

    Only operators change `state`: a suspended tenant can be read, not changed.
    """
    if body.state is not None:
        policy.require(at.who, Action.TENANTS)
    match = conditions.matched(if_match, at.tenant.version, f"Tenant {at.tenant.id}")
    tenant = await tenancy.change(at.tenant.id, body.fields(), match=match)
    gate.forget(tenant.id)
    return _tenant(tenant)


def _tenant(tenant: Tenant, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    tagged = {"ETag": conditions.etag(tenant.version), **(headers or {})}
    return replies.reply(shown.tenant_view(tenant), status=status, headers=tagged)
