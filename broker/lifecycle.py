"""Everything that can happen to a task, one method an operation, in the order of a task's life. Read this first.

Who calls has been let in already (`api/guards.py`); here it is only named as the `by` of what happens. Every method
ends in a transition (`core/transitions/`) that the store applies if it still holds, and, where a task became ready,
in a ticket. Refusals are the errors of `core/errors.py` and leave everything as it was.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from broker.apart import Apart
from broker.desk import Desk
from broker.directory import Directory
from broker.dispatch import Claim, Dispatch
from broker.places import Places, Seated
from core import breath, builtins, creation, errors, ids, schemas, telemetry
from core.clock import Clock
from core.creation import Submission
from core.flow_decisions import is_decision
from core.priority import Priority
from core.queue import Queue
from core.task import PUSHER, Actor, Note, Outcome, Progress, State, Task, held_by
from core.transitions import edits, ends, failures, holds, redrives
from core.transitions.transition import Transition
from store.tasks import Tasks

_TRIES = 20


class Submitted(msgspec.Struct, frozen=True, kw_only=True):
    """What a submit did: the task, and whether it is new (False: its idempotency key or id was known)."""

    task: Task
    created: bool


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


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """What a heartbeat answers: until when the lease runs now, and whether the holder is asked to stop."""

    lease_until: datetime | None
    cancel_requested: bool


Decided = Callable[[Task, Any], Awaitable[None]]
"""Raises `PayloadMismatch` where a decision task's result cannot be carried out by its flow."""

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
        clock: Clock,
        dice: random.Random,
        decided: Decided,
        gate: Gate | None = None,
    ) -> None:
        self._tasks = tasks
        self._directory = directory
        self._desk = desk
        self._dispatch = dispatch
        self._places = places
        self._clock = clock
        self._dice = dice
        self._decided = decided
        self._gate = gate
        self._inserts: Apart[tuple[str, Task], Task | None] = Apart(self._insert, in_flight=4)
        self._finishes: Apart[tuple[Finish, Actor], Ended | errors.PenstockError] = Apart(self._finish, in_flight=4)

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
                fresh.append(await self._create(queue, submission, at, by))
                answers.append(None)
            except errors.PenstockError as error:
                answers.append(error)
        kept = iter(await self.admit(queue.tenant, fresh))
        return [next(kept) if answer is None else answer for answer in answers]

    async def admit(self, tenant: str, tasks: Sequence[Task]) -> list[Submitted | errors.PenstockError]:
        """Keep new records as they are and hand out tickets; one answer for each, as `submit` gives."""
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
        """Start on a ready task that the platform carries out itself; one that is not ready (any more) stays as it is.

        A wait ends by its timer, a subscription by a record; what is worked on has a fence.
        """
        if task.state is not State.READY:
            return task
        at = self._clock()
        until = builtins.until(task.params, at) if task.builtin == builtins.WAIT else None
        exec_id = None if task.builtin in builtins.AT_ONCE else ids.new_secret()
        begun = await self._tasks.apply(task.tenant, task, holds.begin(task, at=at, exec_id=exec_id, until=until))
        return begun or await self._read(task.tenant, task.id)

    async def _create(self, queue: Queue, submission: Submission, at: datetime, by: Actor) -> Task:
        """The first record of what was submitted; raises where it fits neither queue nor definition."""
        definition = None
        if submission.definition is not None:
            definition = await self._directory.definition(queue.tenant, submission.definition)
            if definition.queue != queue.key:
                raise errors.Conflict(f"Definition {definition.name} belongs to the queue {definition.queue}.")
            schemas.check(definition.params_schema, submission.params, "params")
            builtins.check(definition, submission.params)
            if builtins.of(definition) == builtins.CLEAN_UP and not (submission.administrative or submission.schedule):
                raise errors.Forbidden("A clean-up needs the right to manage queues, or a schedule.")
        schemas.check(queue.params_schema, submission.params, "params")
        trace = telemetry.current.get()
        return creation.create(submission, queue=queue, definition=definition, at=at, by=by, trace=trace)

    async def submit_one(self, queue: Queue, submission: Submission, *, by: Actor) -> Submitted:
        """`submit` of one task; raises what that would answer as a refusal."""
        answer = (await self.submit(queue, [submission], by=by))[0]
        if isinstance(answer, errors.PenstockError):
            raise answer
        return answer

    async def _insert(self, tasks: list[tuple[str, Task]]) -> list[Task | None]:
        """Keep what came together, and publish its tickets together."""
        rivals = await self._tasks.insert_mixed(tasks)
        await self._desk.offer([task for index, (_, task) in enumerate(tasks) if index not in rivals])
        return [rivals.get(index) for index in range(len(tasks))]

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
            started = await self._tasks.apply_blind(task.tenant, task.id, change, holder__id=_holders(by))
            if started is None:
                raise _refusal(await self._read(task.tenant, task.id), exec_id, by, change)
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
        task = await self._tasks.apply_blind(tenant, task_id, change, holder__id=_holders(by), **also)
        if task is None:
            there = await self._read(tenant, task_id)
            if not (also and there.encrypted):
                raise _refusal(there, exec_id, by, change)
            task = await self._change(there, lambda now: _fitting(now, exec_id, by, change))
        return Beat(lease_until=task.lease_until, cancel_requested=task.cancel_request is not None)

    # --- end ---

    async def complete(self, finishes: Sequence[Finish], *, by: Actor) -> Sequence[Ended | errors.PenstockError]:
        """The holder's successes, many of one tenant at once; one answer for each. A repeated one answers as the first
        did.
        """
        if not finishes:
            return ()
        return await self._finishes.add(finishes[0].tenant, [(finish, by) for finish in finishes])

    async def _finish(self, finishes: list[tuple[Finish, Actor]]) -> list[Ended | errors.PenstockError]:
        at = self._clock()
        rows = [
            (
                finish.tenant,
                finish.task_id,
                ends.succeed(at=at, by=by, exec_id=finish.exec_id, result=finish.result),
                {"holder.id": _holders(by), "strict": None},
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
        return _refusal(task, finish.exec_id, by, change)

    async def _complete_strictly(self, task: Task, finish: Finish, by: Actor) -> Ended | errors.PenstockError:
        at = self._clock()
        try:
            await self._check_end(task, "result", finish.result)
            await self._change(
                task,
                lambda now: ends.complete(_held(now, finish.exec_id), at=at, by=by, result=finish.result),
            )
        except errors.PenstockError as error:
            return error
        return Ended(task_id=task.id, ended_at=at)

    async def _check_end(self, task: Task, field: str, value: Any) -> None:
        """Raise `PayloadMismatch` where a result or error does not fit the task's definition, if that still exists."""
        if not task.strict or task.definition is None:
            return
        if is_decision(task):
            if field == "result":
                await self._decided(task, value)
            return
        try:
            definition = await self._directory.definition(task.tenant, task.definition)
        except errors.NotFound:
            return
        schemas.check(definition.result_schema if field == "result" else definition.error_schema, value, field)

    async def complete_by_right(self, task: Task, *, result: Any, by: Actor, check: Check) -> Task:
        """End a running task with success by somebody who needs no fence: `check` says whether that is right now."""
        await self._check_end(task, "result", result)
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
        await self._check_end(task, "error", error)
        return await self._change(
            task,
            lambda now: failures.fail(
                _held(now, exec_id),
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
            task, lambda now: holds.release(_held(now, exec_id), at=self._clock(), by=by, exec_id=exec_id)
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

    # --- shared ---

    async def _read(self, tenant: str, task_id: str) -> Task:
        task = await self._tasks.get(tenant, task_id)
        if task is None:
            raise errors.NotFound(f"There is no task {task_id}.")
        return task

    async def _change(self, task: Task, build: Callable[[Task], Transition]) -> Task:
        """Apply what `build` makes of the task; read it again and rebuild while others change it in between."""
        for _ in range(_TRIES):
            change = build(task)
            after = await self._tasks.apply(task.tenant, task, change)
            if after is not None:
                if after.slot is not None:
                    await self._places.moved([(task, after)])
                if after.ticket_due is not None:
                    await self._desk.offer([after])
                return after
            task = await self._read(task.tenant, task.id)
        raise errors.Changed(f"Task {task.id} is being changed by others all the time; try again.", retry_after=1.0)


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


def _holders(by: Actor) -> dict[str, list[str]]:
    """Whose hold the caller's fence may be: its own, or that of a push, whose target was sent the fence."""
    return {"$in": [by.id, PUSHER.id]}


def _held(task: Task, exec_id: str) -> Task:
    """The task, if this `execId` is its present one; raises `LeaseLost`."""
    if task.exec_id != exec_id:
        raise errors.LeaseLost(extra={"state": task.state.value})
    return task


def _fitting(task: Task, exec_id: str, by: Actor, change: Transition) -> Transition:
    """The blind change, if it fits the task as it is now; raises what `_refusal` says."""
    if task.exec_id != exec_id or task.state not in change.sources or not held_by(task, by.id):
        raise _refusal(task, exec_id, by, change)
    return change


def _refusal(task: Task, exec_id: str, by: Actor, change: Transition) -> errors.PenstockError:
    """Why a blind change did not fit the task as it is now."""
    state = {"state": task.state.value}
    if task.exec_id != exec_id:
        return errors.LeaseLost(extra=state)
    if task.holder is not None and not held_by(task, by.id):
        return errors.Forbidden(f"Task {task.id} is held by {task.holder.name}; only its holder may {change.name} it.")
    if task.state is State.DONE:
        how = "" if task.outcome is None else f": {task.outcome.value}"
        why = "" if task.reason is None else f" ({task.reason.message.rstrip('.')})"
        return errors.WrongState(f"Task {task.id} has ended already{how}{why}. Nothing was changed.", extra=state)
    if task.state not in change.sources:
        return errors.WrongState(
            f"Task {task.id} is {task.state.value}: it cannot be made to {change.name}.", extra=state
        )
    return errors.Changed(f"Task {task.id} was changed at the same moment; try again.", retry_after=1.0)
