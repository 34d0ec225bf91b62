"""Tasks beside their events: what is needed to tell how a task was at an event of it. Deleted ones, too."""

from collections.abc import Sequence

import msgspec
from pymongo.read_concern import ReadConcern

from core.adsp_events import SILENT
from core.events import Event
from core.task import Task
from store import documents, mongo, payloads
from store.mongo import Document
from store.payloads import Payloads


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """A task as it is now (None: erased), and its events in their order; those that change nothing are left out."""

    now: Task | None
    events: Sequence[Event]

    @property
    def whole(self) -> bool:
        """Whether the events reach up to what the task shows: they follow its writes within moments."""
        return self.now is None or (bool(self.events) and self.events[-1].seq >= self.now.seq) or self._silent

    @property
    def _silent(self) -> bool:
        return self.now is not None and self.now.last_event.type in SILENT


@mongo.translating
class Snapshots:
    """Stories of a tenant's tasks."""

    def __init__(self, database: mongo.Database, kept: Payloads = payloads.PLAIN, *, opened: bool = True) -> None:
        """`kept` opens payloads that are encrypted; those of stories that are not `opened` are left out."""
        self._payloads = kept
        self._opened = opened
        # As in store/eventlog.py: what was seen must not be taken back by a failover.
        majority = ReadConcern("majority")
        self._tasks = database["tasks"].with_options(read_concern=majority)
        self._events = database["events"].with_options(read_concern=majority)

    async def of(self, tenant: str, task_ids: Sequence[str]) -> dict[str, Story]:
        """The stories of these tasks. The tasks are read first, so that the events reach as far as can be."""
        rows = self._tasks.find({"_id": {"$in": documents.keys(tenant, task_ids)}}, {"result": 0, "error": 0})
        tasks = {task.id: task for task in await self._read([row async for row in rows])}
        found = {"tenant": tenant, "task": {"$in": list(task_ids)}, "type": {"$nin": sorted(SILENT)}}
        events: dict[str, list[Event]] = {name: [] for name in task_ids}
        told = [row async for row in self._events.find(found).sort([("task", 1), ("seq", 1)])]
        closed = not self._opened
        for event in [documents.decode(row, Event) for row in told] if closed else await self._payloads.events(told):
            events[event.task].append(event)
        return {name: Story(now=tasks.get(name), events=events[name]) for name in task_ids}

    async def _read(self, rows: Sequence[Document]) -> list[Task]:
        if self._opened:
            return await self._payloads.tasks(rows)
        return [documents.decode(row, Task) for row in rows]
