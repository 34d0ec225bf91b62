"""What Prometheus is told of webhooks: calls by outcome, how long they took, how many webhooks are failing."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from core.delivery import Attempt

_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1, 5, 15)


class WebhookMeters:
    """The numbers of one engine, without tenants: who is concerned sees its own webhooks."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Counter(
            "penstock_webhook_calls",
            "Tries to deliver an event: taken, refused (answered otherwise), unreachable.",
            ("outcome",),
            registry=registry,
        )
        self._seconds = Histogram(
            "penstock_webhook_call_seconds", "How long tries took.", buckets=_BUCKETS, registry=registry
        )
        self._hooks = Gauge(
            "penstock_webhooks", "Active webhooks: well, or failing now.", ("state",), registry=registry
        )

    def tried(self, attempt: Attempt) -> None:
        """One try."""
        outcome = "taken" if attempt.taken else "unreachable" if attempt.status is None else "refused"
        self._calls.labels(outcome).inc()
        self._seconds.observe(attempt.ms / 1000)

    def stand(self, *, well: int, failing: int) -> None:
        """How many webhooks there are; zeros once another engine looks."""
        self._hooks.labels("well").set(well)
        self._hooks.labels("failing").set(failing)
