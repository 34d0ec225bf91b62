"""The engine's part in built-in tasks: it begins those that became ready, ends subscriptions as records come, and
carries out clean-ups.

A wait needs nothing but its timer. Subscriptions are ended by records as the change stream tells of them; whenever the
stream begins anew, all records since the last known moment are looked at again. Nothing is kept here that another
engine would miss.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import structlog

from broker import loops
from broker.cleanup import Cleanup
from broker.finishing import Finish
from broker.lifecycle import Lifecycle
from core import builtins, errors, logs, selecting
from core.clock import Clock
from core.task import ENGINE, Task
from store import documents, mongo, watch
from store.notices import Ear
from store.positions import Positions
from store.records import Record, Records
from store.sweeps import Sweeps
from store.tasks import Tasks

_log = structlog.get_logger(__name__)

TICK_SECONDS = 0.5
SUBSCRIPTIONS = "subscriptions"
"""The follower of the records; its `n` is the moment in ms up to which all were looked at."""
_OVERLAP = timedelta(seconds=60)
"""A record may become visible so long after its time of receipt: other servers have other clocks."""
_NOTE_EVERY = 5.0
_BATCH = 200


class Kit(msgspec.Struct, frozen=True, kw_only=True):
    """What the built-ins work with."""

    database: mongo.Database
    sweeps: Sweeps
    tasks: Tasks
    records: Records
    positions: Positions
    lifecycle: Lifecycle
    cleanup: Cleanup
    clock: Clock


class Builtins:
    """Begins and carries out built-in tasks. Safe beside another one: every write fits only once."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._work: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Work for ever."""
        subscriptions = Subscriptions(self._kit)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(loops.repeat("built-ins", self.step), name="built-ins")
                group.create_task(subscriptions.run(), name="subscriptions")
        finally:
            await loops.ended(*self._work)

    async def step(self) -> float:
        """Begin what became ready; answers the seconds until the next time."""
        ready = await self._kit.sweeps.unbegun(builtins.NAMES, _BATCH)
        for task in ready:
            begun = await self._kit.lifecycle.begin(task)
            if begun.builtin == builtins.CLEAN_UP and begun.seq == task.seq + 1:
                work = asyncio.create_task(self._clean(begun), name=f"clean-up {begun.id}")
                self._work.add(work)
                work.add_done_callback(self._work.discard)
        return 0.0 if len(ready) == _BATCH else TICK_SECONDS

    async def _clean(self, task: Task) -> None:
        """One clean-up to its end; what an engine had begun when it died comes back by its lease."""
        fence = task.exec_id or ""

        async def beat() -> None:
            await self._kit.lifecycle.heartbeat(task.tenant, task.id, exec_id=fence, progress=None, by=ENGINE)

        try:
            result = await self._kit.cleanup.run(task, builtins.rules(task.params, self._kit.clock()), beat)
            finish = Finish(tenant=task.tenant, task_id=task.id, exec_id=fence, result=result)
            (said,) = await self._kit.lifecycle.complete([finish], by=ENGINE)
            if isinstance(said, errors.PenstockError):
                raise said
        except errors.Conflict:
            return  # canceled, or begun again elsewhere
        except errors.PenstockError as error:
            _log.warning("clean-up broken off", **logs.of(task), error=error.detail)


class Subscriptions:
    """Ends tasks that wait for a record."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._heard: dict[str, None] = {}
        self._anew = False
        self._live = False
        self._woken = asyncio.Event()
        self._noted = kit.clock()
        self._following: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Match records for ever."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(loops.repeat("records", self.watch), name="records")
                group.create_task(loops.repeat(SUBSCRIPTIONS, self.step, wake=self._woken), name="matching")
        finally:
            if self._following is not None:
                await loops.ended(self._following)

    async def watch(self) -> float:
        """Follow the records while somebody waits for one: a stream costs MongoDB a look at every write there is.

        Those that came between the begin of a wait and that of the stream are looked at when the stream begins.
        """
        waited = await self._kit.sweeps.is_waited_on(builtins.SUBSCRIBE)
        if waited and self._following is None:
            following = watch.follow(self._kit.database, "records", Ear(self._hear, self._reset))
            self._following = asyncio.create_task(following, name="follow records")
        elif not waited and self._following is not None:
            await loops.ended(self._following)
            self._following = None
        return TICK_SECONDS

    def _hear(self, key: str) -> None:
        self._heard[key] = None
        self._woken.set()

    def _reset(self, live: bool) -> None:  # noqa: FBT001 - the shape that `Ear` has
        self._live = live
        self._anew = self._anew or live
        self._woken.set()

    async def step(self) -> float:
        """Match what was heard of; answers the seconds until the next time if nothing more is heard."""
        at = self._kit.clock()
        if self._anew:
            await self._look_back()
            self._anew = False
        heard = list(self._heard)
        by_tenant: dict[str, list[str]] = {}
        for key in heard:
            by_tenant.setdefault(key.partition("/")[0], []).append(documents.name_of(key))
        for tenant, names in by_tenant.items():
            await self._match(tenant, await self._kit.records.get_many(tenant, names))
        for key in heard:
            self._heard.pop(key, None)
        if self._live and at - self._noted > timedelta(seconds=_NOTE_EVERY):
            await self._kit.positions.advance(SUBSCRIPTIONS, n=int(at.timestamp() * 1000))
            self._noted = at
        return 0.0 if self._heard else _NOTE_EVERY

    async def _look_back(self) -> None:
        """Match records that came while nobody followed them."""
        known = (await self._kit.positions.get(SUBSCRIPTIONS)).n
        upto = datetime.fromtimestamp(known / 1000, tz=UTC) - _OVERLAP if known else None
        for tenant, since in await self._kit.sweeps.waiting_on(builtins.SUBSCRIBE):
            begin, after = since if upto is None else max(since, upto), ""
            while records := await self._kit.records.since(tenant, begin, after=after, limit=_BATCH):
                await self._match(tenant, records)
                begin, after = records[-1].received_at, records[-1].id

    async def _match(self, tenant: str, records: Sequence[Record]) -> None:
        """End each subscription that began before a matching record came, by the first that matches."""
        after = ""
        while records:
            tasks = await self._kit.tasks.of_builtin(tenant, builtins.SUBSCRIBE, after=after, limit=_BATCH)
            for task in tasks:
                record = next((each for each in records if _ends(task, each)), None)
                if record is not None:
                    await self._end(task, record)
            if len(tasks) < _BATCH:
                return
            after = tasks[-1].place

    async def _end(self, task: Task, record: Record) -> None:
        try:
            await self._kit.lifecycle.complete_by_right(
                task, result={"resource": record.body}, by=ENGINE, check=lambda now: now
            )
        except (errors.WrongState, errors.NotFound):
            return  # canceled meanwhile


def _ends(task: Task, record: Record) -> bool:
    begun = task.started_at
    return (
        begun is not None and record.received_at >= begun and selecting.matches(task.params["select-by"], record.body)
    )
