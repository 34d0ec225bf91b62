"""The contest: ours, the peers and the limits in one run on one machine, interleaved; medians, and ratios between them.

    make bench            three rounds and the workloads of scale, some ten minutes
    make bench QUICK=1    one short round, about a minute, for CI

The result goes to the screen, and without QUICK to docs/performance.md with plots beside it. Peers that cannot be had
here, or do not work, are said and left out.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
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
    count = 1_000 if quick else 10_000
    mongodb = local["mongodb"]
    async with limits.serving() as endpoint:
        for number in range(1 if quick else 3):
            print(f"round {number + 1}", flush=True)
            for peer in contenders.PEERS if contenders.PYTHON.exists() else ():
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
    """One pass of a peer; one that does not work gets a second try."""
    for _ in range(2):
        try:
            with contenders.running(peer, rabbitmq, mongodb) as running:
                life = running.life(count)
        except (OSError, RuntimeError) as error:
            print(f"{peer.name} was not measured: {error}", flush=True)
            continue
        figures.add("whole life by 1", peer.name, life.whole)
        figures.add("submit by 1", peer.name, life.submit)
        figures.add("CPU of a whole life by 1, µs", peer.name, life.cpu)
        return


async def sizes(bench: ours.Ours, quiet: ours.Ours, figures: Figures, *, quick: bool) -> None:
    """How it is with much of everything; `quiet` is another tenant."""
    seconds, calls = (2, 300) if quick else (20, 3_000)
    alone = await quiet.pickup(rate=10, count=seconds * 10)
    path, kept = await bench.queue(), 0
    for size in (1_000, 10_000) if quick else (1_000, 10_000, 100_000, 1_000_000):
        print(f"{size:,} tasks", flush=True)
        began = time.perf_counter()
        await scale.fill(bench, path, size - kept)
        figures.add(
            "filling by 1,000, tasks a second", f"{size:,} tasks", (size - kept) / (time.perf_counter() - began)
        )
        kept = size
        for _ in range(1 if quick else 3):
            for rate, value in (await scale.rates(bench, [path], calls)).items():
                figures.add(f"{rate} by 1 with a backlog", f"{size:,} tasks", value)
        figures.add("memory, MB", f"engine, {size:,} tasks kept", scale.memory(bench.local["pids"]["engine"]) / 1e6)
    print("a noisy neighbour", flush=True)
    async with scale.flood(bench, path):
        beside = await quiet.pickup(rate=10, count=seconds * 10)
    for name, took in (("alone", alone), ("beside a flood", beside)):
        figures.add("pickup of a quiet tenant, 95th, ms", name, ours.percentiles(took)["95th"])
        figures.add("pickup of a quiet tenant, worst, ms", name, max(took))
    polls = 100 if quick else 1_000
    figures.add("memory, MB", f"API, {polls:,} long polls", await scale.held_polls(bench, polls) / 1e6)
    paths = list[str]()
    for number in (10, 50) if quick else (10, 100, 1_000, 10_000):
        print(f"{number:,} queues", flush=True)
        paths += await scale.many_queues(bench, len(paths), number - len(paths))
        for _ in range(1 if quick else 3):
            for rate, value in (await scale.rates(bench, paths, max(calls, number))).items():
                figures.add(f"{rate} by 1 over queues", f"{number:,} queues", value)


async def run(stack: LocalStack, *, quick: bool) -> Figures:
    """Everything on one stack, in its order."""
    figures = Figures()
    async with ours.connected(stack) as bench, ours.connected(stack, "acme") as quiet:
        await contest(bench, figures, quick=quick)
        await sizes(bench, quiet, figures, quick=quick)
    for name, values in (await flow_rates.measure(stack, quick=quick)).items():
        for value in values:
            figures.add("flows", name, value)
    return figures


async def processes(stack: LocalStack, number: int, figures: Figures) -> None:
    """Rates with so many API processes."""
    name = f"{number} API process{'es' if number > 1 else ''}"
    async with ours.connected(stack) as bench:
        for _ in range(3):
            path = await bench.queue()
            figures.add("submit by 1, by processes", name, await bench.submits(path, size=1, clients=64, count=5_000))
            life, _ = await bench.life(size=50, count=20_000)
            figures.add("whole life by 50, by processes", name, life.whole)


@contextmanager
def started(workers: int = 1) -> Generator[LocalStack]:
    """A stack of its own, with so many API processes."""
    os.environ["PENSTOCK_API_WORKERS"] = str(workers)
    with tempfile.TemporaryDirectory() as folder:
        stack = LocalStack(Path(folder))
        try:
            stack.start()
            yield stack
        finally:
            stack.stop()


def main() -> None:
    """Start a stack, measure, tell, stop it."""
    asked = argparse.ArgumentParser(description="Measure the local stack beside its peers")
    asked.add_argument("--quick", action="store_true")
    quick = asked.parse_args().quick
    if not contenders.PYTHON.exists():
        print("The other task queues are not installed (deploy/bootstrap_peers.sh): ours is measured alone.")
    began = time.monotonic()
    with started() as stack:
        figures = asyncio.run(run(stack, quick=quick))
    for number in () if quick else (1, 2):
        with started(number) as stack:
            asyncio.run(processes(stack, number, figures))
    console = rich.console.Console()
    for table in report.tables(figures):
        console.print(table)
    console.print(report.criteria(figures))
    console.print(f"It took {(time.monotonic() - began) / 60:.1f} minutes.")
    if not quick:
        _keep(figures)


def _keep(figures: Figures) -> None:
    page = homes.ROOT / "docs" / "performance.md"
    page.write_text(report.page(figures))
    if not contenders.PYTHON.exists():
        return
    data: dict[str, Any] = {
        what: {who: statistics.median(values) for who, values in row.items()} for what, row in figures.found.items()
    }
    subprocess.run(
        [contenders.PYTHON, "-m", "tests.bench.peers.plots", str(homes.ROOT / "docs" / "images")],
        cwd=homes.ROOT, input=json.dumps(data), text=True, check=True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
