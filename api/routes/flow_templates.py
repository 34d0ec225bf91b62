"""Flow templates: make, read, remove."""

from typing import Annotated

from fastapi import Body, Query
from starlette.requests import Request
from starlette.responses import Response

from api import conditions, described, flow_guards, flowing, guards, replies, routing
from api.context import Reads, Templating
from api.schemas import flow_views as views
from api.schemas.common import kept
from api.schemas.flows import TemplateJson
from core import errors
from core.flow_template import StoredTemplate

router = routing.router("flows")

_PATH = "/flow-templates/{template:path}"
_TEMPLATE = described.answers(views.FlowTemplateView, "The template.", headers=("ETag",))
_CHUNK = 200

After = Annotated[str | None, Query(max_length=150, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=1000)]
QueueFilter = Annotated[str | None, Query(max_length=101, description="`namespace:name`")]
Version = Annotated[int | None, Query(ge=1, lt=2**31, description="An earlier version, as it was")]


@router.get("/flow-templates", responses=described.answers(views.FlowTemplatePageView, "A page of templates, by name."))
async def list_flow_templates(
    *,
    request: Request,
    at: guards.Member,
    record: Reads,
    queue: QueueFilter = None,
    after: After = None,
    limit: Limit = 100,
) -> Response:
    """List the flow templates of the queues that the caller has any right in."""
    items: list[views.FlowTemplateView] = []
    while chunk := await record.flow_templates.page(at.tenant, after=after, limit=_CHUNK, queue=queue):
        for each in chunk:
            if await flow_guards.concerns(request, at, each.content.queue):
                if len(items) == limit:
                    return replies.reply(views.FlowTemplatePageView(items=tuple(items), next=items[-1].name))
                items.append(flowing.template_view(each))
        after = chunk[-1].name
    return replies.reply(views.FlowTemplatePageView(items=tuple(items), next=None))


@router.put(
    _PATH,
    responses=_TEMPLATE
    | described.answers(views.FlowTemplateView, "The template is new.", status=201, headers=("ETag", "Location"))
    | described.refusals(errors.PreconditionFailed, errors.Changed),
)
async def put_flow_template(
    *,
    at: guards.Founding,
    template: flow_guards.Name,
    body: Annotated[TemplateJson, Body()],
    templates: Templating,
    record: Reads,
    if_match: conditions.IfMatch = None,
    if_none_match: conditions.IfNoneMatch = None,
) -> Response:
    """Make a flow template, or give it exactly this content as its next version.

    Everything that it names must be there. Flows that were started go on by the version they were started with.
    """
    match = None
    if if_match is not None or conditions.must_be_new(if_none_match):
        there = await record.flow_templates.get(at.tenant, template)
        if if_match is None and there is not None:
            raise errors.PreconditionFailed(f"Flow template {template} exists already.")
        match = conditions.matched(if_match, there.version if there else None, f"Flow template {template}")
    made, created = await templates.put(at.tenant, template, kept(body), by=at.by, match=match)
    return _template(made, status=201 if created else 200)


@router.get(_PATH, responses=_TEMPLATE | described.empty(304, "The caller has this version already."))
async def get_flow_template(
    at: flow_guards.Knowing,
    templates: Templating,
    version: Version = None,
    if_none_match: conditions.IfNoneMatch = None,
) -> Response:
    """Read a flow template as it is now, or as it was at an earlier version."""
    found = at.template
    if version is not None and version != found.version:
        found = await templates.version(at.tenant, found.name, version)
    if conditions.unchanged(if_none_match, found.version):
        return replies.nothing(status=304, headers={"ETag": conditions.etag(found.version)})
    return _template(found)


@router.delete(
    _PATH,
    status_code=204,
    responses=described.empty(204, "The template is gone.")
    | described.refusals(errors.PreconditionFailed, errors.Changed),
)
async def delete_flow_template(
    at: flow_guards.Managing, templates: Templating, if_match: conditions.IfMatch = None
) -> Response:
    """Delete a flow template; its flows go on."""
    match = conditions.matched(if_match, at.template.version, f"Flow template {at.template.name}")
    await templates.remove(at.template, match=match)
    return replies.nothing(status=204)


def _template(template: StoredTemplate, *, status: int = 200) -> Response:
    headers = {"ETag": conditions.etag(template.version)}
    if status == 201:
        headers["Location"] = f"{routing.PREFIX}/flow-templates/{template.name}"
    return replies.reply(flowing.template_view(template), status=status, headers=headers)
