"""Aidbox's `POST /rpc`: which method is meant, who calls it, and how its answer or refusal goes back (contract aidbox).

A program authenticates by a bearer token, or by HTTP Basic with a client's id and secret: then the path names its
tenant (`/rpc/demo`), or the user name does (`demo/intake`). Everything upstream leaves open is said in
docs/guides/aidbox.md.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import structlog
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import context, described, guards, routing
from api.faces import aidbox_flows as flows
from api.faces import aidbox_input as asked
from api.faces import aidbox_tasks as tasks
from api.faces import aidbox_wire as wire
from api.faces.aidbox_wire import RpcError
from api.guards import InTenant
from auth import basic
from auth.principal import Principal
from auth.tokens import refuse
from core import errors
from core.errors import Fault

router = APIRouter(route_class=routing.Plain, tags=["Aidbox RPC"])

Method = Callable[[Request, InTenant, Any], Awaitable[dict[str, Any]]]

METHODS: Mapping[str, tuple[type[asked.Params], Method]] = {
    "awf.task/create-and-execute": (asked.Create, tasks.create),
    "awf.task/status": (asked.TaskStatus, tasks.status),
    "awf.task/cancel": (asked.ById, tasks.cancel),
    "awf.task/list": (asked.List, tasks.list_tasks),
    "awf.task/poll": (asked.Poll, tasks.poll),
    "awf.task/long-poll": (asked.LongPoll, tasks.poll),
    "awf.task/start": (asked.Fenced, tasks.start),
    "awf.task/notify": (asked.Notify, tasks.notify),
    "awf.task/success": (asked.Success, tasks.success),
    "awf.task/fail": (asked.Fail, tasks.fail),
    "awf.workflow/create-and-execute": (asked.Create, flows.create),
    "awf.workflow/status": (asked.FlowStatus, flows.status),
    "awf.workflow/cancel": (asked.ById, flows.cancel),
    "awf.workflow/list": (asked.List, flows.list_flows),
}

_MOST_IN_BATCH = 100
_BASIC = "basic "
_SHAPE: dict[str, Any] = {"type": ["object", "array"]}
_FORMS: dict[str, Any] = {"application/json": {"schema": _SHAPE}, wire.YAML: {"schema": {}}}
_ANSWERS: described.Responses = {
    status: {"description": text, "content": _FORMS}
    for status, text in (
        (200, "`result`, or an array of results and errors."),
        (401, "The caller is not known."),
        (403, "The caller may not do this."),
        (413, "The body is too large."),
        (422, "`error` with a type, a message and the places of what was wrong."),
        (429, "A limit was reached; see Retry-After."),
        (503, "A store is away; see Retry-After."),
    )
}
_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": _FORMS},
    "security": [{described.BEARER: list[str]()}],
}

_log = structlog.get_logger(__name__)


@router.post("/rpc", responses=_ANSWERS, openapi_extra=_BODY)
async def aidbox_rpc(request: Request) -> Response:
    """Call a method of Aidbox's task or workflow API, or an array of them."""
    return await _answered(request, None)


@router.post("/rpc/{tenant}", responses=_ANSWERS | described.refusals(errors.Invalid), openapi_extra=_BODY)
async def aidbox_rpc_of(request: Request, tenant: guards.TenantId) -> Response:
    """The same for programs that authenticate by HTTP Basic and cannot say their tenant otherwise."""
    return await _answered(request, tenant)


async def _answered(request: Request, tenant: str | None) -> Response:
    try:
        at = InTenant(who=guards.in_tenant(await caller(request, tenant)))
        body = await wire.read(request)
        if not isinstance(body, list):
            return wire.answer(request, {"result": await _call(request, at, body)})
        calls = cast("list[Any]", body)
        if not 0 < len(calls) <= _MOST_IN_BATCH:
            raise RpcError("invalid-request", f"A batch is an array of 1 to {_MOST_IN_BATCH} requests.")
        return wire.answer(request, [await _one(request, at, each) for each in calls])
    except errors.PenstockError as error:
        return refused(request, error)


async def _one(request: Request, at: InTenant, call: Any) -> dict[str, Any]:
    """One of a batch: its result or its error, whatever becomes of the others."""
    try:
        return {"result": await _call(request, at, call)}
    except errors.PenstockError as error:
        return {"error": wire.error_of(error, _method_of(call))}


async def _call(request: Request, at: InTenant, call: Any) -> dict[str, Any]:
    if not isinstance(call, dict):
        raise RpcError("invalid-request", "A request is an object with `method` and `params`.")
    fields = cast("dict[str, Any]", call)
    name = fields.get("method", request.query_params.get("_m"))
    if not isinstance(name, str) or name not in METHODS:
        known = ", ".join(METHODS)
        fault = Fault(field="method", message=f"must be one of {known}")
        raise RpcError("method-not-found", f"There is no method {name!r}", [fault])
    params = fields.get("params", {})
    if not isinstance(params, dict):
        raise RpcError("invalid-params", "Invalid params", [Fault(field="params", message="must be an object")])
    kind, method = METHODS[name]
    try:
        return await method(request, at, asked.read(kind, cast("dict[str, Any]", params), name))
    except errors.PenstockError as error:
        error.extra.setdefault("method", name)
        raise


def refused(request: Request, error: errors.PenstockError) -> Response:
    """The answer to a request that cannot be granted."""
    status = wire.status_of(error)
    if status >= 500:
        _log.warning("refused", code=error.code, detail=error.detail)
    said = wire.error_of(error, None)
    response = wire.answer(request, {"error": said}, status)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, round(error.retry_after)))
    if status == 401:
        # Not Basic: a browser would ask its user for a client's secret.
        response.headers["WWW-Authenticate"] = 'Bearer realm="penstock"'
    return response


def _method_of(call: Any) -> str | None:
    name = cast("dict[str, Any]", call).get("method") if isinstance(call, dict) else None
    return name if isinstance(name, str) else None


# --- who calls ---


async def caller(request: Request, tenant: str | None) -> Principal:
    """Who calls, by a bearer token or HTTP Basic; raises `Unauthenticated`, `NotFound` for another's tenant."""
    here = context.of(request)
    written = request.headers.get("authorization", "")
    headers = request.scope["headers"]
    if written[: len(_BASIC)].lower() == _BASIC:
        token = await here.basic.token(await _credentials(request, written[len(_BASIC) :].strip(), tenant))
        headers = [header for header in headers if header[0] != b"authorization"]
        headers = [*headers, (b"authorization", f"Bearer {token}".encode())]
    who = await here.callers.identify(headers, request.method)
    if tenant is not None and who.tenant != tenant:
        raise errors.NotFound(f"There is no tenant {tenant}.")
    return who


async def _credentials(request: Request, written: str, tenant: str | None) -> basic.Credentials:
    client_id, secret = basic.read(written)
    if tenant is None:
        tenant, slash, client_id = client_id.partition("/")
        if not slash or not client_id:
            message = "With HTTP Basic, name the tenant: in the path (/rpc/demo) or before the client (demo/intake)."
            raise refuse("malformed", message)
    found = await context.of(request).parts.record.tenants.get(tenant)
    if found is None:
        raise refuse("signature", "The client id or secret is not right.")
    return basic.Credentials(found.issuer, client_id, secret)
