"""Tasks beside their events: what is needed to tell how a task was at an event of it. Deleted ones, too."""

from collections.abc import Collection, Sequence

import msgspec
from pymongo.read_concern import ReadConcern

from core.adsp_events import SILENT
from core.events import Event
from core.task import Task
from store import documents, mongo, payloads
from store.mongo import Document
from store.payloads import Payloads

_SHORT = 20
"""Writes of a task whose events are read by their names."""


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
        for event in await self._told(told):
            events[event.task].append(event)
        return {name: Story(now=tasks.get(name), events=events[name]) for name in task_ids}

    async def of_many(self, tasks: Collection[tuple[str, str]]) -> dict[tuple[str, str], Story]:
        """The stories of tasks of any tenants (tenant, id), by two queries: for the engine."""
        names = {documents.key(*each): each for each in tasks}
        rows = self._tasks.find({"_id": {"$in": list(names)}}, {"result": 0, "error": 0})
        now = {(task.tenant, task.id): task for task in await self._read([row async for row in rows])}
        stories: dict[tuple[str, str], Story] = {}
        # The events of these are read by their names; what is erased, or has a long history, is looked up by itself.
        short = {key: name for key, name in names.items() if name in now and now[name].seq <= _SHORT}
        for tenant, task_id in (name for key, name in names.items() if key not in short):
            stories[tenant, task_id] = (await self.of(tenant, [task_id]))[task_id]
        wanted = [f"{key}/{seq}" for key, name in short.items() for seq in range(1, now[name].seq + 1)]
        if not wanted:
            return stories
        found = self._events.find({"_id": {"$in": wanted}, "type": {"$nin": sorted(SILENT)}})
        told = sorted([row async for row in found], key=lambda row: row["seq"])
        events: dict[tuple[str, str], list[Event]] = {name: [] for name in short.values()}
        for event in await self._told(told):
            events[event.tenant, event.task].append(event)
        return stories | {name: Story(now=now[name], events=own) for name, own in events.items()}

    async def _told(self, rows: Sequence[Document]) -> list[Event]:
        return await self._payloads.events(rows) if self._opened else [documents.decode(row, Event) for row in rows]

    async def _read(self, rows: Sequence[Document]) -> list[Task]:
        if self._opened:
            return await self._payloads.tasks(rows)
        return [documents.decode(row, Task) for row in rows]
