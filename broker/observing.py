"""What an engine shows of itself: numbers, spans, and whether it can work."""

import asyncio
from collections.abc import Sequence

import msgspec
import structlog
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from broker import loops
from broker.assembly import Parts
from broker.leadership import Work
from broker.meters import Gauger, Meters
from broker.probes import Ready
from broker.spans import Spans
from broker.telemetry import Tracing
from broker.webhook_meters import WebhookMeters
from core import errors
from core.events import Event
from store.depths import Depths
from store.leases import Leases

_log = structlog.get_logger(__name__)
_PATIENCE = 2.0
_QUIET = frozenset({"failed-by-worker", "canceled"})


class Observer(msgspec.Struct, frozen=True, kw_only=True):
    """Made once for a process."""

    registry: CollectorRegistry
    meters: Meters
    webhooks: WebhookMeters
    tracing: Tracing | None = None
    spans: Spans | None = None

    def hear(self, events: Sequence[Event]) -> None:
        """These events are stored now."""
        self.meters.hear(events)
        if self.spans is not None:
            self.spans.hear(events)
        for event in events:
            if event.reason is not None and event.outcome != "succeeded" and event.reason.type not in _QUIET:
                _log.info(
                    "task", type=event.type, reason=event.reason.type, task=event.task, tenant=event.tenant,
                    queue=event.queue, seq=event.seq, trace=event.trace,
                )  # fmt: skip

    def watched(self, duty: str, work: Work) -> Work:
        """The work, with the metric that says who does it."""

        async def observed() -> None:
            self.meters.leads(duty, now=True)
            try:
                await work()
            finally:
                self.meters.leads(duty, now=False)

        return observed


def observer(most: int, tracing: Tracing | None = None) -> Observer:
    """An observer with numbers of its own; `most` queues have series of their own."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    spans = None if tracing is None else Spans(tracing)
    meters, webhooks = Meters(registry, most=most), WebhookMeters(registry)
    return Observer(registry=registry, meters=meters, webhooks=webhooks, tracing=tracing, spans=spans)


async def gauge(parts: Parts, watching: Observer) -> None:
    """The duty of looking at how much waits."""
    gauger = Gauger(watching.meters, Depths(parts.record.database), parts.record.sweeps, clock=parts.clock)
    try:
        await loops.repeat("meters", gauger.step)
    finally:
        watching.meters.forget()


def readiness(parts: Parts) -> Ready:
    """An engine can work when the record answers; without RabbitMQ it works on what needs none."""
    leases = Leases(parts.record.database)

    async def ready() -> dict[str, object] | None:
        try:
            async with asyncio.timeout(_PATIENCE):
                await leases.every()
        except (errors.Unavailable, TimeoutError):
            return None
        broker = parts.broker
        connected = broker.publishing.connected and broker.consuming.connected
        return {"rabbitmq": connected, "rabbitmqBlocked": connected and broker.publishing.blocked}

    return ready
