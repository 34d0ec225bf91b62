"""What a second API process adds, and which of the machine's cores are left for it."""

import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.bench.ours import Ours, Spent
from tests.bench.report import Figures
from tests.support.stack import LocalStack
from tests.support.waiting import wait_until

SECOND = "api-2"
_SINGLE, _BATCH = 6_000, 12_000
NAMES = ("1 API process", "2 API processes")


@asynccontextmanager
async def without_second(stack: LocalStack) -> AsyncGenerator[None]:
    """While the block runs, the second API process is down; the first one has all connections."""
    hold, before = stack.home / "hold" / SECOND, int(stack.local["pids"][SECOND])
    hold.parent.mkdir(exist_ok=True)
    hold.touch()
    os.kill(before, signal.SIGTERM)
    await wait_until(lambda: not Path(f"/proc/{before}").exists(), what="the end of the second", timeout=60)
    try:
        yield
    finally:
        hold.unlink()
        await wait_until(
            lambda: dict(stack.local["pids"]).get(SECOND) not in (None, before), what="it again", timeout=60
        )


async def measure(stack: LocalStack, bench: Ours, figures: Figures, *, rounds: int) -> None:
    """Rates with one process and with two, in turns; the CPU of a task, and how many cores were at work."""
    for _ in range(rounds):
        await _round(bench, figures, NAMES[1])
        async with without_second(stack):
            await _round(bench, figures, NAMES[0])


async def _round(bench: Ours, figures: Figures, name: str) -> None:
    path = await bench.queue()
    await bench.submits(path, size=1, clients=64, count=500)
    await bench.rest()
    with bench.spending() as spent:
        rate = await bench.submits(path, size=1, clients=64, count=_SINGLE)
    figures.add("submit by 1, by processes, tasks/s", name, rate)
    _told(figures, "submit by 1", name, spent, _SINGLE)
    await bench.rest()
    with bench.spending() as spent:
        life, _ = await bench.life(size=50, count=_BATCH, clients=8, resting=False)
    # Not the seconds in which the last long polls ran out.
    spent.took = _BATCH / life.whole
    figures.add("whole life by 50, by processes, tasks/s", name, life.whole)
    _told(figures, "whole life by 50", name, spent, _BATCH)


def _told(figures: Figures, what: str, name: str, spent: Spent, count: int) -> None:
    figures.add("cores at work, by processes", f"{what}, {name}", spent.cores)
    for part in spent.seconds:
        figures.add("cores at work, by processes", f"{what}, {name}: {part}", spent.of(part))
    figures.add("CPU of the API for a task, by processes, µs", f"{what}, {name}", spent.seconds["api"] / count * 1e6)
