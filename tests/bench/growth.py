"""What a week's work that is kept changes: one stack with millions of ended tasks beside an empty one, on one mongod.

    python -m tests.bench.growth [--tasks 5000000] [--tenants 1000] [--queues 10000] [--rounds 60] [--cache 4]

Prints seconds until API and engine serve, their memory, and milliseconds of calls over HTTP, each on both stacks in
turn; then has the retention of the full one erase for so many seconds.
"""

import argparse
import asyncio
import contextlib
import random
import statistics
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pymongo
import rich
import rich.console
import rich.table

from core.clock import system_clock
from core.tenant import Tenant
from deploy.local import issuer
from store import compaction, indexes, mongo, positions
from store.positions import Positions
from store.tenants import Tenants
from tests.bench import growth_check, growth_fill, growth_seed, growth_stack
from tests.bench.growth_fill import Size
from tests.bench.growth_mould import Document, Home, Life, Mould, read
from tests.bench.growth_stack import Stack
from tests.support import api as support
from tests.support import servers

STARTS = 3
_PAST_SECONDS = 25
"""A little more than what the server of the tests keeps of the past."""
_PAGE = {"limit": 50}


def shapes(stack: Stack, task: str) -> dict[str, Callable[[], Awaitable[Any]]]:
    """What is measured."""
    queue = "/queues/growth"

    def post(who: str, path: str, body: object) -> Callable[[], Awaitable[Any]]:
        return lambda: stack.call(who, "POST", path, json=body)

    def get(path: str, **wanted: Any) -> Callable[[], Awaitable[Any]]:
        return lambda: stack.call("ada", "GET", path, params=wanted)

    return {
        "submit": post("sub", f"{queue}/claims/tasks", {"name": "new", "params": {"n": 1}}),
        "claim one": post("wim", f"{queue}/claims/claims", {"max": 1, "waitSeconds": 5}),
        "claim twenty": post("wim", f"{queue}/claims/claims", {"max": 20, "waitSeconds": 5}),
        "worklist of a queue": get(f"{queue}/q0/tasks", **_PAGE),
        "worklist of all queues": get("/tasks", **_PAGE),
        "newest first": get(f"{queue}/q0/tasks", **_PAGE, sort="-createdAt"),
        "by a word": get("/tasks", **_PAGE, text="kept"),
        "metrics of a queue": get(f"{queue}/q0/metrics"),
        "queues": get("/queues", **_PAGE),
        "history of a task": get(f"/tasks/{task}/history"),
    }


async def measured(stacks: Sequence[Stack], rounds: int) -> dict[str, list[list[float]]]:
    """Milliseconds by shape, of each stack; the stacks take turns."""
    asked: list[dict[str, Callable[[], Awaitable[Any]]]] = []
    for stack in stacks:
        first = (await stack.call("ada", "GET", "/queues/growth/q0/tasks", params={"limit": 1}))["items"][0]["id"]
        asked.append(shapes(stack, first))
    found: dict[str, list[list[float]]] = {shape: [[] for _ in stacks] for shape in asked[0]}
    for number in range(rounds):
        for shape, took in found.items():
            for place, _ in enumerate(stacks):
                began = time.perf_counter()
                await asked[place][shape]()
                if number >= rounds // 10:
                    took[place].append((time.perf_counter() - began) * 1000)
    return found


async def starts(stacks: Sequence[Stack]) -> dict[str, list[list[float]]]:
    """Seconds until each process serves and its megabytes then, of each stack; started anew, in turn."""
    found: dict[str, list[list[float]]] = {}
    for _ in range(STARTS):
        for place, stack in enumerate(stacks):
            for role, start in (("api", stack.api), ("engine", stack.engine)):
                await stack.end(role)
                seconds = await start()
                for what, value in ((f"{role}: seconds", seconds), (f"{role}: MB", stack.memory(role))):
                    found.setdefault(what, [[] for _ in stacks])[place].append(value)
    return found


async def prepared(stack: Stack, tokens: issuer.Issuer) -> None:
    """Indexes and the measured tenant, before its processes start."""
    client = mongo.client(stack.mongodb, timeout=60)
    database = mongo.database(client, stack.name)
    await indexes.ensure(database)
    made = Tenant(id="demo", issuer=tokens.issuer_of("demo"), created_at=system_clock(), version=1)
    await Tenants(database).insert(made)
    await client.close()


async def grown(stack: Stack, empty: Stack, size: Size, auth: str) -> None:
    """Fill the record of `stack` with copies of what `empty` made; all of its followers are up to date then."""
    lives = await growth_seed.lives(empty)
    _check(lives)
    client = mongo.client(stack.mongodb, timeout=3600)
    database = mongo.database(client, stack.name)
    # Built at the end they take a fraction of the time.
    for name in ("tasks", "events"):
        await database[name].drop_indexes()
    began = time.perf_counter()
    await asyncio.to_thread(growth_fill.houses, stack.mongodb, stack.name, auth, size)
    await asyncio.to_thread(growth_fill.works, stack.mongodb, stack.name, size, lives)
    loaded = time.perf_counter()
    # Both at once: each is built by one thread of the server.
    await asyncio.gather(*(database[name].create_indexes(indexes.INDEXES[name]) for name in ("tasks", "events")))
    newest = await database["events"].find_one({}, {"n": 1}, sort=[("n", -1)])
    assert newest is not None
    for follower in (positions.EVENTS, positions.ANNOUNCED, positions.STATISTICS, positions.ADSP):
        await Positions(database).advance(follower, n=int(newest["n"]))
    await client.close()
    rich.print(f"{size.tasks:,} tasks: {loaded - began:.0f} s, indexes {time.perf_counter() - loaded:.0f} s")


def _check(lives: Sequence[Life]) -> None:
    """Raise when a copy of any of them is not what an engine would have written."""
    like = Home(tenant=growth_fill.tenant(1), queue=growth_fill.queue(0), lane="0" * 36)
    for number, life in enumerate(lives):
        copy = Mould(life, like).copy(number, like, system_clock(), 1_000_000, random.Random(number))
        made = Life(task=read(copy.task), events=[read(each) for each in copy.events])
        if faults := growth_check.faults(made, life):
            raise ValueError(f"a copy of {life.task} is not like it: {faults}")


async def spacious(mongodb: str, gigabytes: float) -> None:
    """Give the server memory to serve from, and to build indexes with; room in its log for what it is asked."""
    async with pymongo.AsyncMongoClient[Document](mongodb) as client:
        cache = {"wiredTigerEngineRuntimeConfig": f"cache_size={gigabytes * 1024:.0f}M"}
        await client.admin.command({"setParameter": 1, **cache})
        await client.admin.command({"setParameter": 1, "maxIndexBuildMemoryUsageMegabytes": 2000})


def sizes(stack: Stack) -> str:
    """How large the record is."""
    with pymongo.MongoClient[Document](stack.mongodb) as client:
        said: list[str] = []
        for name in ("tasks", "events"):
            stats = client[stack.name].command("collStats", name)
            files = (stats["storageSize"] + stats["totalIndexSize"]) / 2**20
            said.append(f"{name} {stats['count']:,}: {stats['size'] / 2**20:,.0f} MB, files {files:,.0f} MB")
        return ", ".join(said)


async def erased(stack: Stack, seconds: float) -> None:
    """Let retention take everything that ended more than an hour ago, for so long."""
    rich.print(f"before retention: {sizes(stack)}")
    async with pymongo.AsyncMongoClient[Document](stack.mongodb) as client:
        tasks = client[stack.name]["tasks"]
        before = await tasks.count_documents({"endedAt": {"$exists": True}})
        await stack.end("engine")
        await stack.engine(PENSTOCK_RETENTION_DAYS=str(1 / 24))
        began = time.perf_counter()
        left = before
        while left > before // 100 and time.perf_counter() - began < seconds:
            await asyncio.sleep(5)
            left = await tasks.count_documents({"endedAt": {"$exists": True}})
        took = time.perf_counter() - began
    rich.print(f"retention: {before - left:,} of {before:,} in {took:.0f} s, {(before - left) / took:,.0f} a second")
    rich.print(f"after retention: {sizes(stack)}")
    # Room that a reader of the past may still need is not given back.
    await asyncio.sleep(_PAST_SECONDS)
    began = time.perf_counter()
    given = await compaction.compact(stack.mongodb, stack.name, least=2**26, say=rich.print)
    rich.print(f"compact: {given / 2**20:,.0f} MB given back in {time.perf_counter() - began:.0f} s: {sizes(stack)}")


def shown(title: str, found: dict[str, list[list[float]]], names: Sequence[str]) -> None:
    """A table: medians of each stack, and how much more the second has."""
    table = rich.table.Table(title, *names, "times")
    for what, columns in found.items():
        middles = [statistics.median(values) for values in columns]
        table.add_row(what, *(f"{middle:,.2f}" for middle in middles), f"{middles[1] / middles[0]:.2f}")
    rich.console.Console().print(table)


async def compare(mongodb: str, rabbitmq: str, tokens: issuer.Issuer, home: Path, given: argparse.Namespace) -> None:
    """Both stacks, one after the other's work."""
    run = uuid.uuid4().hex[:8]
    empty, full = (Stack(f"bench_{run}_{kind}", mongodb, rabbitmq, tokens, home) for kind in ("empty", "full"))
    size = Size(tenants=given.tenants, queues=given.queues, tasks=given.tasks, own=given.tasks // 20)
    await spacious(mongodb, given.cache)
    async with contextlib.AsyncExitStack() as stack:
        await prepared(empty, tokens)
        await stack.enter_async_context(empty.serving())
        await prepared(full, tokens)
        await stack.enter_async_context(full.serving())
        await growth_stack.furnish(full, given.rounds)
        await full.end("engine", "api")
        await grown(full, empty, size, tokens.url)
        await full.api()
        await full.engine()
        await growth_stack.furnish(empty, given.rounds)
        names = ("empty", f"{given.tasks:,}")
        shown("start", await starts((empty, full)), names)
        shown("calls, ms", await measured((empty, full), given.rounds), names)
        memories = {
            f"{role}: MB at work": [[each.memory(role)] for each in (empty, full)] for role in ("api", "engine")
        }
        shown("memory", memories, names)
        await erased(full, given.erase)


def main() -> None:
    """Start the servers, compare, end them."""
    asked = argparse.ArgumentParser(description="Measure what a week's growth changes")
    asked.add_argument("--tasks", type=int, default=5_000_000)
    asked.add_argument("--tenants", type=int, default=1_000)
    asked.add_argument("--queues", type=int, default=10_000)
    asked.add_argument("--rounds", type=int, default=60)
    asked.add_argument("--cache", type=float, default=4, help="of MongoDB, GB")
    asked.add_argument("--erase", type=float, default=240)
    given = asked.parse_args()
    servers.open_run(mib=4096 + given.tasks // 500)
    try:
        mongodb, rabbitmq = servers.url(servers.MONGODB), servers.url(servers.RABBITMQ) + "main"
        with support.issuing() as tokens, tempfile.TemporaryDirectory() as folder:
            asyncio.run(compare(mongodb, rabbitmq, tokens, Path(folder), given))
    finally:
        servers.close_run()


if __name__ == "__main__":
    main()
