"""What a firing submits: the seam between schedules and what they start, and its first side, tasks."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from broker.admission import Submitted
from broker.directory import Directory
from broker.lifecycle import Lifecycle
from core import clock, errors, schemas
from core.clock import Clock
from core.creation import Submission
from core.errors import Fault, PenstockError
from core.firing import Due
from core.queue import Queue
from core.schedule import Order, Schedule, TaskOrder
from core.task import ENGINE, Actor, ScheduleRef
from store.tasks import Tasks

_MOST_STOPPED = 100
"""Runs that one firing replaces; where there are more, the next ones go on."""


class Runs(Protocol):
    """Starts runs of one kind of order. Everything may be repeated by another engine, and then changes nothing."""

    async def check(self, tenant: str, order: Order) -> Order:
        """The order with its queue named; raises `Invalid` where it names what is not there or does not fit."""
        ...

    async def begin(self, schedule: Schedule, dues: Sequence[Due], *, by: Actor) -> list[PenstockError | None]:
        """Submit these, each under its id; why not, or None: it is there, now or since before.

        Raises `Unavailable`, after which nothing is known of any.
        """
        ...

    async def open_before(self, schedule: Schedule, due: Due) -> list[str]:
        """Ids of the runs of earlier firings that have not ended, the oldest first; some beyond `max_open` too."""
        ...

    async def stop(self, schedule: Schedule, run_ids: Sequence[str]) -> None:
        """Cancel runs, at once; those that ended meanwhile are left as they are."""
        ...


class TaskRuns:
    """Tasks as the runs of schedules."""

    def __init__(self, lifecycle: Lifecycle, directory: Directory, tasks: Tasks, *, clock: Clock) -> None:
        self._lifecycle = lifecycle
        self._directory = directory
        self._tasks = tasks
        self._clock = clock

    async def check(self, tenant: str, order: Order) -> Order:
        """See `Runs`: the queue is that of the definition, and params must fit the schemas of both."""
        assert isinstance(order, TaskOrder)
        queue = await self._checked_queue(tenant, order)
        schemas.check(queue.params_schema, order.params, "task.params")
        return msgspec.structs.replace(order, queue=queue.key)

    async def begin(self, schedule: Schedule, dues: Sequence[Due], *, by: Actor) -> list[PenstockError | None]:
        """See `Runs`."""
        order = schedule.order
        assert isinstance(order, TaskOrder)
        try:
            queue = await self._queue(schedule.tenant, order)
            wanted = [self._submission(schedule, order, due) for due in dues]
            answers = await self._lifecycle.submit(queue, wanted, by=by)
        except errors.Unavailable:
            raise
        except PenstockError as refusal:
            return [refusal for _ in dues]
        return [_refusal(answer) for answer in answers]

    async def open_before(self, schedule: Schedule, due: Due) -> list[str]:
        """See `Runs`."""
        limit = schedule.overlap.max_open + _MOST_STOPPED
        return await self._tasks.open_of_schedule(schedule.tenant, schedule.id, due.at, limit)

    async def stop(self, schedule: Schedule, run_ids: Sequence[str]) -> None:
        """See `Runs`."""
        message = f"Schedule {schedule.id} fired again."
        for task in (await self._tasks.get_many(schedule.tenant, run_ids)).values():
            try:
                await self._lifecycle.cancel(task, by=ENGINE, message=message, now=True)
            except (errors.WrongState, errors.NotFound):
                continue

    def _submission(self, schedule: Schedule, order: TaskOrder, due: Due) -> Submission:
        expires = order.expire_after_seconds
        return Submission(
            id=due.id,
            definition=order.definition,
            name=order.name,
            description=order.description,
            params=order.params,
            context=order.context,
            labels=order.labels,
            record_id=order.record_id,
            priority=order.priority,
            limits=order.limits,
            expire_at=None if expires is None else self._clock() + clock.span(expires),
            schedule=ScheduleRef(id=schedule.id, at=due.at),
        )

    async def _queue(self, tenant: str, order: TaskOrder) -> Queue:
        key = order.queue
        if order.definition is not None:
            key = (await self._directory.definition(tenant, order.definition)).queue
        assert key is not None
        return await self._directory.queue(tenant, key)

    async def _checked_queue(self, tenant: str, order: TaskOrder) -> Queue:
        key = order.queue
        if order.definition is not None:
            try:
                definition = await self._directory.definition(tenant, order.definition)
            except errors.NotFound as error:
                raise _invalid("task.definition", error.detail) from None
            if key is not None and key != definition.queue:
                raise _invalid("task.queue", f"Definition {definition.name} belongs to the queue {definition.queue}.")
            schemas.check(definition.params_schema, order.params, "task.params")
            key = definition.queue
        if key is None:
            raise _invalid("task", 'It needs a queue or a definition; for example {"queue": "intake:reports"}')
        try:
            return await self._directory.queue(tenant, key)
        except errors.NotFound as error:
            raise _invalid("task.queue", error.detail) from None


def _refusal(answer: Submitted | PenstockError) -> PenstockError | None:
    # Its id is taken by itself alone: ids derive from the schedule's secret.
    if isinstance(answer, Submitted | errors.AlreadyExists):
        return None
    if isinstance(answer, errors.Unavailable):
        raise answer
    return answer


def _invalid(field: str, message: str) -> errors.Invalid:
    return errors.Invalid(f"{field}: {message}", faults=[Fault(field=field, message=message)])
