"""Carries out the plan on a running stack, and notes when each fault began and was over."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec

from core.clock import system_clock
from deploy.local import rabbitmq
from tests.chaos import world as worlds
from tests.chaos.plan import Fault, Kind, Plan
from tests.chaos.world import World


class Struck(msgspec.Struct, frozen=True, kw_only=True):
    """A fault as it happened."""

    fault: Fault
    began: datetime
    over: datetime


class Adversary:
    """One fault after the other, until it is told to stop."""

    def __init__(self, world: World, plan: Plan, *, login: Callable[[], Awaitable[None]]) -> None:
        """`login` makes all callers log in anew."""
        self._world = world
        self._plan = plan
        self._login = login
        self.struck: list[Struck] = []
        self.died: list[str] = []
        """Processes that ended by themselves."""

    async def rage(self, seconds: float) -> None:
        """Strike for so long, or until the plan ends; when this returns nothing is broken any more."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and (fault := self._plan.next()) is not None:
            await asyncio.sleep(fault.rest)
            await self._notice_deaths()
            began = system_clock()
            await self.strike(fault)
            self.struck.append(Struck(fault=fault, began=began, over=system_clock()))
        await self._notice_deaths()

    async def strike(self, fault: Fault) -> None:
        """Do it, wait for its time, and mend it."""
        if fault.target in self._world.links:
            await self._strike_link(fault)
        else:
            await self._strike_process(fault)

    async def _strike_process(self, fault: Fault) -> None:
        part = self._world.parts[fault.target]
        async with part.lock:
            match fault.kind:
                case Kind.STOP:
                    part.stopped = True
                    part.signal(signal.SIGSTOP)
                    try:
                        await asyncio.sleep(fault.seconds)
                    finally:
                        part.signal(signal.SIGCONT)
                        part.stopped = False
                case Kind.CLOCK:
                    self._world.set_clock(fault.target, fault.shift)
                    await asyncio.sleep(fault.seconds)
                    self._world.set_clock(fault.target, 0.0)
                case Kind.ROTATE:
                    part.signal(signal.SIGUSR1)
                    await self._login()
                case Kind.FULL if fault.target.startswith("mongod"):
                    part.fill()
                    await asyncio.sleep(fault.seconds)
                    await part.end(signal.SIGKILL)
                    await part.start()
                case Kind.FULL:
                    node = self._world.nodes[fault.target]
                    await rabbitmq.control(node, "set_disk_free_limit", "900TB")
                    await asyncio.sleep(fault.seconds)
                    await rabbitmq.control(node, "set_disk_free_limit", "200MB")
                case Kind.RESTART:
                    await part.end(signal.SIGTERM)
                    await part.start()
                case Kind.SWAP:
                    await part.end(signal.SIGTERM)
                    self._world.swap(fault.target)
                    await part.start()
                case _:
                    await part.end(signal.SIGKILL)
                    if fault.kind is Kind.WIPE:
                        worlds.empty(self._world, fault.target)
                    await asyncio.sleep(fault.seconds)
                    await part.start()

    async def _strike_link(self, fault: Fault) -> None:
        link = self._world.links[fault.target]
        match fault.kind:
            case Kind.CUT:
                await link.cut()
            case Kind.SHUT:
                await link.shut()
                await asyncio.sleep(fault.seconds)
                await link.reopen()
            case Kind.SLOW:
                link.delay = 0.05
                await asyncio.sleep(fault.seconds)
                link.delay = 0.0
            case Kind.MUTE:
                link.mute()
                await asyncio.sleep(fault.seconds)
                await link.cut()
                link.thaw()
            case _:
                link.freeze()
                await asyncio.sleep(fault.seconds)
                link.thaw()

    async def _notice_deaths(self) -> None:
        """Start again what ended without us; that is a finding."""
        for role, part in self._world.parts.items():
            if part.died:
                self.died.append(role)
                with contextlib.suppress(TimeoutError):
                    await part.start()
