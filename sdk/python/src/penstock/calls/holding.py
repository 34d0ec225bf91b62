"""What a worker does with tasks: claim, start, keep alive, and report the end.

Every report carries the `execId` of the claim. A repeated completion answers as the first did, so it is repeated after
a lost connection; a claim is not: tasks whose hand-out got lost on the way come back when their lease runs out.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import Field

from penstock import errors
from penstock.calls import paths
from penstock.faces import Calls, operation
from penstock.models.base import Record
from penstock.models.task import (
    Beat,
    Brief,
    Claimed,
    ClaimedTask,
    Progress,
    SettleResult,
    SettleResults,
    Task,
)
from penstock.transport import Call, Retries

POLL_SLACK_SECONDS = 15.0
"""How much longer than it asked the server to wait a claim waits for the answer."""


class Settlement(Record):
    """One end to report: succeeded with a result, failed with an error, or given back."""

    id: str
    exec_id: str
    action: str = Field(default="complete", pattern="^(complete|fail|release)$")
    result: Any = None
    error: Any = None
    retryable: bool | None = None

    def body(self) -> dict[str, Any]:
        """What goes over the wire."""
        return self.model_dump(by_alias=True, exclude_none=True)


class Holding(Calls):
    """Calls of whoever does the work."""

    @operation
    async def claim(
        self,
        queue: paths.QueueRef,
        *,
        count: int = 1,
        wait: paths.Seconds = 0.0,
        worker: str | None = None,
        start: bool = True,
        definitions: Sequence[str] | None = None,
        retries: Retries | None = None,
    ) -> Sequence[ClaimedTask]:
        """Up to `count` tasks (at most 1000), the urgent and the old first; waits up to `wait` (60 s) for the first.

        `definitions`: only tasks of these. `start=False` only reserves them.
        """
        poll = paths.seconds(wait) or 0.0
        body = paths.given(max=count, waitSeconds=poll, worker=worker, start=start)
        if definitions is not None:
            body["definitions"] = list(definitions)
        call = Call(
            method="POST",
            path=f"{paths.queue(queue)}/claims",
            body=body,
            read_seconds=poll + POLL_SLACK_SECONDS,
            retries=retries,
        )
        return (await self._transport.answer(call, Claimed)).tasks

    @operation
    async def start(self, task: paths.TaskRef, exec_id: str | None = None) -> ClaimedTask:
        """Begin: what was claimed with `start=False`, or, without an `execId`, a ready task picked by its id."""
        fence = _exec_id(task, exec_id)
        return await self._transport.answer(_post(task, "start", paths.given(execId=fence)), ClaimedTask)

    @operation
    async def heartbeat(
        self,
        task: paths.TaskRef,
        exec_id: str | None = None,
        *,
        progress: Progress | None = None,
        retries: Retries | None = None,
    ) -> Beat:
        """Keep the lease; learn whether the task is to stop. Raises LeaseLost when somebody else has it by now."""
        body = paths.given(execId=_fence(task, exec_id), progress=_dumped(progress))
        return await self._transport.answer(_post(task, "heartbeat", body, repeatable=True, retries=retries), Beat)

    @operation
    async def complete(self, task: paths.TaskRef, result: Any = None, *, exec_id: str | None = None) -> Brief:
        """Report success. Raises LeaseLost when the task is no longer this holder's."""
        body = {"execId": _fence(task, exec_id)} | paths.given(result=result)
        return await self._transport.answer(_post(task, "complete", body, repeatable=True), Brief)

    @operation
    async def fail(
        self, task: paths.TaskRef, error: Any = None, *, retryable: bool = True, exec_id: str | None = None
    ) -> Task:
        """Report a failure: another attempt after the backoff, or a dead letter when none is left or wanted."""
        body = {"execId": _fence(task, exec_id), "retryable": retryable} | paths.given(error=error)
        return await self._transport.answer(_post(task, "fail", body), Task)

    @operation
    async def release(self, task: paths.TaskRef, *, exec_id: str | None = None) -> Task:
        """Give it back unfinished, to its old place; no attempt is spent."""
        return await self._transport.answer(_post(task, "release", {"execId": _fence(task, exec_id)}), Task)

    @operation
    async def settle(
        self, settlements: Iterable[Settlement], *, retries: Retries | None = None
    ) -> Sequence[SettleResult]:
        """Report many ends (at most 1000) in one call; one result for each, in order.

        Repeated after a lost connection; a failure or release that had arrived already then answers `lease-lost`.
        """
        body = {"items": [each.body() for each in settlements]}
        call = Call(method="POST", path=f"{paths.ROOT}/tasks/settle", body=body, repeatable=True, retries=retries)
        return (await self._transport.answer(call, SettleResults)).results


def _post(
    task: paths.TaskRef, verb: str, body: Any, *, repeatable: bool = False, retries: Retries | None = None
) -> Call:
    path = f"{paths.task(task)}/{verb}"
    return Call(method="POST", path=path, body=body, repeatable=repeatable, retries=retries)


def _exec_id(task: paths.TaskRef, exec_id: str | None) -> str | None:
    return exec_id or (task.fence if isinstance(task, Task) else None)


def _fence(task: paths.TaskRef, exec_id: str | None) -> str:
    found = _exec_id(task, exec_id)
    if found is None:
        raise errors.UsageError("Which hand-out is meant? Pass the task as its holder got it, or its exec_id.")
    return found


def _dumped(progress: Progress | None) -> dict[str, Any] | None:
    return None if progress is None else progress.model_dump(by_alias=True, exclude_none=True)
