"""The metrics of webhooks."""

from prometheus_client import CollectorRegistry

from broker.webhook_meters import WebhookMeters
from core.delivery import Attempt
from tests.support.making import NOW


def test_calls_are_counted_by_what_came_of_them() -> None:
    registry = CollectorRegistry()
    meters = WebhookMeters(registry)
    for status in (200, 204, 500, None):
        meters.tried(Attempt(at=NOW, ms=250, status=status))
    counts = {
        outcome: registry.get_sample_value("penstock_webhook_calls_total", {"outcome": outcome})
        for outcome in ("taken", "refused", "unreachable")
    }
    assert counts == {"taken": 2, "refused": 1, "unreachable": 1}
    assert registry.get_sample_value("penstock_webhook_call_seconds_sum") == 1.0


def test_webhooks_are_well_or_failing() -> None:
    registry = CollectorRegistry()
    WebhookMeters(registry).stand(well=3, failing=1)
    assert registry.get_sample_value("penstock_webhooks", {"state": "failing"}) == 1
    assert registry.get_sample_value("penstock_webhooks", {"state": "well"}) == 3
