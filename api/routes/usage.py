"""What a tenant may take of the platform, and what it has taken."""

from starlette.responses import Response

from api import described, guards, replies, routing, shown
from api.context import Limited
from api.schemas import platform_views as views
from api.schemas import queue_views

router = routing.router("tenants")


@router.get("/usage", responses=described.answers(views.UsageView, "Limits, and what is used of them."))
async def get_usage(at: guards.Surveying, quotas: Limited) -> Response:
    """Say what the tenant may take, and what it has taken.

    Rates and numbers are over all replicas, but for long polls and streams, which are counted in each. Stored bytes are
    counted every minute at most. Whoever is refused for a quota gets 429 with its name, its limit and Retry-After.
    """
    limits, taken = await quotas.limits(at.tenant), await quotas.taken(at.tenant)
    used = views.UsedView(
        queues=taken.queues,
        open_tasks=taken.open_tasks,
        stored_bytes=taken.stored_bytes,
        claims_in_flight=taken.claims_in_flight,
        long_polls=taken.long_polls,
        streams=taken.streams,
    )
    return replies.reply(views.UsageView(limits=shown.quotas_view(limits), used=used))


@router.get(
    "/queues/{namespace}/{name}/usage",
    responses=described.answers(queue_views.QueueUsageView, "Limits, and what is used of them."),
)
async def get_queue_usage(at: guards.Reading, quotas: Limited) -> Response:
    """Say what a queue may take within its tenant's limits, and what it has taken, over all replicas.

    Whoever is refused for a quota of a queue gets 429 (413 for a payload) with the queue, the quota, its limit and
    Retry-After.
    """
    taken = await quotas.taken_of(at.queue)
    used = queue_views.QueueUsedView(open_tasks=taken.open_tasks, claims_in_flight=taken.held)
    return replies.reply(queue_views.QueueUsageView(limits=shown.queue_quotas_view(at.queue), used=used))
