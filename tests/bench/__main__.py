"""The contest: ours, the peers and the limits in one run on one machine, interleaved; medians, and ratios between them.

    make bench            three rounds and the workloads of scale, some ten minutes
    make bench QUICK=1    one short round, about a minute, for CI

    python -m tests.bench [--quick] [--only contest --only queues] [--write]

Every part prints its tables when it ends, and writes the raw figures to .bench/figures.json and, without QUICK,
docs/performance.md with plots beside it; a part that fails is named there, and the others go on. Peers that cannot be
had here, or do not work, are said and left out.
"""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager

import pymongo

from tests.bench import contenders, parts
from tests.bench.results import Results
from tests.support import stack as stacks

TUNED = {"wiredTigerEngineRuntimeConfig": "cache_size=4096MB", "minSnapshotHistoryWindowInSeconds": 0}
"""MongoDB as on a machine of its own (docs/operations/capacity.md): `make run` gives it an eighth of the cache. Only a
backup reads the record of earlier moments."""


@contextmanager
def started(workers: int = 1) -> Generator[stacks.LocalStack]:
    """A stack of its own, with so many API processes."""
    os.environ["PENSTOCK_API_WORKERS"] = str(workers)
    with stacks.started("bench") as stack:
        with pymongo.MongoClient[dict[str, object]](stack.local["mongodb"]) as client:
            client.admin.command({"setParameter": 1, **TUNED})
        yield stack


def carry_out(chosen: list[parts.Part], results: Results, *, quick: bool) -> None:
    """Part after part, those that follow each other on one stack; after a failure on a new one."""
    left = list(chosen)
    while left:
        with started(left[0].workers) as stack:
            workers, fine = left[0].workers, True
            while left and fine and left[0].workers == workers:
                fine = _carried_out(left.pop(0), stack, results, quick=quick)


def _carried_out(part: parts.Part, stack: stacks.LocalStack, results: Results, *, quick: bool) -> bool:
    began, fine = time.monotonic(), True
    print(f"{part.name} ...", flush=True)
    try:
        asyncio.run(_limited(part, parts.Run(stack=stack, figures=results.figures, quick=quick)))
    except Exception as error:  # noqa: BLE001 - whatever it is, the other parts are measured
        results.failure(part.name, error)
        fine = False
    results.keep(part.name, (time.monotonic() - began) / 60)
    return fine


async def _limited(part: parts.Part, run: parts.Run) -> None:
    async with asyncio.timeout(part.minutes * 60):
        await part.work(run)


def _end(_number: int, _frame: object) -> None:
    sys.exit(1)


def main() -> int:
    """Measure, tell, write; 1 when a part failed."""
    asked = argparse.ArgumentParser(description="Measure the local stack beside its peers")
    asked.add_argument("--quick", action="store_true", help="one short round")
    asked.add_argument(
        "--only", action="append", choices=[each.name for each in parts.PARTS], help="a part; repeatable"
    )
    asked.add_argument(
        "--write", action="store_true", help="write docs/performance.md after a short or partial run, too"
    )
    given = asked.parse_args()
    # A stack that is measured is stopped even when the run is.
    signal.signal(signal.SIGTERM, _end)
    if not contenders.PYTHON.exists():
        print("The other task queues are not installed (deploy/bootstrap_peers.sh): ours is measured alone.")
    whole = not given.quick and not given.only
    results = Results(keeps=given.write or whole, whole=whole)
    wanted = [each for each in parts.PARTS if each.name in (given.only or [each.name])]
    carry_out([each for each in wanted if given.only or each.quick or not given.quick], results, quick=given.quick)
    results.end()
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
