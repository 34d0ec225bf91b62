"""The HTTP application: `uvicorn api.app:create_app --factory`. `routes/` is what it answers, `guards.py` to whom."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache

import httpx
import structlog
from fastapi import FastAPI
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from api import console, described, hangup, lean, middleware, problems, routing
from api.audited import Trailing
from api.brakes import Brakes
from api.callers import Callers
from api.context import Context
from api.erasing import Erasing
from api.faces import (
    adsp,
    adsp_comments,
    adsp_probes,
    adsp_stream,
    aidbox,
    aidbox_imports,
    aidbox_resources,
    jobs,
    jobs_scheduler,
    xfsc,
)
from api.feed import Feed
from api.frames import Frames
from api.measures import Measures
from api.routes import (
    aidbox_rules,
    callers,
    comments,
    definitions,
    events,
    flow_templates,
    flows,
    health,
    imports,
    leases,
    people,
    queues,
    records,
    redrives,
    schedules,
    secrets,
    series,
    sign_in,
    submits,
    tasks,
    tenant_moves,
    tenants,
    triggers,
    usage,
    webhooks,
    worklists,
)
from api.routes import (
    audit as audit_routes,
)
from api.tenancy import Tenancy
from auth import basic, tokens
from auth import tenants as issuers
from auth.keycloak import Realms
from auth.people import People
from broker import assembly, loops, telemetry
from broker.directory import TENANTS_KEPT
from broker.envelopes import Envelopes
from broker.outbound import Outbound
from broker.rabbit import events as rabbit
from broker.rabbit import topology
from broker.telemetry import Tracing
from broker.webhook_calls import Caller
from broker.webhook_keys import Keyring
from broker.webhooks import Book
from core import errors, garbage, logs
from core.clock import Clock, system_clock
from core.settings import Settings
from store import migrations
from store.audit import Audit
from store.comments import Comments
from store.deliveries import Deliveries
from store.estate import Estate
from store.events import Events
from store.filters import Filters
from store.overview import Overviews
from store.redrives import Redrives
from store.snapshots import Snapshots
from store.stats import Stats
from store.webhooks import Webhooks

_log = structlog.get_logger(__name__)

# The order is that of matching, so what is called most comes first.
_ROUTERS = (
    leases.router,
    submits.router,
    tasks.router,
    queues.router,
    events.router,
    definitions.router,
    flows.router,
    flow_templates.router,
    redrives.router,
    records.router,
    imports.router,
    triggers.router,
    aidbox_rules.router,
    secrets.router,
    schedules.router,
    series.router,
    webhooks.router,
    worklists.router,
    people.router,
    comments.router,
    callers.router,
    sign_in.router,
    tenants.router,
    tenant_moves.router,
    audit_routes.router,
    usage.router,
    health.router,
    adsp.router,
    adsp_comments.router,
    adsp_stream.router,
    adsp_probes.router,
    aidbox.router,
    aidbox_resources.router,
    aidbox_imports.router,
    xfsc.router,
    xfsc.probes,
    jobs.router,
    jobs_scheduler.router,
)
_ADSP = ("/task/v1/", "/stream/v1/", "/comment/v1/")
"""Paths that browsers may call from pages of any origin, as ADSP's worker apps do: upstream lets all of them."""
_REST = 1.0


def create_app() -> FastAPI:
    """The application of a server process: settings and logs from the environment."""
    settings = Settings()  # pyright: ignore[reportCallIssue] - pydantic reads the environment
    logs.configure(settings)
    app = build(settings, tracing=telemetry.configured(settings, "penstock-api"))
    garbage.spare()
    return app


class _Application(FastAPI):
    """FastAPI with our layers around all of its own."""

    around: Callable[[ASGIApp], ASGIApp]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As FastAPI's, which asks before every request whether it is to trace it: that is done by `Envelope`."""
        if scope["type"] != "http" or self.middleware_stack is None:
            await super().__call__(scope, receive, send)
            return
        scope["app"] = self
        await self.middleware_stack(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        """What every request goes through; `Envelope` answers a bug, in place of Starlette's layer for that."""
        stack = super().build_middleware_stack()
        return self.around(stack.app if isinstance(stack, ServerErrorMiddleware) else stack)


def build(settings: Settings, *, clock: Clock | None = None, tracing: Tracing | None = None) -> FastAPI:
    """An application; nothing is connected before its lifespan begins. Without a clock it is that of the record."""
    measures = Measures()
    app = _Application(
        title="Penstock",
        version="0.1.0",
        summary="A multi-tenant task queue platform",
        description="Times are RFC 3339 in UTC, durations seconds. Every refusal is a problem (RFC 9457).",
        openapi_url=f"{routing.PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan(settings, clock, measures, tracing),
    )
    problems.install(app)
    # What is uploaded to be imported is not read into memory, and has a limit of its own.
    files = {imports.UPLOADS: settings.max_import_bytes, tenant_moves.IMPORTS: settings.max_import_bytes}

    def around(inner: ASGIApp) -> ASGIApp:
        limited = middleware.BodyLimit(inner, most=settings.max_body_bytes, longer=files)
        braked = Brakes(limited)
        short = lean.Shortcut(app.router.routes, braked, limited)
        allowed = middleware.CrossOrigin(braked, _ADSP)
        if settings.cors_origins:
            origins = tuple(each.strip() for each in settings.cors_origins.split(","))
            allowed = middleware.CrossOrigin(allowed, (f"{routing.PREFIX}/",), origins)
        strict = settings.environment == "production"
        return middleware.Envelope(allowed, short.answer, measures.answered, tracing, strict=strict)

    app.around = around
    for router in _ROUTERS:
        # Included routers are matched anew with every request, each route twice; these routes are just ours.
        app.router.routes.extend(router.routes)
    app.router.routes.extend(console.routes())
    app.openapi = cache(lambda: described.document(app))
    return app


def _lifespan(
    settings: Settings, given: Clock | None, measures: Measures, tracing: Tracing | None
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        closing = asyncio.Event()
        async with (
            assembly.running(settings, name="api", limited=True, clock=given, tracing=tracing) as parts,
            httpx.AsyncClient(trust_env=False) as http,
        ):
            kept, outbound, clock = parts.record.tenants, Outbound(), parts.clock
            keyring = Keyring(parts.record.secrets, clock=clock)
            lookup = issuers.Tenants(kept.by_issuer, clock, ttl=TENANTS_KEPT)
            verifier = tokens.Verifier(
                lookup=lookup, http=http, audience=settings.audience, client_id=settings.client_id, now=clock
            )
            known = Callers(verifier, lookup, kept, clock, parts.timed, ttl=TENANTS_KEPT)
            parts.directory.heed_tenants(known.forget)
            realms, estate = Realms(settings), Estate(parts.record.database, parts.record.payloads)
            audit = Audit(parts.record.database, settings.audit_key_bytes)
            tenancy = Tenancy(kept, realms, clock, settings)
            erasing = Erasing(parts, estate, realms)
            exchange = rabbit.Events(
                parts.broker.consuming, parts.broker.publisher, topology.events_exchange(settings.broker_prefix)
            )
            feed = Feed(Events(parts.record.database, parts.record.payloads), parts.directory, exchange, closing)
            app.state.context = Context(
                parts=parts,
                callers=known,
                tenancy=tenancy,
                measures=measures,
                feed=feed,
                redrives=Redrives(parts.record.database),
                overviews=Overviews(parts.record.database),
                stats=Stats(parts.record.database),
                secrets=parts.record.secrets,
                records=parts.record.records,
                filters=Filters(parts.record.database),
                comments=Comments(parts.record.database, parts.record.payloads),
                people=(whoever := People(settings, clock=clock)),
                webhooks=Book(
                    Webhooks(parts.record.database),
                    Deliveries(parts.record.database, parts.record.payloads),
                    feed.events,
                    Caller(outbound, kept, keyring, clock=clock),
                    keyring,
                    clock=clock,
                ),
                estate=estate,
                audit=audit,
                trailing=Trailing(audit, clock),
                fair=parts.fair,
                basic=(exchange_of_clients := basic.Exchange(http, clock)),
                frames=Frames(Envelopes(Snapshots(parts.record.database, parts.record.payloads))),
                console_client_id=settings.console_client_id,
                closing=closing,
            )
            async with assembly.beside(_prepare(parts, tenancy), feed.run(), loops.repeat("erasing", erasing.step)):
                with hangup.set_at_stop(closing):
                    yield
            await outbound.aclose()
            await exchange_of_clients.aclose()
            await whoever.aclose()
            await verifier.aclose()
            await lookup.aclose()
        if tracing is not None:
            await asyncio.to_thread(tracing.close)

    return lifespan


async def _prepare(parts: assembly.Parts, tenancy: Tenancy) -> None:
    """Make what must be there once, as soon as MongoDB answers."""
    while True:
        try:
            await migrations.begin(parts.record.database, clock=system_clock)
            await tenancy.attach_core()
        except (errors.Unavailable, errors.AlreadyExists, errors.PreconditionFailed) as error:
            _log.warning("not prepared yet", reason=error.detail)
            await asyncio.sleep(_REST)
        else:
            return
