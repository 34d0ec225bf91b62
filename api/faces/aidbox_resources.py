"""Aidbox's tasks and workflows as resources that its workers read, and the older way to execute (contract aidbox 2.4).

A worker that decides for a workflow reads `GET /AidboxWorkflow/{requester.id}`: upstream's decision task has none of
the workflow's params.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response

from api import context, described, guards, problems, routing
from api.faces import aidbox, aidbox_flows, aidbox_tasks
from api.faces import aidbox_input as asked
from api.faces import aidbox_shown as shown
from api.faces import aidbox_wire as wire
from api.guards import InTenant
from auth.policy import Action
from core import errors, ids


class Route(routing.Plain):
    """A route whose refusals are all in the shape of the RPC's; who is not known hears that first."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with what FastAPI found wrong in the path or the query."""
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as fault:
                try:
                    guards.in_tenant(await aidbox.caller(request, None))
                except errors.PenstockError as refusal:
                    return aidbox.refused(request, refusal)
                return aidbox.refused(request, problems.invalid_of(fault))

        return handler


router = APIRouter(route_class=Route, tags=["Aidbox RPC"])

_MOST = 1000
_MOST_COUNTED = 10_000
_FORMS: dict[str, Any] = {"application/json": {"schema": {"type": "object"}}, wire.YAML: {"schema": {}}}
_ANSWERS: described.Responses = {
    status: {"description": text, "content": _FORMS}
    for status, text in (
        (200, "The resource, or a bundle of them."),
        (201, "The task is kept: its `id`."),
        (401, "The caller is not known."),
        (403, "The caller may not do this."),
        (404, "There is no such resource."),
        (413, "The body is too large."),
        (422, "`error` with a type, a message and the places of what was wrong."),
        (429, "A limit was reached; see Retry-After."),
        (503, "A store is away; see Retry-After."),
    )
}
_SECURITY: dict[str, Any] = {"security": [{described.BEARER: list[str]()}]}
_BODY: dict[str, Any] = _SECURITY | {"requestBody": {"required": True, "content": _FORMS}}

ResourceId = Annotated[str, Path(pattern=rf"^{ids.TASK_ID.pattern}$")]
Named = Annotated[str, Path(min_length=1, max_length=300)]
Count = Annotated[int, Query(alias="_count", ge=0, le=_MOST, description="0 answers the total alone")]
Text = Annotated[str | None, Query(max_length=150)]
Status = Annotated[str | None, Query(alias=".status", max_length=20)]
Except = Annotated[str | None, Query(alias="definition-not", max_length=150)]
Requester = Annotated[str | None, Query(alias="requester.id", max_length=150, description="The id of a workflow")]


@router.get("/AidboxTask/{resource_id}", responses=_ANSWERS, openapi_extra=_SECURITY)
async def aidbox_task(request: Request, resource_id: ResourceId) -> Response:
    """Read an AidboxTask."""

    async def read(at: InTenant) -> dict[str, Any]:
        return shown.task(await aidbox_tasks.task_of(request, at, resource_id, Action.READ))

    return await _answered(request, read)


@router.get("/AidboxWorkflow/{resource_id}", responses=_ANSWERS, openapi_extra=_SECURITY)
async def aidbox_workflow(request: Request, resource_id: ResourceId) -> Response:
    """Read an AidboxWorkflow."""

    async def read(at: InTenant) -> dict[str, Any]:
        return shown.flow(await aidbox_flows.flow_of(request, at, resource_id, Action.READ))

    return await _answered(request, read)


@router.get("/AidboxTask", responses=_ANSWERS, openapi_extra=_SECURITY)
async def search_aidbox_tasks(
    *,
    request: Request,
    status: Status = None,
    definition: Text = None,
    definition_not: Except = None,
    requester: Requester = None,
    count: Count = 100,
) -> Response:
    """Search AidboxTasks, the newest first."""

    async def read(at: InTenant) -> dict[str, Any]:
        params = _wanted(
            "AidboxTask",
            count,
            status=status,
            includeDefinitions=_listed(definition),
            excludeDefinitions=_listed(definition_not),
            requester=requester,
        )
        query = await aidbox_tasks.selected(request, at, params)
        listing = context.of(request).parts.record.listing
        if query is None:
            return _bundle(0, [])
        total = await listing.count(at.tenant, query, at_most=_MOST_COUNTED)
        page = await listing.page(at.tenant, query, after=None, limit=params.limit)
        return _bundle(total, [shown.task(each) for each in page.tasks[:count]])

    return await _answered(request, read)


@router.get("/AidboxWorkflow", responses=_ANSWERS, openapi_extra=_SECURITY)
async def search_aidbox_workflows(
    *,
    request: Request,
    status: Status = None,
    definition: Text = None,
    definition_not: Except = None,
    requester: Requester = None,
    count: Count = 100,
) -> Response:
    """Search AidboxWorkflows, the newest first; the total is counted up to 1,000."""

    async def read(at: InTenant) -> dict[str, Any]:
        params = _wanted(
            "AidboxWorkflow",
            _MOST,
            status=status,
            includeDefinitions=_listed(definition),
            excludeDefinitions=_listed(definition_not),
            requester=requester,
        )
        found = (await aidbox_flows.list_flows(request, at, params))["resources"]
        return _bundle(len(found), found[:count])

    return await _answered(request, read)


@router.post("/execution/{definition:path}", status_code=201, responses=_ANSWERS, openapi_extra=_BODY)
async def aidbox_execute(request: Request, definition: Named) -> Response:
    """Execute a task with the body as its params."""

    async def execute(at: InTenant) -> dict[str, Any]:
        given = {"definition": definition, "params": await wire.read(request)}
        params = asked.read(asked.Create, given, "execution")
        return {"id": (await aidbox_tasks.create(request, at, params))["resource"]["id"]}

    return await _answered(request, execute, status=201)


@router.get("/execution/{execution:path}", responses=_ANSWERS, openapi_extra=_SECURITY)
async def aidbox_execution(request: Request, execution: Named) -> Response:
    """Read the task `{definition}/{id}`."""
    definition, _, task_id = execution.rpartition("/")

    async def read(at: InTenant) -> dict[str, Any]:
        task = shown.task(await aidbox_tasks.task_of(request, at, task_id, Action.READ))
        if task["definition"] != definition:
            raise errors.NotFound("Resource not found")
        return task

    return await _answered(request, read)


def _wanted(kind: str, count: int, **chosen: str | list[str] | None) -> asked.List:
    filtered = {name: value for name, value in chosen.items() if value is not None}
    return asked.read(asked.List, {"filter": filtered, "limit": max(count, 1)}, kind)


def _listed(name: str | None) -> list[str] | None:
    return None if name is None else [name]


def _bundle(total: int, resources: list[dict[str, Any]]) -> dict[str, Any]:
    entries = [{"resource": each} for each in resources]
    return {"resourceType": "Bundle", "type": "searchset", "total": total, "entry": entries}


async def _answered(
    request: Request, make: Callable[[InTenant], Awaitable[dict[str, Any]]], *, status: int = 200
) -> Response:
    """The answer of `make` for whoever calls; a resource that is not there is 404 here, unlike with the RPC."""
    try:
        at = InTenant(who=guards.in_tenant(await aidbox.caller(request, None)))
        return wire.answer(request, await make(at), status)
    except errors.NotFound as error:
        return wire.answer(request, {"error": wire.error_of(error, None)}, 404)
    except errors.PenstockError as error:
        return aidbox.refused(request, error)
