"""Priorities under load: how soon an urgent task is handed out while workers are busy with a backlog of others."""

import asyncio
import json
import time

from tests.bench import ours
from tests.bench.load import Connection
from tests.bench.ours import PAYLOAD, Ours

RATE = 25.0
"""Urgent tasks a second."""
_WORKERS = 8


async def measure(bench: Ours, *, backlog: int, count: int) -> tuple[list[float], float]:
    """Milliseconds from the submit of each urgent task to its hand-out, and how many others were handed out a second.

    The workers claim one by one, and never rest: a task that is not urgent waits for as long as the backlog lasts.
    """
    path, took, others = await bench.queue(), list[float](), 0
    await bench.submits(path, size=100, clients=8, count=backlog)
    await bench.rest()
    began, loop = time.perf_counter(), asyncio.get_running_loop()
    async with bench.load(bench.sub, 4) as subs, bench.load(bench.wim, _WORKERS) as wims:
        claim = wims.request("POST", f"{path}/claims", {"max": 1})

        async def work(connection: Connection) -> None:
            nonlocal others
            while len(took) < count:
                for task in json.loads(await connection.send(claim))["tasks"]:
                    if (at := task["params"].get("at")) is None:
                        others += 1
                    else:
                        took.append((time.perf_counter() - at) * 1000)
                    await connection.send(ours.settled(wims, [task]))

        async def submit(connection: Connection, place: int) -> None:
            start = loop.time()
            for number in range(place, count, len(subs.connections)):
                await asyncio.sleep(max(0.0, start + number / RATE - loop.time()))
                body = {"name": "urgent", "priority": "urgent", "params": {**PAYLOAD, "at": time.perf_counter()}}
                await connection.send(subs.request("POST", f"{path}/tasks", body))

        submits = [submit(each, place) for place, each in enumerate(subs.connections)]
        await asyncio.gather(*map(work, wims.connections), *submits)
    return took, others / (time.perf_counter() - began)
