"""Who changed what, and what it was before and after."""

from typing import Annotated

from fastapi import Query
from pydantic import AwareDatetime, Field
from starlette.responses import Response

from api import described, guards, replies, routing, shown
from api.context import Auditing
from api.schemas import audit_views as views
from api.schemas.common import Body
from core.audit import Row
from store.audit import Wanted

router = routing.router("audit")


class AuditParams(Body):
    """Which rows."""

    action: Annotated[
        str | None, Field(max_length=50, description="Such as `queue.put`; `queue.` for all of queues")
    ] = None
    target: Annotated[str | None, Field(max_length=200, description="Name or id of what was changed")] = None
    by: Annotated[str | None, Field(max_length=200, description="The subject who did it")] = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    before: Annotated[int | None, Field(ge=1, lt=2**53, description="`next` of the page before")] = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


@router.get("/audit", responses=described.answers(views.AuditPageView, "A page of the trail, the newest first."))
async def list_audit(at: guards.Reviewing, asked: Annotated[AuditParams, Query()], trail: Auditing) -> Response:
    """List what was changed: tenants, queues, definitions, templates, schedules, secrets, webhooks; bulk operations.

    Rows are sealed in a chain, in which `python -m store audit verify` finds what was altered, removed or put in
    another order. An operator who names no tenant sees the operators' own trail.
    """
    wanted = Wanted(action=asked.action, target=asked.target, by=asked.by, since=asked.since, until=asked.until)
    found = await trail.page(at.who.tenant, wanted, before=asked.before, limit=asked.limit + 1)
    items, more = found[: asked.limit], len(found) > asked.limit
    view = views.AuditPageView(items=tuple(_view(row) for row in items), next=items[-1].n if more else None)
    return replies.reply(view)


def _view(row: Row) -> views.AuditView:
    return views.AuditView(
        n=row.n,
        at=shown.stamp(row.at),
        by=row.by,
        realm=row.home,
        action=row.action,
        target=row.target,
        request_id=row.request_id,
        before=row.before,
        after=row.after,
        seal=row.seal,
    )
