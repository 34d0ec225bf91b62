"""Imports: files of NDJSON whose lines become tasks of a queue; begun, uploaded, listed, looked at, canceled."""

import hashlib
import re
from typing import Annotated, Any

import msgspec
from fastapi import Query
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api import described, guards, idempotency, import_guards, imported, replies, routing
from api.context import Intakes, Reads
from api.schemas import import_views as views
from api.schemas.imports import ImportBody, ImportParams, LineErrorParams, UploadParams
from auth import policy
from auth.policy import Action
from broker.intake import Wish
from broker.outbound import Blocked
from core import errors
from core.imports import Import, ImportState, LineOrder, Source

router = routing.router("imports")

UPLOADS = re.compile(rf"{routing.PREFIX}/queues/[^/]+/[^/]+/imports/upload")
"""Paths whose bodies are files."""

_QUEUE = "/queues/{namespace}/{name}"
_BEGUN = (
    described.answers(
        views.ImportView, "The file will be imported, whatever happens.", status=202, headers=("Location",)
    )
    | described.answers(views.ImportView, "It was asked for before under the same key.", headers=("Location",))
    | described.refusals(errors.Conflict, errors.KeyReused, errors.Changed)
)
_IMPORT = described.answers(views.ImportView, "The import.")
_FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {kind: {} for kind in ("application/x-ndjson", "application/gzip", "application/octet-stream")},
    }
}
_encode = msgspec.json.Encoder(order="deterministic").encode


@router.post(f"{_QUEUE}/imports", status_code=202, responses=_BEGUN | described.refusals(Blocked))
async def create_import(
    at: guards.Submitting,
    body: ImportBody,
    intake: Intakes,
    idempotency_key: idempotency.IdempotencyKey = None,
) -> Response:
    """Import a file from a link, an S3-compatible storage or Google Cloud Storage.

    NDJSON, plain or gzip. Each line becomes a task; one that cannot is reported with its number, and the rest goes on.
    A secret or an endpoint of one's own takes the right to manage.
    """
    if body.secret_ref is not None or body.endpoint is not None:
        policy.require(at.who, Action.MANAGE, at.queue.bindings)
    job, new = await intake.begin(at.queue, _wish(body.source, body.order, idempotency_key), by=at.by)
    return _begun(job, new=new)


@router.post(f"{_QUEUE}/imports/upload", status_code=202, responses=_BEGUN, openapi_extra=_FILE)
async def upload_import(
    request: Request,
    at: guards.Submitting,
    asked: Annotated[UploadParams, Query()],
    intake: Intakes,
    idempotency_key: idempotency.IdempotencyKey = None,
) -> Response:
    """Import a file that is the body of this request, as it is: NDJSON, plain or gzip, of any length.

    The answer comes when the file is kept. An upload that broke off leaves nothing; send it again.
    """
    wish = _wish(asked.source, asked.order, idempotency_key)
    try:
        job, new = await intake.upload(at.queue, wish, request.stream(), by=at.by)
    except ClientDisconnect:
        raise errors.Invalid("The upload broke off.") from None
    return _begun(job, new=new)


@router.get(
    "/imports",
    responses=described.answers(views.ImportPageView, "A page of imports, the newest first."),
)
async def list_imports(at: guards.Member, asked: Annotated[ImportParams, Query()], record: Reads) -> Response:
    """List the imports into the queues that the caller may read, and its own."""
    wanted = await import_guards.wanted(record.queues, at, asked.queue)
    wanted = msgspec.structs.replace(wanted, state=asked.state)
    found = await record.imports.page(at.tenant, wanted, after=asked.after, limit=asked.limit + 1)
    items, more = found[: asked.limit], len(found) > asked.limit
    shown = tuple(imported.import_view(each) for each in items)
    return replies.reply(views.ImportPageView(items=shown, next=items[-1].id if more else None))


@router.get("/imports/{import_id}", responses=_IMPORT)
async def get_import(at: import_guards.Reading) -> Response:
    """Read an import: its state, and how far it is."""
    return replies.reply(imported.import_view(at.job))


@router.get(
    "/imports/{import_id}/errors",
    responses=described.answers(views.LineErrorPageView, "A page of refused lines, in their order."),
)
async def list_import_errors(
    at: import_guards.Reading, asked: Annotated[LineErrorParams, Query()], record: Reads
) -> Response:
    """List the lines that became no task, with their numbers and why; of very many, the first 10,000."""
    found = await record.imports.errors(at.tenant, at.job.id, after=asked.after, limit=asked.limit + 1)
    items, more = found[: asked.limit], len(found) > asked.limit
    shown = tuple(imported.error_view(each) for each in items)
    return replies.reply(views.LineErrorPageView(items=shown, next=items[-1].line if more else None))


@router.post(
    "/imports/{import_id}/cancel",
    responses=_IMPORT
    | described.answers(views.ImportView, "It ends as soon as its reader has noticed.", status=202)
    | described.refusals(errors.WrongState),
)
async def cancel_import(at: import_guards.Cancelling, intake: Intakes) -> Response:
    """Read no further. The tasks that it made stay."""
    job = await intake.cancel(at.tenant, at.job.id, by=at.by)
    return replies.reply(imported.import_view(job), status=200 if job.state is ImportState.DONE else 202)


def _wish(source: Source, order: LineOrder, key: str | None) -> Wish:
    fingerprint = hashlib.sha256(_encode([source, order])).hexdigest()
    return Wish(source=source, order=order, key=key, fingerprint=fingerprint)


def _begun(job: Import, *, new: bool) -> Response:
    location = routing.path("imports", job.id)
    return replies.reply(imported.import_view(job), status=202 if new else 200, headers={"Location": location})
