"""Keeps the services of a stack running: starts again what died, gives up on what keeps dying, stops all in order."""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from deploy.local import children

DEATHS = int(os.environ.get("PENSTOCK_DEATHS", "3"))
"""So many within a minute, and the stack is given up; tests that kill on purpose allow more."""
WITHIN = timedelta(minutes=1)


class Supervisor:
    """The running services of one stack. Use it in the main thread, inside a running loop.

    A role whose name exists as a file in `hold` is not started again until that file is gone: how a test, or a
    curious person, keeps a part down for a while.
    """

    def __init__(self, *, hold: Path, say: Callable[[str], None], changed: Callable[[], None]) -> None:
        self._hold = hold
        self._say = say
        self._changed = changed
        self._running: dict[str, children.Child] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._given_up: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @property
    def pids(self) -> dict[str, int]:
        """The process of every service that runs now, by role."""
        return {role: child.pid for role, child in self._running.items()}

    async def start(self, service: children.Service) -> None:
        """Start the service and wait until it answers; from then on it is kept running. Raises ChildError."""
        self._running[service.role] = await children.start(service)
        self._keepers.append(asyncio.create_task(self._keep(service)))

    async def given_up(self) -> str:
        """Wait until a service died `DEATHS` times within a minute; answers with a sentence that says so."""
        return await asyncio.shield(self._given_up)

    async def stop(self, *, last: Sequence[Sequence[str]] = ()) -> None:
        """Stop everything: at first what `last` does not name, then stage after stage what it names."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        named = {role for stage in last for role in stage}
        for stage in ([role for role in self._running if role not in named], *last):
            ending = [self._running.pop(role) for role in stage if role in self._running]
            await asyncio.gather(*(children.stop(child) for child in ending))

    async def _keep(self, service: children.Service) -> None:
        deaths: deque[float] = deque(maxlen=DEATHS)
        while True:
            how = await self._end_of(service.role)
            deaths.append(asyncio.get_running_loop().time())
            if len(deaths) == DEATHS and deaths[-1] - deaths[0] <= WITHIN.total_seconds():
                self._given_up.set_result(f"{service.role} {how}, {DEATHS} times within a minute; see {service.log}")
                return
            self._say(f"{service.role} {how}; starting it again")
            await self._until_released(service.role)
            await self._start_again(service)

    async def _end_of(self, role: str) -> str:
        """Wait for the process to end, if there is one, and take its remains away; says how it ended."""
        if role not in self._running:
            return "did not start"
        child = self._running[role]
        code = await child.process.wait()
        await children.kill(child)
        del self._running[role]
        return f"was killed by signal {-code}" if code < 0 else f"ended with {code}"

    async def _start_again(self, service: children.Service) -> None:
        began = asyncio.get_running_loop().time()
        try:
            self._running[service.role] = await children.start(service)
        except children.ChildError as error:
            self._say(str(error))
            return
        self._changed()
        took = asyncio.get_running_loop().time() - began
        self._say(f"{service.role} is back after {took:.1f} s, process {self.pids[service.role]}")

    async def _until_released(self, role: str) -> None:
        while (self._hold / role).exists():
            await asyncio.sleep(0.05)
