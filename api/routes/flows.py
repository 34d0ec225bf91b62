"""Flows: begin, list, look at live, cancel, begin again."""

from itertools import islice
from typing import Annotated

import msgspec
from fastapi import Path, Query
from starlette.requests import Request
from starlette.responses import Response

from api import described, flow_guards, flowing, guards, idempotency, replies, routing
from api.context import Flowed, Reads, Templating
from api.schemas import flow_views as views
from api.schemas.common import priority
from api.schemas.flows import FlowBody, FlowCancelBody, FlowParams
from auth import policy
from auth.policy import Action
from core import errors, flow_view
from core.flow import Flow, Status, child_id
from core.flow_life import Launch
from core.flow_template import StoredTemplate
from core.task import Outcome
from store.flows import Wanted

router = routing.router("flows")

_PATH = "/flows/{flow_id}"
_FLOW = described.answers(views.FlowView, "The flow with every step.")
_BEGUN = described.answers(views.FlowView, "The flow has begun.", status=201, headers=("Location",))
_CHARSET = "text/vnd.mermaid; charset=utf-8"

StepName = Annotated[str, Path(min_length=1, max_length=70)]
After = Annotated[int, Query(ge=0, lt=2**31, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=1000)]


@router.post(
    "/flows",
    status_code=201,
    responses=_BEGUN
    | described.answers(views.FlowView, "The flow that was begun under this key before.")
    | described.refusals(errors.PayloadMismatch, errors.KeyReused),
)
async def start_flow(
    *,
    request: Request,
    at: guards.Member,
    body: FlowBody,
    flows: Flowed,
    templates: Templating,
    record: Reads,
    idempotency_key: idempotency.IdempotencyKey = None,
) -> Response:
    """Begin a flow by a template; its params must fit the template's `paramsSchema`."""
    template = await templates.get(at.tenant, body.template)
    bindings = await flow_guards.bindings_of(request, at.tenant, template.content.queue)
    policy.require(at.who, Action.SUBMIT, bindings)
    launch = Launch(
        id=None if idempotency_key is None else _keyed(at.tenant, at.who.subject, idempotency_key),
        params=body.params,
        label=body.label,
        context=body.context or {},
        priority=None if body.priority is None else priority(body.priority),
        execute_at=body.execute_at,
    )
    flow, created = await flows.start(template, launch, by=at.by)
    if not created and not _same(flow, body):
        raise errors.KeyReused(
            f"The key {idempotency_key!r} was used for flow {flow.id} with another request.", extra={"flowId": flow.id}
        )
    return await _shown(record, templates, flow, created=created)


@router.get("/flows", responses=described.answers(views.FlowPageView, "A page of flows, the newest first."))
async def list_flows(
    request: Request, at: guards.Member, asked: Annotated[FlowParams, Query()], record: Reads
) -> Response:
    """List the flows of the queues that the caller may read."""
    queues = None if asked.queue is None else (asked.queue,)
    if not policy.allowed(at.who, Action.READ):
        queues = await _readable(request, at, asked.queue)
    wanted = Wanted(
        templates=None if asked.template is None else (asked.template,),
        queues=queues,
        label=asked.label,
        status=asked.status,
        outcome=asked.outcome,
        parent=asked.parent,
    )
    after = None if asked.after is None else flow_guards.cursor(asked.after)
    found = await record.flows.page(at.tenant, wanted, after=after, limit=asked.limit + 1)
    items, more = found[: asked.limit], len(found) > asked.limit
    following = flow_guards.cursor_of(items[-1], wanted) if more else None
    return replies.reply(views.FlowPageView(items=tuple(flowing.brief_view(each) for each in items), next=following))


@router.get(_PATH, responses=_FLOW)
async def get_flow(at: flow_guards.Reading, record: Reads, templates: Templating) -> Response:
    """Look at a flow live: every step with its children's times, errors and results (the first 100 of each step)."""
    return await _shown(record, templates, at.flow)


@router.get(
    f"{_PATH}/mermaid",
    responses={200: {"description": "A flow chart in Mermaid's language.", "content": {_CHARSET: {}}}},
)
async def draw_flow(at: flow_guards.Reading, templates: Templating) -> Response:
    """Draw a flow: every step as it is now, as a Mermaid flow chart."""
    template = await templates.version(at.tenant, at.flow.template, at.flow.version)
    return Response(flow_view.mermaid(template.content, at.flow), media_type=_CHARSET)


@router.get(
    f"{_PATH}/steps/{{step}}/items",
    responses=described.answers(views.FlowItemPageView, "A page of the step's children, by number."),
)
async def list_flow_items(
    *,
    at: flow_guards.Reading,
    step: StepName,
    record: Reads,
    templates: Templating,
    after: After = 0,
    limit: Limit = 100,
) -> Response:
    """List the children of a step: one, or one for each item of the list that it fans out over."""
    template = await templates.version(at.tenant, at.flow.template, at.flow.version)
    if step not in {each.name for each in flow_view.steps(template.content, at.flow)}:
        raise errors.NotFound(f"Flow {at.flow.id} has no step {step}.")
    found = list(islice(flow_view.items(template.content, at.flow, step), after, after + limit + 1))
    items, more = found[:limit], len(found) > limit
    tasks = await record.flows.child_tasks(at.tenant, [item.id for item in items])
    shown = tuple(flowing.item_view(item, tasks.get(item.id)) for item in items)
    return replies.reply(views.FlowItemPageView(items=shown, next=after + limit if more else None))


@router.post(f"{_PATH}/cancel", responses=_FLOW | described.refusals(errors.WrongState, errors.Changed))
async def cancel_flow(
    at: flow_guards.Cancelling, body: FlowCancelBody, flows: Flowed, record: Reads, templates: Templating
) -> Response:
    """End a flow: nothing new is begun, and what runs is asked to stop, or ended at once."""
    flow = await flows.cancel(at.flow, by=at.by, message=body.reason, now=body.mode == "now")
    return await _shown(record, templates, flow)


@router.post(
    f"{_PATH}/retry", status_code=201, responses=_BEGUN | described.refusals(errors.WrongState, errors.PayloadMismatch)
)
async def retry_flow(
    request: Request, at: flow_guards.Reading, flows: Flowed, record: Reads, templates: Templating
) -> Response:
    """Begin a flow again that failed or was canceled: a new one on the same params, by the template as it is now."""
    was = at.flow
    policy.require(at.who, Action.SUBMIT, await flow_guards.bindings_of(request, at.tenant, was.queue))
    if was.status is not Status.DONE or was.outcome is Outcome.SUCCEEDED:
        raise errors.WrongState(
            f"Flow {was.id} is {was.outcome or was.status}; only one that failed or was canceled can be begun again.",
            extra={"state": was.status.value},
        )
    launch = Launch(params=was.params, label=was.label, context=was.context, priority=was.priority)
    flow, _ = await flows.start(await templates.get(at.tenant, was.template), launch, by=at.by)
    return await _shown(record, templates, flow, created=True)


# --- shared ---


async def _shown(record: Reads, templates: Templating, flow: Flow, *, created: bool = False) -> Response:
    template: StoredTemplate = await templates.version(flow.tenant, flow.template, flow.version)
    tasks = await record.flows.child_tasks(flow.tenant, flowing.shown(template, flow))
    headers = {"Location": routing.path("flows", flow.id)} if created else {}
    view = flowing.flow_as_view(template, flow, tasks)
    return replies.reply(view, status=201 if created else 200, headers=headers)


def _keyed(tenant: str, subject: str, key: str) -> str:
    """The id that a flow has by its idempotency key: the same for the same caller's same key."""
    return child_id(f"{tenant}\0{subject}", key, 0)


def _same(flow: Flow, body: FlowBody) -> bool:
    asked = (body.template, body.label, body.params)
    encode = msgspec.json.Encoder(order="deterministic").encode
    return encode(asked) == encode((flow.template, flow.label, flow.params))


async def _readable(request: Request, at: guards.InTenant, among: str | None) -> tuple[str, ...]:
    """The queues whose flows the caller may list."""
    queues = await flow_guards.readable_queues(request, at)
    return tuple(queue for queue in queues if among is None or queue == among)
