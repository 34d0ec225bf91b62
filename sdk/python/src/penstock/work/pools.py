"""Where handlers run that are no coroutines: threads, and, for work that keeps a core busy, processes."""

import asyncio
import contextvars
import multiprocessing
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from pydantic import TypeAdapter

from penstock.models.task import ClaimedTask, Progress
from penstock.work import execution
from penstock.work.context import AnyContext, Context
from penstock.work.execution import Ending
from penstock.work.handlers import Handler

_reports: Any = None
"""In a pool's process: the pipe that takes progress to the worker."""


class Pools:
    """The threads and processes of one worker, made when first needed."""

    def __init__(self, *, threads: int, processes: int, only_threads: bool = False) -> None:
        """`only_threads`: what wants a process gets a thread too (for tests of handlers)."""
        self._threads = threads
        self._only_threads = only_threads
        self._processes = processes
        self._thread_pool: ThreadPoolExecutor | None = None
        self._process_pool: ProcessPoolExecutor | None = None
        self._listener: _Listener | None = None

    async def attempt(self, handler: Handler, context: AnyContext, report: Callable[[Progress], None]) -> Ending:
        """Run the handler where it belongs; never raises."""
        if handler.place == "loop":
            return await execution.awaited(handler.function, context)
        if handler.place == "process" and not self._only_threads:
            return await self._attempt_in_process(handler, context, report)
        # Handlers see the worker's context variables (tracing, for instance), as coroutines do.
        seen = contextvars.copy_context()

        def run() -> Ending:
            return seen.run(execution.called, handler.function, context)

        return await self._in(self._thread_executor(), run)

    def close(self) -> None:
        """End what is idle; what still runs is left behind."""
        for pool in (self._thread_pool, self._process_pool):
            if pool is not None:
                pool.shutdown(wait=False, cancel_futures=True)
        if self._listener is not None:
            self._listener.close()
        self._thread_pool = self._process_pool = self._listener = None

    async def _attempt_in_process(
        self, handler: Handler, context: AnyContext, report: Callable[[Progress], None]
    ) -> Ending:
        executor, listener = self._process_executor()
        task = context.task
        listener.expect(task.exec_id + task.id, report)
        try:
            # The parsed params are not sent: what they are need not survive pickling. The process parses again.
            arguments = handler.function, handler.params, task.model_dump_json(by_alias=True)
            return await self._in(executor, _attempt_here, *arguments)
        except BrokenProcessPool:
            self._process_pool = None
            message = "The process that worked on it died."
            return Ending(action="fail", error={"type": "ProcessDied", "message": message})
        except Exception as error:  # noqa: BLE001 - what cannot be sent to a process is the handler's failure too
            return execution.of_error(error, context)
        finally:
            listener.forget(task.exec_id + task.id)

    async def _in(self, executor: Executor, function: Callable[..., Ending], *arguments: Any) -> Ending:
        return await asyncio.get_running_loop().run_in_executor(executor, function, *arguments)

    def _thread_executor(self) -> ThreadPoolExecutor:
        if self._thread_pool is None:
            self._thread_pool = ThreadPoolExecutor(self._threads, thread_name_prefix="penstock-task")
        return self._thread_pool

    def _process_executor(self) -> tuple[ProcessPoolExecutor, "_Listener"]:
        if self._listener is None:
            self._listener = _Listener()
        if self._process_pool is None:
            # Not forked: a process with threads and a running loop cannot be copied safely.
            self._process_pool = ProcessPoolExecutor(
                self._processes,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_begin_process,
                initargs=(self._listener.pipe,),
            )
        return self._process_pool, self._listener


class _Listener:
    """Takes progress from the pool's processes to the loop."""

    def __init__(self) -> None:
        self.pipe: Any = multiprocessing.get_context("spawn").SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._expected: dict[str, Callable[[Progress], None]] = {}
        self._thread = threading.Thread(target=self._listen, name="penstock-progress", daemon=True)
        self._thread.start()

    def expect(self, key: str, report: Callable[[Progress], None]) -> None:
        self._expected[key] = report

    def forget(self, key: str) -> None:
        self._expected.pop(key, None)

    def close(self) -> None:
        self.pipe.put(None)
        self._thread.join()
        self.pipe.close()

    def _listen(self) -> None:
        while (said := self.pipe.get()) is not None:
            key, progress = said
            if (report := self._expected.get(key)) is not None:
                self._loop.call_soon_threadsafe(report, Progress.model_validate(progress))


def _begin_process(reports: Any) -> None:
    global _reports  # noqa: PLW0603 - a pool's process has one worker, and its initializer cannot return anything
    _reports = reports
    # Ctrl-C goes to the whole group of processes; the worker decides what is finished.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _attempt_here(function: Callable[[AnyContext], Any], params: TypeAdapter[Any] | None, task_json: str) -> Ending:
    """Runs in a pool's process."""
    task = ClaimedTask.model_validate_json(task_json)
    key = task.exec_id + task.id

    def report(progress: Progress) -> None:
        _reports.put((key, progress.model_dump()))

    parsed = task.params if params is None else params.validate_python(task.params)
    return execution.called(function, Context(task, parsed, report=report))
