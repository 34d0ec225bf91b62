"""Aidbox's `POST /v2/$import` (contract aidbox 2.4): a workflow of the bulk import, shown file by file."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import described, flow_guards, guards, routing
from api.faces import aidbox
from api.faces import aidbox_flows as flows
from api.faces import aidbox_input as asked
from api.faces import aidbox_wire as wire
from api.faces.aidbox_wire import RpcError
from api.guards import InTenant
from core import errors, import_tasks

router = APIRouter(route_class=routing.Plain, tags=["Aidbox RPC"])

_PATH = "/v2/$import"
_FORMS: dict[str, Any] = {"application/json": {"schema": {"type": "object"}}, wire.YAML: {"schema": {}}}
_ANSWERS: described.Responses = {
    status: {"description": text, "content": _FORMS}
    for status, text in (
        (200, "The import; when it was begun, `Content-Location` says where it is."),
        (401, "The caller is not known."),
        (403, "The caller may not do this."),
        (404, "There is no such import."),
        (413, "The body is too large."),
        (422, "`error` with a type, a message and the places of what was wrong."),
        (429, "A limit was reached; see Retry-After."),
        (503, "A store is away; see Retry-After."),
    )
}
_SECURITY: dict[str, Any] = {"security": [{described.BEARER: list[str]()}]}
_BODY: dict[str, Any] = _SECURITY | {"requestBody": {"required": True, "content": _FORMS}}


@router.post(_PATH, responses=_ANSWERS, openapi_extra=_BODY)
async def begin_aidbox_import(request: Request) -> Response:
    """Import files: `inputs` of `url` and `resourceType`, `contentEncoding`, `type`, and an `id` of one's own."""
    return await _answered(request, lambda at: _begun(request, at))


@router.post("/v2/fhir/$import", responses=_ANSWERS, openapi_extra=_BODY)
async def begin_aidbox_fhir_import(request: Request) -> Response:
    """The same under its other name."""
    return await _answered(request, lambda at: _begun(request, at))


@router.get(f"{_PATH}/{{flow_id}}", responses=_ANSWERS, openapi_extra=_SECURITY)
async def get_aidbox_import(request: Request, flow_id: flow_guards.FlowId) -> Response:
    """Say how far an import is, file by file."""

    async def read(at: InTenant) -> Response:
        wanted = asked.read(asked.FlowStatus, {"id": flow_id, "include-activities?": True}, _PATH)
        found = await flows.status(request, at, wanted)
        if found["resource"]["definition"] != import_tasks.WORKFLOW:
            raise errors.NotFound("Resource not found")
        return wire.answer(request, _shown(found["resource"], found["activities"]))

    return await _answered(request, read)


async def _begun(request: Request, at: InTenant) -> Response:
    body = await wire.read(request)
    if not isinstance(body, dict):
        raise RpcError("invalid-request", "The body is an object with `inputs`.")
    params = dict(cast("dict[str, Any]", body))
    fields = {"definition": import_tasks.WORKFLOW, "id": params.pop("id", None), "params": params}
    made = (await flows.create(request, at, asked.read(asked.Create, fields, _PATH)))["resource"]
    answer = wire.answer(request, {"id": made["id"], "status": made["status"]})
    answer.headers["Content-Location"] = f"{_PATH}/{made['id']}"
    return answer


def _shown(flow: dict[str, Any], activities: list[dict[str, Any]]) -> dict[str, Any]:
    params: dict[str, Any] = flow["params"]
    inputs: list[dict[str, Any]] = params["inputs"]
    by_label = {each.get("label"): each for each in activities}
    files = [
        {"url": each["url"], "resourceType": each["resourceType"]} | _state(by_label.get(label, {}))
        for each, label in zip(inputs, import_tasks.labels(inputs), strict=True)
    ]
    kept = {name: params[name] for name in ("type", "contentEncoding") if name in params}
    return kept | {"inputs": files} | _state(flow)


def _state(resource: dict[str, Any]) -> dict[str, Any]:
    return {name: resource[name] for name in ("status", "outcome", "result", "error") if name in resource}


async def _answered(request: Request, make: Callable[[InTenant], Awaitable[Response]]) -> Response:
    try:
        return await make(InTenant(who=guards.in_tenant(await aidbox.caller(request, None))))
    except errors.NotFound as error:
        return wire.answer(request, {"error": wire.error_of(error, None)}, 404)
    except errors.PenstockError as error:
        return aidbox.refused(request, error)
