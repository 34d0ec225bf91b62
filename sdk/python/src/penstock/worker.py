"""The worker: functions that do the tasks of queues."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable
from typing import Any, Literal, TypeVar, overload

from pydantic import TypeAdapter

from penstock import errors, tokens
from penstock.client import AsyncClient
from penstock.work import processes as supervision
from penstock.work.context import Context
from penstock.work.engine import Engine, Options
from penstock.work.handlers import Handler, Handlers, place_of

_log = logging.getLogger("penstock.worker")

Params = TypeVar("Params")
Function = TypeVar("Function", bound=Callable[[Context[Any]], Any])
TypedFunction = Callable[[Context[Params]], Any]


class Worker:
    """Claims the tasks of the queues that its handlers name, and runs the handlers.

        worker = Worker()

        @worker.task("intake:strike-reports")
        def review(ctx):
            return {"airport": ctx.params["airport"]}

        worker.run()

    What a handler returns is the task's result; what it raises is the task's failure, and the task is attempted again
    as its retry policy says. `Retry`, `Fail` and `Release` end it otherwise. The lease is kept by heartbeats for as
    long as a handler runs. Delivery is at least once: a task whose worker dies is handed out again.

    Without a `url` the connection comes from the environment or from the profile of `penstock login`.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | tokens.TokenProvider | None = None,
        tenant: str | None = None,
        client: Callable[[], AsyncClient] | None = None,
        concurrency: int = 32,
        batch: int = 250,
        poll_seconds: float = 20.0,
        heartbeat_seconds: float = 10.0,
        drain_seconds: float = 25.0,
        pool_processes: int | None = None,
        name: str | None = None,
    ) -> None:
        """`concurrency`: handlers at once in one process; `batch`: tasks a claim at most; `drain_seconds`: how long a
        stopping worker waits for its handlers; `name`: what tasks show as their worker.
        """
        self._make_client = client or (lambda: AsyncClient(url, token=token, tenant=tenant))
        self._handlers = Handlers()
        self._name = name
        self.concurrency = concurrency
        self._batch = batch
        self._poll_seconds = poll_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self.drain_seconds = drain_seconds
        self._pool_processes = pool_processes or os.cpu_count() or 1
        self._engine: Engine | None = None

    @overload
    def task(
        self,
        queue: str,
        *,
        definition: str | None = None,
        params: type[Params],
        run_in: Literal["auto", "thread", "process"] = "auto",
    ) -> Callable[[TypedFunction[Params]], TypedFunction[Params]]: ...
    @overload
    def task(
        self,
        queue: str,
        *,
        definition: str | None = None,
        params: None = None,
        run_in: Literal["auto", "thread", "process"] = "auto",
    ) -> Callable[[Function], Function]: ...
    def task(
        self,
        queue: str,
        *,
        definition: str | None = None,
        params: Any = None,
        run_in: Literal["auto", "thread", "process"] = "auto",
    ) -> Callable[[Any], Any]:
        """Register a handler for the tasks of `queue` (`namespace:name`), or only for those of one definition.

        `params` is a type (a pydantic model, a dataclass, ...) that the task's params must fit: `ctx.params` is one,
        and a task that does not fit fails for good. Coroutines run on the event loop, other functions in threads, or,
        with `run_in="process"`, in a pool of processes (they must then be importable). The function is unchanged.
        """

        def register(function: Callable[[Context[Any]], Any]) -> Callable[[Context[Any]], Any]:
            handler = Handler(
                queue=queue,
                definition=definition,
                function=function,
                place=place_of(function, run_in),
                params=None if params is None else TypeAdapter(params),
            )
            self._handlers.add(handler)
            return function

        return register

    @property
    def handlers(self) -> Handlers:
        """What was registered."""
        return self._handlers

    def run(self, *, processes: int = 1) -> None:
        """Work until SIGTERM or SIGINT, then finish what is in hand within `drain_seconds` and give back the rest.

        With several `processes` each is a whole worker; one that dies is replaced. A second signal does not wait for
        handlers. Ends the process with status 1 if something had to be left behind. Call it in the main thread.
        """
        self._check()
        supervision.run(self._run_here, processes)

    async def serve(self) -> bool:
        """Work until `stop`, in a running event loop and without signal handlers. False: something was left behind."""
        self._check()
        async with self._make_client() as client:
            self._engine = engine = Engine(client, self._handlers, self._options())
            _log.info("%s works on %s", self._options().name, ", ".join(self._handlers.queues()))
            try:
                await engine.run()
            finally:
                self._engine = None
        return engine.clean

    def stop(self) -> None:
        """Let `serve` come to its end; said twice, without waiting for handlers. Call it on the worker's loop."""
        if self._engine is not None:
            self._engine.stop()

    def _run_here(self, supervisor: int | None) -> bool:
        async def serve() -> bool:
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGTERM, self.stop)
            if supervisor is None:
                loop.add_signal_handler(signal.SIGINT, self.stop)
            else:
                loop.add_reader(supervisor, self._orphaned, supervisor)
            clean = await self.serve()
            if not clean:
                # asyncio would wait for handlers that do not stop.
                supervision.leave(1)
            return clean

        return asyncio.run(serve())

    def _orphaned(self, supervisor: int) -> None:
        asyncio.get_running_loop().remove_reader(supervisor)
        _log.warning("the supervising process is gone; stopping")
        self.stop()

    def _check(self) -> None:
        if not len(self._handlers):
            raise errors.UsageError("This worker has no handler; register one with @worker.task(...).")

    def _options(self) -> Options:
        return Options(
            name=self._name or f"{socket.gethostname()}:{os.getpid()}",
            concurrency=self.concurrency,
            batch=self._batch,
            poll_seconds=self._poll_seconds,
            heartbeat_seconds=self._heartbeat_seconds,
            drain_seconds=self.drain_seconds,
            pool_processes=self._pool_processes,
        )
