"""New tasks are kept, many in one write, and get their tickets; those that the platform carries out itself begin."""

from collections.abc import Sequence

import msgspec

from broker.apart import Apart
from broker.changing import Changing
from broker.desk import Desk
from broker.fair import Fair
from broker.places import Places
from core import builtins, errors, ids
from core.clock import Clock
from core.task import State, Task
from core.transitions import holds
from store.tasks import Tasks


class Submitted(msgspec.Struct, frozen=True, kw_only=True):
    """What a submit did: the task, and whether it is new (False: its idempotency key or id was known)."""

    task: Task
    created: bool


class Admission:
    """The group commit of new tasks."""

    def __init__(
        self, tasks: Tasks, desk: Desk, places: Places, changing: Changing, fair: Fair, *, clock: Clock
    ) -> None:
        self._tasks = tasks
        self._desk = desk
        self._places = places
        self._changing = changing
        self._clock = clock
        self._inserts: Apart[tuple[str, Task], Task | None] = Apart(self._insert, in_flight=4, alone=fair.alone)

    async def admit(self, tenant: str, tasks: Sequence[Task]) -> list[Submitted | errors.PenstockError]:
        """Keep these records and hand out tickets; one answer for each: kept for good, there already, or refused."""
        if not tasks:
            return []
        mine = [(tenant, task) for task in tasks]
        # What must be sealed goes alone: a key that is not to be had is nobody else's trouble.
        sealed = any(task.encrypted for task in tasks)
        rivals = await (self._insert(mine) if sealed else self._inserts.add(tenant, mine))
        answers = [_submitted(task, rival) for task, rival in zip(tasks, rivals, strict=True)]
        created = [each.task for each in answers if isinstance(each, Submitted) and each.created]
        begun = {task.id: await self.begin(task) for task in created if task.builtin in builtins.AT_ONCE}
        if begun:
            answers = [
                msgspec.structs.replace(each, task=begun.get(each.task.id, each.task))
                if isinstance(each, Submitted)
                else each
                for each in answers
            ]
        await self._places.call(tenant, sorted({task.slot for task in created if task.slot is not None}))
        return answers

    async def begin(self, task: Task) -> Task:
        """Start on a ready task that the platform carries out itself; any other stays as it is."""
        if task.state is not State.READY:
            return task
        at = self._clock()
        until = builtins.until(task.params, at) if task.builtin == builtins.WAIT else None
        exec_id = None if task.builtin in builtins.AT_ONCE else ids.new_secret()
        begun = await self._tasks.apply(task.tenant, task, holds.begin(task, at=at, exec_id=exec_id, until=until))
        return begun or await self._changing.read(task.tenant, task.id)

    async def _insert(self, tasks: list[tuple[str, Task]]) -> list[Task | None]:
        """Keep what came together, and publish its tickets together."""
        rivals = await self._tasks.insert_mixed(tasks)
        await self._desk.offer([task for index, (_, task) in enumerate(tasks) if index not in rivals])
        return [rivals.get(index) for index in range(len(tasks))]


def _submitted(task: Task, rival: Task | None) -> Submitted | errors.PenstockError:
    """What became of a new task: kept, or there already under its key, or refused."""
    if rival is None:
        return Submitted(task=task, created=True)
    if task.dedup_key is None or rival.dedup_key != task.dedup_key:
        return errors.AlreadyExists(f"There is a task {task.id} already.")
    if rival.fingerprint != task.fingerprint:
        return errors.KeyReused(
            f"The key {task.dedup_key!r} was used for task {rival.id} with another request.", extra={"taskId": rival.id}
        )
    return Submitted(task=rival, created=False)
