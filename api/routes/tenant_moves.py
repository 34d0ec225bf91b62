"""Everything that a tenant owns, out as NDJSON and in again: to keep it, to hand it over, to move it."""

import re
from typing import Any

import msgspec
from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from api import described, exported, guards, replies, routing, shown
from api.context import Estates, Gate, Now, Reads, Tenancies
from api.schemas import platform_views
from api.schemas.tenants import TenantPatch
from core import errors, ids
from core.tenant import Tenant
from store import estate
from store.arrivals import Arrival, Arrivals

router = routing.router("tenants")

IMPORTS = re.compile(f"{routing.PREFIX}/tenants/[^/]+/import")
"""Where bodies may be long: they are read line by line."""

_PATH = "/tenants/{tenant}"
_NDJSON = "application/x-ndjson"
_SETTINGS = ("displayName", "policyUrl", "httpTargets")


@router.get(
    f"{_PATH}/export",
    responses={
        200: {
            "description": "A line of JSON for each document, the tenant first; the last line says how many there are.",
            "content": {_NDJSON: {}},
        }
    },
)
async def export_tenant(at: guards.Steering, estates: Estates, now: Now) -> Response:
    """Export everything that a tenant owns, as NDJSON.

    Secrets are left out. What changes meanwhile may be in it or not: suspend the tenant for an exact copy. The last
    line has `end`: how many documents of each collection there are, and a digest. A file without it was cut off.
    """
    head = {"tenant": at.tenant.id, "at": shown.stamp(now()), "settings": _settings(at.tenant)}
    headers = {"Content-Disposition": f'attachment; filename="{at.tenant.id}.ndjson"'}
    return StreamingResponse(exported.write(head, at.tenant.id, estates), media_type=_NDJSON, headers=headers)


@router.post(
    f"{_PATH}/import",
    responses=described.answers(platform_views.ImportedView, "All of it was kept.")
    | described.refusals(errors.Conflict, errors.AlreadyExists, errors.TooLarge),
    openapi_extra={"requestBody": {"required": True, "content": {_NDJSON: {"schema": {"type": "string"}}}}},
)
async def import_tenant(
    *,
    _: guards.Operating,
    tenant: guards.TenantId,
    request: Request,
    tenancy: Tenancies,
    record: Reads,
    estates: Estates,
    gate: Gate,
    now: Now,
) -> Response:
    """Keep again what an export of this tenant holds.

    The tenant must own nothing yet. All of it is kept, or nothing: the file is read to its closing line first, and
    refused without it, or where it holds other than that says.
    """
    if await record.tenants.get(tenant) is None:
        raise errors.NotFound(f"There is no tenant {tenant}.")
    await _require_empty(tenant, estates)
    with exported.checked(tenant) as file:
        try:
            settings = _settings_of(await file.read(request.stream()))
        except ClientDisconnect:
            raise errors.Invalid("The upload broke off; nothing was kept.") from None
        kept = await _keep(tenant, file, settings, tenancy=tenancy, estates=estates, record=record, now=now)
    gate.forget(tenant)
    return replies.reply(platform_views.ImportedView(documents=kept, withheld=tuple(sorted(estate.WITHHELD))))


async def _keep(
    tenant: str,
    file: exported.Checked,
    settings: TenantPatch,
    *,
    tenancy: Tenancies,
    estates: Estates,
    record: Reads,
    now: Now,
) -> dict[str, int]:
    """Keep the rows of the file and its settings, or leave nothing; how many rows by collection."""
    arrivals, arrival = Arrivals(record.database), Arrival(tenant=tenant, holder=ids.new_id())
    if not await arrivals.begin(arrival, now=now()):
        raise errors.Conflict(
            f"Tenant {tenant} is being imported, or what an import left that broke off is being cleared away. "
            "Try again in three minutes."
        )
    kept: dict[str, int] = {}
    wrote = False
    try:
        await _require_empty(tenant, estates)
        wrote = True
        async for collection, rows in file.batches():
            await _hold(arrivals, arrival, now)
            kept[collection] = kept.get(collection, 0) + await estates.keep(tenant, collection, rows, at=now())
        await _hold(arrivals, arrival, now)
        await tenancy.change(tenant, settings.fields())
    except BaseException:
        if wrote and await arrivals.renew(arrival, now=now()):
            await estates.undo(tenant)
        await arrivals.end(arrival)
        raise
    if not await arrivals.end(arrival):
        raise _taken_over(tenant)
    return kept


async def _require_empty(tenant: str, estates: Estates) -> None:
    if not await estates.is_empty(tenant):
        raise errors.Conflict(f"Tenant {tenant} owns something already; an import needs an empty tenant.")


async def _hold(arrivals: Arrivals, arrival: Arrival, now: Now) -> None:
    """Go on only while nobody clears away what was kept so far."""
    if not await arrivals.renew(arrival, now=now()):
        raise _taken_over(arrival.tenant)


def _taken_over(tenant: str) -> errors.Unavailable:
    return errors.Unavailable(
        f"The import of {tenant} took too long somewhere and was undone; try again.", retry_after=60
    )


def _settings(tenant: Tenant) -> dict[str, Any]:
    shown_settings: dict[str, Any] = msgspec.to_builtins(shown.tenant_view(tenant))
    return {name: shown_settings[name] for name in _SETTINGS if name in shown_settings}


def _settings_of(head: exported.Head) -> TenantPatch:
    try:
        return TenantPatch.model_validate({name: value for name, value in head.settings.items() if name in _SETTINGS})
    except ValidationError as error:
        what = f"settings: {error.errors()[0]['msg']}"
        raise errors.Invalid(f"Line 1: {what}.", faults=[errors.Fault(field="line 1", message=what)]) from None
