"""Everything that a tenant owns, out as NDJSON and in again: to keep it, to hand it over, to move it."""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import msgspec
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api import described, guards, replies, routing, shown
from api.context import Estates, Gate, Now, Reads, Tenancies
from api.schemas import platform_views
from api.schemas.tenants import TenantPatch
from core import errors
from core.tenant import Tenant
from store import estate

router = routing.router("tenants")

IMPORTS = re.compile(f"{routing.PREFIX}/tenants/[^/]+/import")
"""Where bodies may be long: they are read line by line."""

_PATH = "/tenants/{tenant}"
_NDJSON = "application/x-ndjson"
_VERSION = 1
_BATCH = 200
_LONGEST_LINE = 24 * 1024 * 1024
_SETTINGS = ("displayName", "policyUrl", "httpTargets")


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    """The first line."""

    penstock: int
    tenant: str
    settings: dict[str, Any] = {}


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    """Every other line: a collection, and a document as MongoDB's canonical extended JSON."""

    collection: str
    document: msgspec.Raw


@router.get(
    f"{_PATH}/export",
    responses={200: {"description": "A line of JSON for each document, the tenant first.", "content": {_NDJSON: {}}}},
)
async def export_tenant(at: guards.Steering, estates: Estates, now: Now) -> Response:
    """Export everything that a tenant owns, as NDJSON.

    Secrets are left out. What changes meanwhile may be in it or not: suspend the tenant for an exact copy.
    """
    head = {"penstock": _VERSION, "tenant": at.tenant.id, "at": shown.stamp(now()), "settings": _settings(at.tenant)}
    headers = {"Content-Disposition": f'attachment; filename="{at.tenant.id}.ndjson"'}
    return StreamingResponse(_lines(head, at.tenant.id, estates), media_type=_NDJSON, headers=headers)


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

    The tenant must own nothing yet. All of it is kept, or nothing.
    """
    if await record.tenants.get(tenant) is None:
        raise errors.NotFound(f"There is no tenant {tenant}.")
    if not await estates.is_empty(tenant):
        raise errors.Conflict(f"Tenant {tenant} owns something already; an import needs an empty tenant.")
    lines = _split(request.stream())
    settings = _settings_of(await _head(lines, tenant))
    kept: dict[str, int] = {}
    try:
        async for collection, rows in _batches(lines):
            kept[collection] = kept.get(collection, 0) + await estates.keep(tenant, collection, rows, at=now())
    except BaseException:
        await estates.erase(tenant)
        raise
    await tenancy.change(tenant, settings.fields())
    gate.forget(tenant)
    return replies.reply(platform_views.ImportedView(documents=kept, withheld=tuple(sorted(estate.WITHHELD))))


def _settings(tenant: Tenant) -> dict[str, Any]:
    shown_settings: dict[str, Any] = msgspec.to_builtins(shown.tenant_view(tenant))
    return {name: shown_settings[name] for name in _SETTINGS if name in shown_settings}


async def _lines(head: dict[str, Any], tenant: str, estates: estate.Estate) -> AsyncGenerator[bytes]:
    yield replies.encode(head) + b"\n"
    async for collection, row in estates.read(tenant):
        yield b'{"collection":' + replies.encode(collection) + b',"document":' + row.encode() + b"}\n"


async def _head(lines: AsyncIterator[bytes], tenant: str) -> _Head:
    first = await anext(lines, b"")
    try:
        head = msgspec.json.decode(first, type=_Head)
    except msgspec.MsgspecError as error:
        raise _bad(1, f"an export begins with a line that says so: {error}") from None
    if head.penstock != _VERSION:
        raise _bad(1, f"an export of version {head.penstock} cannot be read here")
    if head.tenant != tenant:
        raise _bad(1, f"it is an export of the tenant {head.tenant}")
    return head


def _settings_of(head: _Head) -> TenantPatch:
    try:
        return TenantPatch.model_validate({name: value for name, value in head.settings.items() if name in _SETTINGS})
    except ValidationError as error:
        raise _bad(1, f"settings: {error.errors()[0]['msg']}") from None


async def _batches(lines: AsyncIterator[bytes]) -> AsyncGenerator[tuple[str, list[str]]]:
    """Lines of one collection, some at a time."""
    collection, rows, number = "", list[str](), 1
    async for line in lines:
        number += 1
        try:
            read = msgspec.json.decode(line, type=_Line)
        except msgspec.MsgspecError as error:
            raise _bad(number, str(error)) from None
        if rows and (read.collection != collection or len(rows) >= _BATCH):
            yield collection, rows
            rows = []
        collection = read.collection
        rows.append(bytes(read.document).decode())
    if rows:
        yield collection, rows


async def _split(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """Lines that are not empty, without their ends."""
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line.strip():
                yield line
        if len(rest) > _LONGEST_LINE:
            raise errors.TooLarge("A line of the export is longer than any document.")
    if rest.strip():
        yield rest


def _bad(number: int, what: str) -> errors.Invalid:
    return errors.Invalid(f"Line {number}: {what}.", faults=[errors.Fault(field=f"line {number}", message=what)])
