"""From the records of webhooks to what answers show of them."""

from typing import Any

from msgspec import UNSET

from api.schemas import webhook_views as views
from api.shown import stamp
from broker.webhooks import Settled
from core import webhook
from core.delivery import Attempt, Delivery
from store.webhooks import Running


def webhook_view(running: Running) -> views.WebhookView:
    """A webhook, without its secret."""
    return views.WebhookView(**_fields(running))


def new_view(settled: Settled) -> views.NewWebhookView:
    """A webhook with the secret that it just got."""
    assert settled.secret is not None
    return views.NewWebhookView(**_fields(settled.running), secret=settled.secret)


def attempt_view(attempt: Attempt) -> views.AttemptView:
    """One try."""
    return views.AttemptView(**_attempt(attempt))


def test_view(attempt: Attempt) -> views.TestView:
    """What came of a test call."""
    return views.TestView(**_attempt(attempt), taken=attempt.taken)


def delivery_view(delivery: Delivery) -> views.DeliveryView:
    """A delivery in a list."""
    return views.DeliveryView(**_delivery(delivery))


def whole_view(delivery: Delivery) -> views.WholeDeliveryView:
    """A delivery with all that is known of it."""
    attempts = tuple(attempt_view(each) for each in delivery.attempts)
    return views.WholeDeliveryView(**_delivery(delivery), attempts=attempts, body=delivery.body)


def _fields(running: Running) -> dict[str, Any]:
    hook, standing = running.hook, running.standing
    stop, since = hook.disabled, standing.failing_since
    return {
        "id": hook.id,
        "name": hook.name,
        "url": hook.url,
        "payload": hook.payload,
        "filter": _filter(hook.filter),
        "status": "disabled" if stop is not None else "paused" if hook.paused else "active",
        "disabled": UNSET if stop is None else views.StopView(at=stamp(stop.at), reason=stop.reason),
        "failing_since": UNSET if since is None else stamp(since),
        "reached": standing.cursor,
        "version": hook.version,
        "created_at": stamp(hook.created_at),
        "created_by": hook.created_by,
        "updated_at": stamp(hook.updated_at),
        "updated_by": hook.updated_by,
    }


def _filter(chosen: webhook.Filter) -> views.FilterView:
    asked = chosen.criteria
    names = {name: getattr(chosen, name) for name in ("types", "queues", "namespaces", "definitions")}
    return views.FilterView(
        **{name: UNSET if value is None else value for name, value in names.items()},
        criteria=UNSET
        if asked is None
        else views.CriteriaView(
            correlation_id=UNSET if asked.correlation_id is None else asked.correlation_id, context=asked.context
        ),
    )


def _attempt(attempt: Attempt) -> dict[str, Any]:
    said = {"status": attempt.status, "error": attempt.error, "response": attempt.response}
    present = {name: value for name, value in said.items() if value is not None}
    return {"at": stamp(attempt.at), "milliseconds": attempt.ms} | present


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "type": delivery.type,
        "n": delivery.n,
        "task": UNSET if delivery.task is None else delivery.task,
        "queue": UNSET if delivery.queue is None else delivery.queue,
        "status": delivery.status,
        "tries": delivery.tries,
        "created_at": stamp(delivery.created_at),
        "next_at": UNSET if delivery.next_at is None else stamp(delivery.next_at),
        "ended_at": UNSET if delivery.ended_at is None else stamp(delivery.ended_at),
        "last": attempt_view(delivery.attempts[-1]) if delivery.attempts else UNSET,
    }
