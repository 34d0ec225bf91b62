"""A task in this worker's hands, from the claim until its end is reported."""

import asyncio
from dataclasses import dataclass, field

from penstock.models.task import ClaimedTask, Progress
from penstock.work.context import Stop
from penstock.work.execution import Ending
from penstock.work.handlers import Handler


@dataclass(eq=False, slots=True)
class Held:
    """What is known of it here. Times are the event loop's."""

    task: ClaimedTask
    handler: Handler | None
    claimed_at: float
    stop: Stop = field(default_factory=Stop)
    beat_at: float = 0.0
    """When the next heartbeat is due."""
    beaten_at: float = 0.0
    """When the last one was sent; the claim counts as one."""
    progress: Progress | None = None
    """What the handler said and the server does not know yet."""
    running: asyncio.Task[None] | None = None
    ending: Ending | None = None
    abandoned: bool = False
    """Given back although its handler still runs; what that one says does not matter any more."""

    @property
    def lease_seconds(self) -> float | None:
        """How long the lease runs from each heartbeat; None: without end."""
        return self.task.limits.lease_seconds if self.task.lease_until is not None else None

    @property
    def lost_at(self) -> float | None:
        """When the lease is over if nothing is heard from us any more."""
        return None if self.lease_seconds is None else self.beaten_at + self.lease_seconds
