"""The scheduler: what is due of all schedules is submitted, each firing once however many engines run and die.

In this order: submit under ids that follow from the firing, keep the history, move the schedule on, and that only from
where it was. An engine that dies in between leaves the rest to the next, which does the same again and finds it done.
Nothing sleeps in memory for a schedule: one index tells what is due.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
import structlog

from broker.runs import Runs
from core import errors, firing
from core.clock import Clock
from core.errors import PenstockError
from core.firing import Due
from core.schedule import Firing, FiringKind, FiringStatus, OverlapPolicy, RunKind, Schedule
from core.task import ENGINE, Reason
from core.tenant import TenantState
from store.firings import Firings
from store.halts import Halts
from store.masters import KeyUnusableError
from store.schedules import Schedules
from store.tenants import Tenants

_log = structlog.get_logger(__name__)

BATCH = 500
TICK_SECONDS = 0.5
_AT_ONCE = 50
_POSTPONED = timedelta(seconds=60)
"""For so long a schedule is left alone that could not be worked on for a fault of ours."""


class Outcome(msgspec.Struct, frozen=True):
    """What one schedule came to: where it stands, and its history."""

    after: Schedule
    entries: Sequence[Firing] = ()


class Scheduler:
    """Fires schedules of all tenants. Safe beside another one."""

    def __init__(
        self,
        schedules: Schedules,
        firings: Firings,
        halts: Halts,
        tenants: Tenants,
        runs: Mapping[RunKind, Runs],
        *,
        clock: Clock,
    ) -> None:
        self._schedules = schedules
        self._firings = firings
        self._halts = halts
        self._tenants = tenants
        self._runs = runs
        self._clock = clock

    async def step(self) -> float:
        """Fire what is due, at most a batch of schedules; answers the seconds until there may be more."""
        now = self._clock()
        following = await self._schedules.next_due(without=())
        if following is None or following > now:
            return self._rest(following)
        halted = await self._halted()
        due = await self._schedules.due(now, BATCH, without=halted)
        if due:
            await self._fire(due, now)
        return 0.0 if len(due) == BATCH else self._rest(await self._schedules.next_due(without=halted))

    def _rest(self, following: datetime | None) -> float:
        if following is None:
            return TICK_SECONDS
        return min(TICK_SECONDS, max(0.0, (following - self._clock()).total_seconds()))

    async def _halted(self) -> list[str]:
        """Tenants whose schedules do not fire now: paused, suspended, or on the way to be erased."""
        paused, tenants = await asyncio.gather(self._halts.every(), self._tenants.every())
        suspended = [tenant.id for tenant in tenants if tenant.state is not TenantState.ACTIVE]
        return sorted({*paused, *suspended})

    async def _fire(self, due: Sequence[Schedule], now: datetime) -> None:
        places = asyncio.Semaphore(_AT_ONCE)

        async def one(schedule: Schedule) -> Outcome | errors.Unavailable:
            async with places:
                return await self._carefully(schedule, now)

        outcomes = await asyncio.gather(*[one(schedule) for schedule in due])
        done = [outcome for outcome in outcomes if isinstance(outcome, Outcome)]
        await self._firings.record([entry for outcome in done for entry in outcome.entries])
        await self._schedules.move([firing.noted(outcome.after, outcome.entries) for outcome in done])
        for outcome in outcomes:
            if isinstance(outcome, errors.Unavailable):
                raise outcome

    async def _carefully(self, schedule: Schedule, now: datetime) -> Outcome | errors.Unavailable:
        """One schedule's fault must not stop the others."""
        about = {"tenant": schedule.tenant, "schedule": schedule.id}
        try:
            return await self._work(schedule, now)
        except KeyUnusableError as error:
            # It is this tenant's key alone.
            _log.warning("schedule postponed", **about, error=error.detail)
        except errors.Unavailable as away:
            return away
        except Exception:  # noqa: BLE001 - whatever it is, it is logged, and comes again
            _log.exception("schedule postponed", **about)
        return Outcome(msgspec.structs.replace(schedule, next_at=now + _POSTPONED, seq=schedule.seq + 1))

    async def _work(self, schedule: Schedule, now: datetime) -> Outcome:
        decision = firing.decide(schedule, now)
        entries: list[Firing] = []
        if decision.missed is not None:
            entries.append(firing.missed_entry(schedule, decision.missed, at=now))
        if schedule.overlap.policy is OverlapPolicy.ALLOW:
            entries += await self._begin(schedule, decision.fire, now)
        else:
            for due in decision.fire:
                entries.append(await self._meet(schedule, due, now))
        return Outcome(decision.after, entries)

    async def _meet(self, schedule: Schedule, due: Due, now: datetime) -> Firing:
        """Submit one firing unless others of its schedule are in its way and may be."""
        overlap, runs = schedule.overlap, self._runs[schedule.order.kind]
        before = await runs.open_before(schedule, due)
        too_many = len(before) - overlap.max_open + 1
        if too_many > 0 and due.kind is FiringKind.SCHEDULED:
            if overlap.policy is OverlapPolicy.SKIP:
                skipped = firing.entry(schedule, due, FiringStatus.SKIPPED, at=now)
                reason = Reason(type="overlap", message=f"{len(before)} before it had not ended.")
                return msgspec.structs.replace(skipped, reason=reason)
            await runs.stop(schedule, before[:too_many])
        return (await self._begin(schedule, [due], now))[0]

    async def _begin(self, schedule: Schedule, dues: Sequence[Due], now: datetime) -> list[Firing]:
        if not dues:
            return []
        refusals = await self._runs[schedule.order.kind].begin(schedule, dues, by=ENGINE)
        return [submitted(schedule, due, refusal, at=now) for due, refusal in zip(dues, refusals, strict=True)]


def submitted(schedule: Schedule, due: Due, refusal: PenstockError | None, *, at: datetime) -> Firing:
    """What is kept of a firing that was submitted, or refused."""
    if refusal is None:
        return firing.entry(schedule, due, FiringStatus.SUBMITTED, at=at)
    refused = firing.entry(schedule, due, FiringStatus.REFUSED, at=at)
    return msgspec.structs.replace(refused, reason=Reason(type=refusal.code, message=refusal.detail))
