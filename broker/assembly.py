"""Puts the parts of one process together from settings: the one place that knows what needs what."""

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import asynccontextmanager

import msgspec

from broker import loops
from broker.administration import Administration
from broker.bulk import BulkActions
from broker.decisions import Decisions
from broker.definitions import Catalogue
from broker.desk import Desk
from broker.directory import Directory
from broker.dispatch import Dispatch
from broker.event_tasks import EventTasks
from broker.fair import Fair
from broker.flow_children import Children
from broker.flow_runs import FlowRuns
from broker.flows import Flows
from broker.intake import Intake
from broker.lifecycle import Lifecycle
from broker.places import Places
from broker.quotas import Quota
from broker.rabbit import topology
from broker.rabbit.connection import Link
from broker.rabbit.consumer import Consumer
from broker.rabbit.management import Lanes
from broker.rabbit.publisher import Publisher
from broker.runs import Runs, TaskRuns
from broker.schedules import Timetable
from broker.telemetry import Tracing
from broker.templates import Templates
from broker.triggers import Kit as TriggerKit
from broker.triggers import Triggers
from broker.worklist import Worklist
from core.clock import Clock
from core.schedule import RunKind
from core.settings import Settings
from store import masters, mongo
from store.bulk import Bulks
from store.definitions import Definitions
from store.firings import Firings
from store.flow_templates import FlowTemplates
from store.flows import Flows as FlowRecord
from store.halts import Halts
from store.imports import Imports
from store.listing import Listing
from store.payloads import Payloads
from store.queues import Queues
from store.recent import Recent
from store.records import Records
from store.reference import Reference
from store.schedules import Schedules
from store.seats import Seats
from store.secrets import Secrets
from store.sweeps import Sweeps
from store.tasks import Tasks
from store.tenants import Tenants
from store.triggers import Triggers as TriggerStore
from store.uploads import Uploads
from store.usage import Usage


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """MongoDB and every collection that a process works with."""

    client: mongo.Client
    database: mongo.Database
    tenants: Tenants
    queues: Queues
    definitions: Definitions
    tasks: Tasks
    listing: Listing
    recent: Recent
    sweeps: Sweeps
    seats: Seats
    schedules: Schedules
    firings: Firings
    halts: Halts
    flows: FlowRecord
    flow_templates: FlowTemplates
    imports: Imports
    uploads: Uploads
    secrets: Secrets
    payloads: Payloads
    records: Records
    triggers: TriggerStore


class Broker(msgspec.Struct, frozen=True, kw_only=True):
    """RabbitMQ: one link that publishes and one that consumes, since the first may be blocked."""

    publishing: Link
    consuming: Link
    lanes: Lanes
    publisher: Publisher
    consumer: Consumer


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What a process works with."""

    settings: Settings
    tracing: Tracing | None
    clock: Clock
    timed: asyncio.Event
    """Set once the clock is known to be right: before, no term is judged and nothing is written."""
    record: Record
    broker: Broker
    desk: Desk
    directory: Directory
    administration: Administration
    catalogue: Catalogue
    places: Places
    lifecycle: Lifecycle
    worklist: Worklist
    bulk: BulkActions
    templates: Templates
    flows: Flows
    runs: Mapping[RunKind, Runs]
    """What schedules start."""
    timetable: Timetable
    intake: Intake
    triggers: Triggers
    fair: Fair
    quotas: Quota
    """What tenants may take; only a process that was made `limited` holds them to it by itself."""


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    name: str,
    clock: Clock | None = None,
    tracing: Tracing | None = None,
    limited: bool = False,
) -> AsyncGenerator[Parts]:
    """The parts, connected as far as the servers are there and else as soon as they come; closed in order at the end.

    `name` is what RabbitMQ shows for the connections; a `limited` one holds tenants to their quotas. Without a clock it
    is that of the record. Leaving waits for what is in flight.
    """
    async with record(settings) as kept, broker(settings, name) as hands:
        reference = Reference(kept.database)
        if clock is not None:
            reference.known.set()
        parts = assembled(settings, kept, hands, clock or reference, tracing, timed=reference.known, limited=limited)
        duties = [parts.directory.follow(), parts.desk.note_confirmed(), parts.flows.note()]
        if clock is None:
            await reference.begin()
            duties.append(loops.repeat("clock", reference.step))
        async with beside(*duties):
            yield parts
            await parts.desk.flush()
            await parts.flows.flush()


def assembled(
    settings: Settings,
    kept: Record,
    hands: Broker,
    clock: Clock,
    tracing: Tracing | None = None,
    *,
    timed: asyncio.Event,
    limited: bool = False,
) -> Parts:
    """The parts over these connections; nothing of them runs yet."""
    desk = Desk(hands.publisher, kept.tasks, prefix=settings.broker_prefix)
    directory = Directory(kept.database, kept.queues, kept.definitions, kept.flow_templates, clock=clock)
    templates = Templates(kept.flow_templates, directory, clock=clock)
    places = Places(kept.seats, kept.tasks, directory, desk, clock=clock, dice=random.Random())
    fair = Fair(clock, room=settings.replica_room)
    dispatch = Dispatch(hands.consumer, kept.tasks, directory, places, fair, clock=clock, prefix=settings.broker_prefix)
    quotas = Quota(kept.tenants, Usage(kept.database), clock=clock)
    directory.heed_tenants(quotas.forget)
    lifecycle = Lifecycle(
        tasks=kept.tasks,
        desk=desk,
        directory=directory,
        dispatch=dispatch,
        places=places,
        fair=fair,
        clock=clock,
        dice=random.Random(),
        decided=Decisions(kept.flows, templates).check,
        gate=quotas.submitting if limited else None,
    )
    children = Children(kept.flows, kept.tasks, templates, directory, lifecycle, clock=clock)
    flows = Flows(kept.flows, templates, children, clock=clock)
    runs: Mapping[RunKind, Runs] = {
        "task": TaskRuns(lifecycle, directory, kept.tasks, clock=clock),
        "flow": FlowRuns(flows, templates, kept.flows),
    }
    return Parts(
        settings=settings,
        tracing=tracing,
        clock=clock,
        timed=timed,
        record=kept,
        broker=hands,
        desk=desk,
        directory=directory,
        administration=Administration(
            queues=kept.queues,
            tasks=kept.tasks,
            sweeps=kept.sweeps,
            directory=directory,
            lanes=hands.lanes,
            clock=clock,
            prefix=settings.broker_prefix,
            quotas=quotas if limited else None,
            payloads=kept.payloads,
        ),
        fair=fair,
        quotas=quotas,
        catalogue=Catalogue(
            kept.definitions, directory, hands.lanes, places, clock=clock, prefix=settings.broker_prefix
        ),
        places=places,
        lifecycle=lifecycle,
        bulk=BulkActions(
            Bulks(kept.database),
            listing=kept.listing,
            tasks=kept.tasks,
            sweeps=kept.sweeps,
            desk=desk,
            places=places,
            clock=clock,
        ),
        worklist=Worklist(lifecycle, directory, kept.listing, kept.tasks, clock=clock),
        templates=templates,
        flows=flows,
        runs=runs,
        timetable=Timetable(kept.schedules, kept.firings, kept.halts, runs, clock=clock),
        triggers=Triggers(
            TriggerKit(
                triggers=kept.triggers,
                firings=kept.firings,
                records=kept.records,
                lifecycle=lifecycle,
                directory=directory,
                flows=flows,
                templates=templates,
                event_tasks=EventTasks(kept.records, directory, lifecycle),
                clock=clock,
            )
        ),
        intake=Intake(
            kept.imports,
            kept.uploads,
            kept.secrets,
            kept.tenants,
            directory,
            clock=clock,
            most=settings.max_import_bytes,
        ),
    )


@asynccontextmanager
async def record(settings: Settings) -> AsyncGenerator[Record]:
    """The collections over one client; nothing is asked of MongoDB yet."""
    client = mongo.client(settings.mongodb_url.get_secret_value(), timeout=settings.store_timeout_seconds)
    database = mongo.database(client, settings.mongodb_database)
    secrets = Secrets(database, masters.of(settings))
    payloads = Payloads(secrets.sealer)
    try:
        yield Record(
            client=client,
            database=database,
            tenants=Tenants(database),
            queues=Queues(database),
            definitions=Definitions(database),
            tasks=Tasks(database, payloads),
            listing=Listing(database, payloads),
            recent=Recent(database, payloads),
            sweeps=Sweeps(database, payloads),
            seats=Seats(database, payloads),
            schedules=Schedules(database),
            firings=Firings(database),
            halts=Halts(database),
            flows=FlowRecord(database, payloads),
            flow_templates=FlowTemplates(database),
            imports=Imports(database),
            uploads=Uploads(database),
            secrets=secrets,
            payloads=payloads,
            records=Records(database),
            triggers=TriggerStore(database),
        )
    finally:
        await client.close()


@asynccontextmanager
async def broker(settings: Settings, name: str) -> AsyncGenerator[Broker]:
    """The links and what works over them; they connect behind us and again whenever they are lost."""
    url = settings.rabbitmq_url.get_secret_value()
    publishing, consuming = Link(url, f"{name} publishes"), Link(url, f"{name} consumes")
    lanes = Lanes(consuming, mirrored=settings.rabbitmq_mirrored)
    exchange = topology.events_exchange(settings.broker_prefix)
    publisher = Publisher(publishing, lanes, exchange, timeout=settings.publish_timeout_seconds)
    consumer = Consumer(consuming, lanes)
    publishing.start()
    consuming.start()
    publisher.start()
    consumer.start()
    try:
        yield Broker(publishing=publishing, consuming=consuming, lanes=lanes, publisher=publisher, consumer=consumer)
    finally:
        await publisher.close()
        await consumer.close()
        await lanes.close()
        await publishing.close()
        await consuming.close()


@asynccontextmanager
async def beside(*duties: Coroutine[None, None, None]) -> AsyncGenerator[None]:
    """Endless duties that run while the block runs and are cancelled after it."""
    tasks = [asyncio.create_task(duty) for duty in duties]
    try:
        yield
    finally:
        await loops.ended(*tasks)
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                task.result()
