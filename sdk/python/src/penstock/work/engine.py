"""One worker at work in one process: claims, runs handlers with bounded concurrency, keeps leases, reports ends."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from penstock import faces
from penstock.client import AsyncClient
from penstock.models.task import ClaimedTask, Progress
from penstock.work.context import Context
from penstock.work.execution import DROP, RELEASE, Ending
from penstock.work.feeder import Feeder
from penstock.work.handlers import Handlers
from penstock.work.heart import Heart
from penstock.work.held import Held
from penstock.work.outcomes import Fail
from penstock.work.pools import Pools
from penstock.work.settler import Settler

_log = logging.getLogger("penstock.worker")
_AHEAD_SECONDS = 0.5
"""Only what will be begun within this time is claimed ahead: a task in hand is a task that no other worker can have."""
_MOST_UNREPORTED = 1000
_GRACE_SECONDS = 2.0
"""How long handlers that were told to stop may take for it."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a worker works; seconds."""

    name: str
    concurrency: int = 32
    batch: int = 250
    poll_seconds: float = 20.0
    heartbeat_seconds: float = 10.0
    drain_seconds: float = 25.0
    pool_processes: int = 1


class Engine:
    """Runs until stopped; made anew for each run."""

    def __init__(self, client: AsyncClient, handlers: Handlers, options: Options) -> None:
        self._client = client
        self._handlers = handlers
        self._options = options
        self._waiting: deque[Held] = deque()
        self._running: set[Held] = set()
        self._seconds_each = 0.0
        self._heart = Heart(client, every=options.heartbeat_seconds)
        self._settler = Settler(client, settled=self._settled)
        self._pools = Pools(threads=options.concurrency, processes=options.pool_processes)
        self._blocking = client.blocking(faces.LoopPortal(asyncio.get_running_loop()))
        self._feeders = [self._feeder(queue) for queue in handlers.queues()]
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._changed = asyncio.Event()
        self.clean = True
        """False when something had to be left behind: a handler that would not stop, an end that was not reported."""

    def stop(self) -> None:
        """Begin to stop; said again, do not wait for handlers."""
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()

    async def run(self) -> None:
        """Work until `stop`; then finish what runs within the limit and give back the rest."""
        heart = asyncio.create_task(self._heart.run())
        feeding = [asyncio.create_task(feeder.run()) for feeder in self._feeders]
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({heart, *feeding, stopping}, return_when=asyncio.FIRST_COMPLETED)
            self._stopping.set()
            for feeder in self._feeders:
                feeder.stop()
            await asyncio.wait(feeding)
            await self._drain()
        finally:
            stopping.cancel()
            for each in (heart, *feeding):
                each.cancel()
            results = await asyncio.gather(heart, *feeding, return_exceptions=True)
            await self._settler.stop()
            self._pools.close()
        for result in results:
            if isinstance(result, Exception):
                raise result

    # --- taking in ---

    def _feeder(self, queue: str) -> Feeder:
        return Feeder(
            self._client,
            queue,
            definitions=self._handlers.definitions(queue),
            worker=self._options.name,
            poll_seconds=self._options.poll_seconds,
            want=self._want,
            admit=self._admit,
        )

    def _want(self) -> int:
        """How many tasks to claim: whenever a place is empty and nothing waits for it, else by the half capacity."""
        if self._stopping.is_set() or len(self._settler) >= _MOST_UNREPORTED:
            return 0
        options = self._options
        ahead = 0
        if self._seconds_each > 0:
            ahead = min(2 * options.batch, int(options.concurrency / self._seconds_each * _AHEAD_SECONDS))
        capacity = options.concurrency + ahead
        free = capacity - len(self._running) - len(self._waiting)
        idle = not self._waiting and len(self._running) < options.concurrency
        return min(free, options.batch) if idle or free * 2 >= capacity else 0

    def _admit(self, tasks: Sequence[ClaimedTask]) -> None:
        now = asyncio.get_running_loop().time()
        for task in tasks:
            held = Held(task=task, handler=self._handlers.find(task.queue, task.definition), claimed_at=now)
            self._heart.watch(held)
            self._waiting.append(held)
        self._begin()

    def _begin(self) -> None:
        while self._waiting and len(self._running) < self._options.concurrency and not self._stopping.is_set():
            held = self._waiting.popleft()
            self._running.add(held)
            held.running = asyncio.create_task(self._work(held))

    # --- working ---

    async def _work(self, held: Held) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            ending = await self._attempt(held)
        except asyncio.CancelledError:
            ending = _given_up(held)
        took = max(loop.time() - begun, 1e-5)
        self._seconds_each += (took - self._seconds_each) * (0.1 if self._seconds_each else 1.0)
        if not held.abandoned:
            self._end(held, ending)

    async def _attempt(self, held: Held) -> Ending:
        handler = held.handler
        if held.stop.asked:
            return _given_up(held)
        if handler is None:
            message = f"This worker has no handler for {held.task.definition} of {held.task.queue}."
            return Ending(action="fail", error={"type": "NoHandler", "message": message})
        try:
            params = handler.read(held.task)
        except Fail as refused:
            return Ending(action="fail", error=refused.error, retryable=refused.retryable)

        def report(progress: Progress) -> None:
            loop.call_soon_threadsafe(self._heart.report, held, progress)

        loop = asyncio.get_running_loop()
        if handler.place == "loop" and held.running is not None:
            held.stop.on_ask(held.running.cancel)
        context = Context(
            held.task, params, stop=held.stop, report=report, client=self._client, blocking=self._blocking
        )
        return await self._pools.attempt(handler, context, report)

    def _end(self, held: Held, ending: Ending) -> None:
        held.ending = ending
        if ending.action == "drop":
            self._heart.forget(held)
        else:
            self._settler.add(held)
        self._running.discard(held)
        self._begin()
        self._wake()

    def _settled(self, held: Held) -> None:
        self._heart.forget(held)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        for feeder in self._feeders:
            feeder.wake()

    # --- stopping ---

    async def _drain(self) -> None:
        options = self._options
        _log.info(
            "stopping: waiting for %d tasks that run, giving back %d not yet begun",
            len(self._running),
            len(self._waiting),
        )
        while self._waiting:
            self._end(self._waiting.popleft(), RELEASE)
        await self._until_idle(options.drain_seconds, hurry=self._hurry)
        for held in list(self._running):
            held.stop.ask("shutdown")
        await self._until_idle(_GRACE_SECONDS)
        for held in list(self._running):
            _log.warning("task %s does not stop; it is given back while its handler still runs", held.task.id)
            self.clean = False
            held.abandoned = True
            if held.running is not None:
                held.running.cancel()
            self._end(held, RELEASE)
        try:
            async with asyncio.timeout(max(5.0, options.drain_seconds)):
                await self._settler.drain()
        except TimeoutError:
            _log.error("%d ends were not reported; their leases will run out", len(self._settler))
            self.clean = False

    async def _until_idle(self, seconds: float, *, hurry: asyncio.Event | None = None) -> None:
        """Return when nothing runs, or after so many seconds, or when it is to hurry."""
        until = asyncio.get_running_loop().time() + seconds
        while self._running and not (hurry is not None and hurry.is_set()):
            self._changed.clear()
            try:
                async with asyncio.timeout_at(until):
                    await self._changed.wait()
            except TimeoutError:
                return


def _given_up(held: Held) -> Ending:
    """The ending of a task whose handler did not come to an end of its own."""
    return DROP if held.stop.why == "lease-lost" else RELEASE
