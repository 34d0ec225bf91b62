"""The four workflow methods of Aidbox's RPC (contract aidbox 2.3): a workflow is a flow of a template."""

from typing import Any

from starlette.requests import Request

from api import context, flow_guards
from api.faces import aidbox_input as asked
from api.faces import aidbox_shown as shown
from api.faces.aidbox_wire import RpcError
from api.guards import InTenant
from auth import policy
from auth.policy import Action
from core import errors
from core.errors import Fault
from core.flow import Flow
from core.flow_life import Launch
from store import listing
from store.flows import Wanted

_MOST = 1000


async def create(request: Request, at: InTenant, params: asked.Create) -> dict[str, Any]:
    """`awf.workflow/create-and-execute`."""
    parts = context.of(request).parts
    try:
        template = await parts.templates.get(at.tenant, params.definition)
    except errors.NotFound as error:
        fault = Fault(field="params.definition", message=error.detail)
        raise RpcError("definition-not-found", error.detail, [fault]) from None
    bindings = await flow_guards.bindings_of(request, at.tenant, template.content.queue)
    policy.require(at.who, Action.SUBMIT, bindings)
    launch = Launch(
        id=params.id,
        params=params.params,
        label=params.label,
        execute_at=params.execute_at,
        execute_said=params.execute_said,
    )
    flow, created = await parts.flows.start(template, launch, by=at.by)
    if not created:
        raise RpcError("workflow-already-exists", f"Workflow id:'{flow.id}' exists already.")
    return {"resource": shown.flow(flow)}


async def status(request: Request, at: InTenant, params: asked.FlowStatus) -> dict[str, Any]:
    """`awf.workflow/status`."""
    flow = await flow_of(request, at, params.id, Action.READ)
    said: dict[str, Any] = {"resource": shown.flow(flow)}
    record = context.of(request).parts.record
    if params.include_activities:
        tasks = await _children(request, flow, decisions=False)
        below = await record.flows.page(at.tenant, Wanted(parent=flow.id), after=None, limit=_MOST)
        found = [*tasks, *(shown.flow(each) for each in below)]
        said["activities"] = sorted(found, key=lambda each: (each["meta"]["createdAt"], each["id"]))
    if params.include_decisions:
        said["decisions"] = await _children(request, flow, decisions=True)
    return said


async def cancel(request: Request, at: InTenant, params: asked.ById) -> dict[str, Any]:
    """`awf.workflow/cancel`: with all that it started."""
    flow = await flow_of(request, at, params.id, Action.CANCEL)
    try:
        ended = await context.of(request).parts.flows.cancel(flow, by=at.by, message=None, now=True)
    except errors.WrongState:
        message = f"Workflow id:'{flow.id}' has already been done. Couldn't cancel it."
        raise RpcError("workflow-has-been-done", message) from None
    return {"resource": shown.flow(ended)}


async def list_flows(request: Request, at: InTenant, params: asked.List) -> dict[str, Any]:
    """`awf.workflow/list`; with `next` where there is more, for `after`."""
    record = context.of(request).parts.record
    queues = None if policy.allowed(at.who, Action.READ) else await flow_guards.readable_queues(request, at)
    filtered = params.filter
    wanted = Wanted(
        templates=None if filtered.include is None else tuple(filtered.include),
        without_templates=tuple(filtered.exclude or ()),
        queues=queues,
        status=filtered.status,
        outcome=filtered.outcome,
        text=filtered.ilike,
        parent=filtered.requester,
        oldest_first="asc" in {params.sort.created_at, params.sort.last_updated},
        by_update=params.sort.last_updated is not None,
    )
    after = None if params.after is None else flow_guards.cursor(params.after)
    found = await record.flows.page(at.tenant, wanted, after=after, limit=params.limit + 1)
    items, more = found[: params.limit], len(found) > params.limit
    said: dict[str, Any] = {"resources": [shown.flow(each) for each in items]}
    return said | {"next": flow_guards.cursor_of(items[-1], wanted)} if more else said


async def _children(request: Request, flow: Flow, *, decisions: bool) -> list[dict[str, Any]]:
    record = context.of(request).parts.record
    query = listing.Query(parent=flow.id, decisions=decisions, sort=listing.Sort.CREATED)
    page = await record.listing.page(flow.tenant, query, after=None, limit=_MOST)
    return [shown.task(task) for task in page.tasks]


async def flow_of(request: Request, at: InTenant, flow_id: str, action: Action) -> Flow:
    """A flow on which the caller may do this; raises `NotFound`, `Forbidden`."""
    try:
        return (await flow_guards.on_flow(request, at, flow_id, action)).flow
    except errors.NotFound:
        raise errors.NotFound("Resource not found") from None
