"""What a tenant notices of another one that floods the platform with submits, long polls and streams: ten times its
quota.

    python -m tests.bench.noisy [--seconds 8] [--rounds 3]

A stack of its own. Quiet and noisy spells take turns; in both the quiet tenant submits 20 tasks a second, has each by a
long poll that waits, and ends it. Prints half, 95 and 99 in a hundred of what that took, in milliseconds, each the
median of the rounds, and the median of the rounds' ratios of the 95th: at most 2 is what is wanted. With the usual
spells a run takes a minute and a half, on an idle machine with 4 cores; on a busy one its figures mean little.

Whoever floods a platform does so from elsewhere, here from the same 4 cores. Its client is made so lean that this does
not matter (made-up requests, no parsing of answers): what it took of a core is printed, 0.1 to 0.2. Submits come at
their rate whenever the answers come, so that a server which lets a flood wait has no less of it.
"""

import argparse
import asyncio
import json
import os
import statistics
import time
from collections import Counter
from collections.abc import Sequence

import rich.console
import rich.table

from tests.bench import flood, ours
from tests.bench.flood import Flood
from tests.bench.load import Connection
from tests.bench.ours import Ours
from tests.support.people import Caller
from tests.support.stack import LocalStack, started

SUBMITS, POLLS, STREAMS = 100.0, 20, 5
"""What the noisy tenant may have."""
TIMES = 10
RATE = 20.0
"""Tasks a second of the quiet tenant."""
_POLLERS = 8
_STEPS = ("submit", "pickup", "complete")

Took = dict[str, list[float]]


async def life(us: Ours, path: str, seconds: float) -> Took:
    """Milliseconds that each step of the quiet tenant's tasks took; pickup is from the submit to the hand-out."""
    took: Took = {step: [] for step in _STEPS}
    count, loop = int(RATE * seconds), asyncio.get_running_loop()
    async with us.load(us.sub, 16) as subs, us.load(us.wim, _POLLERS) as wims:
        claim = wims.request("POST", f"{path}/claims", {"waitSeconds": 1})

        async def work(connection: Connection) -> None:
            while len(took["complete"]) < count:
                for task in json.loads(await connection.send(claim))["tasks"]:
                    now = time.perf_counter()
                    took["pickup"].append((now - task["params"]["at"]) * 1000)
                    await connection.send(ours.settled(wims, [task]))
                    took["complete"].append((time.perf_counter() - now) * 1000)

        free = asyncio.Queue[Connection]()
        for each in subs.connections:
            free.put_nowait(each)

        async def submit() -> None:
            began = time.perf_counter()
            connection = await free.get()
            await connection.send(subs.request("POST", f"{path}/tasks", {"name": "quiet", "params": {"at": began}}))
            took["submit"].append((time.perf_counter() - began) * 1000)
            free.put_nowait(connection)

        working = asyncio.gather(*[work(each) for each in wims.connections])
        began, calls = loop.time(), list[asyncio.Task[None]]()
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number / RATE - loop.time()))
            calls.append(asyncio.create_task(submit()))
        await asyncio.gather(*calls)
        await working
    return took


async def measure(stack: LocalStack, seconds: float, rounds: int) -> tuple[list[Took], list[Took], Counter[str]]:
    """What the quiet tenant's steps took without and with the flood by round, and what the flood was answered."""
    quiet, noisy = list[Took](), list[Took]()
    answered: Counter[str] = Counter()
    local = stack.local
    async with (
        ours.connected(stack, "acme") as us,
        ours.connected(stack, "demo") as them,
        Caller(local["api"], local["auth"], "core", "root") as root,
        Caller(local["api"], local["auth"], "demo", "rex") as rex,
    ):
        quotas = {"submitsPerSecond": SUBMITS, "longPolls": POLLS, "streams": STREAMS}
        limited = await root.call("PATCH", "/tenants/demo", {"quotas": quotas})
        assert limited.is_success, limited.text
        path, full, empty = await us.queue(), await them.queue(), await them.queue()
        waves = Flood(
            url=local["api"], submitter=them.sub.token, worker=them.wim.token, reader=rex.token, path=full,
            empty=empty, submits=SUBMITS * TIMES, polls=POLLS * TIMES, streams=STREAMS * TIMES,
        )  # fmt: skip
        await life(us, path, 2.0)
        for _ in range(rounds):
            quiet.append(await life(us, path, seconds))
            with flood.flooding(waves) as statuses:
                await asyncio.sleep(2.0)
                noisy.append(await life(us, path, seconds))
            answered += statuses
            await asyncio.sleep(2.0)
    return quiet, noisy, answered


def report(quiet: Sequence[Took], noisy: Sequence[Took], answered: Counter[str]) -> None:
    """Print it."""
    console = rich.console.Console(highlight=False)
    table = rich.table.Table("quiet tenant, ms", "alone: 50 / 95 / 99 %", "beside the flood", "ratio of the 95th")
    for step in _STEPS:
        alone, beside = ([ours.percentiles(each[step]) for each in rounds] for rounds in (quiet, noisy))
        shown = [
            " / ".join(f"{statistics.median(each[name] for each in rounds):.1f}" for name in ("median", "95th", "99th"))
            for rounds in (alone, beside)
        ]
        ratios = [with_it["95th"] / without["95th"] for without, with_it in zip(alone, beside, strict=True)]
        table.add_row(step, *shown, f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    console.print(table)
    share = answered.pop(flood.CPU) / answered.pop(flood.TIME)
    console.print(f"its client took {share:.2f} of a core")
    console.print("the flood: " + ", ".join(f"{name}: {count:,}" for name, count in sorted(answered.items())))
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    console.print(f"load of the machine at the end: {load:.1f} on {cores} cores")


def main() -> None:
    """Start a stack, measure, stop it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=8.0, help="of each spell")
    parser.add_argument("--rounds", type=int, default=3, help="of a quiet and a noisy spell")
    given = parser.parse_args()
    with started("noisy") as stack:
        report(*asyncio.run(measure(stack, given.seconds, given.rounds)))


if __name__ == "__main__":
    main()
