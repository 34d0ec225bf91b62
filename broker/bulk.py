"""One action on many tasks: shown first, then done to those that were shown and still fit, a part at a time.

A part that was begun by somebody who died is done again: what is as it should be already counts as done.
"""

from datetime import timedelta

import msgspec

from broker.desk import Desk
from broker.places import Places
from core import errors, ids
from core.clock import Clock
from core.task import Actor, State, Task
from core.transitions import edits, ends
from core.transitions.transition import Transition
from store.bulk import Act, Bulk, Bulks, BulkState, Kind
from store.listing import Listing
from store.query import Query, Sort
from store.sweeps import Sweeps
from store.tasks import Tasks

MOST = 100_000
SAMPLE = 10
PREVIEW = timedelta(minutes=15)
"""So long a preview can be run."""
KEPT = timedelta(days=7)
TICK_SECONDS = 0.5
_AT_ONCE = 20
_SMALL = 100
_TRIES = 3


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What would be done, and to which tasks first."""

    bulk: Bulk
    sample: list[Task]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How far it is."""

    bulk: Bulk
    done: int
    skipped: int


class BulkActions:
    """Bulk actions, for one process: the API previews and begins them, the engine does the large ones."""

    def __init__(
        self,
        bulks: Bulks,
        *,
        listing: Listing,
        tasks: Tasks,
        sweeps: Sweeps,
        desk: Desk,
        places: Places,
        clock: Clock,
    ) -> None:
        self._bulks = bulks
        self._listing = listing
        self._tasks = tasks
        self._sweeps = sweeps
        self._desk = desk
        self._places = places
        self._clock = clock

    async def preview(self, tenant: str, act: Act, wanted: Query, *, by: Actor) -> Preview:
        """Keep which tasks are asked for; raises `Invalid` where they are too many for one action."""
        found = await self._listing.ids(tenant, wanted, at_most=MOST + 1)
        if len(found) > MOST:
            raise errors.Invalid(
                f"More than {MOST:,} tasks fit: narrow the filter.",
                faults=[errors.Fault(field="filter", message="selects too many tasks")],
            )
        now = self._clock()
        bulk = Bulk(
            tenant=tenant, id=ids.new_secret(), state=BulkState.PREVIEWED, act=act, query=wanted, total=len(found),
            by=by, created_at=now, forget_at=now + PREVIEW,
        )  # fmt: skip
        await self._bulks.create(tenant, bulk, found)
        first = await self._tasks.get_many(tenant, found[:SAMPLE])
        return Preview(bulk=bulk, sample=[first[task_id] for task_id in found[:SAMPLE] if task_id in first])

    async def get(self, tenant: str, bulk_id: str, *, by: Actor) -> Status:
        """How far it is; raises `NotFound` where it is not this person's."""
        bulk = await self._bulks.get(tenant, bulk_id)
        if bulk is None or bulk.by.id != by.id:
            raise errors.NotFound(f"There is no bulk action {bulk_id}.")
        done, skipped = await self._bulks.progress(tenant, bulk_id)
        return Status(bulk=bulk, done=done, skipped=skipped)

    async def run(self, tenant: str, bulk_id: str, *, by: Actor) -> Status:
        """Do what was previewed: a small one now, a large one behind us. Running it again changes nothing.

        Raises `NotFound`, and `Conflict` where the preview is too old.
        """
        found = await self.get(tenant, bulk_id, by=by)
        now = self._clock()
        if found.bulk.state is BulkState.PREVIEWED:
            if not await self._bulks.begin(tenant, bulk_id, at=now, forget_at=now + KEPT):
                found = await self.get(tenant, bulk_id, by=by)
                if found.bulk.state is BulkState.PREVIEWED:
                    raise errors.Conflict("The preview is too old: look at a new one.")
            elif found.bulk.total <= _SMALL:
                await self.work(found.bulk)
        return await self.get(tenant, bulk_id, by=by)

    async def stop(self, tenant: str, bulk_id: str, *, by: Actor) -> Status:
        """Do no more of it; what was done stays."""
        await self.get(tenant, bulk_id, by=by)
        await self._bulks.end(tenant, bulk_id, BulkState.STOPPED, at=self._clock())
        return await self.get(tenant, bulk_id, by=by)

    async def step(self) -> float:
        """A round of the engine: a part of each that runs; answers the seconds until the next."""
        running = await self._bulks.open(_AT_ONCE)
        for bulk in running:
            await self.work(bulk)
        return 0.0 if running else TICK_SECONDS

    async def work(self, bulk: Bulk) -> None:
        """Do the next part of it; the last one ends it."""
        part = await self._bulks.part(bulk.tenant, bulk.id)
        if part is not None:
            done = await self._do(bulk, part.ids)
            skipped = len(part.ids) - done
            await self._bulks.settle(bulk.tenant, bulk.id, part.number, done=done, skipped=skipped, at=self._clock())
        if part is None or await self._bulks.part(bulk.tenant, bulk.id) is None:
            await self._bulks.end(bulk.tenant, bulk.id, BulkState.DONE, at=self._clock())

    async def _do(self, bulk: Bulk, task_ids: tuple[str, ...]) -> int:
        """Change those of the tasks that still fit; answers how many are as they should be then."""
        still = msgspec.structs.replace(bulk.query, ids=task_ids, sort=Sort.PLACE)
        for _ in range(_TRIES):
            page = await self._listing.page(bulk.tenant, still, after=None, limit=len(task_ids))
            pairs = [(task, change) for task in page.tasks if (change := self._change(bulk, task)) is not None]
            changed = await self._sweeps.settle(pairs)
            await self._desk.offer(changed)
            after = {task.id: task for task in changed}
            await self._places.moved([(task, after[task.id]) for task, _ in pairs if task.id in after])
            if len(changed) == len(pairs):
                break
        now = await self._tasks.get_many(bulk.tenant, task_ids)
        return sum(_is_so(bulk.act, task) for task in now.values())

    def _change(self, bulk: Bulk, task: Task) -> Transition | None:
        """What the action does to the task; None where there is nothing to do."""
        act, at, by = bulk.act, self._clock(), bulk.by
        if task.state is State.DONE or _is_so(act, task):
            return None
        if act.kind is Kind.ASSIGN:
            return edits.assign(task, at=at, by=by, to=act.to)
        if act.kind is Kind.PRIORITY:
            return None if act.priority is None else edits.prioritise(task, at=at, by=by, to=act.priority)
        build = ends.cancel if act.now else ends.ask_cancel
        return build(task, at=at, by=by, message=act.message)


def _is_so(act: Act, task: Task) -> bool:
    """Whether a task is as the action makes it."""
    match act.kind:
        case Kind.ASSIGN:
            mine = (task.assignee and task.assignee.id) == (act.to and act.to.id)
            return task.state is not State.DONE and mine
        case Kind.PRIORITY:
            return task.state is not State.DONE and task.priority == act.priority
        case Kind.CANCEL:
            asked = task.cancel_request is not None and not act.now
            return asked or (task.outcome is not None and task.outcome.value == "canceled")
