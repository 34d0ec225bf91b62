"""Run a worker's handlers in tests, without a server: the same code calls them that calls them at work.

outcome = testing.run(worker, "intake:strike-reports", {"airport": "DEN"})
assert outcome.result == {"airport": "DEN"}
"""

import asyncio
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import httpx

from penstock import errors, faces
from penstock.client import AsyncClient
from penstock.models.base import Actor
from penstock.models.task import ClaimedTask, Progress
from penstock.work.context import Context, Stop, Why
from penstock.work.execution import Ending
from penstock.work.outcomes import Fail
from penstock.work.pools import Pools
from penstock.worker import Worker

_SOMEBODY = Actor(id="test", name="Test")


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """A task that the handler submitted: to which queue, and the request's body as it went over the wire."""

    queue: str
    body: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How an attempt ended, as the server would have been told. `drop`: it would have been told nothing."""

    action: Literal["complete", "fail", "release", "drop"]
    result: Any = None
    error: Any = None
    retryable: bool | None = None
    progress: Sequence[Progress] = ()
    submitted: Sequence[Submitted] = ()


@dataclass
class _Heard:
    progress: list[Progress] = field(default_factory=list[Progress])
    submitted: list[Submitted] = field(default_factory=list[Submitted])


def run(
    worker: Worker,
    queue: str,
    params: Any = None,
    *,
    definition: str | None = None,
    attempt: int = 1,
    stop: Why | None = None,
    stop_after: float = 0.0,
    **members: Any,
) -> Outcome:
    """One attempt at a task with these params and `members` (`labels`, `context`, ...); not inside an event loop.

    `stop` asks the handler to stop for that reason after so many seconds. Raises UsageError without a fitting handler.
    """
    return asyncio.run(
        arun(
            worker,
            queue,
            params,
            definition=definition,
            attempt=attempt,
            stop=stop,
            stop_after=stop_after,
            **members,
        )
    )


async def arun(
    worker: Worker,
    queue: str,
    params: Any = None,
    *,
    definition: str | None = None,
    attempt: int = 1,
    stop: Why | None = None,
    stop_after: float = 0.0,
    **members: Any,
) -> Outcome:
    """As `run`, in a test with an event loop."""
    handler = worker.handlers.find(queue, definition)
    if handler is None:
        raise errors.UsageError(f"The worker has no handler for {definition or 'tasks'} of {queue}.")
    heard, wish = _Heard(), Stop()
    task = _task(queue, params, definition, attempt, members)
    pools = Pools(threads=1, processes=1, only_threads=True)
    async with AsyncClient("http://penstock.invalid", http=httpx.MockTransport(lambda r: _answer(r, heard))) as client:
        try:
            context = Context(
                task,
                handler.read(task),
                stop=wish,
                report=heard.progress.append,
                client=client,
                blocking=client.blocking(faces.LoopPortal(asyncio.get_running_loop())),
            )
        except Fail as refused:
            return Outcome(action="fail", error=refused.error, retryable=refused.retryable)
        working = asyncio.create_task(pools.attempt(handler, context, heard.progress.append))
        if handler.place == "loop":
            wish.on_ask(working.cancel)
        asking = asyncio.get_running_loop().call_later(stop_after, wish.ask, stop) if stop is not None else None
        try:
            ending = await working
        finally:
            if asking is not None:
                asking.cancel()
            pools.close()
    return _outcome(ending, heard)


def _outcome(ending: Ending, heard: _Heard) -> Outcome:
    return Outcome(
        action=ending.action,
        result=ending.result,
        error=ending.error,
        retryable=ending.retryable if ending.action == "fail" else None,
        progress=tuple(heard.progress),
        submitted=tuple(heard.submitted),
    )


def _task(queue: str, params: Any, definition: str | None, attempt: int, members: Mapping[str, Any]) -> ClaimedTask:
    now = datetime.now(UTC)
    given: dict[str, Any] = {
        "id": f"test-{uuid.uuid4()}",
        "exec_id": str(uuid.uuid4()),
        "queue": queue,
        "definition": definition,
        "params": json.loads(json.dumps(params)),
        "attempt": attempt,
        "state": "in-progress",
        "created_at": now,
        "created_by": _SOMEBODY,
        "started_at": now,
        "worker": "test",
    }
    return ClaimedTask.model_validate({**given, **members})


def _answer(request: httpx.Request, heard: _Heard) -> httpx.Response:
    """What a handler's own calls are answered: submits are taken down, everything else has no server."""
    match request.method, request.url.path.strip("/").split("/"):
        case "POST", ["api", "v1", "queues", namespace, name, "tasks"]:
            body = json.loads(request.content)
            heard.submitted.append(Submitted(queue=f"{namespace}:{name}", body=body))
            return httpx.Response(201, json=_shown(f"{namespace}:{name}", body))
        case "POST", ["api", "v1", "queues", namespace, name, "tasks", "batch"]:
            bodies = json.loads(request.content)["tasks"]
            heard.submitted += [Submitted(queue=f"{namespace}:{name}", body=body) for body in bodies]
            results = [{"status": 201, "task": _shown(f"{namespace}:{name}", body)} for body in bodies]
            return httpx.Response(200, json={"results": results, "accepted": len(bodies), "refused": 0})
        case _:
            raise errors.UsageError(f"A test without a server cannot answer {request.method} {request.url.path}.")


def _shown(queue: str, body: Mapping[str, Any]) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    made = {"id": f"test-{uuid.uuid4()}", "queue": queue, "state": "ready", "createdAt": now}
    return made | {name: body[name] for name in ("definition", "params", "name", "labels") if name in body}
