"""What people do to schedules: make, change, remove, pause, run now, and pause all of a tenant."""

from collections.abc import Callable, Mapping

import msgspec

from broker import scheduler
from broker.runs import Runs
from core import errors, firing, ids, plan
from core.clock import Clock
from core.firing import Due
from core.plan import Plan
from core.schedule import Firing, FiringKind, Order, RunKind, Schedule
from core.task import Actor
from store.firings import Firings
from store.halts import Halt, Halts
from store.schedules import Schedules

_TRIES = 20


class Timetable:
    """The operations on schedules, for one process."""

    def __init__(
        self, schedules: Schedules, firings: Firings, halts: Halts, runs: Mapping[RunKind, Runs], *, clock: Clock
    ) -> None:
        self._schedules = schedules
        self._firings = firings
        self._halts = halts
        self._runs = runs
        self._clock = clock

    async def put(
        self, tenant: str, schedule_id: str, wanted: Plan, *, by: Actor, match: int | None, new: bool = False
    ) -> tuple[Schedule, bool]:
        """Make the schedule, or give it exactly this plan; True when it is new.

        `match` is the version that If-Match named, `new` that it must not be there. Raises `Invalid`,
        `PreconditionFailed`, `AlreadyExists`.
        """
        if ids.TASK_ID.fullmatch(schedule_id) is None:
            raise errors.Invalid(
                "A schedule's id is 1 to 100 letters, digits, '.', '_', ':' or '-'; for example nightly-report.",
                faults=[errors.Fault(field="id", message=f"must match {ids.TASK_ID.pattern}")],
            )
        wanted = msgspec.structs.replace(wanted, order=await self._checked(tenant, wanted.order))
        for _ in range(_TRIES):
            there = await self._schedules.get(tenant, schedule_id)
            if match is not None and (there is None or there.version != match):
                raise errors.PreconditionFailed(f"Schedule {schedule_id} is not at version {match} (any more).")
            if there is None:
                made = plan.begin(wanted, tenant=tenant, schedule_id=schedule_id, at=self._clock(), by=by)
                try:
                    await self._schedules.insert(tenant, made)
                except errors.AlreadyExists:
                    if new:
                        raise
                    continue
                return made, True
            if new:
                raise errors.AlreadyExists(f"Schedule {schedule_id} exists already.")
            changed = plan.change(there, wanted, at=self._clock(), by=by)
            if await self._schedules.replace(tenant, changed, was=there.seq):
                return changed, False
        raise errors.Changed(retry_after=1.0)

    async def pause(self, tenant: str, schedule_id: str, *, paused: bool, by: Actor) -> Schedule:
        """Fire no more, or again from now on; again changes nothing. Raises `NotFound`."""

        def change(now: Schedule) -> Schedule:
            if now.paused is paused:
                return now
            at = self._clock()
            stamped = msgspec.structs.replace(
                now, version=now.version + 1, seq=now.seq + 1, updated_at=at, updated_by=by
            )
            return firing.paused(stamped, paused=paused, at=at)

        return await self._rewrite(tenant, schedule_id, change)

    async def remove(self, tenant: str, schedule_id: str, *, match: int | None) -> None:
        """Remove the schedule; what it submitted stays. Raises `NotFound`, `PreconditionFailed`."""
        for _ in range(_TRIES):
            there = await self._read(tenant, schedule_id)
            if match is not None and there.version != match:
                raise errors.PreconditionFailed(f"Schedule {schedule_id} is at version {there.version}, not {match}.")
            if await self._schedules.remove(tenant, schedule_id, was=there.version):
                return
        raise errors.Changed(retry_after=1.0)

    async def run(self, tenant: str, schedule_id: str, *, by: Actor, key: str | None = None) -> tuple[Firing, bool]:
        """Fire now, paused or not, whatever else runs; True when it is new.

        With a key, a repeat answers the firing of then. Raises `NotFound`, or why it was not submitted.
        """
        schedule = await self._read(tenant, schedule_id)
        at = self._clock()
        base, word = (at, ids.new_id()) if key is None else (schedule.created_at, key)
        due = Due(id=firing.run_id(schedule.secret, base, FiringKind.MANUAL, word), at=at, kind=FiringKind.MANUAL)
        known = None if key is None else await self._firings.get(tenant, due.id)
        if known is not None:
            return known, False
        (refusal,) = await self._runs[schedule.order.kind].begin(schedule, [due], by=by)
        if refusal is not None:
            raise refusal
        entry = scheduler.submitted(schedule, due, None, at=at)
        await self._firings.record([entry])
        await self._rewrite(tenant, schedule_id, lambda now: _stepped(firing.noted(now, [entry])))
        return entry, True

    async def halt(self, tenant: str) -> Halt | None:
        """Whether all schedules of the tenant are paused."""
        return await self._halts.get(tenant)

    async def pause_all(self, tenant: str, *, by: Actor) -> Halt | None:
        """Fire nothing of the tenant any more; again changes nothing."""
        await self._halts.put(tenant, Halt(tenant=tenant, at=self._clock(), by=by))
        return await self._halts.get(tenant)

    async def resume_all(self, tenant: str) -> None:
        """Fire again; what fell into the pause is for each schedule's misfire policy."""
        await self._halts.remove(tenant)

    async def _checked(self, tenant: str, order: Order) -> Order:
        runs = self._runs.get(order.kind)
        if runs is None:
            fault = errors.Fault(field=order.kind, message="cannot be scheduled here")
            raise errors.Invalid(f"A {order.kind} cannot be scheduled here.", faults=[fault])
        return await runs.check(tenant, order)

    async def _read(self, tenant: str, schedule_id: str) -> Schedule:
        found = await self._schedules.get(tenant, schedule_id)
        if found is None:
            raise errors.NotFound(f"There is no schedule {schedule_id}.")
        return found

    async def _rewrite(self, tenant: str, schedule_id: str, change: Callable[[Schedule], Schedule]) -> Schedule:
        for _ in range(_TRIES):
            there = await self._read(tenant, schedule_id)
            changed = change(there)
            if changed == there or await self._schedules.replace(tenant, changed, was=there.seq):
                return changed
        raise errors.Changed(retry_after=1.0)


def _stepped(schedule: Schedule) -> Schedule:
    return msgspec.structs.replace(schedule, seq=schedule.seq + 1)
