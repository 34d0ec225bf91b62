"""Handing tasks to a caller that waits: one that hangs up is given nothing, at whatever moment it does."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from starlette.requests import Request

from api import context, hangup
from broker.dispatch import Claim
from broker.lifecycle import Lifecycle
from core import errors, logs
from core.queue import Queue
from core.task import Task

_log = structlog.get_logger(__name__)
_AT_ONCE = 16

Take = Callable[[Sequence[Queue], asyncio.Event], Awaitable[Sequence[Task]]]
"""Claims tasks of these queues; its event says that nobody waits any more."""


async def to_caller(request: Request, tenant: str, queues: Sequence[Queue], claim: Claim, take: Take) -> Sequence[Task]:
    """What `take` claimed. If the caller hung up while it did, all of it goes back, and no attempt is spent.

    Queues whose quota is taken are left out. Raises `TooManyRequests` where quotas refuse it.
    """
    here = context.of(request)
    quotas = here.parts.quotas
    queues = await quotas.claiming(tenant, queues)
    if not claim.wait:
        return await take(queues, asyncio.Event())
    limits = await quotas.limits(tenant)
    async with hangup.watched(request, here.closing) as gone:
        with here.measures.waiting.labels("claim").track_inprogress(), quotas.waiting(tenant, limits, "longPolls"):
            tasks = await take(queues, gone)
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
