"""Where the people of a tenant log in: what a browser application must know before anybody has a token."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import context, described, guards, replies, routing
from api.context import Reads
from api.schemas import platform_views
from core import errors

router = APIRouter(prefix=routing.PREFIX, route_class=routing.Plain, tags=["me"])


@router.get(
    "/sign-in/{tenant}",
    responses=described.answers(platform_views.SignInView, "Where to log in.")
    | described.refusals(errors.NotFound, errors.Unavailable, errors.Invalid),
)
async def get_sign_in(request: Request, tenant: guards.TenantId, record: Reads) -> Response:
    """Say where the people of a tenant log in.

    OpenID Connect's discovery document is at `{issuer}/.well-known/openid-configuration`; use the authorization code
    flow with PKCE (RFC 7636) as the client `clientId`.
    """
    found = await record.tenants.get(tenant)
    if found is None:
        raise errors.NotFound(f"There is no tenant {tenant}.")
    view = platform_views.SignInView(
        tenant=found.id,
        display_name=found.display_name or found.id,
        issuer=found.issuer,
        client_id=context.of(request).console_client_id,
    )
    return replies.reply(view)
