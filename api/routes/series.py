"""A queue's numbers over time: what charts are drawn from."""

from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from api import context, described, guards, numbers, replies, routing
from api.schemas import queue_views
from store.stats import Unit

router = routing.router("queues")

Count = Annotated[int, Query(ge=1, le=1500, description="How many minutes or hours, the present one the last")]


@router.get(
    "/queues/{namespace}/{name}/metrics/series",
    responses=described.answers(queue_views.SeriesView, "One entry for each minute or hour, the oldest first."),
)
async def get_series(
    at: guards.Reading, request: Request, unit: Annotated[Unit, Query()] = Unit.MINUTE, count: Count = 60
) -> Response:
    """Tell how many tasks of a queue took each step in each minute or hour, and how long they took."""
    here = context.of(request)
    seen = await numbers.series(here.stats, at.tenant, at.queue.key, unit, count=count, now=here.parts.clock())
    return replies.reply(seen)
