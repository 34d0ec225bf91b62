"""What Prometheus is told of tasks: events by queue as they happen, and how much waits, looked at now and then.

Series are bounded: past `most` queues, whatever comes is counted under the tenant and queue `other`.
"""

import collections
from collections.abc import Sequence
from datetime import datetime, timedelta

import cachetools
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from broker.statistics import Track
from core.clock import Clock
from core.events import Event
from store.depths import Depths
from store.sweeps import Sweeps

OTHER = ("other", "other")
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30, 60, 300, 1800, 3600, 86400)
_TRACKS = 50_000
_EVERY = timedelta(seconds=15)
_IDLE_SHARE = 20
"""A look is followed by a rest of at least this many times its length: counting a large backlog is not free."""


class Labels:
    """Gives the first so many queues their own labels."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[tuple[str, str]] = set()

    def of(self, tenant: str, queue: str) -> tuple[str, str]:
        """The values of the labels `tenant` and `queue`."""
        key = (tenant, queue)
        if key not in self._known:
            if len(self._known) >= self._most:
                return OTHER
            self._known.add(key)
        return key


class Meters:
    """The numbers of one engine."""

    def __init__(self, registry: CollectorRegistry, *, most: int) -> None:
        """`most` is the number of queues that have series of their own."""
        self._labels = Labels(most)
        names = ("tenant", "queue")
        self._events = Counter("penstock_task_events", "What happened to tasks.", (*names, "type"), registry=registry)
        self._wait = Histogram(
            "penstock_task_wait_seconds", "From ready to started.", names, buckets=_BUCKETS, registry=registry
        )
        self._work = Histogram(
            "penstock_task_work_seconds", "From started to the end.", names, buckets=_BUCKETS, registry=registry
        )
        self._open = Gauge(
            "penstock_tasks", "Open tasks, and dead letters, as counted last.", (*names, "state"), registry=registry
        )
        self._timer = Gauge("penstock_timer_lag_seconds", "How late the timer is that is due first.", registry=registry)
        self._tickets = Gauge(
            "penstock_tickets_overdue", "Ready tasks without a confirmed ticket, past its time.", registry=registry
        )
        self._heard = Gauge(
            "penstock_events_heard_timestamp_seconds", "When the event happened that was stored last.",
            registry=registry,
        )  # fmt: skip
        self._duty = Gauge("penstock_duty_held", "1 for a duty that this engine does.", ("duty",), registry=registry)
        self._tracks: cachetools.LRUCache[tuple[str, str], Track] = cachetools.LRUCache(_TRACKS)

    def hear(self, events: Sequence[Event]) -> None:
        """These events are stored now."""
        happened = collections.Counter((*self._labels.of(each.tenant, each.queue), each.type) for each in events)
        for series, times in happened.items():
            self._events.labels(*series).inc(times)
        for event in events:
            labels = self._labels.of(event.tenant, event.queue)
            wait, work = self._tracks.setdefault((event.tenant, event.task), Track()).follow(event)
            if wait is not None:
                self._wait.labels(*labels).observe(wait)
            if work is not None:
                self._work.labels(*labels).observe(work)
        if events:
            self._heard.set(events[-1].at.timestamp())

    def leads(self, duty: str, *, now: bool) -> None:
        """This engine has a duty, or has it no more; then its looks are not repeated."""
        self._duty.labels(duty).set(1 if now else 0)

    def show(self, counts: Sequence[tuple[str, str, str, int]]) -> None:
        """Tenant, queue, state and number of everything that was counted in one look."""
        self._open.clear()
        for tenant, queue, state, count in counts:
            self._open.labels(*self._labels.of(tenant, queue), state).inc(count)

    def late(self, timer: float, tickets: int) -> None:
        """How late the first timer is, in seconds, and how many tickets are overdue."""
        self._timer.set(timer)
        self._tickets.set(tickets)

    def forget(self) -> None:
        """Somebody else looks now."""
        self._open.clear()
        self.late(0.0, 0)


class Gauger:
    """Looks at how much waits; the duty of one engine at a time."""

    def __init__(self, meters: Meters, depths: Depths, sweeps: Sweeps, *, clock: Clock) -> None:
        self._meters = meters
        self._depths = depths
        self._sweeps = sweeps
        self._clock = clock

    async def step(self) -> float:
        """One look; answers the seconds until the next."""
        began = self._clock()
        self._meters.show(await self._depths.every())
        due = await self._sweeps.next_due()
        overdue = await self._depths.unticketed(began - timedelta(seconds=10))
        self._meters.late(_seconds(due, began), overdue)
        return max(_EVERY, (self._clock() - began) * _IDLE_SHARE).total_seconds()


def _seconds(due: datetime | None, now: datetime) -> float:
    return 0.0 if due is None else max(0.0, (now - due).total_seconds())
