"""What a handler needs its caller to be allowed to do with flows, as the type of an argument (see `api/guards.py`).

A flow is for those who have the same right at tasks of its template's queue: who may submit may begin one, who made it
or may read the queue may read it, who may cancel tasks there may cancel it. Templates take the right to manage.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Path
from starlette.requests import Request

from api import context, guards, worklists
from api.guards import InTenant
from auth import policy
from auth.policy import Action, Ties
from core import errors, ids
from core.flow import Flow
from core.flow_template import StoredTemplate
from core.queue import Bindings
from store.flows import Wanted

Name = Annotated[
    str,
    Path(pattern=rf"^{ids.DEFINITION.pattern}$", description="1 to 150 letters, digits, `._/-`; slashes as they are"),
]
FlowId = Annotated[str, Path(pattern=rf"^{ids.TASK_ID.pattern}$", description="1 to 100 letters, digits, `._:-`")]


class OnTemplate(InTenant, frozen=True, kw_only=True):
    """A caller who may do what the guard's name says to this template."""

    template: StoredTemplate


class OnFlow(InTenant, frozen=True, kw_only=True):
    """A caller who may do what the guard's name says to this flow."""

    flow: Flow


async def bindings_of(request: Request, tenant: str, queue: str) -> Bindings | None:
    """The roles that count at a queue; None where it was deleted."""
    try:
        return (await context.of(request).parts.directory.queue(tenant, queue)).bindings
    except errors.NotFound:
        return None


async def concerns(request: Request, at: InTenant, queue: str) -> bool:
    """Whether the caller has any right at the queue: then it may know of templates for it."""
    if policy.allowed(at.who, Action.READ):
        return True
    try:
        found = await context.of(request).parts.directory.queue(at.tenant, queue)
    except errors.NotFound:
        return False
    return guards.concerns(at.who, found)


async def readable_queues(request: Request, at: InTenant) -> tuple[str, ...]:
    """The queues all of whose tasks, and so flows, the caller may read."""
    reached, _ = await worklists.reachable(context.of(request).parts.record.queues, at, frozenset())
    return tuple(sorted(reached))


def cursor_of(flow: Flow, wanted: Wanted) -> str:
    """Where the next page begins, behind this flow."""
    moment = flow.updated_at if wanted.by_update else flow.created_at
    return f"{moment.isoformat()}|{flow.id}"


def cursor(written: str) -> tuple[datetime, str]:
    """The moment and id of a cursor; raises `BadCursor`."""
    moment, _, flow_id = written.partition("|")
    try:
        return datetime.fromisoformat(moment), flow_id
    except ValueError:
        message = "give back `next` of the page before"
        raise errors.BadCursor(faults=[errors.Fault(field="after", message=message)]) from None


def _on_template(action: Action | None) -> Callable[..., Awaitable[OnTemplate]]:
    async def guard(request: Request, at: guards.Member, template: Name) -> OnTemplate:
        found = await context.of(request).parts.record.flow_templates.get(at.tenant, template)
        if found is None:
            raise errors.NotFound(f"There is no flow template {template}.")
        if action is not None:
            policy.require(at.who, action)
        elif not await concerns(request, at, found.content.queue):
            raise errors.Forbidden(f"You have no right at the queue of the flow template {template}.")
        return OnTemplate(who=at.who, template=found)

    return guard


def _on_flow(action: Action) -> Callable[..., Awaitable[OnFlow]]:
    async def guard(request: Request, at: guards.Member, flow_id: FlowId) -> OnFlow:
        return await on_flow(request, at, flow_id, action)

    return guard


async def on_flow(request: Request, at: InTenant, flow_id: str, action: Action) -> OnFlow:
    """The caller at this flow; raises `NotFound`, `Forbidden`."""
    flow = await context.of(request).parts.flows.get(at.tenant, flow_id)
    bindings = await bindings_of(request, at.tenant, flow.queue)
    policy.require(at.who, action, bindings, Ties(creator=flow.created_by.id))
    return OnFlow(who=at.who, flow=flow)


Knowing = Annotated[OnTemplate, Depends(_on_template(None))]
Managing = Annotated[OnTemplate, Depends(_on_template(Action.MANAGE))]
Reading = Annotated[OnFlow, Depends(_on_flow(Action.READ))]
Cancelling = Annotated[OnFlow, Depends(_on_flow(Action.CANCEL))]
