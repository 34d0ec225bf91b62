"""A chaos run: a stack of its own, everybody at work, the adversary, and the verdict.

    python -m tests.chaos.run --minutes 3 --seed 1       (make chaos MINUTES=3)

Exits with 1 when the checker finds something.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec
import rich.console

from core import clock
from tests.chaos import checker, plan, report, stored, world
from tests.chaos.adversary import Adversary
from tests.chaos.cast import Cast
from tests.chaos.ledger import Ledger
from tests.chaos.wire import Wire
from tests.chaos.world import World


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a run."""

    seed: int
    seconds: float
    rate: float = 60.0
    """Tasks a second that the writers aim at."""
    writers: int = 4
    workers: int = 4
    longest: float = 4.0
    """Seconds that a fault lasts at most: twice the lease."""
    rest: float = 3.0
    after: float = 0.0
    """Seconds of work after the last fault, so that it is seen how the rate comes back."""
    spared: tuple[str, ...] = ("epmd",)
    stalled: float = 40.0
    """Seconds without any progress after which the stack is held to have come to rest: lost tickets are found within
    fourteen of an idle machine, more of one that others use."""
    prompt: float = 0.84
    """The share of tasks whose workers do as they should."""


async def chaos(on: World, wanted: Run, script: plan.Plan | None = None) -> report.Report:
    """Run on a stack that serves; the ledger and the report are left in its home."""
    ledger = Ledger(tenant=world.TENANT)

    def wire(realm: str, name: str) -> Wire:
        return Wire(list(on.apis), on.auth, realm, name, ledger)

    async with (
        wire("core", "root") as root,
        wire(world.TENANT, "ada") as ada,
        wire(world.TENANT, "sub") as sub,
        wire(world.TENANT, "wim") as wim,
        stored.opened(on.mongodb, on.database) as record,
    ):
        cast = Cast(root=root, ada=ada, writer=sub, worker=wim, seed=wanted.seed, prompt=wanted.prompt)
        await cast.prepare(on.auth)
        await cast.schedule()
        processes = [role for role in on.parts if role not in wanted.spared]
        # A node of a cluster that forgot everything is another node, which the others do not let in.
        wiped = () if on.shape.clustered else ("rabbitmq",)
        faults = plan.Faults(
            wanted.seed, processes=processes, links=list(on.links),
            longest=wanted.longest, rest=wanted.rest,
            wiped=wiped, filled=[*on.nodes, *(role for role in on.parts if role.startswith("mongod"))],
            turned=on.ours, keyed=("issuer",),
        )  # fmt: skip

        async def login() -> None:
            await asyncio.gather(*(each.login() for each in (root, ada, sub, wim)))

        adversary = Adversary(on, script or faults, login=login)
        playing = asyncio.create_task(cast.play(writers=wanted.writers, workers=wanted.workers, rate=wanted.rate))
        telling = asyncio.create_task(_tell(ledger, adversary, on.home / "progress.txt"))
        try:
            await _unless(playing, adversary.rage(wanted.seconds))
            await asyncio.sleep(wanted.after)
            over = time.monotonic()
            await cast.leave()
            await record.rest(stalled=wanted.stalled, most=max(180.0, wanted.seconds))
            rested = time.monotonic() - over
            cast.behave()
            await playing
        finally:
            playing.cancel()
            telling.cancel()
            await asyncio.gather(playing, telling, return_exceptions=True)
        left = await record.read(world.TENANT)
    findings = checker.check(ledger, left)
    made = report.made(
        ledger, left, findings, seed=wanted.seed, seconds=wanted.seconds,
        struck=adversary.struck, died=adversary.died, rested=rested,
    )  # fmt: skip
    ledger.save(on.home / "ledger.json")
    (on.home / "report.txt").write_text(report.text(made) + "\n")
    return made


async def _tell(ledger: Ledger, adversary: Adversary, file: Path) -> None:
    """How far it is, every minute; for who waits for a long run."""
    while True:
        await asyncio.sleep(60)
        line = f"{clock.system_clock():%H:%M:%S} {len(ledger.submits)} tasks, {len(adversary.struck)} faults"
        with file.open("a") as lines:
            lines.write(f"{line}, {len(ledger.finishes)} finishes, {ledger.unknown} calls without an answer\n")


async def _unless(playing: asyncio.Task[None], rage: Coroutine[Any, Any, None]) -> None:
    """The adversary's time, or the error of a caller that met what it must not meet."""
    raging = asyncio.create_task(rage)
    await asyncio.wait({playing, raging}, return_when=asyncio.FIRST_COMPLETED)
    if not raging.done():
        raging.cancel()
        await asyncio.gather(raging, return_exceptions=True)
        playing.result()
    raging.result()


async def main(wanted: Run, shape: world.Shape, home: Path) -> int:
    """Run and tell; the number of the exit."""
    console = rich.console.Console(highlight=False, soft_wrap=True)
    console.print(f"seed {wanted.seed}, {wanted.seconds:.0f} s, logs and ledger in {home}")
    async with world.running(home, shape) as on:
        console.print(f"{clock.system_clock():%H:%M:%S} the stack serves")
        made = await chaos(on, wanted)
    console.print(report.text(made), markup=False)
    return 1 if made.findings or made.died else 0


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--minutes", type=float, default=1.0)
    asked.add_argument(
        "--seed", type=int, default=None, help="of the plan and of everybody's dice; a new one if not given"
    )
    asked.add_argument("--rate", type=float, default=60.0, help="tasks a second")
    asked.add_argument("--rest", type=float, default=3.0, help="seconds of peace between two faults, at most")
    asked.add_argument("--workers", type=int, default=4)
    asked.add_argument("--cluster", action="store_true", help="three servers of each kind")
    asked.add_argument("--apis", type=int, default=2)
    asked.add_argument("--engines", type=int, default=2)
    given = asked.parse_args()
    seed = random.randrange(10**6) if given.seed is None else given.seed
    run = Run(
        seed=seed, seconds=given.minutes * 60, rate=given.rate, rest=given.rest, after=10.0, workers=given.workers
    )
    folder = Path(tempfile.mkdtemp(prefix="penstock-chaos-"))
    sys.exit(
        asyncio.run(main(run, world.Shape(apis=given.apis, engines=given.engines, clustered=given.cluster), folder))
    )
