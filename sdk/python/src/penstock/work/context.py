"""What a handler is given: the task, and what it may do while it works on it."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, Literal, TypeVar

from penstock import errors
from penstock.client import AsyncClient, Client
from penstock.models.task import ClaimedTask, Progress
from penstock.work.outcomes import Stopped

Params = TypeVar("Params")

Why = Literal["cancel-requested", "lease-lost", "shutdown"]
"""Why a handler is to stop: somebody asked for it, the task is not ours any more, this worker ends."""


class Stop:
    """The wish that one handler stop; set by the worker, seen by the handler in whatever thread it runs."""

    def __init__(self) -> None:
        self._flag = threading.Event()
        self._heard: list[Callable[[], object]] = []
        self.why: Why | None = None

    def ask(self, why: Why) -> None:
        """Say it; only the first reason counts."""
        if self.why is None:
            self.why = why
            self._flag.set()
            for heard in self._heard:
                heard()

    def on_ask(self, heard: Callable[[], object]) -> None:
        """Call this when it is said; at once if it was said already."""
        self._heard.append(heard)
        if self.why is not None:
            heard()

    @property
    def asked(self) -> bool:
        """Whether it was said."""
        return self._flag.is_set()

    def wait(self, seconds: float) -> bool:
        """Block until it is said, at most so long; whether it was said."""
        return self._flag.wait(seconds)


class Context(Generic[Params]):
    """One attempt at one task, as its handler sees it."""

    def __init__(
        self,
        task: ClaimedTask,
        params: Params,
        *,
        stop: Stop | None = None,
        report: Callable[[Progress], None] | None = None,
        client: AsyncClient | None = None,
        blocking: Client | None = None,
    ) -> None:
        self.task = task
        """Everything the server says of the task."""
        self.params = params
        """The task's input, as the type that the handler was registered with."""
        self._stop = stop or Stop()
        self._report = report
        self._client = client
        self._blocking = blocking

    @property
    def id(self) -> str:
        """The task's id."""
        return self.task.id

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1."""
        return self.task.attempt

    @property
    def labels(self) -> Sequence[str]:
        """The task's labels."""
        return self.task.labels

    @property
    def cancelled(self) -> bool:
        """Whether to stop: a synchronous handler looks at this now and then; an asynchronous one is cancelled."""
        return self._stop.asked

    @property
    def why_cancelled(self) -> Why | None:
        """Why to stop; None while there is no reason to."""
        return self._stop.why

    def check(self) -> None:
        """For synchronous handlers: end here if the handler is to stop."""
        if self._stop.asked:
            raise Stopped

    def sleep(self, seconds: float) -> None:
        """For synchronous handlers: wait, and end here if the handler is to stop meanwhile."""
        self._stop.wait(seconds)
        self.check()

    def progress(
        self,
        current: float | None = None,
        total: float | None = None,
        *,
        unit: str | None = None,
        message: str | None = None,
    ) -> None:
        """Say how far the work is. Costs nothing: it travels with the next heartbeat, within about a second."""
        if self._report is not None:
            self._report(Progress(current=current, total=total, unit=unit, message=message))

    @property
    def client(self) -> AsyncClient:
        """The worker's own client, for asynchronous handlers. Raises UsageError in a process pool."""
        if self._client is None:
            raise errors.UsageError("There is no client here; a handler in another process makes its own.")
        return self._client

    @property
    def blocking_client(self) -> Client:
        """The worker's own client, for handlers in threads. Raises UsageError in a process pool."""
        if self._blocking is None:
            raise errors.UsageError("There is no client here; a handler in another process makes its own.")
        return self._blocking


AnyContext = Context[Any]
