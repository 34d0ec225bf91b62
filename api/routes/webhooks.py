"""Webhooks: make, read, change, pause, remove, test; exchange the secret; look at deliveries and send them again."""

from datetime import timedelta
from typing import Annotated

from fastapi import Path, Query
from starlette.responses import Response

from api import conditions, described, guards, replies, routing, webhooked
from api.context import Webhooking
from api.schemas import webhook_views as views
from api.schemas.webhooks import DeliveryParams, ReplayBody, RotateBody, WebhookBody, WebhookParams, WebhookPatch
from core import errors
from core.delivery import Status
from core.webhook import Payload
from store.deliveries import Wanted
from store.webhooks import Running

router = routing.router("webhooks")

_PATH = "/webhooks/{webhook_id}"
_DELIVERY = f"{_PATH}/deliveries/{{delivery_id}}"
_WEBHOOK = described.answers(views.WebhookView, "The webhook.", headers=("ETag",))
_CHANGES = described.refusals(errors.PreconditionFailed, errors.Changed)
_ROTATE, _REPLAY = RotateBody(), ReplayBody()

WebhookId = Annotated[str, Path(min_length=1, max_length=100)]
DeliveryId = Annotated[str, Path(min_length=1, max_length=100)]


@router.get("/webhooks", responses=described.answers(views.WebhookPageView, "A page of webhooks, by id."))
async def list_webhooks(at: guards.Founding, asked: Annotated[WebhookParams, Query()], book: Webhooking) -> Response:
    """List the tenant's webhooks."""
    found = await book.page(at.tenant, after=asked.after, limit=asked.limit + 1)
    items, more = found[: asked.limit], len(found) > asked.limit
    shown = tuple(webhooked.webhook_view(each) for each in items)
    return replies.reply(views.WebhookPageView(items=shown, next=items[-1].hook.id if more else None))


@router.post(
    "/webhooks",
    status_code=201,
    responses=described.answers(
        views.NewWebhookView, "The webhook, and its secret this once.", status=201, headers=("ETag", "Location")
    )
    | described.refusals(errors.Conflict),
)
async def create_webhook(at: guards.Founding, body: WebhookBody, book: Webhooking) -> Response:
    """Make a webhook: it is told of what happens from now on.

    Deliveries are signed by Standard Webhooks with the secret of the answer, which is shown this once. A private
    address is called only where an operator allowed it (`httpTargets.allow` of the tenant).
    """
    settled = await book.create(
        at.tenant,
        name=body.name,
        url=body.url,
        payload=Payload(body.payload),
        chosen=body.filter.filter(),
        paused=body.paused,
        by=at.by,
    )
    hook = settled.running.hook
    headers = {"ETag": conditions.etag(hook.version), "Location": routing.path("webhooks", hook.id)}
    return replies.reply(webhooked.new_view(settled), status=201, headers=headers)


@router.get(_PATH, responses=_WEBHOOK | described.empty(304, "The caller has this version already."))
async def get_webhook(
    at: guards.Founding, webhook_id: WebhookId, book: Webhooking, if_none_match: conditions.IfNoneMatch = None
) -> Response:
    """Read a webhook. Its ETag is that of its settings, and stays while it delivers."""
    found = await book.get(at.tenant, webhook_id)
    if conditions.unchanged(if_none_match, found.hook.version):
        return replies.nothing(status=304, headers={"ETag": conditions.etag(found.hook.version)})
    return _webhook(found)


@router.patch(_PATH, responses=_WEBHOOK | _CHANGES)
async def patch_webhook(
    at: guards.Founding,
    webhook_id: WebhookId,
    body: WebhookPatch,
    book: Webhooking,
    if_match: conditions.IfMatch = None,
) -> Response:
    """Change, pause or resume a webhook.

    What happens while it is paused or disabled is not lost: resumed, it goes on where it stopped.
    """
    there = await book.get(at.tenant, webhook_id)
    match = conditions.matched(if_match, there.hook.version, f"Webhook {webhook_id}")
    return _webhook(await book.change(at.tenant, webhook_id, body.changes(), by=at.by, match=match))


@router.delete(_PATH, status_code=204, responses=described.empty(204, "The webhook is gone.") | _CHANGES)
async def delete_webhook(
    at: guards.Founding, webhook_id: WebhookId, book: Webhooking, if_match: conditions.IfMatch = None
) -> Response:
    """Remove a webhook with its deliveries."""
    there = await book.get(at.tenant, webhook_id)
    match = conditions.matched(if_match, there.hook.version, f"Webhook {webhook_id}")
    await book.remove(at.tenant, webhook_id, match=match)
    return replies.nothing()


@router.post(f"{_PATH}/test", responses=described.answers(views.TestView, "What came of it."))
async def test_webhook(at: guards.Founding, webhook_id: WebhookId, book: Webhooking) -> Response:
    """Send a signed sample now, once (its type is `webhook-test`), and say what came of it."""
    return replies.reply(webhooked.test_view(await book.test(at.tenant, webhook_id, by=at.by)))


@router.post(
    f"{_PATH}/rotate-secret",
    responses=described.answers(views.NewWebhookView, "The webhook, and its new secret this once.", headers=("ETag",))
    | described.refusals(errors.Changed),
)
async def rotate_secret(
    at: guards.Founding, webhook_id: WebhookId, book: Webhooking, body: RotateBody = _ROTATE
) -> Response:
    """Give a webhook a new secret; for the time of the overlap deliveries carry a signature of the old one, too."""
    overlap = timedelta(seconds=body.overlap_seconds)
    settled = await book.rotate(at.tenant, webhook_id, overlap=overlap, by=at.by)
    headers = {"ETag": conditions.etag(settled.running.hook.version)}
    return replies.reply(webhooked.new_view(settled), headers=headers)


@router.get(
    f"{_PATH}/deliveries",
    responses=described.answers(views.DeliveryPageView, "A page of deliveries.") | described.refusals(errors.BadCursor),
)
async def list_deliveries(
    at: guards.Founding, webhook_id: WebhookId, asked: Annotated[DeliveryParams, Query()], book: Webhooking
) -> Response:
    """List a webhook's deliveries, the newest first; they are kept for two weeks."""
    wanted = Wanted(status=asked.status, types=tuple(asked.type) or None, task=asked.task, since=asked.since)
    found = await book.deliveries(at.tenant, webhook_id, wanted, after=asked.after, limit=asked.limit + 1)
    items, more = found[: asked.limit], len(found) > asked.limit
    shown = tuple(webhooked.delivery_view(each) for each in items)
    return replies.reply(views.DeliveryPageView(items=shown, next=items[-1].id if more else None))


@router.get(_DELIVERY, responses=described.answers(views.WholeDeliveryView, "The delivery."))
async def get_delivery(
    at: guards.Founding, webhook_id: WebhookId, delivery_id: DeliveryId, book: Webhooking
) -> Response:
    """Read a delivery with its tries and its body."""
    return replies.reply(webhooked.whole_view(await book.delivery(at.tenant, webhook_id, delivery_id)))


@router.post(f"{_DELIVERY}/replay", responses=described.answers(views.WholeDeliveryView, "It is sent again."))
async def replay_delivery(
    at: guards.Founding, webhook_id: WebhookId, delivery_id: DeliveryId, book: Webhooking
) -> Response:
    """Send a delivery again, with the same `webhook-id`, whatever it came to before."""
    return replies.reply(webhooked.whole_view(await book.replay(at.tenant, webhook_id, delivery_id)))


@router.post(f"{_PATH}/replay", responses=described.answers(views.ReplayView, "How many are sent again."))
async def replay_deliveries(
    at: guards.Founding, webhook_id: WebhookId, book: Webhooking, body: ReplayBody = _REPLAY
) -> Response:
    """Send again what failed, or all that was sent, since a moment; of a task in its order."""
    status = None if body.status == "any" else Status(body.status)
    count = await book.replay_all(at.tenant, webhook_id, Wanted(status=status, since=body.since))
    return replies.reply(views.ReplayView(replayed=count))


def _webhook(running: Running) -> Response:
    return replies.reply(webhooked.webhook_view(running), headers={"ETag": conditions.etag(running.hook.version)})
