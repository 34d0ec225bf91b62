"""What a handler needs its caller to be allowed to do with schedules, as the type of an argument (see `api/guards.py`).

Who may read the tasks of a queue may read the schedules that submit to it; all else takes the right to manage.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Path
from starlette.requests import Request

from api import context, guards, worklists
from api.guards import InTenant
from auth import policy
from auth.policy import Action
from core import errors, ids
from core.queue import Bindings
from core.schedule import Schedule, TaskOrder
from store.queues import Queues

ScheduleId = Annotated[str, Path(pattern=rf"^{ids.TASK_ID.pattern}$", description="1 to 100 letters, digits, `._:-`")]


class OnSchedule(InTenant, frozen=True, kw_only=True):
    """A caller who may do what the guard's name says to this schedule."""

    schedule: Schedule


async def found(request: Request, at: InTenant, schedule_id: str, action: Action) -> OnSchedule:
    """The caller at this schedule; raises `NotFound`, `Forbidden`."""
    schedule = await context.of(request).parts.record.schedules.get(at.tenant, schedule_id)
    if schedule is None:
        raise errors.NotFound(f"There is no schedule {schedule_id}.")
    policy.require(at.who, action, await _bindings(request, schedule))
    return OnSchedule(who=at.who, schedule=schedule)


async def readable(queues: Queues, at: InTenant, among: str | None = None) -> tuple[str, ...] | None:
    """The queues whose schedules the caller may read, one of them or all; None: everything of the tenant."""
    if policy.allowed(at.who, Action.READ):
        return None if among is None else (among,)
    reached, _ = await worklists.reachable(queues, at, frozenset(() if among is None else (among,)))
    return tuple(sorted(reached))


async def _bindings(request: Request, schedule: Schedule) -> Bindings | None:
    order = schedule.order
    if not isinstance(order, TaskOrder) or order.queue is None:
        return None
    try:
        return (await context.of(request).parts.directory.queue(schedule.tenant, order.queue)).bindings
    except errors.NotFound:
        return None


def _on_schedule(action: Action) -> Callable[..., Awaitable[OnSchedule]]:
    async def guard(request: Request, at: guards.Member, schedule_id: ScheduleId) -> OnSchedule:
        return await found(request, at, schedule_id, action)

    return guard


Reading = Annotated[OnSchedule, Depends(_on_schedule(Action.READ))]
Managing = Annotated[OnSchedule, Depends(_on_schedule(Action.MANAGE))]
Founding = guards.Founding
"""May make schedules, and pause all of the tenant's."""
