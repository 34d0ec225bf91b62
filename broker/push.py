"""HTTP push: tasks of definitions with an HTTP target are taken like a worker would, and sent there (DESIGN 9).

Each target has a pump of its own: it claims as many tasks as may be called at once, so a target that hangs holds up
nobody else's. A call is given up when the task is canceled; what an engine held when it died comes back by its lease.
What is sent is in `broker/push_target.py`, what an answer means in `core/push.py`.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import msgspec
import structlog

from broker import loops
from broker.directory import Directory
from broker.dispatch import Claim
from broker.finishing import Finish
from broker.lifecycle import Lifecycle
from broker.outbound import Answer, Blocked, Unreachable
from broker.push_target import Means, Target
from core import errors, logs, push
from core.clock import Clock
from core.definition import Definition, TargetKind
from core.push import Breaker, Verdict
from core.task import PUSHER, Task
from loop import cancelling
from store.definition_sweeps import DefinitionSweeps

_log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
"""How soon a new or changed target is noticed."""
_CLAIM_WAIT = timedelta(seconds=20)
_REST = 1.0
_BEATS = 3
_SHORTEST_BEAT = 0.5


class Kit(msgspec.Struct, frozen=True, kw_only=True):
    """What every pump works with."""

    lifecycle: Lifecycle
    directory: Directory
    clock: Clock
    means: Means


class Pusher:
    """Keeps a pump running for every target there is."""

    def __init__(self, sweeps: DefinitionSweeps, kit: Kit) -> None:
        self._sweeps = sweeps
        self._kit = kit
        self._pumps: dict[tuple[str, str, int], asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Push for ever."""
        try:
            await loops.repeat("push", self.step)
        finally:
            await loops.ended(*self._pumps.values())

    async def step(self) -> float:
        """Begin with new targets, stop with those that are gone; a changed one is both."""
        wanted = {(each.tenant, each.name, each.version): each for each in await self._sweeps.pushed()}
        for key in [key for key in self._pumps if key not in wanted]:
            await loops.ended(self._pumps.pop(key))
        for key, definition in wanted.items():
            if key not in self._pumps:
                pump = Pump(definition, self._kit)
                self._pumps[key] = asyncio.create_task(pump.run(), name=f"push {definition.name}")
        return LOOK_SECONDS


class Pump:
    """Takes the tasks of one definition and sends them to its target."""

    def __init__(self, definition: Definition, kit: Kit) -> None:
        self._definition = definition
        self._kit = kit
        self._target = Target(definition, kit.means)
        self._breaker = Breaker(self._target.options)
        self._calls: set[asyncio.Task[None]] = set()
        self._next_at = 0.0
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Pump until cancelled; calls under way are then given up and their tasks given back."""
        try:
            await loops.repeat(f"push {self._definition.name}", self.step)
        finally:
            await loops.ended(*self._calls)

    async def step(self) -> float:
        """Take what may be sent now, and send it."""
        queue = await self._kit.directory.queue(self._definition.tenant, self._definition.queue)
        waits = self._breaker.waits(self._kit.clock())
        if queue.paused or waits:
            return min(waits or _REST, _REST)
        room = (1 if self._breaker.probing else self._target.options.concurrency) - len(self._calls)
        if room <= 0:
            self._over.clear()
            await self._over.wait()
            return 0.0
        claim = Claim(by=PUSHER, count=room, wait=_CLAIM_WAIT, worker="push")
        for task in await self._kit.lifecycle.claim_lane(
            self._definition.tenant, self._definition.lane, claim, asyncio.Event()
        ):
            cancelling.heed()
            await self._renew()
            call = asyncio.create_task(self._carry(task), name=f"push {task.id}")
            self._calls.add(call)
            call.add_done_callback(self._done)
            await self._pace()
        return 0.0

    async def _renew(self) -> None:
        """Send by the definition as it is now: it may have been changed while this waited."""
        now = await self._kit.directory.definition(self._definition.tenant, self._definition.name)
        if now.version != self._definition.version and now.target.kind is TargetKind.HTTP:
            self._definition = now
            self._target = Target(now, self._kit.means)

    async def _pace(self) -> None:
        """No more calls a second than the target takes."""
        if self._target.options.rate_per_second is None:
            return
        now = asyncio.get_running_loop().time()
        self._next_at = max(self._next_at, now) + 1 / self._target.options.rate_per_second
        await asyncio.sleep(max(0.0, self._next_at - now))

    def _done(self, call: "asyncio.Task[None]") -> None:
        self._calls.discard(call)
        self._over.set()

    async def _carry(self, task: Task) -> None:
        """One task to its target and back; whatever happens, it is reported or given back."""
        assert task.exec_id is not None
        sending = asyncio.create_task(self._target.send(task))
        beating = asyncio.create_task(self._beat(task, sending.cancel))
        try:
            await asyncio.wait([sending])
            if sending.cancelled():
                await self._give_back(task)
            else:
                await self._report(task, sending)
        except asyncio.CancelledError:
            await cancelling.ended(sending)
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(self._give_back(task))
            raise
        except errors.LeaseLost:
            return
        except errors.PenstockError as error:
            _log.warning("push not reported", **logs.of(task), error=error.detail)
        except Exception:  # noqa: BLE001 - one task must not stop the others; its lease brings it back
            _log.exception("push failed", **logs.of(task))
        finally:
            await loops.ended(beating)

    async def _beat(self, task: Task, give_up: Callable[[], bool]) -> None:
        """Keep the lease while the call runs; a wish to cancel ends the call."""
        lease = task.limits.lease_seconds
        rest = _SHORTEST_BEAT * _BEATS if lease is None else max(lease / _BEATS, _SHORTEST_BEAT)
        while True:
            await asyncio.sleep(rest)
            cancelling.heed()
            try:
                beat = await self._kit.lifecycle.heartbeat(
                    task.tenant, task.id, exec_id=task.exec_id or "", progress=None, by=PUSHER
                )
            except errors.Unavailable:
                continue
            except errors.PenstockError:
                give_up()
                return
            if beat.cancel_requested:
                give_up()
                return

    # --- the end ---

    async def _report(self, task: Task, sending: "asyncio.Task[Answer]") -> None:
        at = self._kit.clock()
        try:
            answer = sending.result()
        except Unreachable as error:
            self._breaker.failed(at)
            await self._fail(task, {"type": "unreachable", "message": error.detail}, retryable=True)
        except Blocked as error:
            await self._fail(task, {"type": "blocked", "message": error.detail}, retryable=False)
        except errors.Unavailable:
            await self._give_back(task)
        except (errors.PenstockError, ValueError) as error:
            await self._fail(task, {"type": "not-sendable", "message": str(error)}, retryable=False)
        else:
            await self._judge(task, answer)

    async def _judge(self, task: Task, answer: Answer) -> None:
        at = self._kit.clock()
        verdict = push.verdict(answer.status, self._target.options)
        if verdict is Verdict.RETRY:
            self._breaker.failed(at)
        else:
            self._breaker.succeeded()
        if verdict is Verdict.COMPLETE and answer.cut:
            most = self._target.options.max_response_bytes
            await self._fail(
                task, {"type": "too-large", "message": f"The answer is longer than {most} bytes."}, retryable=False
            )
        elif verdict is Verdict.COMPLETE:
            await self._complete(task, push.result(answer.body, answer.media_type))
        elif verdict is not Verdict.ACCEPTED:
            await self._fail(
                task,
                push.error(answer.status, answer.body, answer.media_type),
                retryable=verdict is Verdict.RETRY,
                retry_after=answer.headers.get("retry-after"),
            )

    async def _complete(self, task: Task, result: Any) -> None:
        finish = Finish(tenant=task.tenant, task_id=task.id, exec_id=task.exec_id or "", result=result)
        (said,) = await self._kit.lifecycle.complete([finish], by=PUSHER)
        if isinstance(said, errors.PayloadMismatch):
            faults = [f"{fault.field}: {fault.message}" for fault in said.faults]
            await self._fail(
                task, {"type": "result-mismatch", "message": said.detail, "faults": faults}, retryable=False
            )
        elif isinstance(said, errors.PenstockError):
            raise said

    async def _fail(
        self, task: Task, error: Mapping[str, Any], *, retryable: bool, retry_after: str | None = None
    ) -> None:
        later = push.retry_after(retry_after, at=self._kit.clock())
        try:
            await self._kit.lifecycle.fail(
                task, exec_id=task.exec_id or "", error=dict(error), retryable=retryable, by=PUSHER, not_before=later
            )
        except errors.PayloadMismatch:
            await self._kit.lifecycle.fail(
                task, exec_id=task.exec_id or "", error=None, retryable=retryable, by=PUSHER, not_before=later
            )

    async def _give_back(self, task: Task) -> None:
        """Ready again, or canceled if that was wanted."""
        with contextlib.suppress(errors.PenstockError):
            await self._kit.lifecycle.release(task, exec_id=task.exec_id or "", by=PUSHER)
