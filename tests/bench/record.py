"""What the record of a task's life costs with nothing around it: the store's own writes, straight from this process."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from typing import Any

from core import clock, creation, ids
from core.events import Event
from core.task import Actor, Task
from core.transitions import ends, holds, transition
from store import indexes, mongo
from store.eventlog import EventLog
from store.tasks import Tasks
from tests.bench import cpu
from tests.bench.contenders import Life
from tests.support import making

_NAME = "bench-record"
_TIMEOUT = 30.0
_SUE = Actor(id="s" * 36, name="Sue Submitter", email="sub@demo.example")
_WIM = Actor(id="w" * 36, name="Wim Reviewer", email="wim@demo.example")


class _Record:
    """The collections of a database of their own, with our indexes."""

    def __init__(self, database: mongo.Database) -> None:
        self._tasks = Tasks(database)
        self._log = EventLog(database)
        self._queue = making.queue()
        self._numbers = itertools.count(1)
        self._order = asyncio.Lock()

    async def lives(self, size: int, params: dict[str, Any]) -> None:
        """So many tasks are kept, handed out and ended together, and their three events noted."""
        tenant = self._queue.tenant
        submission = creation.Submission(name="batch", params=params)
        made = [creation.create(submission, queue=self._queue, at=clock.system_clock(), by=_SUE) for _ in range(size)]
        await self._tasks.insert(tenant, made)
        await self._note(made)
        exec_id = ids.new_secret()
        claim = holds.claim(at=clock.system_clock(), by=_WIM, worker=None, exec_id=exec_id, start=True)
        held = await self._tasks.claim(tenant, [(task.id, int(task.priority)) for task in made], claim, _WIM.id)
        await self._note(held)
        end = ends.succeed(at=clock.system_clock(), by=_WIM, exec_id=exec_id, result={"ok": True})
        assert await self._tasks.finish([(tenant, task.id, end, {}) for task in held])
        await self._note([transition.apply(end, task) for task in held])

    async def _note(self, tasks: Sequence[Task]) -> None:
        async with self._order:
            await self._log.append([_event(task, next(self._numbers)) for task in tasks])


async def lives(mongodb: str, pid: int, *, size: int, clients: int, count: int, params: dict[str, Any]) -> Life:
    """Whole lives a second in the record alone, and the CPU of a life, µs: of mongod (`pid`) and of this process."""
    async with mongo.client(mongodb, timeout=_TIMEOUT) as client:
        database = client[_NAME]
        try:
            await indexes.ensure(database)
            record, left = _Record(database), iter(range(count // size))

            async def work() -> None:
                for _ in left:
                    await record.lives(size, params)

            began, own, before = time.perf_counter(), time.process_time(), cpu.seconds(pid)
            await asyncio.gather(*[work() for _ in range(clients)])
            whole = count / (time.perf_counter() - began)
            spent = {"mongod": cpu.seconds(pid) - before, "driver": time.process_time() - own}
        finally:
            await client.drop_database(_NAME)
    return Life(submit=whole, whole=whole, cpu={part: value / count * 1e6 for part, value in spent.items()})


def _event(task: Task, n: int) -> Event:
    note = task.last_event
    return Event(
        tenant=task.tenant, task=task.id, seq=task.seq, n=n, type=note.type, at=note.at, by=note.by,
        state=task.state, outcome=task.outcome, queue=task.queue, priority=task.priority, name=task.name,
    )  # fmt: skip
