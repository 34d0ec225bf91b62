"""The engine's duty for flows: what ended is absorbed at once, what is due is planned, what was missed is found.

It hears of ends from the follower, in the same process. What is heard is only a hint: a child keeps its mark
`unreported` until its flow shows its end, and a flow its `planDue` until its plan was carried out; both are indexed,
and looked at as this duty begins and then every few seconds (`PENSTOCK_LIST_EXECUTOR_POLL_INTERVAL`).
"""

import asyncio
from collections.abc import Iterable, Sequence

import structlog

from broker import loops
from broker.flow_children import Key
from broker.flows import Flows
from core import errors
from core.clock import Clock
from core.events import Event
from core.flow import Completion, Flow
from core.task import Parent, State
from store.flow_sweeps import FlowSweeps
from store.flows import Flows as Record

_log = structlog.get_logger(__name__)

_SOON = 0.02
_BATCH = 1_000
_ENDS = 20_000


class Flowing:
    """Advances flows: many at the same time, each in one place."""

    def __init__(
        self, record: Record, sweeps: FlowSweeps, flows: Flows, *, clock: Clock, at_once: int, sweep_seconds: float
    ) -> None:
        """At most `at_once` flows are advanced at the same time; what nobody told of is looked for every so often."""
        self._record = record
        self._sweeps = sweeps
        self._flows = flows
        self._clock = clock
        self._at_once = at_once
        self._sweep_seconds = sweep_seconds
        self._dirty: dict[Key, list[Completion]] = {}
        """Flows that have something to do, with the ends that were heard of; without any these are looked up."""
        self._running: dict[Key, asyncio.Task[None]] = {}
        self._news = asyncio.Event()

    def hear(self, events: Sequence[Event]) -> None:
        """These events are stored now."""
        for event in events:
            if event.state is State.DONE and event.parent is not None:
                self._ended((event.tenant, event.parent.flow), _completion(event, event.parent))

    async def run(self) -> None:
        """Advance flows for ever."""
        sweeping = asyncio.create_task(loops.repeat("flow sweep", self.sweep), name="flow sweep")
        try:
            await loops.repeat("flows", self.step, wake=self._news)
        finally:
            await loops.ended(sweeping, *self._running.values())

    async def sweep(self) -> float:
        """Look for what nobody told of: timers, plans that were not carried out, ends that were missed."""
        await self._flows.flush()
        self._mark(await self._sweeps.due(self._clock(), _BATCH))
        self._mark(await self._sweeps.reporting(_ENDS))
        following = await self._sweeps.next_due()
        if following is None:
            return self._sweep_seconds
        return min(max((following - self._clock()).total_seconds(), _SOON), self._sweep_seconds)

    async def step(self) -> float:
        """Set about the flows that have something to do, as far as there is room."""
        self._news.clear()
        room = self._at_once - len(self._running)
        keys = [key for key in self._dirty if key not in self._running][:room]
        taken = {key: self._dirty.pop(key) for key in keys}
        try:
            found = await self._ends([key for key, ends in taken.items() if not ends])
        except errors.PenstockError:
            for key, ends in taken.items():
                self._dirty.setdefault(key, []).extend(ends)
            raise
        for key, ends in taken.items():
            task = asyncio.create_task(self._advance(key, ends or found.get(key, ())), name=f"flow {key[1]}")
            self._running[key] = task
        return self._sweep_seconds

    async def _ends(self, keys: Iterable[Key]) -> dict[Key, list[Completion]]:
        by_tenant: dict[str, list[str]] = {}
        for tenant, flow_id in keys:
            by_tenant.setdefault(tenant, []).append(flow_id)
        found: dict[Key, list[Completion]] = {}
        for tenant, flow_ids in by_tenant.items():
            ends = await self._record.ends(tenant, flow_ids, _ENDS)
            found |= {(tenant, flow_id): completions for flow_id, completions in ends.items()}
        return found

    async def _advance(self, key: Key, ends: Sequence[Completion]) -> None:
        """Advance one flow; what fails is found again by the sweep."""
        tenant, flow_id = key
        try:
            flow, begun = await self._flows.advance(tenant, flow_id, ends)
            self._mark(begun)
            if flow is not None and flow.ended_at is not None and flow.parent is not None:
                self._ended((tenant, flow.parent.flow), _end_of(flow, flow.parent))
        except errors.Unavailable as error:
            _log.warning("flow waits", tenant=tenant, flow=flow_id, error=error.detail)
        except Exception:  # noqa: BLE001 - one flow must not stop the others
            _log.exception("flow not advanced", tenant=tenant, flow=flow_id)
        finally:
            del self._running[key]
            if self._dirty:
                self._news.set()

    def _ended(self, key: Key, completion: Completion) -> None:
        """A flow has to do with the end of a child."""
        self._dirty.setdefault(key, []).append(completion)
        self._news.set()

    def _mark(self, keys: Iterable[Key]) -> None:
        """Flows may have something to do: what it is, the record says."""
        for key in keys:
            self._dirty.setdefault(key, [])
        if self._dirty:
            self._news.set()


def _completion(event: Event, parent: Parent) -> Completion:
    """The end of a task, as its event tells it."""
    assert event.outcome is not None
    return Completion(
        id=event.task, step=parent.step, index=parent.index, outcome=event.outcome, at=event.at, reason=event.reason
    )


def _end_of(flow: Flow, parent: Parent) -> Completion:
    """The end of a child flow."""
    assert flow.outcome is not None
    assert flow.ended_at is not None
    return Completion(
        id=flow.id, step=parent.step, index=parent.index, outcome=flow.outcome, at=flow.ended_at, reason=flow.reason
    )
