"""The contest: ours, the peers and the limits in one run on one machine, interleaved; medians, and ratios between them.

    make bench            three rounds and the workloads of scale
    make bench QUICK=1    one short round, for CI

The result goes to the screen, and without QUICK to docs/performance.md with plots beside it.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import rich.console

from deploy.local import home as homes
from tests.bench import contenders, flow_rates, limits, ours, report, scale
from tests.bench.report import Figures
from tests.support.stack import LocalStack


async def contest(bench: ours.Ours, figures: Figures, *, quick: bool) -> None:
    """Rounds of everything that is compared."""
    local = bench.local
    count = 2_000 if quick else 10_000
    mongodb = local["mongodb"]
    async with limits.serving() as endpoint:
        for number in range(1 if quick else 3):
            print(f"round {number + 1}", flush=True)
            for peer in contenders.PEERS:
                await asyncio.to_thread(_peer, peer, local["rabbitmq"], mongodb, count, figures)
            for size in (1, 50, 100):
                life, used = await bench.life(size=size, count=count // 2 if size == 1 else count * 2)
                figures.add(f"whole life by {size}", "Penstock", life.whole)
                figures.add(f"CPU of a whole life by {size}, µs", "Penstock", life.cpu)
                for role, value in used.items():
                    figures.add(f"CPU of a whole life by {size}, µs", f"Penstock: {role}", value)
            for size, clients in ((1, 64), (100, 8)):
                path = await bench.queue()
                rate = await bench.submits(path, size=size, clients=clients, count=count if size == 1 else count * 5)
                figures.add(f"submit by {size}", "Penstock", rate)
            asked = {"token": bench.sub.token, "issuer": f"{local['auth']}/realms/demo"}
            figures.add(
                "submit by 1",
                "no-op FastAPI endpoint",
                await limits.endpoint(endpoint, clients=64, count=count, **asked),
            )
            figures.add(
                "submit by 100", "raw insert_many",
                await limits.inserts(mongodb, size=100, clients=8, count=count * 5),
            )  # fmt: skip
            for name, rate, tries in (("idle", None, 100), ("at 100/s", 100.0, 500), ("at 1,000/s", 1000.0, 4000)):
                took = ours.percentiles(await bench.pickup(rate=rate, count=tries // 5 if quick else tries))
                for which, value in took.items():
                    figures.add(f"pickup {name}, ms", which, value)


def _peer(peer: contenders.Peer, rabbitmq: str, mongodb: str, count: int, figures: Figures) -> None:
    with contenders.running(peer, rabbitmq, f"{mongodb}") as running:
        life = running.life(count)
        figures.add("whole life by 1", peer.name, life.whole)
        figures.add("submit by 1", peer.name, life.submit)
        figures.add("CPU of a whole life by 1, µs", peer.name, life.cpu)


async def sizes(bench: ours.Ours, figures: Figures, *, quick: bool) -> None:
    """How it is with much of everything."""
    tasks, queues, calls = (20_000, 100, 500) if quick else (1_000_000, 10_000, 3_000)
    print(f"{tasks:,} tasks, {queues:,} queues", flush=True)
    few, many = await bench.queue(), await bench.queue()
    await scale.fill(bench, few, 1_000)
    for rate, value in (await scale.rates(bench, [few], calls)).items():
        figures.add(f"{rate} by 1 with a backlog", "1,000 tasks", value)
    figures.add("filling by 1,000", "Penstock", await scale.fill(bench, many, tasks))
    for rate, value in (await scale.rates(bench, [many], calls)).items():
        figures.add(f"{rate} by 1 with a backlog", f"{tasks:,} tasks", value)
    figures.add("memory, MB", "engine, all tasks kept", scale.memory(bench.local["pids"]["engine"]) / 1e6)
    figures.add("memory, MB", "API, 1,000 long polls", await scale.held_polls(bench, 1_000) / 1e6)
    paths = await scale.many_queues(bench, queues)
    for held in (10, queues):
        for rate, value in (await scale.rates(bench, paths[:held], max(calls, held))).items():
            figures.add(f"{rate} by 1 over queues", f"{held:,} queues", value)
    for name, took in (await scale.noisy(bench, seconds=3 if quick else 20)).items():
        figures.add("pickup of a quiet tenant, 95th, ms", name, ours.percentiles(took)["95th"])
        figures.add("pickup of a quiet tenant, worst, ms", name, max(took))


async def run(stack: LocalStack, *, quick: bool) -> Figures:
    """Everything, in its order."""
    figures = Figures()
    async with ours.connected(stack) as bench:
        await contest(bench, figures, quick=quick)
        await sizes(bench, figures, quick=quick)
    for name, values in (await flow_rates.measure(stack, quick=quick)).items():
        for value in values:
            figures.add("flows", name, value)
    return figures


def main() -> None:
    """Start a stack, measure, tell, stop it."""
    asked = argparse.ArgumentParser(description="Measure the local stack beside its peers")
    asked.add_argument("--quick", action="store_true")
    quick = asked.parse_args().quick
    with tempfile.TemporaryDirectory() as folder:
        stack = LocalStack(Path(folder))
        stack.start()
        try:
            figures = asyncio.run(run(stack, quick=quick))
        finally:
            stack.stop()
    console = rich.console.Console()
    for table in report.tables(figures):
        console.print(table)
    console.print(report.criteria(figures))
    if not quick:
        _keep(figures)


def _keep(figures: Figures) -> None:
    page = homes.ROOT / "docs" / "performance.md"
    page.write_text(report.page(figures))
    data: dict[str, Any] = {
        what: {who: statistics.median(values) for who, values in row.items()} for what, row in figures.found.items()
    }
    subprocess.run(
        [contenders.PYTHON, "-m", "tests.bench.peers.plots", str(homes.ROOT / "docs" / "images")],
        cwd=homes.ROOT, input=json.dumps(data), text=True, check=True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
