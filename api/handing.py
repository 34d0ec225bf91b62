"""Handing tasks to a caller that waits: one that hangs up is given nothing, at whatever moment it does."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from starlette.requests import Request

from api import context, hangup
from broker.dispatch import Claim
from broker.lifecycle import Lifecycle
from core import errors, logs
from core.task import Task

_log = structlog.get_logger(__name__)
_AT_ONCE = 16

Take = Callable[[asyncio.Event], Awaitable[Sequence[Task]]]
"""Claims tasks; its event says that nobody waits any more."""


async def to_caller(request: Request, tenant: str, claim: Claim, take: Take) -> Sequence[Task]:
    """What `take` claimed. If the caller hung up while it did, all of it goes back, and no attempt is spent.

    Raises `TooManyRequests` where the tenant's quotas refuse it.
    """
    here = context.of(request)
    quotas = here.parts.quotas
    await quotas.claiming(tenant)
    if not claim.wait:
        return await take(asyncio.Event())
    limits = await quotas.limits(tenant)
    async with hangup.watched(request, here.closing) as gone:
        with here.measures.waiting.labels("claim").track_inprogress(), quotas.waiting(tenant, limits, "longPolls"):
            tasks = await take(gone)
        if not tasks:
            return tasks
        try:
            # It may have been suspended while its worker waited here.
            await here.callers.require_active(tenant)
        except errors.Forbidden:
            await _give_back(here.parts.lifecycle, claim, tasks)
            raise
        if not gone.hung_up:
            return tasks
    await _give_back(here.parts.lifecycle, claim, tasks)
    return ()


async def _give_back(lifecycle: Lifecycle, claim: Claim, tasks: Sequence[Task]) -> None:
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(task: Task) -> None:
        assert task.exec_id is not None
        async with places:
            try:
                await lifecycle.release(task, exec_id=task.exec_id, by=claim.by)
            except errors.PenstockError as error:
                # Its lease runs out.
                _log.info("not given back", **logs.of(task), reason=error.detail)

    await asyncio.gather(*[one(task) for task in tasks])
