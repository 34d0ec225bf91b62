"""Successes that holders report, written together; and what became of each, where not all of them fitted."""

from datetime import datetime
from typing import Any

import msgspec

from broker.changing import Changing
from broker.contents import Contents
from core import errors, fences
from core.clock import Clock
from core.task import Actor, Outcome, State, Task, held_by
from core.transitions import ends
from store import changes
from store.tasks import Tasks


class Finish(msgspec.Struct, frozen=True, kw_only=True):
    """One successful end that a holder reports."""

    tenant: str
    task_id: str
    exec_id: str
    result: Any = None


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A task that succeeded, and when."""

    task_id: str
    ended_at: datetime


class Finishing:
    """The group commit of ends with success."""

    def __init__(self, tasks: Tasks, contents: Contents, changing: Changing, *, clock: Clock) -> None:
        self._tasks = tasks
        self._contents = contents
        self._changing = changing
        self._clock = clock

    async def write(self, finishes: list[tuple[Finish, Actor]]) -> list[Ended | errors.PenstockError]:
        """End what these holders report; one answer for each."""
        at = self._clock()
        rows = [
            (
                finish.tenant,
                finish.task_id,
                ends.succeed(at=at, by=by, exec_id=finish.exec_id, result=finish.result),
                {"holder.id": changes.holders(by), "strict": None},
            )
            for finish, by in finishes
        ]
        if await self._tasks.finish(rows):
            return [Ended(task_id=finish.task_id, ended_at=at) for finish, _ in finishes]
        return await self._finished(finishes)

    async def _finished(self, finishes: list[tuple[Finish, Actor]]) -> list[Ended | errors.PenstockError]:
        """What became of each of these, read from the record: not all of them fitted."""
        wanted: dict[str, list[str]] = {}
        for finish, _ in finishes:
            wanted.setdefault(finish.tenant, []).append(finish.task_id)
        found = {tenant: await self._tasks.get_many(tenant, task_ids) for tenant, task_ids in wanted.items()}
        return [await self._verdict(found[finish.tenant].get(finish.task_id), finish, by) for finish, by in finishes]

    async def _verdict(self, task: Task | None, finish: Finish, by: Actor) -> Ended | errors.PenstockError:
        """Whether a task shows the end that was reported, or why not; a strict one is checked and ended here."""
        if task is None:
            return errors.NotFound(f"There is no task {finish.task_id}.")
        mine = task.exec_id == finish.exec_id and held_by(task, by.id)
        if mine and task.outcome is Outcome.SUCCEEDED and task.ended_at is not None:
            return Ended(task_id=task.id, ended_at=task.ended_at)
        if mine and task.strict and task.state is State.IN_PROGRESS:
            return await self._complete_strictly(task, finish, by)
        change = ends.succeed(at=task.updated_at, by=by, exec_id=finish.exec_id, result=None)
        return fences.refusal(task, finish.exec_id, by, change)

    async def _complete_strictly(self, task: Task, finish: Finish, by: Actor) -> Ended | errors.PenstockError:
        at = self._clock()
        try:
            await self._contents.check_end(task, "result", finish.result)
            await self._changing.change(
                task,
                lambda now: ends.complete(fences.held(now, finish.exec_id), at=at, by=by, result=finish.result),
            )
        except errors.PenstockError as error:
            return error
        return Ended(task_id=task.id, ended_at=at)
