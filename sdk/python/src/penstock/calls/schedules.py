"""Schedules: made, changed, looked at, paused, fired by hand; and all of a tenant's at once."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from penstock.calls import paging, paths
from penstock.calls.submitting import new_key
from penstock.faces import Calls, operation, stream
from penstock.models import schedule as models
from penstock.models.base import Page
from penstock.models.schedule import Firing, Preview, Schedule, Scheduler, Upcoming, Upcomings
from penstock.transport import Call, Query

_ROOT = f"{paths.ROOT}/schedules"
_SCHEDULER = f"{paths.ROOT}/scheduler"

ScheduleRef = str | Schedule
"""A schedule: its id, or one that the server showed."""
_Misfire = models.MisfirePolicy | models.Misfire
_Overlap = models.OverlapPolicy | models.Overlap


class ScheduleCalls(Calls):
    """Calls on schedules."""

    @operation
    async def put(
        self,
        schedule: ScheduleRef,
        *,
        trigger: models.Cron | models.Interval | models.Date,
        task: models.TaskOrder | None = None,
        flow: models.FlowOrder | None = None,
        display_name: str | None = None,
        description: str | None = None,
        start_at: datetime | None = None,
        end_at: datetime | None = None,
        jitter: paths.Seconds | None = None,
        misfire: _Misfire | None = None,
        overlap: _Overlap | None = None,
        run_on_create: bool | None = None,
        paused: bool | None = None,
        version: int | None = None,
        create_only: bool = False,
    ) -> Schedule:
        """Make the schedule, or give it exactly these settings; each firing submits `task` or starts `flow`.

        With `version` only if that is still its version, with `create_only` only if there is none: PreconditionFailed.
        """
        misfire = models.Misfire(policy=misfire) if isinstance(misfire, str) else misfire
        overlap = models.Overlap(policy=overlap) if isinstance(overlap, str) else overlap
        records = {"task": task, "flow": flow, "misfire": misfire, "overlap": overlap}
        body = paths.given(
            trigger=_trigger(trigger),
            displayName=display_name,
            description=description,
            startAt=paths.moment(start_at),
            endAt=paths.moment(end_at),
            jitterSeconds=paths.seconds(jitter),
            runOnCreate=run_on_create,
            paused=paused,
        )
        body |= {name: paths.dumped(each) for name, each in records.items() if each is not None}
        headers = paths.conditions(version, create_only=create_only)
        call = Call(method="PUT", path=_path(schedule), body=body, headers=headers, repeatable=not headers)
        return await self._transport.answer(call, Schedule)

    @operation
    async def put_body(self, schedule: ScheduleRef, body: Mapping[str, Any], *, version: int | None = None) -> Schedule:
        """As `put`, with the body as the wire has it: for files."""
        headers = paths.conditions(version)
        call = Call(method="PUT", path=_path(schedule), body=dict(body), headers=headers, repeatable=not headers)
        return await self._transport.answer(call, Schedule)

    @operation
    async def get(self, schedule: ScheduleRef) -> Schedule:
        """The schedule. Raises NotFound."""
        return await self._transport.answer(_get(_path(schedule)), Schedule)

    @stream
    async def list(
        self, *, queue: str | None = None, definition: str | None = None, paused: bool | None = None
    ) -> AsyncIterator[Schedule]:
        """The schedules of the queues that the caller may read, by id."""
        query: Query = {"queue": queue, "definition": definition, "paused": paused}
        async for each in paging.walk(self._transport, _ROOT, Page[Schedule], query):
            yield each

    @operation
    async def update(self, schedule: ScheduleRef, fields: Mapping[str, Any], *, version: int | None = None) -> Schedule:
        """Change some settings, named as on the wire (a merge patch: None removes)."""
        headers = paths.conditions(version)
        call = Call(method="PATCH", path=_path(schedule), body=dict(fields), headers=headers, repeatable=not headers)
        return await self._transport.answer(call, Schedule)

    @operation
    async def delete(self, schedule: ScheduleRef) -> None:
        """Remove it; what it submitted stays. Raises NotFound."""
        await self._transport.send(Call(method="DELETE", path=_path(schedule)))

    @operation
    async def pause(self, schedule: ScheduleRef) -> Schedule:
        """Fire no more until it is resumed."""
        return await self._transport.answer(_post(f"{_path(schedule)}/pause"), Schedule)

    @operation
    async def resume(self, schedule: ScheduleRef) -> Schedule:
        """Fire again from now on."""
        return await self._transport.answer(_post(f"{_path(schedule)}/resume"), Schedule)

    @operation
    async def run(self, schedule: ScheduleRef, *, key: str | None = None) -> Firing:
        """Fire now, beside its trigger. With the same `key` a second call answers the firing of the first."""
        headers = {"idempotency-key": key or new_key()}
        call = Call(method="POST", path=f"{_path(schedule)}/run", body={}, headers=headers, repeatable=True)
        return await self._transport.answer(call, Firing)

    @operation
    async def upcoming(self, schedule: ScheduleRef, *, count: int = 10) -> tuple[Upcoming, ...]:
        """Its next firings; of a paused schedule those that it would have."""
        call = _get(f"{_path(schedule)}/upcoming", {"count": count})
        return (await self._transport.answer(call, Upcomings)).items

    @stream
    async def firings(self, schedule: ScheduleRef, *, limit: int | None = None) -> AsyncIterator[Firing]:
        """What became of its firings, the newest first."""
        path = f"{_path(schedule)}/firings"
        async for each in paging.walk(self._transport, path, Page[Firing], limit=limit):
            yield each

    @operation
    async def preview(
        self,
        trigger: models.Cron | models.Interval | models.Date,
        *,
        start_at: datetime | None = None,
        end_at: datetime | None = None,
        count: int = 10,
    ) -> Preview:
        """What a trigger means, and when it would fire; nothing is kept. Raises Invalid with what is wrong."""
        body = paths.given(
            trigger=_trigger(trigger), startAt=paths.moment(start_at), endAt=paths.moment(end_at), count=count
        )
        call = Call(method="POST", path=f"{_ROOT}/preview", body=body, repeatable=True)
        return await self._transport.answer(call, Preview)

    @operation
    async def scheduler(self) -> Scheduler:
        """Whether all schedules of the tenant are paused."""
        return await self._transport.answer(_get(_SCHEDULER), Scheduler)

    @operation
    async def pause_all(self) -> Scheduler:
        """Pause all schedules of the tenant."""
        return await self._transport.answer(_post(f"{_SCHEDULER}/pause"), Scheduler)

    @operation
    async def resume_all(self) -> Scheduler:
        """Resume them; what fell into the pause is for each schedule's misfire policy."""
        return await self._transport.answer(_post(f"{_SCHEDULER}/resume"), Scheduler)


def _path(ref: ScheduleRef) -> str:
    return f"{_ROOT}/{quote(ref.id if isinstance(ref, Schedule) else ref, safe='')}"


def _trigger(trigger: models.Cron | models.Interval | models.Date) -> dict[str, Any]:
    return {"kind": trigger.kind, **paths.dumped(trigger)}


def _get(path: str, query: Query | None = None) -> Call:
    return Call(method="GET", path=path, query=query or {}, repeatable=True)


def _post(path: str) -> Call:
    return Call(method="POST", path=path, body={}, repeatable=True)
