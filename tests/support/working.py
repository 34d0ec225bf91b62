"""Submitting and working through a process's lifecycle, for tests of what goes on beside it."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import msgspec

from broker import assembly
from broker.admission import Submitted
from broker.dispatch import Claim
from broker.finishing import Finish
from core.creation import Submission
from core.queue import Queue
from core.task import Task
from tests.support.making import ANN, WIM


async def submit(parts: assembly.Parts, queue: Queue, count: int = 1, **fields: object) -> list[Task]:
    """New tasks; `fields` are those of a submission."""
    wanted = [msgspec.structs.replace(Submission(name=f"task {n}"), **fields) for n in range(count)]
    answers = await parts.lifecycle.submit(queue, wanted, by=ANN)
    return [answer.task for answer in answers if isinstance(answer, Submitted)]


async def claim(parts: assembly.Parts, queue: Queue, count: int = 1, *, start: bool = True) -> list[Task]:
    """What is there now, up to `count`, for Wim."""
    wanted = Claim(by=WIM, count=count, wait=timedelta(0), start=start)
    return await parts.lifecycle.claim(queue, wanted, asyncio.Event())


async def complete(parts: assembly.Parts, tasks: Sequence[Task]) -> None:
    """Wim's success with each."""
    finishes = [Finish(tenant=task.tenant, task_id=task.id, exec_id=task.exec_id or "") for task in tasks]
    await parts.lifecycle.complete(finishes, by=WIM)


async def fail(parts: assembly.Parts, tasks: Sequence[Task], *, retryable: bool = False) -> list[Task]:
    """Wim's failure with each; for good unless `retryable`."""
    return [
        await parts.lifecycle.fail(task, exec_id=task.exec_id or "", error="no", retryable=retryable, by=WIM)
        for task in tasks
    ]


async def read(parts: assembly.Parts, task: Task) -> Task:
    """The task as it is stored now."""
    found = await parts.record.tasks.get(task.tenant, task.id)
    assert found is not None
    return found
