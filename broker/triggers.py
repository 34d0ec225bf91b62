"""Triggers: what people do to them, and their runs, one for each record that matched when it was received.

A record is kept together with the triggers that it set off. Their runs begin at once, and again from the engine as long
as the record does not say that they all did; a run's id follows from trigger and record, so it is one run all the same.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog

from broker.directory import Directory
from broker.event_tasks import EventTasks, Outcome
from broker.flows import Flows
from broker.lifecycle import Lifecycle
from broker.templates import Templates
from core import clock, errors, flow_values, ids, schemas, trigger
from core.clock import Clock
from core.creation import Submission
from core.errors import Fault
from core.flow_life import Launch
from core.schedule import Firing, FiringKind, FiringStatus, FlowOrder, Last, Order, Run, TaskOrder
from core.task import Actor, Reason
from core.trigger import Plan, Trigger
from store.firings import Firings
from store.masters import KeyUnusableError
from store.record_sweeps import RecordSweeps
from store.records import Record, Records
from store.triggers import Triggers as TriggerStore

_log = structlog.get_logger(__name__)

TICK_SECONDS = 1.0
LEFT_OVER = timedelta(seconds=3)
"""A record whose triggers have not all run so long after its receipt was left over by a process that died."""
_BATCH = 200
_TRIES = 20
_TEMPORARY = (errors.Unavailable, errors.TooManyRequests)


class Kit(msgspec.Struct, frozen=True, kw_only=True):
    """What runs are begun with, and where they are noted."""

    triggers: TriggerStore
    firings: Firings
    records: Records
    lifecycle: Lifecycle
    directory: Directory
    flows: Flows
    templates: Templates
    event_tasks: EventTasks
    clock: Clock


class Triggers:
    """The operations on triggers, for one process."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    # --- what people do ---

    async def put(
        self, tenant: str, trigger_id: str, plan: Plan, *, by: Actor, match: int | None, new: bool = False
    ) -> tuple[Trigger, bool]:
        """Make the trigger, or give it exactly this plan; True when it is new.

        Raises `Invalid` with the place of what cannot be, `PreconditionFailed`, `AlreadyExists`, `Conflict`.
        """
        if ids.TASK_ID.fullmatch(trigger_id) is None:
            fault = Fault(field="id", message=f"must match {ids.TASK_ID.pattern}")
            raise errors.Invalid("A trigger's id is 1 to 100 letters, digits, '.', '_', ':' or '-'.", faults=[fault])
        trigger.check(plan)
        plan = msgspec.structs.replace(plan, order=await self._checked(tenant, plan.order))
        for _ in range(_TRIES):
            there = await self._kit.triggers.get(tenant, trigger_id)
            if match is not None and (there is None or there.version != match):
                raise errors.PreconditionFailed(f"Trigger {trigger_id} is not at version {match} (any more).")
            at = self._kit.clock()
            if there is None:
                await self._check_room(tenant)
                made = trigger.begin(plan, tenant=tenant, trigger_id=trigger_id, at=at, by=by)
                try:
                    await self._kit.triggers.insert(tenant, made)
                except errors.AlreadyExists:
                    if new:
                        raise
                    continue
                return made, True
            if new:
                raise errors.AlreadyExists(f"Trigger {trigger_id} exists already.")
            changed = trigger.change(there, plan, at=at, by=by)
            if await self._kit.triggers.replace(tenant, changed, was=there.version):
                return changed, False
        raise errors.Changed(retry_after=1.0)

    async def pause(self, tenant: str, trigger_id: str, *, paused: bool, by: Actor) -> Trigger:
        """Run for no record any more, or again for those that come from now on. Raises `NotFound`."""

        def change(now: Trigger) -> Trigger:
            if now.paused is paused:
                return now
            return msgspec.structs.replace(
                now, paused=paused, version=now.version + 1, updated_at=self._kit.clock(), updated_by=by
            )

        for _ in range(_TRIES):
            there = await self.get(tenant, trigger_id)
            changed = change(there)
            if changed is there or await self._kit.triggers.replace(tenant, changed, was=there.version):
                return changed
        raise errors.Changed(retry_after=1.0)

    async def remove(self, tenant: str, trigger_id: str, *, match: int | None) -> None:
        """Remove the trigger; what it started stays. Raises `NotFound`, `PreconditionFailed`."""
        for _ in range(_TRIES):
            there = await self.get(tenant, trigger_id)
            if match is not None and there.version != match:
                raise errors.PreconditionFailed(f"Trigger {trigger_id} is at version {there.version}, not {match}.")
            if await self._kit.triggers.remove(tenant, trigger_id, was=there.version):
                return
        raise errors.Changed(retry_after=1.0)

    async def get(self, tenant: str, trigger_id: str) -> Trigger:
        """The trigger; raises `NotFound`."""
        found = await self._kit.triggers.get(tenant, trigger_id)
        if found is None:
            raise errors.NotFound(f"There is no trigger {trigger_id}.")
        return found

    async def run(
        self, tenant: str, trigger_id: str, record: Record, *, by: Actor, key: str | None = None
    ) -> tuple[Firing, bool]:
        """Run for this record now, whether it matches or not, paused or not; False where the key is known.

        Raises `NotFound`, or why it was not started.
        """
        found = await self.get(tenant, trigger_id)
        now = self._kit.clock()
        base, word = (now, ids.new_id()) if key is None else (found.created_at, f"key {key}")
        run_id = trigger.run_id(found, word, base)
        known = None if key is None else await self._kit.firings.get(tenant, run_id)
        if known is not None:
            return known, False
        refusal = await self._begin(found, run_id, trigger.seen(record.id, record.body), by=by)
        if refusal is not None:
            raise refusal
        entry = _entry(found, record, run_id, None, at=now, kind=FiringKind.MANUAL)
        await self._note(found, entry)
        return entry, True

    # --- what records do ---

    async def set_off(self, tenant: str, record_id: str, body: Mapping[str, Any]) -> tuple[str, ...]:
        """The triggers that a new record sets off: their ids, to be kept with it."""
        body = trigger.seen(record_id, body)
        found = await self._kit.triggers.page(tenant, after=None, limit=trigger.MOST)
        return tuple(each.id for each in found if trigger.matches(each, body))

    async def fire(self, record: Record) -> Outcome:
        """Begin all that the record set off; safe to repeat. Raises `Unavailable`, `TooManyRequests`: repeat it."""
        runs: list[Run] = []
        for trigger_id in record.triggers:
            found = await self._kit.triggers.get(record.tenant, trigger_id)
            if found is None:
                continue
            run_id = trigger.run_id(found, record.id, record.received_at)
            refusal = await self._begin(found, run_id, trigger.seen(record.id, record.body), by=found.actor)
            entry = _entry(found, record, run_id, refusal, at=self._kit.clock())
            await self._note(found, entry)
            runs += [] if entry.run is None else [entry.run]
        events = await self._kit.event_tasks.run(record)
        await self._kit.records.fired(record.tenant, record.id)
        return Outcome(runs=[*runs, *events.runs], refused=events.refused)

    async def _note(self, of: Trigger, entry: Firing) -> None:
        await self._kit.firings.record([entry])
        await self._kit.triggers.note(of.tenant, of.id, Last(at=entry.at, status=entry.status, run=entry.run))

    # --- a run ---

    async def _begin(
        self, of: Trigger, run_id: str, body: Mapping[str, Any], *, by: Actor
    ) -> errors.PenstockError | None:
        """Submit a task or start a flow under that id; why not, or None: it is there, now or since before."""
        try:
            if isinstance(of.order, FlowOrder):
                await self._start(of, of.order, run_id, trigger.params(of, body), by)
            else:
                await self._submit(of, of.order, run_id, trigger.params(of, body), by)
        except _TEMPORARY:
            raise
        except errors.AlreadyExists:
            # Ids derive from the trigger's secret: it is taken by itself alone.
            return None
        except errors.PenstockError as refusal:
            return refusal
        return None

    async def _start(self, of: Trigger, order: FlowOrder, run_id: str, params: Any, by: Actor) -> None:
        template = await self._kit.templates.get(of.tenant, order.template)
        launch = Launch(id=run_id, params=params, label=order.label, context=order.context, priority=order.priority)
        await self._kit.flows.start(template, launch, by=by)

    async def _submit(self, of: Trigger, order: TaskOrder, run_id: str, params: Any, by: Actor) -> None:
        key = order.queue
        if order.definition is not None:
            key = (await self._kit.directory.definition(of.tenant, order.definition)).queue
        expires = order.expire_after_seconds
        submission = Submission(
            id=run_id,
            definition=order.definition,
            name=order.name,
            description=order.description,
            params=params,
            context=order.context,
            labels=order.labels,
            record_id=order.record_id,
            priority=order.priority,
            limits=order.limits,
            expire_at=None if expires is None else self._kit.clock() + clock.span(expires),
        )
        queue = await self._kit.directory.queue(of.tenant, key or "")
        await self._kit.lifecycle.submit_one(queue, submission, by=by)

    # --- what cannot be ---

    async def _check_room(self, tenant: str) -> None:
        there = await self._kit.triggers.page(tenant, after=None, limit=trigger.MOST)
        if len(there) == trigger.MOST:
            raise errors.Conflict(f"A tenant has at most {trigger.MOST} triggers.")

    async def _checked(self, tenant: str, order: Order) -> Order:
        """The order with its queue named; params without `$from` must fit the schemas."""
        if isinstance(order, FlowOrder):
            try:
                template = await self._kit.templates.get(tenant, order.template)
            except errors.NotFound as error:
                raise _invalid("flow.template", error.detail) from None
            if not _is_open(order.params):
                schemas.check(template.content.params_schema, order.params, "flow.params")
            return order
        key, schema = order.queue, None
        if order.definition is not None:
            try:
                definition = await self._kit.directory.definition(tenant, order.definition)
            except errors.NotFound as error:
                raise _invalid("task.definition", error.detail) from None
            if key is not None and key != definition.queue:
                raise _invalid("task.queue", f"Definition {definition.name} belongs to the queue {definition.queue}.")
            key, schema = definition.queue, definition.params_schema
        if key is None:
            raise _invalid("task", 'It needs a queue or a definition; for example {"queue": "intake:reports"}')
        try:
            queue = await self._kit.directory.queue(tenant, key)
        except errors.NotFound as error:
            raise _invalid("task.queue", error.detail) from None
        if not _is_open(order.params):
            schemas.check(schema, order.params, "task.params")
            schemas.check(queue.params_schema, order.params, "task.params")
        return msgspec.structs.replace(order, queue=key)


class Pending:
    """The engine's duty: begins what records set off where a process died on the way. Safe beside another one."""

    def __init__(self, sweeps: RecordSweeps, triggers: Triggers, *, clock: Clock) -> None:
        self._sweeps = sweeps
        self._triggers = triggers
        self._clock = clock

    async def step(self) -> float:
        """A round; answers the seconds until the next."""
        found = await self._sweeps.pending(self._clock() - LEFT_OVER, _BATCH)
        for record in found:
            try:
                await self._triggers.fire(record)
            except (errors.TooManyRequests, KeyUnusableError) as error:
                _log.warning("trigger waits", tenant=record.tenant, record=record.id, error=error.detail)
        return TICK_SECONDS


def _entry(
    of: Trigger,
    record: Record,
    run_id: str,
    refusal: errors.PenstockError | None,
    *,
    at: datetime,
    kind: FiringKind = FiringKind.SCHEDULED,
) -> Firing:
    refused = refusal is not None
    return Firing(
        tenant=of.tenant,
        id=run_id,
        schedule=of.series,
        at=at if kind is FiringKind.MANUAL else record.received_at,
        kind=kind,
        status=FiringStatus.REFUSED if refused else FiringStatus.SUBMITTED,
        recorded_at=at,
        run=None if refused else Run(kind=of.order.kind, id=run_id),
        reason=None if refusal is None else Reason(type=refusal.code, message=_words(refusal)),
        record=record.id,
    )


def _words(refusal: errors.PenstockError) -> str:
    return "; ".join([refusal.detail, *(f"{fault.field}: {fault.message}" for fault in refusal.faults)])[:1000]


def _is_open(params: Any) -> bool:
    """Whether something of the params is known only with the record."""
    return any(True for _ in flow_values.references(params, "params"))


def _invalid(field: str, message: str) -> errors.Invalid:
    return errors.Invalid(f"{field}: {message}", faults=[Fault(field=field, message=message)])
