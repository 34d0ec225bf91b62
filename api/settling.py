"""Many reports of ends in one call: those that succeeded travel together, the others go one by one, some at a time."""

import asyncio
from collections.abc import Sequence

from api import problems, shown
from api.guards import InTenant, OnTask
from api.schemas import views
from api.schemas.tasks import Refused, SettleItem
from broker.finishing import Ended, Finish
from broker.lifecycle import Lifecycle
from core import errors
from core.task import Outcome, State, Task
from store.tasks import Tasks

_AT_ONCE = 16

Done = Ended | Task | errors.PenstockError


async def settle(
    items: Sequence[SettleItem | Refused], at: InTenant, lifecycle: Lifecycle, tasks: Tasks
) -> tuple[views.SettledView, ...]:
    """What became of each item, in their order."""
    wanted = [item for item in items if isinstance(item, SettleItem)]
    completed = _completed([item for item in wanted if item.action == "complete"], at, lifecycle)
    left = [item for item in wanted if item.action != "complete"]
    if left:
        succeeded, rest = map(iter, await asyncio.gather(completed, _others(left, at, lifecycle, tasks)))
    else:
        succeeded, rest = iter(await completed), iter(())
    results: list[views.SettledView] = []
    for item in items:
        if isinstance(item, Refused):
            results.append(_result("", problems.invalid(item.faults)))
        else:
            results.append(_result(item.id, next(succeeded if item.action == "complete" else rest)))
    return tuple(results)


async def _completed(items: Sequence[SettleItem], at: InTenant, lifecycle: Lifecycle) -> Sequence[Done]:
    if not items:
        return ()
    finishes = [Finish(tenant=at.tenant, task_id=item.id, exec_id=item.exec_id, result=item.result) for item in items]
    return await lifecycle.complete(finishes, by=at.by)


async def _others(items: Sequence[SettleItem], at: InTenant, lifecycle: Lifecycle, tasks: Tasks) -> Sequence[Done]:
    found = await tasks.get_many(at.tenant, [item.id for item in items])
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(item: SettleItem) -> Done:
        async with places:
            try:
                return await _end(item, found.get(item.id), at, lifecycle)
            except errors.PenstockError as refusal:
                return refusal

    return await asyncio.gather(*[one(item) for item in items])


async def _end(item: SettleItem, task: Task | None, at: InTenant, lifecycle: Lifecycle) -> Task:
    if task is None:
        raise errors.NotFound(f"There is no task {item.id}.")
    held = OnTask(who=at.who, task=task, queue=None).holding(item.exec_id)
    if item.action == "release":
        return await lifecycle.release(held, exec_id=item.exec_id, by=at.by)
    return await lifecycle.fail(held, exec_id=item.exec_id, error=item.error, retryable=item.retryable, by=at.by)


def _result(task_id: str, done: Done) -> views.SettledView:
    if isinstance(done, errors.PenstockError):
        return views.SettledView(id=task_id, status=done.status, problem=problems.body(done))
    if isinstance(done, Ended):
        shape = views.SettledTaskView(
            id=done.task_id, state=State.DONE, outcome=Outcome.SUCCEEDED, ended_at=shown.stamp(done.ended_at)
        )
        return views.SettledView(id=task_id, status=200, task=shape)
    return views.SettledView(id=task_id, status=200, task=shown.settled_view(done))
