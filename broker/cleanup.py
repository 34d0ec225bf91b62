"""The clean-up of `awf.task/clean-up-activities` (contract aidbox 6.2): what its rules name goes, batch after batch.

It may be begun again at any point: what is gone is gone, and is counted by the attempt that removed it.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from core.builtins import Rule
from core.flow import Flow
from core.task import Task
from store.cleaning import Cleaning, children
from store.eventlog import EventLog
from store.queues import Queues

_BATCH = 500
Beat = Callable[[], Awaitable[None]]
"""Called after every batch; raises when the work is to stop."""


class Cleanup:
    """Removes ended tasks and flows of a tenant."""

    def __init__(self, cleaning: Cleaning, events: EventLog, queues: Queues) -> None:
        self._cleaning = cleaning
        self._events = events
        self._queues = queues

    async def run(self, task: Task, rules: Sequence[Rule], beat: Beat) -> dict[str, Any]:
        """Carry the rules out one after another; answers the result of the task."""
        counts = {"AidboxTask": 0, "AidboxTaskLog": 0, "AidboxWorkflow": 0}
        for rule in rules:
            await self._flows(task.tenant, rule, counts, beat)
            await self._tasks(task.tenant, rule, counts, beat)
        return {"deletedRowsCount": counts}

    async def _flows(self, tenant: str, rule: Rule, counts: dict[str, int], beat: Beat) -> None:
        while flows := await self._cleaning.flows(tenant, rule, _BATCH):
            # Children before their flow: whoever is killed in between finds the flow again.
            level = flows
            while level:
                names = [name for flow in level for name in children(flow)]
                level = list[Flow]()
                for begin in range(0, len(names), _BATCH):
                    some = names[begin : begin + _BATCH]
                    await self._remove(tenant, some, counts)
                    below = await self._cleaning.get_flows(tenant, some)
                    level += below
                    flows += below
                    await beat()
            counts["AidboxWorkflow"] += await self._cleaning.remove_flows(tenant, [flow.id for flow in flows])
            await beat()

    async def _tasks(self, tenant: str, rule: Rule, counts: dict[str, int], beat: Beat) -> None:
        after: str | None = None
        while queues := await self._queues.page(tenant, after=after, limit=_BATCH):
            after = queues[-1].key
            for queue in queues:
                ids, behind = await self._cleaning.tasks(tenant, queue.key, rule, None, _BATCH)
                await self._remove(tenant, ids, counts)
                while behind is not None:
                    await beat()
                    ids, behind = await self._cleaning.tasks(tenant, queue.key, rule, behind, _BATCH)
                    await self._remove(tenant, ids, counts)

    async def _remove(self, tenant: str, task_ids: Sequence[str], counts: dict[str, int]) -> None:
        gone = await self._cleaning.remove_tasks(tenant, task_ids) if task_ids else []
        if gone:
            counts["AidboxTask"] += len(gone)
            counts["AidboxTaskLog"] += await self._events.erase_of([(tenant, task_id) for task_id in gone])
