"""Which function does which tasks."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from penstock import errors
from penstock.calls import paths
from penstock.models.task import ClaimedTask
from penstock.work.context import AnyContext
from penstock.work.outcomes import Fail

Place = Literal["loop", "thread", "process"]
"""Where a handler runs: on the worker's event loop, in one of its threads, in one of its processes."""


@dataclass(frozen=True, kw_only=True)
class Handler:
    """A function, and which tasks it is for."""

    queue: str
    definition: str | None
    function: Callable[[AnyContext], Any]
    place: Place
    params: TypeAdapter[Any] | None = None
    """What the tasks' params are turned into before the function sees them."""

    def read(self, task: ClaimedTask) -> Any:
        """The params as this handler wants them. Raises Fail, for good, when they are something else."""
        if self.params is None:
            return task.params
        try:
            return self.params.validate_python(task.params)
        except ValidationError as error:
            faults = [{"field": ".".join(map(str, e["loc"])), "message": e["msg"]} for e in error.errors()]
            message = "; ".join(f"{fault['field']}: {fault['message']}" for fault in faults)
            raise Fail(error={"type": "ParamsRefused", "message": message, "faults": faults}) from error


class Handlers:
    """The handlers of one worker."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str | None], Handler] = {}

    def add(self, handler: Handler) -> None:
        """Register; raises UsageError when there is one for the same tasks already."""
        paths.split(handler.queue)
        key = handler.queue, handler.definition
        if key in self._known:
            what = handler.queue if handler.definition is None else f"{handler.definition} of {handler.queue}"
            raise errors.UsageError(f"There are two handlers for {what}.")
        self._known[key] = handler

    def find(self, queue: str, definition: str | None) -> Handler | None:
        """The handler of a definition, else that of its whole queue."""
        return self._known.get((queue, definition)) or self._known.get((queue, None))

    def queues(self) -> list[str]:
        """The queues to claim from, in the order they were named in."""
        return list(dict.fromkeys(queue for queue, _ in self._known))

    def definitions(self, queue: str) -> list[str] | None:
        """The definitions to claim from a queue; None: all its tasks."""
        found = [definition for name, definition in self._known if name == queue]
        return None if None in found else [definition for definition in found if definition is not None]

    def __iter__(self) -> Iterator[Handler]:
        return iter(self._known.values())

    def __len__(self) -> int:
        return len(self._known)


def place_of(function: Callable[..., Any], wanted: Literal["auto", "thread", "process"]) -> Place:
    """Where a function runs: coroutines on the loop, others in threads unless a process is wanted.

    Raises UsageError when the two do not go together.
    """
    called = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called):
        if wanted != "auto":
            raise errors.UsageError(f"{function!r} is asynchronous; it runs on the event loop, not in a {wanted}.")
        return "loop"
    return "process" if wanted == "process" else "thread"
