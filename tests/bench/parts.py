"""The parts of a run, in their order: each a workload that is measured on a running stack."""

import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from tests.bench import (
    contest,
    fill,
    flow_rates,
    lists,
    ours,
    processes,
    push_rates,
    scale,
    stream_rates,
    tenants,
    urgent,
)
from tests.bench.ours import Ours
from tests.bench.report import Figures
from tests.support.stack import LocalStack

_ENOUGH = 100_000
"""So many tasks and more are written where the stack keeps them, fewer are submitted."""


class Run(NamedTuple):
    """What a part has: a stack, and where its figures go."""

    stack: LocalStack
    figures: Figures
    quick: bool

    def some(self, many: int, few: int) -> int:
        """How many: few in a quick run."""
        return few if self.quick else many


class Part(NamedTuple):
    """A part by its name. `minutes`: how long it may take; `workers`: how many API processes its stack has."""

    name: str
    work: Callable[[Run], Awaitable[None]]
    minutes: float
    workers: int = 1
    quick: bool = True


async def rounds(run: Run) -> None:
    """Ours, the peers and the limits in turns."""
    async with ours.connected(run.stack) as bench:
        await contest.rounds(bench, run.figures, quick=run.quick)


async def priorities(run: Run) -> None:
    """Urgent tasks before a backlog of normal ones."""
    async with ours.connected(run.stack) as bench:
        took, others = await urgent.measure(bench, backlog=run.some(20_000, 4_000), count=run.some(200, 50))
        for which, value in ours.percentiles(took).items():
            run.figures.add("urgent tasks before a backlog, ms", which, value)
        run.figures.add("urgent tasks before a backlog, others handed out a second", "Penstock", others)


async def flows(run: Run) -> None:
    """Task lists, and decisions step by step."""
    for name, values in (await flow_rates.measure(run.stack, quick=run.quick)).items():
        for value in values:
            run.figures.add("flows", name, value)


async def push(run: Run) -> None:
    """Tasks that are sent to an HTTP target."""
    async with ours.connected(run.stack) as bench:
        rate, took = await push_rates.measure(bench, count=run.some(4_000, 1_000), single=run.some(100, 20))
        run.figures.add("HTTP push", f"tasks/s, {push_rates.CONCURRENCY} at a time", rate)
        for which, value in ours.percentiles(took).items():
            run.figures.add("HTTP push", f"submit until it is sent, {which} ms", value)


async def streams(run: Run) -> None:
    """Event streams of many callers at the same time."""
    count = run.some(1_000, 200)
    async with ours.connected(run.stack) as bench, stream_rates.opened(bench, count) as listeners:
        middle, last = await stream_rates.measure(bench, listeners, run.some(30, 5))
        for name, values in (("the middle one", middle), ("the last", last)):
            run.figures.add(f"an event to {count:,} streams, ms", name, statistics.median(values))
        used = scale.memory(bench.local["pids"]["api"]) / 1e6
        run.figures.add("memory, MB", f"API, {count:,} event streams", used)


async def polls(run: Run) -> None:
    """Long polls that wait at the same time."""
    count = run.some(1_000, 100)
    async with ours.connected(run.stack) as bench:
        used = await scale.held_polls(bench, count)
        run.figures.add("memory, MB", f"API, {count:,} long polls", used / 1e6)


async def backlog(run: Run) -> None:
    """Submits and claims while more and more tasks wait in the queue; worklists among all of them."""
    dice, kept = random.Random(8), 0
    async with ours.connected(run.stack) as bench:
        path = await bench.queue()
        samples = await fill.sampled(bench, path, [lists.body(dice) for _ in range(run.some(500, 100))])
        kept = len(samples)
        for size in (1_000, 10_000) if run.quick else (1_000, 30_000, 1_000_000):
            print(f"{size:,} tasks", flush=True)
            await _grown(run, bench, path, samples, size - kept)
            kept = size
            await _rates(run, bench, path, f"{size:,} tasks")
        pids = run.stack.local["pids"]
        run.figures.add("memory, MB", f"engine, {kept:,} tasks kept", scale.most_memory(pids["engine"]) / 1e6)
        run.figures.add("memory, MB", f"API, {kept:,} tasks kept", scale.most_memory(pids["api"]) / 1e6)
        await _worklists(run, bench, path, kept)
        await _neighbour(run, bench, path)


async def _grown(run: Run, bench: Ours, path: str, samples: list[fill.Sample], count: int) -> None:
    if count < _ENOUGH // 2:
        await bench.submits(path, size=100, clients=8, count=count - count % 100)
    else:
        rate = await fill.fill(run.stack, samples, count)
        run.figures.add("written straight to the stores, tasks/s", f"{count:,} tasks", rate)
    await bench.rest()


async def _rates(run: Run, bench: Ours, path: str, name: str) -> None:
    turns = [scale.turn(bench, path, submitter=bench.sub.token, worker=bench.wim.token)]
    await scale.rates(bench, turns, run.some(500, 100))
    for _ in range(run.some(3, 1)):
        await bench.rest()
        for rate, value in (await scale.rates(bench, turns, run.some(2_500, 300))).items():
            run.figures.add(f"{rate} by 1 with a backlog, a second", name, value)


async def _worklists(run: Run, bench: Ours, path: str, kept: int) -> None:
    found = await lists.measure(bench, path, run.some(40, 5))
    for name, values in found.items():
        run.figures.add(f"a page of a worklist among {kept:,} tasks, ms", f"{name}, median", statistics.median(values))
    every = ours.percentiles([value for values in found.values() for value in values])
    for which in ("95th", "99th"):
        run.figures.add(f"a page of a worklist among {kept:,} tasks, ms", f"all of them, {which}", every[which])


async def _neighbour(run: Run, bench: Ours, path: str) -> None:
    """A quiet tenant alone, and beside one that submits and claims as fast as it can from its backlog; in turns."""
    print("a noisy neighbour", flush=True)
    count = run.some(80, 20)
    async with ours.connected(run.stack, "acme") as quiet:
        await quiet.pickup(rate=10, count=20)
        for _ in range(run.some(2, 1)):
            await bench.rest()
            took = {"alone": await quiet.pickup(rate=10, count=count)}
            with scale.flood(bench, path):
                await asyncio.sleep(2.0)
                took["beside a flood"] = await quiet.pickup(rate=10, count=count)
            for name, values in took.items():
                run.figures.add("pickup of a quiet tenant, 95th, ms", name, ours.percentiles(values)["95th"])
                run.figures.add("pickup of a quiet tenant, worst, ms", name, max(values))
        await bench.rest()


async def queues(run: Run) -> None:
    """Submits and claims over a few queues of one tenant, and over ten of each of a thousand; in turns.

    A quarter of the queues at a time, in turns with the few.
    """
    houses, own = run.some(1_000, 10), 10
    async with ours.connected(run.stack) as bench, tenants.issuing() as issuer:
        made = await asyncio.to_thread(tenants.furnished, run.stack.local["mongodb"], issuer, houses, own)
        turns = [scale.turn(bench, path, submitter=h.token, worker=h.token) for h in made for path in h.paths]
        random.Random(8).shuffle(turns)
        few = [scale.turn(bench, path, submitter=made[0].token, worker=made[0].token) for path in made[0].paths]
        await _first_use(run, bench, turns[: run.some(500, 50)])
        print(f"{len(turns):,} lanes", flush=True)
        lanes = [lane for house in made for lane in house.lanes]
        await tenants.declared(run.stack.local["rabbitmq"], lanes)
        # Each queue once before it counts: tokens, tenants, queues and lanes are known then.
        print("each queue once", flush=True)
        rounds = run.some(4, 1)
        parts = [turns[number::rounds] for number in range(rounds)]
        for part in parts:
            await scale.rates(bench, part, len(part))
        for part in parts:
            for name, some in ((f"{own} queues", few), (f"{own * houses:,} queues of {houses:,} tenants", part)):
                await bench.rest()
                for rate, value in (await scale.rates(bench, some, len(part))).items():
                    run.figures.add(f"{rate} by 1 over queues, a second", name, value)


async def _first_use(run: Run, bench: Ours, turns: list[scale.Turn]) -> None:
    """The first submit of each: the tenant's keys are fetched, the lane is declared."""
    began = time.perf_counter()
    async with bench.load(bench.sub, 32) as load:
        await load.each(each.submit for each in turns)
    rate = len(turns) / (time.perf_counter() - began)
    run.figures.add("submit by 1 over queues, the first of each, a second", f"{len(turns):,} queues", rate)


async def two(run: Run) -> None:
    """One API process and two, in turns."""
    async with ours.connected(run.stack) as bench:
        await processes.measure(run.stack, bench, run.figures, rounds=run.some(3, 1))


PARTS = (
    Part("contest", rounds, minutes=7),
    Part("priorities", priorities, minutes=1.5),
    Part("flows", flows, minutes=1.5),
    Part("push", push, minutes=1),
    Part("streams", streams, minutes=1.5),
    Part("polls", polls, minutes=1),
    Part("backlog", backlog, minutes=5),
    Part("queues", queues, minutes=4),
    Part("processes", two, minutes=3, workers=2, quick=False),
)
