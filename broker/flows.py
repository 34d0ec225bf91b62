"""Carries out what the planner of flows decides: absorb ends, plan, save, create, cancel, settle (`core/flows.py`).

Any process may do this for any flow at any moment: saves are conditional on the flow's `seq`, children have ids that
follow from their place, and what was planned is done again until it is noted as done. The API plans a flow once when it
is started or canceled; all that follows is the engine's (`broker/flowing.py`).
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import cachetools
import structlog

from broker.flow_children import Children, Key
from broker.templates import Templates
from core import errors, flow_life, flows, schemas
from core.clock import Clock
from core.flow import Completion, Flow, Plan, Status
from core.flow_life import Launch
from core.flow_template import StoredTemplate
from core.task import Actor, Outcome
from store.flows import Flows as Record

_log = structlog.get_logger(__name__)

_NOTE_EVERY = 0.5
_TRIES = 50
_KEPT = 10_000
_MOST_AT_ONCE = 16


class Flows:
    """The operations on flows, for one process."""

    def __init__(self, record: Record, templates: Templates, children: Children, *, clock: Clock) -> None:
        self._record = record
        self._templates = templates
        self._children = children
        self._clock = clock
        self._kept: cachetools.LRUCache[Key, Flow] = cachetools.LRUCache(_KEPT)
        """Flows as this process saved them last. One that is out of date costs a save that is refused."""
        self._settled: dict[Key, Flow] = {}
        self._reported: dict[str, list[str]] = {}

    async def note(self) -> None:
        """Write what was carried out, in batches and for ever; run it as a task beside the server."""
        while True:
            await asyncio.sleep(_NOTE_EVERY)
            await self.flush()

    async def flush(self) -> None:
        """Note which plans were carried out and which ends are shown; what is lost of this is done once more."""
        settled, self._settled = self._settled, {}
        reported, self._reported = self._reported, {}
        try:
            await self._record.settle(settled.values())
            for tenant, child_ids in reported.items():
                await self._record.reported(tenant, child_ids)
        except errors.Unavailable as error:
            _log.warning("plans not noted", flows=len(settled), error=error.detail)

    # --- for callers ---

    async def start(self, template: StoredTemplate, launch: Launch, *, by: Actor) -> tuple[Flow, bool]:
        """Begin a flow; False when there was one of this id already, which is answered as it is.

        Raises `PayloadMismatch` where the params do not fit the template's schema.
        """
        schemas.check(template.content.params_schema, launch.params, "params")
        flow = flow_life.begin(
            launch, template=template.content, version=template.version, tenant=template.tenant, at=self._clock(),
            by=by, encrypted=await self._templates.encrypts(template),
        )  # fmt: skip
        if not await self._record.insert(template.tenant, flow):
            return await self.get(template.tenant, flow.id), False
        self._keep(flow)
        return await self._advance_deep(flow), True

    async def cancel(self, flow: Flow, *, by: Actor, message: str | None, now: bool) -> Flow:
        """Ask it to end: nothing new is begun, what runs is canceled. Raises `NotFound`, `WrongState`."""
        for _ in range(_TRIES):
            asked = flow_life.request_cancel(flow, at=self._clock(), by=by, message=message, now=now)
            if asked is flow:
                return flow
            if await self._record.save(flow.tenant, asked, was=flow.seq):
                self._keep(asked)
                return await self._advance_deep(asked)
            flow = await self.get(flow.tenant, flow.id)
        raise errors.Changed(retry_after=1.0)

    async def get(self, tenant: str, flow_id: str) -> Flow:
        """The flow as the record has it; raises `NotFound`."""
        flow = await self._record.get(tenant, flow_id)
        if flow is None:
            raise errors.NotFound(f"There is no flow {flow_id}.")
        return flow

    async def _advance_deep(self, flow: Flow) -> Flow:
        """Advance it and the first flows below it; the engine finds all others by their timers."""
        keys: list[Key] = [(flow.tenant, flow.id)]
        latest = flow
        for number in range(_MOST_AT_ONCE):
            if number == len(keys):
                break
            advanced, begun = await self.advance(*keys[number])
            latest = advanced if number == 0 and advanced is not None else latest
            keys += begun
        return latest

    # --- for the engine ---

    async def advance(
        self, tenant: str, flow_id: str, ends: Sequence[Completion] = ()
    ) -> tuple[Flow | None, list[Key]]:
        """Bring a flow as far as it goes with these ends of children; safe to repeat, and in several processes at once.

        Answers the flow, None when there is none, and the flows below it that were begun or told to stop: these want
        to be advanced, too.
        """
        begun: list[Key] = []
        news: Sequence[Completion] = ends
        while True:
            flow, news = await self._step(tenant, flow_id, news, begun)
            if not news:
                break
        self._reported.setdefault(tenant, []).extend(end.id for end in ends)
        return flow, begun

    async def _step(
        self, tenant: str, flow_id: str, ends: Sequence[Completion], begun: list[Key]
    ) -> tuple[Flow | None, Sequence[Completion]]:
        """One plan, saved and carried out; answers the children of it that could not even be begun."""
        for _ in range(_TRIES):
            kept = self._kept.pop((tenant, flow_id), None)
            # Only where something is sure to be saved: that tells whether what was kept is out of date.
            flow = kept if kept is not None and ends else await self._record.get(tenant, flow_id)
            if flow is None or flow.status is Status.DONE:
                return flow, ()
            template = await self._templates.version(tenant, flow.template, flow.version)
            plan = await self._plan(template, flow, ends)
            if plan.flow.seq == flow.seq or await self._record.save(tenant, plan.flow, was=flow.seq):
                return await self._carry_out(plan, template, begun)
        raise errors.Changed(f"Flow {flow_id} is being changed by others all the time.", retry_after=1.0)

    async def _plan(self, template: StoredTemplate, flow: Flow, ends: Sequence[Completion]) -> Plan:
        """The next plan, with the results that it asks for."""
        at = self._clock()
        absorbed = flow_life.absorb(flow, *ends)
        known: dict[str, Completion] = {}
        while True:
            plan = flows.plan(template.content, absorbed, at=at, completions=known)
            if not plan.needs:
                return plan
            found = await self._record.results(flow.tenant, plan.needs)
            known |= {need: found.get(need) or _gone(need, at) for need in plan.needs}

    async def _carry_out(
        self, plan: Plan, template: StoredTemplate, begun: list[Key]
    ) -> tuple[Flow, Sequence[Completion]]:
        flow = plan.flow
        refused = await self._children.create(flow, template, plan.create, begun)
        await self._children.cancel(flow, template, plan.cancel, begun)
        if flow.status is not Status.DONE and flow.plan_due is not None:
            flow = flow_life.settle(flow)
            self._settled[flow.tenant, flow.id] = flow
        self._keep(flow)
        return flow, refused

    def _keep(self, flow: Flow) -> None:
        if flow.status is not Status.DONE:
            self._kept[flow.tenant, flow.id] = flow


def _gone(child_id: str, at: datetime) -> Completion:
    """The end of a child whose record is no more: it ended, without a result."""
    return Completion(id=child_id, step="", index=0, outcome=Outcome.SUCCEEDED, at=at)
