"""Fills a record as a week of work leaves it: tenants, queues, ended and open tasks with their events.

The tasks are those that a real stack made, copied by the million: each copy has an id, a tenant, a queue and times of
its own.
"""

import concurrent.futures
import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pymongo
from pymongo.write_concern import WriteConcern

from core import ids
from core.clock import cut
from core.queue import Bindings, Queue
from core.task import Actor
from core.tenant import Tenant
from store import documents, eventlog

Document = dict[str, Any]
WEEK = timedelta(days=7)
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


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """A task as it is stored, and its events."""

    task: Document
    events: list[Document]


def tenant(number: int) -> str:
    """The id of a tenant; the first is the one that is measured."""
    return "demo" if number == 0 else f"tenant-{number:05}"


def queue(number: int) -> str:
    """The key of a tenant's queue."""
    return f"growth:q{number}"


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


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What one process writes."""

    url: str
    name: str
    size: Size
    ended: Sequence[Life]
    waiting: Sequence[Life]
    begin: int
    count: int


def works(url: str, name: str, size: Size, ended: Sequence[Life], waiting: Sequence[Life]) -> None:
    """Write the tasks and their events, by several processes."""
    share = size.tasks // LOADERS
    loads = [
        Load(url=url, name=name, size=size, ended=ended, waiting=waiting, begin=share * number, count=share)
        for number in range(LOADERS)
    ]
    with concurrent.futures.ProcessPoolExecutor(LOADERS) as loaders:
        list(loaders.map(_load, loads))


def _load(load: Load) -> None:
    with pymongo.MongoClient[Document](load.url) as client:
        quick = WriteConcern(1, j=False)
        tasks = client[load.name].get_collection("tasks", write_concern=quick)
        events = client[load.name].get_collection("events", write_concern=quick)
        lanes = {row["_id"]: row["lane"] for row in client[load.name]["queues"].find({}, {"lane": 1})}
        lives = _lives(load, lanes)
        while batch := list(itertools.islice(lives, _BATCH)):
            tasks.insert_many([life.task for life in batch], ordered=False)
            events.insert_many([event for life in batch for event in life.events], ordered=False)


def _lives(load: Load, lanes: Mapping[str, str]) -> Iterator[Life]:
    dice = random.Random(load.begin)
    now = datetime.now(UTC)
    size = load.size
    places = size.queues // size.tenants
    numbers = max(len(life.events) for life in (*load.ended, *load.waiting))
    for number in range(load.begin, load.begin + load.count):
        # What is measured has the same open tasks on either stack.
        own = number < size.own
        is_open = not own and dice.random() < OPEN_SHARE
        where = tenant(0), queue(0)
        if not own:
            where = tenant(dice.randrange(1, size.tenants)), queue(dice.randrange(places))
        ago = timedelta(seconds=dice.uniform(3_600, WEEK.total_seconds()))
        life = dice.choice(load.waiting if is_open else load.ended)
        yield _copied(life, where, lanes[documents.key(*where)], now - ago, _FIRST + number * numbers)


def _copied(life: Life, where: tuple[str, str], lane: str, at: datetime, n: int) -> Life:
    of, home = where
    name = ids.new_id()
    moved = at - life.task["createdAt"]
    task = _moved(life.task, moved) | {"_id": documents.key(of, name), "tenant": of, "queue": home, "lane": lane}
    task.pop("ticketDue", None)
    events = [
        _moved(event, moved)
        | {
            "_id": eventlog.event_key(documents.key(of, name), event["seq"]),
            "tenant": of,
            "task": name,
            "queue": home,
            "n": n + event["seq"],
        }
        for event in life.events
    ]
    return Life(task=task, events=events)


def _moved(document: Document, by: timedelta) -> Document:
    return {key: value + by if isinstance(value, datetime) else value for key, value in document.items()}
