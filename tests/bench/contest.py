"""The rounds in which ours, the peers and the limits take turns."""

import asyncio
from typing import Any

from broker import fair
from tests.bench import contenders, limits, ours, record
from tests.bench.contenders import Life
from tests.bench.report import PENSTOCK, RECORD, Figures

_PICKUPS = (("idle", None, 100), ("at 100/s", 100.0, 500), ("at 1,000/s", 1000.0, 4000))
_SINGLE_CLIENTS, _BATCH_CLIENTS = 32, 8
"""Connections that submit in a whole life; twice as many claim."""


class Counts:
    """How many tasks each workload has."""

    def __init__(self, *, quick: bool) -> None:
        self.rounds = 1 if quick else 3
        self.peers = 2_000 if quick else 8_000
        self.single = 1_000 if quick else 6_000
        self.batch = 4_000 if quick else 20_000
        self.submits = 2_000 if quick else 10_000
        self.by_hundred = 3 * self.submits
        self.shorter = 5 if quick else 1


async def rounds(bench: ours.Ours, figures: Figures, *, quick: bool) -> None:
    """Each contender once in each round."""
    counts = Counts(quick=quick)
    # Beside another tenant, such as those that were seeded just now, one with much under way gets less.
    await asyncio.sleep(fair.SEEN_SECONDS)
    async with limits.serving() as endpoint:
        for number in range(counts.rounds):
            print(f"round {number + 1}", flush=True)
            await _lives(bench, figures, counts)
            await _pickups(bench, figures, counts)
            await _submits(bench, figures, counts, endpoint)
            for peer in contenders.PEERS if contenders.PYTHON.exists() else ():
                await bench.rest()
                await asyncio.to_thread(_peer, peer, bench.local, counts.peers, figures)


async def _lives(bench: ours.Ours, figures: Figures, counts: Counts) -> None:
    for size, count in ((1, counts.single), (50, counts.batch), (100, counts.batch)):
        clients = _SINGLE_CLIENTS if size == 1 else _BATCH_CLIENTS
        life, rested = await bench.life(size=size, count=count, clients=clients)
        figures.add(f"whole life by {size}, tasks/s", PENSTOCK, life.whole)
        figures.add("behind the last end until the stack rests, s", f"whole life by {size}", rested)
        _cost(figures, f"CPU of a whole life by {size}, µs", PENSTOCK, life)
    await bench.rest()
    at: tuple[str, int] = bench.local["mongodb"], bench.local["pids"]["mongod"]
    alone = await record.lives(*at, size=50, clients=_BATCH_CLIENTS, count=counts.batch, params=ours.PAYLOAD)
    figures.add("whole life by 50, tasks/s", RECORD, alone.whole)
    _cost(figures, "CPU of a whole life by 50, µs", RECORD, alone)


async def _pickups(bench: ours.Ours, figures: Figures, counts: Counts) -> None:
    for name, rate, tries in _PICKUPS:
        await bench.rest()
        took = ours.percentiles(await bench.pickup(rate=rate, count=tries // counts.shorter))
        for which, value in took.items():
            figures.add(f"pickup {name}, ms", which, value)


async def _submits(bench: ours.Ours, figures: Figures, counts: Counts, endpoint: str) -> None:
    for size, clients, count in ((1, 64, counts.submits), (100, 16, counts.by_hundred)):
        path = await bench.queue()
        await bench.rest()
        rate = await bench.submits(path, size=size, clients=clients, count=count)
        figures.add(f"submit by {size}, tasks/s", PENSTOCK, rate)
    await bench.rest()
    asked: dict[str, Any] = {"token": bench.sub.token, "issuer": f"{bench.local['auth']}/realms/demo"}
    rate = await limits.endpoint(endpoint, clients=64, count=counts.submits, **asked)
    figures.add("submit by 1, tasks/s", "no-op FastAPI endpoint", rate)
    for name, clients in (("raw insert_many", 16), ("raw insert_many, one call at a time", 1)):
        rate = await limits.inserts(bench.local["mongodb"], size=100, clients=clients, count=2 * counts.by_hundred)
        figures.add("submit by 100, tasks/s", name, rate)


def _peer(peer: contenders.Peer, local: dict[str, Any], count: int, figures: Figures) -> None:
    """One pass of a peer; one that does not work gets a second try."""
    for _ in range(2):
        try:
            with contenders.running(peer, local) as running:
                life = running.life(count)
        except (OSError, RuntimeError) as error:
            print(f"{peer.name} was not measured: {error}", flush=True)
            continue
        figures.add("whole life by 1, tasks/s", peer.name, life.whole)
        figures.add("submit by 1, tasks/s", peer.name, life.submit)
        _cost(figures, "CPU of a whole life by 1, µs", peer.name, life)
        return


def _cost(figures: Figures, what: str, who: str, life: Life) -> None:
    figures.add(what, who, sum(life.cpu.values()))
    for part, value in life.cpu.items():
        figures.add(what, f"{who}: {part}", value)
