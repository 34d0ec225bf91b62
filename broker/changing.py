"""One change of a task that was read: written only if it still fits, else made anew from the task as it is by then."""

from collections.abc import Callable

from broker.desk import Desk
from broker.places import Places
from core import errors
from core.task import Task
from core.transitions.transition import Transition
from store.tasks import Tasks

_TRIES = 20


class Changing:
    """Writes what is made of a task, and what follows: seats that are free now, a ticket where it became ready."""

    def __init__(self, tasks: Tasks, places: Places, desk: Desk) -> None:
        self._tasks = tasks
        self._places = places
        self._desk = desk

    async def read(self, tenant: str, task_id: str) -> Task:
        """The task as it is now; raises `NotFound`."""
        task = await self._tasks.get(tenant, task_id)
        if task is None:
            raise errors.NotFound(f"There is no task {task_id}.")
        return task

    async def change(self, task: Task, build: Callable[[Task], Transition]) -> Task:
        """Apply what `build` makes of the task; read it again and rebuild while others change it in between."""
        for _ in range(_TRIES):
            after = await self._tasks.apply(task.tenant, task, build(task))
            if after is not None:
                if after.slot is not None:
                    await self._places.moved([(task, after)])
                if after.ticket_due is not None:
                    await self._desk.offer([after])
                return after
            task = await self.read(task.tenant, task.id)
        raise errors.Changed(f"Task {task.id} is being changed by others all the time; try again.", retry_after=1.0)
