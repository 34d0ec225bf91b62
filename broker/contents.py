"""What tasks carry is checked before it is kept: params when they are submitted, results and errors when they end."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from broker.directory import Directory
from core import builtins, creation, errors, schemas, telemetry
from core.creation import Submission
from core.flow_decisions import is_decision
from core.queue import Queue
from core.task import Actor, Task

Decided = Callable[[Task, Any], Awaitable[None]]
"""Raises `PayloadMismatch` where a decision task's result cannot be carried out by its flow."""


class Contents:
    """Checks by the schemas of queues and definitions."""

    def __init__(self, directory: Directory, decided: Decided) -> None:
        self._directory = directory
        self._decided = decided

    async def create(self, queue: Queue, submission: Submission, at: datetime, by: Actor) -> Task:
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

    async def check_end(self, task: Task, field: str, value: Any) -> None:
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
