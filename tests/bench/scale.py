"""What does not get slower: a million tasks kept, ten thousand queues, a tenant that floods the others."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.bench import ours
from tests.bench.load import Connection
from tests.bench.ours import BINDINGS, PAYLOAD, Ours


async def fill(ours_: Ours, path: str, count: int) -> float:
    """Submit so many, a thousand a call; tasks a second."""
    return await ours_.submits(path, size=1000, clients=8, count=count)


async def rates(bench: Ours, paths: Sequence[str], count: int) -> dict[str, float]:
    """Submit and claim rates one call each, over these queues in turn; each claimed task is ended, unmeasured."""
    async with bench.load(bench.sub, 32) as subs, bench.load(bench.wim, 32) as wims:
        bodies = [subs.request("POST", f"{path}/tasks", {"name": "x", "params": PAYLOAD}) for path in paths]
        turns = itertools.cycle(bodies)
        submit = count / await subs.each(next(turns) for _ in range(count))
        claims = itertools.cycle([wims.request("POST", f"{path}/claims", {"max": 1}) for path in paths])
        took: list[float] = []

        async def claim(connection: Connection) -> None:
            began = time.perf_counter()
            tasks = json.loads(await connection.send(next(claims)))["tasks"]
            took.append(time.perf_counter() - began)
            if tasks:
                await connection.send(ours.settled(wims, tasks))

        await wims.cycles(count, claim)
    return {"submit": submit, "claim": len(took) / (sum(took) / len(wims.connections))}


async def many_queues(bench: Ours, first: int, count: int) -> list[str]:
    """So many queues more, numbered from `first` on, made sixteen at a time; their paths."""
    paths = [f"/queues/many/q{number}" for number in range(first, first + count)]
    async with bench.load(bench.ada, 16) as load:
        await load.each([load.request("PUT", path, {"bindings": BINDINGS}) for path in paths])
    return paths


@asynccontextmanager
async def flood(bench: Ours, path: str) -> AsyncGenerator[None]:
    """While the block runs, the tenant submits to this queue by the hundred and works it off by fifty, all it can."""
    stop = asyncio.Event()
    async with bench.load(bench.sub, 16) as subs, bench.load(bench.wim, 16) as wims:
        submit = subs.request("POST", f"{path}/tasks/batch", {"tasks": [{"name": "n", "params": PAYLOAD}] * 100})
        claim = wims.request("POST", f"{path}/claims", {"max": 50})

        async def fill_up(connection: Connection) -> None:
            while not stop.is_set():
                await connection.send(submit)

        async def drain(connection: Connection) -> None:
            while not stop.is_set():
                tasks = json.loads(await connection.send(claim))["tasks"]
                if tasks:
                    await connection.send(ours.settled(wims, tasks))

        going = [asyncio.create_task(fill_up(each)) for each in subs.connections]
        going += [asyncio.create_task(drain(each)) for each in wims.connections]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*going)


async def held_polls(bench: Ours, count: int) -> int:
    """Bytes of memory of the API process while so many long polls wait."""
    path = await bench.queue()
    async with bench.load(bench.wim, count) as wims:
        claim = wims.request("POST", f"{path}/claims", {"waitSeconds": 5})
        polls = asyncio.gather(*[each.send(claim) for each in wims.connections])
        await asyncio.sleep(3)
        used = memory(bench.local["pids"]["api"])
        await polls
    return used


def memory(pid: int) -> int:
    """Resident bytes of a process."""
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * 4096
