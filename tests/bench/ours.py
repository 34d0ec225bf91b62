"""Our side of the contest, over HTTP with authentication, access rules, events and history on."""

import asyncio
import itertools
import json
import statistics
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from tests.bench import cpu
from tests.bench.contenders import Life
from tests.bench.load import Connection, Load
from tests.support.people import Caller
from tests.support.stack import LocalStack

PAYLOAD = {"applicant": "x" * 200, "number": 4711}
BINDINGS = {"submitters": ["task-writer"], "workers": ["reviewer"], "assigners": ["supervisor"]}
_queues = itertools.count(1)
_LOOK, _RESTING, _LONGEST_REST = 0.3, 0.35, 30.0
"""Seconds; cores."""
_ROLES = ("api", "engine", "mongod", "rabbitmq")


class Spent:
    """CPU seconds by part, and the seconds in which they were spent."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.took = 1.0

    def of(self, part: str) -> float:
        """How many cores a part had at work."""
        return self.seconds[part] / self.took

    @property
    def cores(self) -> float:
        """How many cores all parts had at work."""
        return sum(self.seconds.values()) / self.took


class Ours:
    """A running stack with a tenant's admin, a submitter and a worker."""

    def __init__(self, stack: LocalStack, ada: Caller, sub: Caller, wim: Caller) -> None:
        self._stack = stack
        self._local = stack.local
        self.ada = ada
        self.sub = sub
        self.wim = wim

    @property
    def local(self) -> dict[str, Any]:
        """What the stack says of itself."""
        return self._local

    def load(self, who: Caller, connections: int) -> Load:
        """Connections with that caller's token."""
        return Load(self._local["api"], who.token, connections)

    async def queue(self) -> str:
        """A new queue's path."""
        path = f"/queues/bench/q{next(_queues)}"
        await self.ada.put(path, {"bindings": BINDINGS})
        return path

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, by part; of all API processes together."""
        pids: dict[str, int] = self._stack.local["pids"]
        return {role: sum(cpu.seconds(pids[each]) for each in pids if _part(each) == role) for role in _ROLES}

    @contextmanager
    def spending(self) -> Generator["Spent"]:
        """What the parts and this process, which is the clients, spend while the block runs."""
        spent, own, began, before = Spent(), time.process_time(), time.perf_counter(), self.cpu()
        yield spent
        spent.took = time.perf_counter() - began
        spent.seconds = {role: value - before[role] for role, value in self.cpu().items()}
        spent.seconds["clients"] = time.process_time() - own

    # --- workloads ---

    async def submits(self, path: str, *, size: int, clients: int, count: int) -> float:
        """Tasks a second."""
        async with self.load(self.sub, clients) as load:
            request = _submit(load, path, size)
            return count / await load.each(itertools.repeat(request, count // size))

    async def life(self, *, size: int, count: int, clients: int = 4, resting: bool = True) -> tuple[Life, float]:
        """Submitters and workers at once, from the first submit to the last end; CPU of each part for a task, µs.

        The CPU is counted until the stack rests again, for events and statistics come behind the ends; the seconds
        that this took are the second answer. Without `resting` the stack rests already, and what comes behind is left.
        """
        path = await self.queue()
        if resting:
            await self.rest()
        before, left = self.cpu(), count
        async with self.load(self.sub, clients) as subs, self.load(self.wim, clients * 2) as wims:
            claim = wims.request("POST", f"{path}/claims", {"max": size, "waitSeconds": 5})
            over = asyncio.Event()

            async def work(connection: Connection) -> None:
                nonlocal left
                while left > 0:
                    tasks = json.loads(await connection.send(claim))["tasks"]
                    if tasks:
                        await connection.send(settled(wims, tasks))
                        left -= len(tasks)
                over.set()

            began = time.perf_counter()
            working = asyncio.gather(*[work(each) for each in wims.connections])
            submit = await subs.each(itertools.repeat(_submit(subs, path, size), count // size))
            await over.wait()
            ended = time.perf_counter()
            if resting:
                await self.rest()
            rested = time.perf_counter() - ended
            used = {role: (value - before[role]) / count * 1e6 for role, value in self.cpu().items()}
            await working
        return Life(submit=count / submit, whole=count / (ended - began), cpu=used), rested

    async def rest(self) -> None:
        """Wait until the stack's processes have next to nothing to do, half a minute at most."""
        until = time.monotonic() + _LONGEST_REST
        while time.monotonic() < until:
            began, before = time.perf_counter(), sum(self.cpu().values())
            await asyncio.sleep(_LOOK)
            if (sum(self.cpu().values()) - before) / (time.perf_counter() - began) < _RESTING:
                return

    async def pickup(self, *, rate: float | None, count: int) -> list[float]:
        """Milliseconds from sending a submit to having its task by a long poll that waited, at so many a second.

        Without a rate the stack is idle: each submit waits for the end of the one before.
        """
        path, took = await self.queue(), list[float]()
        pollers = 2 if rate is None else 16
        idle = asyncio.Event()
        async with self.load(self.sub, 32) as subs, self.load(self.wim, pollers) as wims:
            claim = wims.request("POST", f"{path}/claims", {"max": 10, "waitSeconds": 2})

            async def poll(connection: Connection) -> None:
                while len(took) < count:
                    tasks = json.loads(await connection.send(claim))["tasks"]
                    now = time.perf_counter()
                    took.extend((now - task["params"]["at"]) * 1000 for task in tasks)
                    if tasks:
                        await connection.send(settled(wims, tasks))
                        idle.set()

            polling = asyncio.gather(*[poll(each) for each in wims.connections])
            await asyncio.sleep(0.2)
            free = asyncio.Queue[Connection]()
            for each in subs.connections:
                free.put_nowait(each)

            async def submit() -> None:
                connection = await free.get()
                body = {"name": "now", "params": {"at": time.perf_counter()}}
                await connection.send(subs.request("POST", f"{path}/tasks", body))
                free.put_nowait(connection)

            if rate is None:
                for _ in range(count):
                    idle.clear()
                    await submit()
                    await idle.wait()
                    await asyncio.sleep(0.01)
            else:
                await _at_rate(submit, rate, count)
            await polling
        return took[:count]


@asynccontextmanager
async def connected(stack: LocalStack, tenant: str = "demo") -> AsyncGenerator[Ours]:
    """The callers of a running stack, of one of its tenants."""
    local = stack.local
    async with (
        Caller(local["api"], local["auth"], tenant, "ada") as ada,
        Caller(local["api"], local["auth"], tenant, "sub") as sub,
        Caller(local["api"], local["auth"], tenant, "wim") as wim,
    ):
        yield Ours(stack, ada, sub, wim)


def _part(role: str) -> str:
    return "api" if role.startswith("api-") else role


def percentiles(took: list[float]) -> dict[str, float]:
    """Median, 95th and 99th."""
    cuts = statistics.quantiles(took, n=100)
    return {"median": statistics.median(took), "95th": cuts[94], "99th": cuts[98]}


async def _at_rate(call: Any, rate: float, count: int) -> None:
    loop = asyncio.get_running_loop()
    began, calls = loop.time(), list[asyncio.Task[None]]()
    for number in range(count):
        await asyncio.sleep(max(0.0, began + number / rate - loop.time()))
        calls.append(asyncio.create_task(call()))
    await asyncio.gather(*calls)


def _submit(load: Load, path: str, size: int) -> bytes:
    if size == 1:
        return load.request("POST", f"{path}/tasks", {"name": "single", "params": PAYLOAD})
    return load.request("POST", f"{path}/tasks/batch", {"tasks": [{"name": "batch", "params": PAYLOAD}] * size})


def settled(load: Load, tasks: list[dict[str, Any]]) -> bytes:
    """The request that ends these tasks."""
    if len(tasks) == 1:
        (task,) = tasks
        return load.request("POST", f"/tasks/{task['id']}/complete", {"execId": task["execId"], "result": {"ok": True}})
    items = [
        {"id": task["id"], "execId": task["execId"], "action": "complete", "result": {"ok": True}} for task in tasks
    ]
    return load.request("POST", "/tasks/settle", {"items": items})
