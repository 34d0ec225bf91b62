"""What is not to get slower: with a million tasks kept, over ten thousand queues, beside a tenant that floods."""

import asyncio
import itertools
import json
import multiprocessing
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path

import msgspec

from tests.bench import ours
from tests.bench.load import Connection, Load
from tests.bench.ours import PAYLOAD, Ours


class Turn(msgspec.Struct, frozen=True):
    """The two requests of a queue."""

    submit: bytes
    claim: bytes
    token: str


def turn(bench: Ours, path: str, *, submitter: str, worker: str) -> Turn:
    """Those of a queue, by these people's tokens."""
    url = bench.local["api"]
    subs, wims = Load(url, submitter, 0), Load(url, worker, 0)
    body = {"name": "x", "params": PAYLOAD}
    submit, claim = subs.request("POST", f"{path}/tasks", body), wims.request("POST", f"{path}/claims", {"max": 1})
    return Turn(submit, claim, worker)


async def rates(bench: Ours, turns: Sequence[Turn], count: int) -> dict[str, float]:
    """Submit and claim rates one call each, over these queues in turn; each claimed task is ended, unmeasured."""
    async with bench.load(bench.sub, 32) as load:
        submits, claims = itertools.cycle(turns), itertools.cycle(turns)
        submit = count / await load.each(next(submits).submit for _ in range(count))
        took: list[float] = []

        async def claim(connection: Connection) -> None:
            now = next(claims)
            began = time.perf_counter()
            tasks = json.loads(await connection.send(now.claim))["tasks"]
            took.append(time.perf_counter() - began)
            if tasks:
                await connection.send(ours.settled(Load(bench.local["api"], now.token, 0), tasks))

        await load.cycles(count, claim)
    return {"submit": submit, "claim": len(took) / (sum(took) / len(load.connections))}


@contextmanager
def flood(bench: Ours, path: str) -> Generator[None]:
    """While the block runs, the tenant submits to this queue by the hundred and works it off by fifty, all it can.

    From a process of its own: what its client costs must not slow whoever measures.
    """
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    given = bench.local["api"], bench.sub.token, bench.wim.token, path, stop
    process = context.Process(target=_flood, args=given, daemon=True)
    process.start()
    try:
        yield
    finally:
        stop.set()
        process.join(30)
        process.kill()


def _flood(url: str, submitter: str, worker: str, path: str, stop: Event) -> None:
    asyncio.run(_flooding(url, submitter, worker, path, stop))


async def _flooding(url: str, submitter: str, worker: str, path: str, stop: Event) -> None:
    async with Load(url, submitter, 16) as subs, Load(url, worker, 16) as wims:
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

        await asyncio.gather(*map(fill_up, subs.connections), *map(drain, wims.connections))


async def held_polls(bench: Ours, count: int) -> int:
    """Bytes of memory of the API process while so many long polls wait."""
    path = await bench.queue()
    async with bench.load(bench.wim, count) as wims:
        claim = wims.request("POST", f"{path}/claims", {"waitSeconds": 5})
        polls = asyncio.gather(*[each.send(claim) for each in wims.connections])
        await asyncio.sleep(3)
        used = max(memory(pid) for role, pid in bench.local["pids"].items() if role.startswith("api"))
        await polls
    return used


def memory(pid: int) -> int:
    """Resident bytes of a process."""
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * 4096


def most_memory(pid: int) -> int:
    """The most resident bytes that a process ever had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024
