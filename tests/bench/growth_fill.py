"""Fills a record as a week of work leaves it: tenants, queues, ended and open tasks with their events.

The tasks are those that a real stack made (`growth_seed`), copied by the million (`growth_mould`).
"""

import concurrent.futures
import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pymongo
from pymongo.write_concern import WriteConcern

from core import ids
from core.clock import cut
from core.queue import Bindings, Queue
from core.task import Actor
from core.tenant import Tenant
from store import documents
from tests.bench.growth_mould import Copy, Document, Home, Life, Mould

WEEK = timedelta(days=7)
YOUNGEST = timedelta(hours=1)
OPEN_SHARE = 0.02
LOADERS = 3
_BATCH = 2_000
_FIRST = 1_000_000
"""Numbers of events begin behind this one: those before are of the tasks that the stack made itself."""
_BY = Actor(id="u-1", name="Somebody")
_BINDINGS = Bindings(submitters=("task-writer",), workers=("reviewer",), assigners=("supervisor",))


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How much is kept."""

    tenants: int
    queues: int
    """Of all tenants."""
    tasks: int
    own: int
    """Those of the tasks that are of the tenant that is measured, in its first queue."""


def tenant(number: int) -> str:
    """The id of a tenant; the first is the one that is measured."""
    return "demo" if number == 0 else f"tenant-{number:05}"


def queue(number: int) -> str:
    """The key of a tenant's queue."""
    return f"growth:q{number}"


def queue_key(row: Document) -> str:
    """The same of a stored queue."""
    return f"{row['namespace']}:{row['name']}"


def houses(url: str, name: str, auth: str, size: Size) -> None:
    """Write the tenants and queues, but those of the first tenant."""
    at = cut(datetime.now(UTC) - WEEK)
    with pymongo.MongoClient[Document](url) as client:
        tenants: list[Document] = []
        for number in range(1, size.tenants):
            made = Tenant(id=tenant(number), issuer=f"{auth}/realms/{tenant(number)}", created_at=at, version=1)
            row = documents.encode(made)
            tenants.append({"_id": row.pop("id"), **row})
        client[name]["tenants"].insert_many(tenants)
        queues: list[Document] = []
        for number in range(1, size.tenants):
            for place in range(size.queues // size.tenants):
                namespace, _, own = queue(place).partition(":")
                kept = Queue(
                    tenant=tenant(number), namespace=namespace, name=own, lane=ids.new_id(), version=1,
                    created_at=at, created_by=_BY, updated_at=at, updated_by=_BY, bindings=_BINDINGS,
                )  # fmt: skip
                queues.append(documents.encode_keyed(kept, kept.tenant, kept.key))
        client[name]["queues"].insert_many(queues)


def homes(rows: Iterable[Document]) -> list[Home]:
    """Where tasks belong, of the queues as they are stored."""
    return [Home(tenant=row["tenant"], queue=queue_key(row), lane=row["lane"]) for row in rows]


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What one process writes."""

    url: str
    name: str
    size: Size
    lives: Sequence[Life]
    begin: int
    end: int


def works(url: str, name: str, size: Size, lives: Sequence[Life]) -> None:
    """Write the tasks and their events, by several processes; who reads their numbers finds them in order of time."""
    bounds = [size.tasks * number // LOADERS for number in range(LOADERS + 1)]
    loads = [
        Load(url=url, name=name, size=size, lives=lives, begin=begin, end=end)
        for begin, end in itertools.pairwise(bounds)
    ]
    with concurrent.futures.ProcessPoolExecutor(LOADERS) as loaders:
        list(loaders.map(_load, loads))


def _load(load: Load) -> None:
    with pymongo.MongoClient[Document](load.url) as client:
        quick = WriteConcern(1, j=False)
        tasks = client[load.name].get_collection("tasks", write_concern=quick)
        events = client[load.name].get_collection("events", write_concern=quick)
        keys = {"tenant": 1, "namespace": 1, "name": 1, "lane": 1}
        rows = list(client[load.name]["queues"].find({}, keys))
        copies = _copies(load, homes(rows))
        while batch := list(itertools.islice(copies, _BATCH)):
            tasks.insert_many([each.task for each in batch], ordered=False)
            events.insert_many([event for each in batch for event in each.events], ordered=False)


def _copies(load: Load, everywhere: Sequence[Home]) -> Iterator[Copy]:
    dice = random.Random(load.begin)
    size = load.size
    (own,) = [home for home in everywhere if (home.tenant, home.queue) == (tenant(0), queue(0))]
    others = [home for home in everywhere if home.tenant != tenant(0)]
    ended, waiting = ([life for life in load.lives if life.open == is_open] for is_open in (False, True))
    of_own = [Mould(life, own) for life in ended]
    of_ended, of_open = ([Mould(life, others[0]) for life in some] for some in (ended, waiting))
    numbers = max(len(life.events) for life in load.lives)
    first = datetime.now(UTC) - WEEK
    step = (WEEK - YOUNGEST) / size.tasks
    every = size.tasks // size.own
    for number in range(load.begin, load.end):
        # What is measured has the same open tasks on either stack.
        is_own = number % every == 0
        is_open = not is_own and dice.random() < OPEN_SHARE
        mould = dice.choice(of_own if is_own else of_open if is_open else of_ended)
        home = own if is_own else dice.choice(others)
        yield mould.copy(number, home, first + step * number, _FIRST + number * numbers, dice)
