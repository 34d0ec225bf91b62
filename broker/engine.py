"""The engine: everything that happens to tasks without a caller. Any number of them may run, each killed at any time.

Every duty is done by one engine at a time (`broker/leadership.py`); an engine starts, and goes on, without MongoDB or
RabbitMQ, and works when they are there.
"""

import asyncio
import os
import random
import socket
from collections.abc import Coroutine, Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog

from broker import import_work, importer, loops, observing, webhook_hub
from broker.adsp_announcer import AdspAnnouncer
from broker.announcer import Announcer
from broker.assembly import Parts
from broker.builtins import Builtins
from broker.builtins import Kit as BuiltinKit
from broker.cleanup import Cleanup
from broker.envelopes import Envelopes
from broker.flowing import Flowing
from broker.follower import Follower
from broker.leadership import RENEW_SECONDS, Leadership, Work
from broker.observing import Observer
from broker.outbound import Outbound
from broker.places import Ushers
from broker.push import Kit, Pusher
from broker.push_target import Means
from broker.rabbit import events as rabbit
from broker.rabbit import topology
from broker.reader import Reader
from broker.redrive import Redriver
from broker.refill import Refill
from broker.relay import Relay
from broker.retention import Retention
from broker.scheduler import Scheduler
from broker.sources import Sources
from broker.statistics import Statistics
from broker.timekeeper import Timekeeper
from broker.triggers import Pending
from core import errors, ids
from core.clock import system_clock
from core.events import Event
from store import migrations
from store.cleaning import Cleaning
from store.definition_sweeps import DefinitionSweeps
from store.eventlog import EventLog
from store.flow_sweeps import FlowSweeps
from store.headers import Headers
from store.import_sweeps import ImportSweeps
from store.leases import Leases
from store.leftovers import Leftovers
from store.positions import Positions
from store.record_sweeps import RecordSweeps
from store.records import Records
from store.redrives import Redrives
from store.snapshots import Snapshots
from store.stats import Stats
from store.unread import Unread

_log = structlog.get_logger(__name__)


async def run(
    parts: Parts, stop: asyncio.Event, *, renew_seconds: float = RENEW_SECONDS, watching: Observer | None = None
) -> None:
    """Do duties until `stop` is set; then give them back and return."""
    holder = f"{socket.gethostname()}-{os.getpid()}-{ids.new_secret()[:8]}"
    leases = Leases(parts.record.database)
    leadership = Leadership(leases, holder=holder, clock=parts.clock, renew_seconds=renew_seconds)
    _log.info("engine started", holder=holder)
    leading = asyncio.create_task(_lead(parts, leadership, watching or _unwatched(parts)), name="engine")
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([leading, stopping], return_when=asyncio.FIRST_COMPLETED)
    finally:
        await loops.ended(leading, stopping)
    _log.info("engine stopped", holder=holder)
    if not leading.cancelled():
        leading.result()


async def _lead(parts: Parts, leadership: Leadership, watching: Observer) -> None:
    await loops.persist("indexes", lambda: _prepare(parts), but=NotImplementedError)
    await parts.timed.wait()
    async with asyncio.TaskGroup() as group:
        for duty, work in duties(parts, watching).items():
            group.create_task(leadership.lead(duty, watching.watched(duty, work)), name=f"lead {duty}")


async def _prepare(parts: Parts) -> None:
    """Make the indexes; if they cannot be made, work goes on more slowly, and an operator must see to it."""
    try:
        await migrations.begin(parts.record.database, clock=system_clock)
    except errors.Unavailable:
        raise
    except Exception:  # noqa: BLE001 - whatever it is, timers must go on
        _log.exception("indexes not made")


def _unwatched(parts: Parts) -> Observer:
    return observing.observer(parts.settings.metrics_queues)


def duties(parts: Parts, watching: Observer | None = None) -> Mapping[str, Work]:
    """What there is to do: name of the lease, and the work for as long as it is held."""
    observer = watching or _unwatched(parts)
    return {
        "timekeeper": lambda: _timekeeper(parts),
        "relay": lambda: _relay(parts),
        "refill": lambda: _refill(parts),
        "retention": lambda: _retention(parts),
        "events": lambda: _events(parts, observer),
        "meters": lambda: observing.gauge(parts, observer),
        "redrive": lambda: _redrive(parts),
        "scheduler": lambda: _scheduler(parts),
        "words": lambda: _words(parts),
        "bulk": lambda: loops.repeat("bulk", parts.bulk.step),
        "push": lambda: _push(parts),
        "webhooks": lambda: _webhooks(parts, observer),
        "imports": lambda: _imports(parts),
        "triggers": lambda: _triggers(parts),
        "import tasks": lambda: _import_tasks(parts),
        "places": lambda: _places(parts),
        "built-ins": lambda: _builtins(parts),
    }


async def _timekeeper(parts: Parts) -> None:
    keeper = Timekeeper(
        parts.record.sweeps, parts.desk, parts.directory, parts.places, clock=parts.clock, dice=random.Random()
    )
    try:
        await loops.repeat("timekeeper", keeper.step)
    finally:
        await keeper.close()


def _relay(parts: Parts) -> Coroutine[Any, Any, None]:
    relay = Relay(
        parts.record.sweeps, parts.record.tasks, parts.broker.publisher, parts.broker.publishing,
        clock=parts.clock, prefix=parts.settings.broker_prefix,
    )  # fmt: skip
    return loops.repeat("relay", relay.step)


def _refill(parts: Parts) -> Coroutine[Any, Any, None]:
    refill = Refill(
        parts.record.sweeps, parts.record.queues, parts.broker.lanes, parts.broker.publisher, parts.broker.consuming,
        clock=parts.clock, prefix=parts.settings.broker_prefix,
    )  # fmt: skip
    return loops.repeat("refill", refill.step)


def _retention(parts: Parts) -> Coroutine[Any, Any, None]:
    database = parts.record.database
    retention = Retention(
        Leftovers(database), EventLog(database), parts.record.queues,
        clock=parts.clock, retention=timedelta(days=parts.settings.retention_days),
    )  # fmt: skip
    return loops.repeat("retention", retention.step)


async def _events(parts: Parts, watching: Observer) -> None:
    database = parts.record.database
    log, positions = EventLog(database), Positions(database)
    announcer = Announcer(log, positions, _exchange(parts))
    flowing = Flowing(
        parts.record.flows, FlowSweeps(database), parts.flows, clock=parts.clock,
        at_once=parts.settings.list_executor_workers, sweep_seconds=parts.settings.list_executor_poll_interval,
    )  # fmt: skip

    statistics = Statistics(log, Stats(database), positions)
    # The exchange is not to hold what is encrypted elsewhere.
    adsp = AdspAnnouncer(log, positions, Envelopes(Snapshots(database, opened=False)), _exchange(parts))

    def heard(events: Sequence[Event]) -> None:
        announcer.hear(events)
        if parts.settings.adsp_events:
            adsp.hear(events)
        statistics.hear(events)
        flowing.hear(events)
        watching.hear(events)

    follower = Follower(database, log, Headers(database), positions, clock=parts.clock, heard=heard)
    async with asyncio.TaskGroup() as group:
        group.create_task(follower.run(), name="follower")
        group.create_task(announcer.run(), name="announcer")
        group.create_task(flowing.run(), name="flows")
        if parts.settings.adsp_events:
            group.create_task(adsp.run(), name="ADSP's events")
        group.create_task(loops.repeat("statistics", statistics.step), name="statistics")


def _redrive(parts: Parts) -> Coroutine[Any, Any, None]:
    redriver = Redriver(
        Redrives(parts.record.database), parts.record.listing, parts.record.sweeps, parts.desk, clock=parts.clock
    )
    return loops.repeat("redrive", redriver.step)


def _scheduler(parts: Parts) -> Coroutine[Any, Any, None]:
    record = parts.record
    scheduler = Scheduler(record.schedules, record.firings, record.halts, record.tenants, parts.runs, clock=parts.clock)
    return loops.repeat("scheduler", scheduler.step)


def _exchange(parts: Parts) -> rabbit.Events:
    exchange = topology.events_exchange(parts.settings.broker_prefix)
    return rabbit.Events(parts.broker.consuming, parts.broker.publisher, exchange)


def _webhooks(parts: Parts, watching: Observer) -> Coroutine[Any, Any, None]:
    first_delay = timedelta(seconds=parts.settings.webhook_retry_seconds)
    return webhook_hub.work(
        parts.record.database,
        parts.record.tenants,
        parts.record.secrets,
        _exchange(parts),
        clock=parts.clock,
        first_delay=first_delay,
        meters=watching.webhooks,
        tracing=parts.tracing,
    )


def _builtins(parts: Parts) -> Coroutine[Any, Any, None]:
    record = parts.record
    database = record.database
    kit = BuiltinKit(
        database=database,
        sweeps=record.sweeps,
        tasks=record.tasks,
        records=Records(database),
        positions=Positions(database),
        lifecycle=parts.lifecycle,
        cleanup=Cleanup(Cleaning(database), EventLog(database), record.queues),
        clock=parts.clock,
    )
    return Builtins(kit).run()


def _places(parts: Parts) -> Coroutine[Any, Any, None]:
    record = parts.record
    ushers = Ushers(record.sweeps, DefinitionSweeps(record.database), parts.places, clock=parts.clock)
    return loops.repeat("places", ushers.step)


def _words(parts: Parts) -> Coroutine[Any, Any, None]:
    return loops.repeat("words", Reader(Unread(parts.record.database), clock=parts.clock).step)


async def _push(parts: Parts) -> None:
    database = parts.record.database
    outbound = Outbound()
    means = Means(
        outbound=outbound,
        secrets=parts.record.secrets,
        tenants=parts.record.tenants,
        clock=parts.clock,
        tracing=parts.tracing,
    )
    kit = Kit(lifecycle=parts.lifecycle, directory=parts.directory, clock=parts.clock, means=means)
    try:
        await Pusher(DefinitionSweeps(database), kit).run()
    finally:
        await outbound.aclose()


async def _imports(parts: Parts) -> None:
    record = parts.record
    outbound = Outbound()
    kit = importer.Kit(
        imports=record.imports,
        uploads=record.uploads,
        sources=Sources(record.uploads, record.secrets, record.tenants, outbound),
        tenants=record.tenants,
        lifecycle=parts.lifecycle,
        directory=parts.directory,
        clock=parts.clock,
        most_line=parts.settings.max_body_bytes,
    )
    try:
        await importer.Importer(ImportSweeps(record.database), kit).run()
    finally:
        await outbound.aclose()


async def _import_tasks(parts: Parts) -> None:
    record = parts.record
    kit = import_work.Kit(
        lifecycle=parts.lifecycle,
        directory=parts.directory,
        intake=parts.intake,
        imports=record.imports,
        tasks=record.tasks,
        flows=record.flows,
    )
    await import_work.ImportWork(DefinitionSweeps(record.database), ImportSweeps(record.database), kit).run()


def _triggers(parts: Parts) -> Coroutine[Any, Any, None]:
    pending = Pending(RecordSweeps(parts.record.database), parts.triggers, clock=parts.clock)
    return loops.repeat("triggers", pending.step)
