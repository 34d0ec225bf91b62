"""Whether this process lives and can serve, and its numbers; for everybody who can reach the port."""

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import context, described, measures, replies, routing
from api.schemas import platform_views
from auth.principal import CORE
from broker.assembly import Parts
from core import errors

router = APIRouter(route_class=routing.Plain, tags=["operations"])

_PATIENCE = 2.0


@router.get("/health/live", responses=described.answers(platform_views.LiveView, "The process turns."))
async def live() -> Response:
    """Say that this process turns."""
    return replies.reply(platform_views.LiveView())


@router.get(
    "/health/ready",
    responses=described.answers(platform_views.ReadyView, "It can serve, if perhaps without RabbitMQ.")
    | described.answers(platform_views.ReadyView, "It cannot serve.", status=503),
)
async def ready(request: Request) -> Response:
    """Say whether this process can serve."""
    here = context.of(request)
    broker = here.parts.broker
    prepared = None if here.closing.is_set() else await _prepared(here.parts)
    mongodb = prepared is not None
    connected = broker.publishing.connected and broker.consuming.connected
    blocked = connected and broker.publishing.blocked
    status = "unavailable" if not prepared else "ready" if connected and not blocked else "degraded"
    view = platform_views.ReadyView(status=status, mongodb=mongodb, rabbitmq=connected, rabbitmq_blocked=blocked)
    return replies.reply(view, status=200 if prepared else 503)


async def _prepared(parts: Parts) -> bool | None:
    """Whether what must be there once is there (`app._prepare` ends with the operators' tenant); None: no answer."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return await parts.record.tenants.get(CORE) is not None
    except (errors.Unavailable, TimeoutError):
        return None


@router.get("/metrics", responses={200: {"content": {measures.CONTENT_TYPE: {}}}})
async def metrics(request: Request) -> Response:
    """Numbers for Prometheus."""
    return Response(context.of(request).measures.text(), media_type=measures.CONTENT_TYPE)
