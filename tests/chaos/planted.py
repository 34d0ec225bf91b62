"""Runs an API or an engine with a defect in it, `none` being one: see `process.py`, which is the program.

The defects exist here alone. Each replaces one function of the product before the process begins.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import uvicorn

from broker import __main__ as entry
from broker.refill import Refill
from broker.relay import Relay
from core import clock
from core.events import Event
from core.task import Task
from core.transitions.transition import Transition
from deploy.local import ports
from store import changes
from store.eventlog import EventLog
from store.mongo import Document
from store.reference import Reference
from store.sweeps import Sweeps
from store.tasks import Tasks

_EARLY = timedelta(seconds=1)
_LATE = 0.5


def no_repair() -> None:
    """A ticket that is lost is never replaced."""

    async def idle_relay(self: Relay) -> float:
        return 0.5

    async def idle_refill(self: Refill) -> float:
        return 0.5

    Relay.step = idle_relay
    Refill.step = idle_refill


def no_fence() -> None:
    """Whoever reports on a task is believed, whatever its fence."""
    honest = changes.condition

    def unfenced(change: Transition) -> Document:
        return {field: value for field, value in honest(change).items() if field != "execId"}

    changes.condition = unfenced


def early_reply() -> None:
    """A submit is answered before the task is written."""
    honest = Tasks.insert_mixed
    behind: set[asyncio.Task[Any]] = set()

    async def later(self: Tasks, tasks: Sequence[tuple[str, Task]]) -> dict[int, Task]:
        async def write() -> None:
            await asyncio.sleep(_LATE)
            await honest(self, tasks)

        behind.add(task := asyncio.create_task(write()))
        task.add_done_callback(behind.discard)
        return {}

    Tasks.insert_mixed = later


def forgotten_event() -> None:
    """Now and then an event is not appended to the log."""
    honest = EventLog.append

    async def most(self: EventLog, events: Sequence[Event]) -> None:
        await honest(self, [event for event in events if event.n % 50])

    EventLog.append = most


def early_timer() -> None:
    """A lease ends a second before the time that its holder was promised."""
    due, next_due = Sweeps.due, Sweeps.next_due

    async def early_due(self: Sweeps, now: datetime, limit: int) -> list[Task]:
        return await due(self, now + _EARLY, limit)

    async def early_next(self: Sweeps) -> datetime | None:
        at = await next_due(self)
        return None if at is None else at - _EARLY

    Sweeps.due = early_due
    Sweeps.next_due = early_next


def own_clock() -> None:
    """A process goes by its own clock, however wrong that is."""

    def own(self: Reference) -> datetime:
        return clock.system_clock()

    Reference.__call__ = own


DEFECTS: Mapping[str, Callable[[], None]] = {
    "none": lambda: None,
    "no-repair": no_repair,
    "no-fence": no_fence,
    "early-reply": early_reply,
    "forgotten-event": forgotten_event,
    "early-timer": early_timer,
    "own-clock": own_clock,
}


def main(defect: str, role: str, *port: str) -> None:
    """Plant it, then be the process."""
    DEFECTS[defect]()
    if role == "engine":
        entry.main(["engine"])
    else:
        uvicorn.run(
            "api.app:create_app", factory=True, host=ports.LOOPBACK, port=int(port[0]),
            ws="none", log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=3,
        )  # fmt: skip
