"""Traces by OpenTelemetry, where a collector is configured; without one nothing of this costs anything."""

import contextlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import datetime

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from core import telemetry
from core.settings import Settings

_propagator = TraceContextTextMapPropagator()

Attributes = Mapping[str, str | int]


class Tracing:
    """Makes spans and sends them behind us; made by `configured`."""

    def __init__(self, exporter: SpanExporter, *, service: str, ratio: float) -> None:
        sampler = ParentBased(TraceIdRatioBased(ratio))
        self._provider = TracerProvider(resource=Resource.create({"service.name": service}), sampler=sampler)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("penstock")

    @contextmanager
    def span(self, name: str, kind: SpanKind, parent: str | None, attributes: Attributes) -> Generator[Span]:
        """A span around a block, whose `traceparent` is the current one within it."""
        with self._tracer.start_as_current_span(
            name, context=_context(parent), kind=kind, attributes=dict(attributes)
        ) as span:
            before = telemetry.current.set(traceparent(span))
            try:
                yield span
            finally:
                with contextlib.suppress(ValueError):
                    telemetry.current.reset(before)

    def past(
        self, name: str, parent: str, began: datetime, ended: datetime, attributes: Attributes, *, failed: bool = False
    ) -> None:
        """A span of something that is over."""
        span = self._tracer.start_span(
            name, context=_context(parent), kind=SpanKind.INTERNAL, attributes=dict(attributes), start_time=_ns(began)
        )
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(max(_ns(ended), _ns(began)))

    def flush(self) -> None:
        """Send what there is now; blocks as `close` does."""
        self._provider.force_flush()

    def close(self) -> None:
        """Send what is left; blocks for as long as the exporter takes."""
        self._provider.shutdown()


@contextmanager
def calling(tracing: Tracing | None, name: str, parent: str | None, attributes: Attributes) -> Generator[str | None]:
    """Around a call of somebody else: the `traceparent` to send along, that of a span of ours where we trace."""
    if tracing is None:
        yield parent
        return
    with tracing.span(name, SpanKind.CLIENT, parent, attributes) as span:
        yield traceparent(span)


def configured(settings: Settings, service: str) -> Tracing | None:
    """Tracing to the collector of the settings; None when there is none."""
    if settings.otlp_endpoint is None:
        return None
    exporter = OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces", timeout=5)
    return Tracing(exporter, service=service, ratio=settings.trace_ratio)


def traceparent(span: Span) -> str | None:
    """What a span's children name as their parent."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, context=trace.set_span_in_context(span))
    return carrier.get("traceparent")


def _context(parent: str | None) -> Context:
    return _propagator.extract({} if parent is None else {"traceparent": parent})


def _ns(at: datetime) -> int:
    return int(at.timestamp() * 1000) * 1_000_000
