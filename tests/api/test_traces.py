"""A caller's trace goes with its task: to spans of requests, to its holder, to an HTTP target, to its end."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.requests import Request
from starlette.responses import Response

from api import app as applications
from broker import engine, observing
from broker.telemetry import Tracing
from core.settings import Settings
from tests.api.webhook_calls import receiving, subscribe, took
from tests.support import api as support
from tests.support import target as targets
from tests.support.api import QUEUE, Api
from tests.support.keycloaks import Issuer
from tests.support.waiting import wait_until

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
ASKED = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
KEY = "intake:strike-reports"


class Traced:
    """An application that traces into memory."""

    def __init__(self, api: Api, tracing: Tracing, exporter: InMemorySpanExporter) -> None:
        self.api = api
        self.tracing = tracing
        self._exporter = exporter

    def spans(self, name: str) -> list[ReadableSpan]:
        """The spans of our trace with that name, the earliest first."""
        self.tracing.flush()
        found = [span for span in self._exporter.get_finished_spans() if span.name == name and _trace(span) == TRACE]
        return sorted(found, key=lambda span: span.start_time or 0)


def _trace(span: ReadableSpan) -> str:
    return "" if span.context is None else f"{span.context.trace_id:032x}"


@pytest.fixture
async def traced(settings: Settings, tokens: Issuer) -> AsyncGenerator[Traced]:
    """With an engine beside it."""
    exporter = InMemorySpanExporter()
    tracing = Tracing(exporter, service="test", ratio=0.0)
    app = applications.build(settings, tracing=tracing)
    async with app.router.lifespan_context(app):
        api = Api(app, tokens)
        await support.ready(api)
        await support.make_queue(api("ada"))
        async with _engine(api, tracing):
            yield Traced(api, tracing, exporter)
        await support.drop_lanes(api.parts)


@asynccontextmanager
async def _engine(api: Api, tracing: Tracing) -> AsyncGenerator[None]:
    stop = asyncio.Event()
    working = asyncio.create_task(engine.run(api.parts, stop, watching=observing.observer(10, tracing)))
    yield
    stop.set()
    await working


async def test_from_submit_through_wait_and_attempts_to_the_end(traced: Traced) -> None:
    api = traced.api
    answer = await api("sub").post(f"{QUEUE}/tasks", json={"name": "traced"}, headers=ASKED)
    assert answer.status_code == 201
    (task,) = await support.claim(api("wim"))
    (request,) = traced.spans("POST /api/v1/queues/{namespace}/{name}/tasks")
    assert request.context is not None
    assert task["traceparent"] == f"00-{TRACE}-{request.context.span_id:016x}-01"
    failed = {"execId": task["execId"], "error": "no", "retryable": False}
    assert (await api("wim").post(f"/api/v1/tasks/{task['id']}/fail", json=failed)).status_code == 200
    await wait_until(lambda: traced.spans("task"), what="the task's span", timeout=20)
    for name in ("task wait", "task attempt", "task"):
        (span,) = traced.spans(name)
        assert span.parent is not None
        assert span.parent.span_id == request.context.span_id
        assert span.attributes is not None
        assert (span.attributes["penstock.task"], span.attributes["penstock.attempt"]) == (task["id"], 1)
    assert not traced.spans("task")[0].status.is_ok


async def test_a_target_is_told_the_trace(traced: Traced) -> None:
    api = traced.api

    async def answer(_: Request) -> Response:
        return Response(status_code=204)

    async with targets.listening(answer) as target:
        allowed = {"httpTargets": {"allow": [target.url]}}
        assert (await api("ada").patch("/api/v1/tenants/demo", json=allowed)).status_code == 200
        body = {"queue": KEY, "target": {"kind": "http", "url": target.url}}
        assert (await api("ada").put("/api/v1/definitions/send", json=body)).status_code == 201
        await api("sub").post(f"{QUEUE}/tasks", json={"definition": "send"}, headers=ASKED)
        await wait_until(lambda: traced.spans("task push"), what="the push", timeout=20)
        (sent,) = target.headers
        (push,) = traced.spans("task push")
        assert push.context is not None
        assert sent["traceparent"] == f"00-{TRACE}-{push.context.span_id:016x}-01"


async def test_without_tracing_the_callers_own_trace_is_passed_on(api: Api, queue: str) -> None:
    await api("sub").post(f"{queue}/tasks", json={"name": "traced"}, headers=ASKED)
    await api("sub").post(f"{queue}/tasks", json={"name": "not traced"}, headers={"traceparent": "nonsense"})
    first, second = await support.claim(api("wim"), max=2)
    assert first["traceparent"] == ASKED["traceparent"]
    assert "traceparent" not in second


async def test_a_webhook_is_told_the_trace_of_its_task(traced: Traced) -> None:
    api = traced.api
    async with receiving(api) as receiver:
        await subscribe(api, receiver)
        await api("sub").post(f"{QUEUE}/tasks", json={"name": "traced"}, headers=ASKED)
        await took(receiver, 1)
        await api("sub").post(f"{QUEUE}/tasks", json={"name": "not traced"})
        await took(receiver, 2)
        await wait_until(lambda: traced.spans("task webhook"), what="the call's span", timeout=20)
        (call,) = traced.spans("task webhook")
        assert call.context is not None
        first, second = receiver.target.headers
        assert first["traceparent"] == f"00-{TRACE}-{call.context.span_id:016x}-01"
        assert int(second["traceparent"][-2:], 16) & 1 == 0
