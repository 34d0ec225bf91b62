"""Secrets: what HTTP targets are called and signed with. They can be kept, named and forgotten, never read again."""

import base64
import binascii
from typing import Annotated

from fastapi import Path, Query
from pydantic import SecretStr, StringConstraints
from starlette.responses import Response

from api import described, guards, replies, routing, shown
from api.context import Keeping, Now
from api.schemas import platform_views as views
from api.schemas.common import Body
from core import errors
from core.errors import Fault
from store.secrets import Secret

router = routing.router("secrets")

_SIGNING = "whsec_"

Name = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,99}$", description="1 to 100 letters, digits, `._-`")
]
After = Annotated[str | None, Query(max_length=100, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=1000)]


class SecretBody(Body):
    """A secret's value. One that signs calls reads `whsec_` and base64, as Standard Webhooks has it."""

    value: Annotated[SecretStr, StringConstraints(min_length=1, max_length=4_000)]


@router.get("/secrets", responses=described.answers(views.SecretPageView, "Names of secrets."))
async def list_secrets(at: guards.Founding, secrets: Keeping, after: After = None, limit: Limit = 100) -> Response:
    """List the secrets of the tenant, without their values."""
    found = await secrets.page(at.tenant, after=after, limit=limit + 1)
    items, more = found[:limit], len(found) > limit
    view = views.SecretPageView(items=tuple(_view(each) for each in items), next=items[-1].name if more else None)
    return replies.reply(view)


@router.put(
    "/secrets/{name}",
    responses=described.answers(views.SecretView, "The secret has this value now.")
    | described.answers(views.SecretView, "The secret is new.", status=201),
)
async def put_secret(at: guards.Founding, name: Name, body: SecretBody, secrets: Keeping, now: Now) -> Response:
    """Keep a secret, in place of an earlier one of its name."""
    value = body.value.get_secret_value()
    if value.startswith(_SIGNING):
        _check_signing(value)
    elif not value.isascii() or not value.isprintable():
        raise errors.Invalid(
            "value: must be printable ASCII, as in headers.", faults=[Fault(field="value", message="must be ASCII")]
        )
    secret = Secret(tenant=at.tenant, name=name, updated_at=now(), updated_by=at.by)
    created = await secrets.put(secret, value)
    return replies.reply(_view(secret), status=201 if created else 200)


@router.delete("/secrets/{name}", status_code=204, responses=described.empty(204, "The secret is forgotten."))
async def delete_secret(at: guards.Founding, name: Name, secrets: Keeping) -> Response:
    """Forget a secret; targets that need it are not called any more."""
    if not await secrets.remove(at.tenant, name):
        raise errors.NotFound(f"There is no secret {name}.")
    return replies.nothing(status=204)


def _check_signing(value: str) -> None:
    try:
        base64.b64decode(value.removeprefix(_SIGNING), validate=True)
    except binascii.Error:
        fault = Fault(field="value", message="a signing secret is whsec_ and base64")
        raise errors.Invalid("value: a signing secret is whsec_ and base64.", faults=[fault]) from None


def _view(secret: Secret) -> views.SecretView:
    return views.SecretView(name=secret.name, updated_at=shown.stamp(secret.updated_at), updated_by=secret.updated_by)
