"""Everything that can happen to a task, one method an operation, in the order of a task's life. Read this first.

Who calls has been let in already (`api/guards.py`); here it is only named as the `by` of what happens. Every method
ends in a transition (`core/transitions/`) that the store applies if it still holds, and, where a task became ready,
in a ticket. Refusals are the errors of `core/errors.py` and leave everything as it was.

How new tasks are written is in `admission.py`, how tasks are handed out in `dispatch.py`, how many ends are written at
once in `finishing.py`, and any other change of one task in `changing.py`; `contents.py` checks what they carry.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from broker.admission import Admission, Submitted
from broker.apart import Apart
from broker.changing import Changing
from broker.contents import Contents, Decided
from broker.desk import Desk
from broker.directory import Directory
from broker.dispatch import Claim, Dispatch
from broker.fair import Fair
from broker.finishing import Ended, Finish, Finishing
from broker.places import Places, Seated
from core import errors, fences, ids, schemas
from core.clock import Clock
from core.creation import Submission
from core.priority import Priority
from core.queue import Queue
from core.task import Actor, Note, Progress, Task
from core.transitions import edits, ends, failures, holds, redrives
from core.transitions.transition import Transition
from loop import breath
from store import changes
from store.tasks import Tasks


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """What a heartbeat answers: until when the lease runs now, and whether the holder is asked to stop."""

    lease_until: datetime | None
    cancel_requested: bool


Gate = Callable[[Queue, Sequence[Submission]], Awaitable[None]]
"""Raises `TooManyRequests` or `TooLarge` where a tenant's quotas refuse submissions."""

Check = Callable[[Task], Task]
"""Answers the task that it is given, or raises: asked again whenever the task was changed in between."""


def _anything(task: Task) -> Task:
    return task


class Lifecycle:
    """The operations on tasks, for one process."""

    def __init__(
        self,
        *,
        tasks: Tasks,
        directory: Directory,
        desk: Desk,
        dispatch: Dispatch,
        places: Places,
        fair: Fair,
        clock: Clock,
        dice: random.Random,
        decided: Decided,
        gate: Gate | None = None,
    ) -> None:
        self._tasks = tasks
        self._dispatch = dispatch
        self._places = places
        self._clock = clock
        self._dice = dice
        self._gate = gate
        self._contents = Contents(directory, decided)
        changing = Changing(tasks, places, desk)
        self._read, self._change = changing.read, changing.change
        self._admission = Admission(tasks, desk, places, changing, fair, clock=clock)
        finishing = Finishing(tasks, self._contents, changing, clock=clock)
        self._finishes: Apart[tuple[Finish, Actor], Ended | errors.PenstockError] = Apart(
            finishing.write, in_flight=4, alone=fair.alone
        )

    # --- begin ---

    async def submit(
        self, queue: Queue, submissions: Sequence[Submission], *, by: Actor
    ) -> list[Submitted | errors.PenstockError]:
        """Keep new tasks; one answer for each: accepted for good when this returns, or why not.

        A submission whose dedup key is known answers the task of then, or `KeyReused` if that was another request.
        """
        if queue.deleting:
            raise errors.Conflict(f"Queue {queue.key} is being deleted.")
        if self._gate is not None:
            await self._gate(queue, submissions)
        at = self._clock()
        answers: list[Submitted | errors.PenstockError | None] = []
        fresh: list[Task] = []
        async for submission in breath.each(submissions):
            try:
                fresh.append(await self._contents.create(queue, submission, at, by))
                answers.append(None)
            except errors.PenstockError as error:
                answers.append(error)
        kept = iter(await self._admission.admit(queue.tenant, fresh))
        return [next(kept) if answer is None else answer for answer in answers]

    async def submit_one(self, queue: Queue, submission: Submission, *, by: Actor) -> Submitted:
        """`submit` of one task; raises what that would answer as a refusal."""
        answer = (await self.submit(queue, [submission], by=by))[0]
        if isinstance(answer, errors.PenstockError):
            raise answer
        return answer

    async def admit(self, tenant: str, tasks: Sequence[Task]) -> list[Submitted | errors.PenstockError]:
        """Keep new records as they are and hand out tickets; one answer for each, as `submit` gives."""
        return await self._admission.admit(tenant, tasks)

    async def begin(self, task: Task) -> Task:
        """Start on a ready task that the platform carries out itself; one that is not ready (any more) stays as it is.

        A wait ends by its timer, a subscription by a record; what is worked on has a fence.
        """
        return await self._admission.begin(task)

    # --- hand out ---

    async def claim(self, queue: Queue, claim: Claim, gone: asyncio.Event) -> list[Task]:
        """Tasks of the queue for a worker, started unless it asked otherwise; see `Dispatch.claim`."""
        return await self._dispatch.claim((queue,), claim, gone)

    async def claim_lane(self, tenant: str, lane: str, claim: Claim, gone: asyncio.Event) -> list[Task]:
        """The same from one lane that no worker draws from: that of a push target."""
        return await self._dispatch.claim_lane(tenant, lane, claim, gone)

    async def claim_among(self, queues: Sequence[Queue], claim: Claim, gone: asyncio.Event) -> list[Task]:
        """The same over several queues of one tenant."""
        return await self._dispatch.claim(queues, claim, gone)

    async def start(self, task: Task, *, exec_id: str | None, by: Actor) -> Task:
        """Begin: a requested task by its holder, or (without `exec_id`) a ready task by a person who picked it.

        Raises `WrongState` when somebody else was first, `Forbidden` when it is assigned to somebody else,
        `LimitReached` when its definition allows no more at once.
        """
        if exec_id is not None:
            change = holds.start(at=self._clock(), by=by, exec_id=exec_id)
            started = await self._tasks.apply_blind(task.tenant, task.id, change, holder__id=changes.holders(by))
            if started is None:
                raise fences.refusal(await self._read(task.tenant, task.id), exec_id, by, change)
            return started
        fence = ids.new_secret()

        def take(now: Task) -> Transition:
            if now.assignee is not None and now.assignee.id != by.id:
                raise errors.Forbidden(f"Task {now.id} is assigned to {now.assignee.name}.")
            return holds.take(now, at=self._clock(), by=by, exec_id=fence)

        def write(seated: Seated) -> Awaitable[Task]:
            return self._change(task, lambda now: seated(take(now)))

        return await self._places.take(task, write)

    # --- while it runs ---

    async def heartbeat(
        self,
        tenant: str,
        task_id: str,
        *,
        exec_id: str,
        progress: Progress | None,
        by: Actor,
        said: Mapping[str, Any] | None = None,
    ) -> Beat:
        """The holder is alive: its lease runs anew. Raises `LeaseLost` when it is not the holder any more.

        `said` is kept in the history as an event of the type `notified`.
        """
        at = self._clock()
        note = None if said is None else Note(type="notified", at=at, by=by, data=dict(said))
        change = holds.beat(at=at, exec_id=exec_id, progress=progress, note=note)
        # What is written blindly is not sealed.
        also = {} if progress is None and note is None else {"encrypted": None}
        task = await self._tasks.apply_blind(tenant, task_id, change, holder__id=changes.holders(by), **also)
        if task is None:
            there = await self._read(tenant, task_id)
            if not (also and there.encrypted):
                raise fences.refusal(there, exec_id, by, change)
            task = await self._change(there, lambda now: fences.fitting(now, exec_id, by, change))
        return Beat(lease_until=task.lease_until, cancel_requested=task.cancel_request is not None)

    # --- end ---

    async def complete(self, finishes: Sequence[Finish], *, by: Actor) -> Sequence[Ended | errors.PenstockError]:
        """The holder's successes, many of one tenant at once; one answer for each. A repeated one answers as the first
        did.
        """
        if not finishes:
            return ()
        return await self._finishes.add(finishes[0].tenant, [(finish, by) for finish in finishes])

    async def complete_by_right(self, task: Task, *, result: Any, by: Actor, check: Check) -> Task:
        """End a running task with success by somebody who needs no fence: `check` says whether that is right now."""
        await self._contents.check_end(task, "result", result)
        return await self._change(task, lambda now: ends.complete(check(now), at=self._clock(), by=by, result=result))

    async def fail(
        self,
        task: Task,
        *,
        exec_id: str,
        error: Any,
        retryable: bool,
        by: Actor,
        not_before: datetime | None = None,
    ) -> Task:
        """The attempt failed: again after the backoff, or a dead letter. Raises `LeaseLost`, `WrongState`."""
        await self._contents.check_end(task, "error", error)
        return await self._change(
            task,
            lambda now: failures.fail(
                fences.held(now, exec_id),
                at=self._clock(),
                by=by,
                error=error,
                retryable=retryable,
                dice=self._dice,
                not_before=not_before,
            ),
        )

    async def release(self, task: Task, *, exec_id: str, by: Actor) -> Task:
        """The holder gives it back unfinished; no attempt is spent."""
        return await self._change(
            task, lambda now: holds.release(fences.held(now, exec_id), at=self._clock(), by=by, exec_id=exec_id)
        )

    async def cancel(self, task: Task, *, by: Actor, message: str | None, now: bool) -> Task:
        """End it: at once (`now`), or by asking its holder first when it is running."""
        build = ends.cancel if now or task.builtin is not None else ends.ask_cancel
        return await self._change(task, lambda read: build(read, at=self._clock(), by=by, message=message))

    # --- afterwards ---

    async def retry(self, task: Task, *, by: Actor) -> Task:
        """Run an ended task again with all its attempts."""
        return await self._change(task, lambda now: redrives.retry_ended(now, at=self._clock(), by=by))

    async def delete(self, task: Task, *, by: Actor) -> None:
        """Remove it from every view."""
        await self._change(task, lambda now: ends.delete(now, at=self._clock(), by=by))

    # --- at any time ---

    async def assign(self, task: Task, *, to: Actor | None, by: Actor, check: Check = _anything) -> Task:
        """Give it to a person, or to nobody; `check` may refuse by what the task is at that moment."""
        return await self._change(task, lambda now: edits.assign(check(now), at=self._clock(), by=by, to=to))

    async def prioritise(self, task: Task, *, to: Priority, by: Actor, check: Check = _anything) -> Task:
        """Change its priority and with it its place; `check` as in `assign`."""
        return await self._change(task, lambda now: edits.prioritise(check(now), at=self._clock(), by=by, to=to))

    async def edit(
        self,
        task: Task,
        fields: Mapping[str, Any],
        *,
        queue: Queue,
        by: Actor,
        event: str = "updated",
        to: Priority | None = None,
        check: Check = _anything,
    ) -> Task:
        """Change what describes it (`edits.EDITABLE`) and its priority; params must still fit the queue's schema.

        `check` may refuse by what the task is at the moment of the change.
        """
        if "params" in fields:
            schemas.check(queue.params_schema, fields["params"], "params")
        return await self._change(
            task,
            lambda now: edits.edit(
                check(now), at=self._clock(), by=by, fields=fields, event=event, to=to, rules=queue.deadlines
            ),
        )
