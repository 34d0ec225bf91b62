"""Dead letters run again, many at once and at a set rate; and taken back."""

from starlette.responses import Response

from api import described, guards, replies, routing, shown
from api.context import Now, Reads, Redrivers
from api.schemas import queue_views
from api.schemas.redrives import RedriveBody
from core import errors, ids
from store.redrives import Redrive, Redrives, RedriveState

router = routing.router("dead letters")

_PATH = "/queues/{namespace}/{name}"
_ALL = RedriveBody()
_SHOWN = 100
_COUNTED = 100_000


@router.post(
    f"{_PATH}/redrive",
    status_code=202,
    responses=described.answers(
        queue_views.RedriveView, "The engine takes it up within a second.", status=202, headers=("Location",)
    ),
)
async def redrive(
    at: guards.Redriving, redrives: Redrivers, record: Reads, now: Now, body: RedriveBody = _ALL
) -> Response:
    """Run a queue's dead letters again: those there are now, the oldest first, each with all its attempts."""
    made = Redrive(
        tenant=at.tenant, id=ids.new_id(), queue=at.queue.key, state=RedriveState.RUNNING, by=at.by,
        created_at=now(), query=body.query, rate_per_second=body.rate_per_second,
    )  # fmt: skip
    matched = await record.listing.count(at.tenant, made.selection, at_most=_COUNTED)
    await redrives.create(at.tenant, made)
    location = routing.path("queues", at.queue.namespace, at.queue.name, "redrives", made.id)
    return replies.reply(shown.redrive_view(made, matched), status=202, headers={"Location": location})


@router.get(f"{_PATH}/redrives", responses=described.answers(queue_views.RedrivesView, "The newest 100."))
async def list_redrives(at: guards.Redriving, redrives: Redrivers) -> Response:
    """List a queue's redrives, the newest first."""
    found = await redrives.of_queue(at.tenant, at.queue.key, limit=_SHOWN)
    return replies.reply(queue_views.RedrivesView(items=tuple(shown.redrive_view(each) for each in found)))


@router.get(f"{_PATH}/redrives/{{redrive_id}}", responses=described.answers(queue_views.RedriveView, "The redrive."))
async def get_redrive(at: guards.Redriving, redrive_id: guards.RedriveId, redrives: Redrivers) -> Response:
    """Say how far a redrive has come."""
    return replies.reply(shown.redrive_view(await _of_queue(at, redrive_id, redrives)))


@router.post(
    f"{_PATH}/redrives/{{redrive_id}}/undo",
    status_code=202,
    responses=described.answers(queue_views.RedriveView, "The engine takes it up within a second.", status=202),
)
async def undo_redrive(at: guards.Redriving, redrive_id: guards.RedriveId, redrives: Redrivers) -> Response:
    """Stop a redrive, and put back among the dead letters what nobody has taken since."""
    await _of_queue(at, redrive_id, redrives)
    asked = await redrives.ask_undo(at.tenant, redrive_id, by=at.by)
    return replies.reply(shown.redrive_view(asked), status=202)


async def _of_queue(at: guards.AtQueue, redrive_id: str, redrives: Redrives) -> Redrive:
    found = await redrives.get(at.tenant, redrive_id)
    if found is None or found.queue != at.queue.key:
        raise errors.NotFound(f"There is no redrive {redrive_id} at the queue {at.queue.key}.")
    return found
