"""The next task for a person: the most urgent one that they may work on becomes theirs and, if they wish, is begun."""

import msgspec

from broker.directory import Directory
from broker.lifecycle import Lifecycle
from core import errors
from core.clock import Clock
from core.queue import Queue
from core.task import Actor, State, Task
from core.transitions import edits
from store.listing import Listing
from store.query import Query
from store.tasks import Tasks

_TRIES = 10
_CHUNK = 100
_READY = frozenset({State.READY})


class Worklist:
    """Hands tasks to people, who take them without tickets."""

    def __init__(
        self, lifecycle: Lifecycle, directory: Directory, listing: Listing, tasks: Tasks, *, clock: Clock
    ) -> None:
        self._lifecycle = lifecycle
        self._directory = directory
        self._listing = listing
        self._tasks = tasks
        self._clock = clock

    async def next(self, tenant: str, queues: list[Queue], wanted: Query, *, by: Actor, start: bool) -> Task | None:
        """The first in the worklist's order of what is asked for in these queues and is nobody's or the person's.

        It is assigned to the person and, with `start`, in progress; without, what is theirs already is passed over.
        None where there is none. What is paused, what machines are sent, and definitions whose limit is reached are
        passed over.
        """
        lanes = [lane for queue in queues if not queue.paused for lane in await self._lanes(queue)]
        full: set[str] = set()
        for _ in range(_TRIES):
            asked = msgspec.structs.replace(
                wanted, queues=tuple(queue.key for queue in queues), states=_READY, lanes=tuple(lanes),
                without_definitions=tuple(sorted(full)),
            )  # fmt: skip
            task = await self._reserve(tenant, asked, by, mine=start)
            if task is None or not start:
                return task
            try:
                return await self._lifecycle.start(task, exec_id=None, by=by)
            except errors.LimitReached:
                await self._lifecycle.assign(task, to=None, by=by)
                full.add(task.definition or "")
            except (errors.WrongState, errors.Forbidden, errors.NotFound):
                continue
        return None

    async def _lanes(self, queue: Queue) -> list[str]:
        return await self._directory.lanes(queue, decisions=False)

    async def _reserve(self, tenant: str, asked: Query, by: Actor, *, mine: bool) -> Task | None:
        asked = (
            msgspec.structs.replace(asked, free_for=by.id) if mine else msgspec.structs.replace(asked, unassigned=True)
        )
        if asked.text is not None:
            page = await self._listing.page(tenant, asked, after=None, limit=_CHUNK)
            if not page.tasks:
                return None
            asked = msgspec.structs.replace(asked, text=None, ids=tuple(task.id for task in page.tasks))
        change = edits.reserve(at=self._clock(), by=by)
        return await self._tasks.assign_first(tenant, asked, change, by.id)
