"""Tasks of Aidbox's bulk import, carried out by the engine: claimed like a worker would, and ended with their imports.

A claimed task is bound to an import of its own, which keeps the task's fence: from then on whichever engine is there
keeps the lease and reports the end, so none of them holds anything that dies with it. What a task means is in
`core/import_tasks.py`.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta

import msgspec
import structlog

from broker import loops
from broker.directory import Directory
from broker.dispatch import Claim
from broker.finishing import Finish
from broker.intake import Intake
from broker.lifecycle import Lifecycle
from core import errors, flow, import_tasks, logs
from core.flow_decisions import ACTIVITIES
from core.import_tasks import Options
from core.imports import Import, ImportState
from core.task import ENGINE, Outcome, Progress, State, Task
from store.definition_sweeps import DefinitionSweeps, Lane
from store.flows import Flows
from store.import_sweeps import ImportSweeps
from store.imports import Imports
from store.tasks import Tasks

_log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
"""How soon a new or changed definition is noticed."""
REPORT_SECONDS = 0.5
_REST = 1.0
_CLAIM_WAIT = timedelta(seconds=20)
_AT_ONCE = 50
_REPORTED = 500
_READ = 500

Work = Callable[[Lane, Task], Awaitable[None]]


class Kit(msgspec.Struct, frozen=True, kw_only=True):
    """What the work is done with."""

    lifecycle: Lifecycle
    directory: Directory
    intake: Intake
    imports: Imports
    tasks: Tasks
    flows: Flows


class ImportWork:
    """Begins imports for tasks, decides for import workflows, and reports ends. Safe beside another one."""

    def __init__(self, definitions: DefinitionSweeps, sweeps: ImportSweeps, kit: Kit) -> None:
        self._definitions = definitions
        self._sweeps = sweeps
        self._kit = kit
        self._pumps: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Work for ever."""
        reporting = asyncio.create_task(loops.repeat("import reports", self.report), name="import reports")
        try:
            await loops.repeat("import tasks", self.look)
        finally:
            await loops.ended(reporting, *self._pumps.values())

    async def look(self) -> float:
        """Draw from the lanes of new definitions and templates, and no more from those that are gone."""
        wanted: dict[tuple[str, str], tuple[Lane, Work]] = {}
        for each in await self._definitions.built_in(import_tasks.TASK):
            lane = Lane(tenant=each.tenant, queue=each.queue, lane=each.lane)
            wanted[each.tenant, each.lane] = (lane, self._begin)
        for lane in await self._definitions.templates(import_tasks.WORKFLOW):
            wanted[lane.tenant, lane.lane] = (lane, self._decide)
        for key in [key for key in self._pumps if key not in wanted]:
            await loops.ended(self._pumps.pop(key))
        for key, (lane, work) in wanted.items():
            if key not in self._pumps:
                self._pumps[key] = asyncio.create_task(self._pump(lane, work), name=f"import tasks {lane.queue}")
        return LOOK_SECONDS

    async def _pump(self, lane: Lane, work: Work) -> None:
        async def step() -> float:
            if (await self._kit.directory.queue(lane.tenant, lane.queue)).paused:
                return _REST
            claim = Claim(by=ENGINE, count=_AT_ONCE, wait=_CLAIM_WAIT, worker="import")
            for task in await self._kit.lifecycle.claim_lane(lane.tenant, lane.lane, claim, asyncio.Event()):
                await self._do(lane, task, work)
            return 0.0

        await loops.repeat(f"import tasks {lane.queue}", step)

    async def _do(self, lane: Lane, task: Task, work: Work) -> None:
        """One claimed task; what is wrong with it ends it, what is wrong with us gives it back."""
        try:
            await work(lane, task)
        except (errors.Unavailable, errors.LeaseLost, errors.Changed):
            await self._give_back(task)
        except errors.PenstockError as error:
            faults = [{"field": fault.field, "message": fault.message} for fault in error.faults]
            said = {"type": error.code, "message": error.detail} | ({"errors": faults} if faults else {})
            await self._fail(task, said, retryable=False)
        except Exception:  # noqa: BLE001 - one task must not stop the others; its lease brings it back
            _log.exception("import task failed", **logs.of(task))

    # --- the tasks ---

    async def _begin(self, lane: Lane, task: Task) -> None:
        """Bind the task to its import."""
        assert task.definition is not None
        kit = self._kit
        definition = await kit.directory.definition(task.tenant, task.definition)
        options = msgspec.convert(definition.target.options, Options)
        queue = await kit.directory.queue(lane.tenant, lane.queue)
        named = await self._named(task, lane)
        source = import_tasks.source(task.params, options)
        await kit.intake.begin_for(task, queue, source, import_tasks.order(task.params, options, definition=named))

    async def _named(self, task: Task, lane: Lane) -> str | None:
        """The definition of the resource type's name, if it is one of this queue."""
        name = str(task.params["input"]["resourceType"])
        try:
            found = await self._kit.directory.definition(task.tenant, name)
        except errors.NotFound:
            return None
        return name if found.queue == lane.queue else None

    async def _decide(self, lane: Lane, task: Task) -> None:
        """Answer what an import workflow is to do next."""
        assert task.parent is not None
        tenant = lane.tenant
        found = await self._kit.flows.get(tenant, task.parent.flow)
        answer: list[dict[str, object]] = []
        if found is not None and import_tasks.begins(task.params):
            answer = import_tasks.schedule(found.params)
        elif found is not None and import_tasks.is_over(found):
            total = found.steps[ACTIVITIES].total
            children = [flow.child_id(found.id, ACTIVITIES, number) for number in range(total)]
            answer = [import_tasks.complete(total, await self._ends(tenant, children))]
        await self._complete(task, answer)

    async def _ends(self, tenant: str, task_ids: list[str]) -> list[tuple[Outcome | None, object]]:
        ends: list[tuple[Outcome | None, object]] = []
        for at in range(0, len(task_ids), _READ):
            found = await self._kit.tasks.get_many(tenant, task_ids[at : at + _READ])
            for task_id in task_ids[at : at + _READ]:
                task = found.get(task_id)
                ends.append((None, None) if task is None else (task.outcome, task.result))
        return ends

    # --- their ends ---

    async def report(self) -> float:
        """Keep the leases of tasks whose imports go on, and end the others."""
        for job in await self._sweeps.unreported(_REPORTED):
            try:
                await self._report(job)
            except errors.Unavailable:
                raise
            except errors.PenstockError as error:
                _log.warning("import not reported", tenant=job.tenant, id=job.id, error=error.detail)
                await self._kit.imports.reported(job)
        return REPORT_SECONDS

    async def _report(self, job: Import) -> None:
        task = await self._kit.tasks.get(job.tenant, job.task or "")
        if task is None or task.state is State.DONE:
            with contextlib.suppress(errors.WrongState):
                await self._kit.intake.cancel(job.tenant, job.id, by=ENGINE)
            await self._kit.imports.reported(job)
        elif task.exec_id != job.exec_id or task.state is not State.IN_PROGRESS:
            # Its lease was lost, or it was given back: who gets it next binds it again.
            return
        elif job.state is not ImportState.DONE:
            await self._beat(job, task)
        elif job.outcome is Outcome.SUCCEEDED:
            await self._complete(task, import_tasks.result(job))
            await self._kit.imports.reported(job)
        elif task.cancel_request is not None:
            await self._give_back(task)
            await self._kit.imports.reported(job)
        else:
            said, retryable = import_tasks.error(job)
            await self._fail(task, said, retryable=retryable)
            await self._kit.imports.reported(job)

    async def _beat(self, job: Import, task: Task) -> None:
        progress = Progress(current=job.lines, unit="line", message=f"{job.accepted} imported, {job.refused} refused")
        beat = await self._kit.lifecycle.heartbeat(
            task.tenant, task.id, exec_id=task.exec_id or "", progress=progress, by=ENGINE
        )
        if beat.cancel_requested:
            with contextlib.suppress(errors.WrongState):
                await self._kit.intake.cancel(job.tenant, job.id, by=ENGINE)

    async def _complete(self, task: Task, result: object) -> None:
        finish = Finish(tenant=task.tenant, task_id=task.id, exec_id=task.exec_id or "", result=result)
        (said,) = await self._kit.lifecycle.complete([finish], by=ENGINE)
        if isinstance(said, errors.PayloadMismatch):
            faults = [f"{fault.field}: {fault.message}" for fault in said.faults]
            await self._fail(
                task, {"type": "result-mismatch", "message": said.detail, "faults": faults}, retryable=False
            )
        elif isinstance(said, errors.PenstockError):
            raise said

    async def _fail(self, task: Task, error: object, *, retryable: bool) -> None:
        for said in (error, None):
            try:
                await self._kit.lifecycle.fail(
                    task, exec_id=task.exec_id or "", error=said, retryable=retryable, by=ENGINE
                )
            except errors.PayloadMismatch:
                continue
            return

    async def _give_back(self, task: Task) -> None:
        with contextlib.suppress(errors.PenstockError):
            await self._kit.lifecycle.release(task, exec_id=task.exec_id or "", by=ENGINE)
