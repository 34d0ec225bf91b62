"""The children of flows: brought into being and told to stop, each as often as it takes."""

from collections.abc import Sequence
from itertools import groupby

from broker.admission import Submitted
from broker.directory import Directory
from broker.lifecycle import Lifecycle
from broker.templates import Templates
from core import builtins, creation, errors, flow_life, schemas
from core.clock import Clock
from core.creation import Submission
from core.definition import Definition
from core.flow import Cancel, Child, ChildKind, Completion, Driver, Flow
from core.flow_life import Launch
from core.flow_template import StoredTemplate
from core.task import Outcome, Parent, Reason, Task
from core.transitions import ends, transition
from store.flows import Flows as Record
from store.tasks import Tasks

Key = tuple[str, str]
"""Tenant and id of a flow."""

_BATCH = 500
_FINAL = (errors.Invalid, errors.NotFound, errors.Conflict, errors.TooLarge)
"""Refusals that asking again would not change."""


class Children:
    """Makes and stops children for the executor of flows."""

    def __init__(
        self,
        record: Record,
        tasks: Tasks,
        templates: Templates,
        directory: Directory,
        lifecycle: Lifecycle,
        *,
        clock: Clock,
    ) -> None:
        self._record = record
        self._tasks = tasks
        self._templates = templates
        self._directory = directory
        self._lifecycle = lifecycle
        self._clock = clock

    async def create(
        self, flow: Flow, template: StoredTemplate, children: Sequence[Child], begun: list[Key]
    ) -> list[Completion]:
        """Bring these into being; those that are there already stay as they are. Flows among them go to `begun`.

        Answers, as failed, those that could never be: their definition is gone, or their params do not fit. Raises
        `Unavailable`, after which nothing is known of any.
        """
        refused: list[Completion] = []
        for kind, group in groupby(children, key=lambda child: child.kind):
            wanted = list(group)
            if kind is ChildKind.FLOW:
                for child in wanted:
                    refused += await self._begin(flow, child, begun)
            else:
                for start in range(0, len(wanted), _BATCH):
                    refused += await self._submit(flow, template, wanted[start : start + _BATCH])
        return refused

    async def _submit(self, flow: Flow, template: StoredTemplate, children: Sequence[Child]) -> list[Completion]:
        made: list[tuple[Child, Task]] = []
        refused: list[Completion] = []
        for child in children:
            try:
                made.append((child, await self._task(flow, template, child)))
            except _FINAL as error:
                refused.append(self._refused(child, error))
        answers = await self._lifecycle.admit(flow.tenant, [task for _, task in made])
        for (child, _), answer in zip(made, answers, strict=True):
            if not isinstance(answer, Submitted | errors.AlreadyExists):
                refused.append(self._refused(child, answer))
        return refused

    async def _task(self, flow: Flow, template: StoredTemplate, child: Child) -> Task:
        """The first record of a child that is a task."""
        if child.kind is ChildKind.DECISION:
            definition = decision_definition(template)
        else:
            definition = await self._directory.definition(flow.tenant, child.definition)
        queue = await self._directory.queue(flow.tenant, definition.queue)
        if queue.deleting:
            raise errors.Conflict(f"Queue {queue.key} is being deleted.")
        if child.kind is ChildKind.TASK:
            schemas.check(definition.params_schema, child.params, "params")
            builtins.check(definition, child.params)
            if template.content.driver is Driver.DECISIONS and builtins.of(definition) == builtins.CLEAN_UP:
                raise errors.Invalid(f"{definition.name} cannot be decided on; a schedule may start it.")
            schemas.check(queue.params_schema, child.params, "params")
        submission = Submission(
            id=child.id,
            definition=child.definition,
            name=child.label,
            params=child.params,
            context=flow.context,
            priority=flow.priority,
            execute_at=child.execute_at,
            attempts=child.attempts,
            parent=Parent(flow=flow.id, step=child.step, index=child.index),
        )
        return creation.create(
            submission, queue=queue, definition=definition, at=self._clock(), by=flow.created_by,
            encrypted=bool(flow.encrypted),
        )  # fmt: skip

    async def _begin(self, flow: Flow, child: Child, begun: list[Key]) -> list[Completion]:
        """A child flow begins; its params must fit its template."""
        try:
            template = await self._templates.get(flow.tenant, child.definition)
            schemas.check(template.content.params_schema, child.params, "params")
        except _FINAL as error:
            return [self._refused(child, error)]
        encrypted = bool(flow.encrypted) or await self._templates.encrypts(template)
        await self._record.insert(flow.tenant, self._first(flow, child, template, encrypted=encrypted))
        begun.append((flow.tenant, child.id))
        return []

    def _first(self, flow: Flow, child: Child, template: StoredTemplate, *, encrypted: bool) -> Flow:
        launch = Launch(
            id=child.id,
            params=child.params,
            label=child.label,
            context=flow.context,
            priority=flow.priority,
            execute_at=child.execute_at,
            parent=Parent(flow=flow.id, step=child.step, index=child.index),
            depth=flow.depth + 1,
        )
        return flow_life.begin(
            launch,
            template=template.content,
            version=template.version,
            tenant=flow.tenant,
            at=self._clock(),
            by=flow.created_by,
            encrypted=encrypted,
        )

    # --- to an end ---

    async def cancel(self, flow: Flow, template: StoredTemplate, cancels: Sequence[Cancel], begun: list[Key]) -> None:
        """Tell these to stop; one that has ended stays as it is, one that never was never will be.

        Flows among them go to `begun`.
        """
        tasks = [cancel for cancel in cancels if cancel.kind is not ChildKind.FLOW]
        found = await self._tasks.get_many(flow.tenant, [cancel.id for cancel in tasks])
        for cancel in tasks:
            task = found.get(cancel.id)
            if task is not None:
                await self._cancel_task(flow, task, now=cancel.now)
            elif cancel.unborn:
                await self._take_its_place(flow, template, cancel)
        for cancel in cancels:
            if cancel.kind is ChildKind.FLOW:
                await self._cancel_flow(flow, cancel, begun)

    async def _cancel_task(self, flow: Flow, task: Task, *, now: bool) -> None:
        try:
            await self._lifecycle.cancel(task, by=flow.last_event.by, message=_why(flow), now=now)
        except (errors.WrongState, errors.NotFound):
            return

    async def _take_its_place(self, flow: Flow, template: StoredTemplate, cancel: Cancel) -> None:
        """Where the child may be about to be made, a canceled one takes its id."""
        at = self._clock()
        definition = decision_definition(template)
        try:
            if cancel.kind is not ChildKind.DECISION:
                definition = await self._directory.definition(flow.tenant, cancel.definition)
            queue = await self._directory.queue(flow.tenant, definition.queue)
        except errors.NotFound:
            queue = await self._directory.queue(flow.tenant, template.content.queue)
        parent = Parent(flow=flow.id, step=cancel.step, index=cancel.index)
        submission = Submission(id=cancel.id, definition=definition.name, parent=parent, context=flow.context)
        task = creation.create(
            submission, queue=queue, definition=definition, at=at, by=flow.created_by, encrypted=bool(flow.encrypted)
        )
        change = ends.cancel(task, at=at, by=flow.last_event.by, message=_why(flow))
        answers = await self._lifecycle.admit(flow.tenant, [transition.apply(change, task)])
        if not isinstance(answers[0], Submitted):
            found = await self._tasks.get(flow.tenant, cancel.id)
            if found is not None:
                await self._cancel_task(flow, found, now=cancel.now)

    async def _cancel_flow(self, flow: Flow, cancel: Cancel, begun: list[Key]) -> None:
        if cancel.unborn:
            await self._born_canceled(flow, cancel)
        child = await self._record.get(flow.tenant, cancel.id)
        while child is not None:
            try:
                asked = flow_life.request_cancel(
                    child, at=self._clock(), by=flow.last_event.by, message=_why(flow), now=cancel.now
                )
            except errors.WrongState:
                return
            if asked is child or await self._record.save(flow.tenant, asked, was=child.seq):
                begun.append((flow.tenant, cancel.id))
                return
            child = await self._record.get(flow.tenant, cancel.id)

    async def _born_canceled(self, flow: Flow, cancel: Cancel) -> None:
        try:
            template = await self._templates.get(flow.tenant, cancel.definition)
        except errors.NotFound:
            return
        child = Child(
            id=cancel.id,
            step=cancel.step,
            index=cancel.index,
            kind=cancel.kind,
            definition=cancel.definition,
            params=None,
        )
        first = self._first(flow, child, template, encrypted=bool(flow.encrypted))
        asked = flow_life.request_cancel(
            first, at=self._clock(), by=flow.last_event.by, message=_why(flow), now=cancel.now
        )
        await self._record.insert(flow.tenant, asked)

    def _refused(self, child: Child, error: errors.PenstockError) -> Completion:
        """A child that cannot be has failed; the reason says why."""
        if isinstance(error, errors.Unavailable):
            raise error
        faults = [f"{fault.field}: {fault.message}" for fault in error.faults]
        reason = Reason(type=error.code, message=error.detail, data={"faults": faults} if faults else None)
        return Completion(
            id=child.id, step=child.step, index=child.index, outcome=Outcome.FAILED, at=self._clock(), reason=reason
        )


def decision_definition(template: StoredTemplate) -> Definition:
    """Decision tasks as tasks of a definition: named like the template, in a lane of their own, always checked."""
    return Definition(
        tenant=template.tenant,
        name=template.name,
        queue=template.content.queue,
        lane=template.lane,
        version=template.version,
        created_at=template.created_at,
        created_by=template.created_by,
        updated_at=template.updated_at,
        updated_by=template.updated_by,
        result_schema={},
        limits=template.content.decision,
    )


def _why(flow: Flow) -> str:
    ending = flow.ending
    said = ending.reason.message if ending is not None and ending.reason is not None else "The flow ended."
    return f"Flow {flow.id}: {said}"
