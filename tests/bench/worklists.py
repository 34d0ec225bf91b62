"""How fast worklists answer over HTTP on a million open tasks, and what their indexes cost a submit.

    python -m tests.bench.worklists [--tasks 1000000] [--rounds 40] [--cache 4]

The tasks are strike reports, encoded as the store encodes them and written to a mongod of this run alone, with a cache
of so many gigabytes: that of a server with twice as much memory. The API runs in this process. Prints what a submit by
the hundred takes the store with and without the words; then, for each shape of query, the milliseconds of half, of 95
and of 99 in a hundred.
"""

import argparse
import asyncio
import concurrent.futures
import csv
import random
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pymongo
import rich.console
import rich.table
from pymongo.collection import Collection
from pymongo.write_concern import WriteConcern

from core import creation, words
from core.creation import Submission
from core.priority import Priority
from core.queue import Bindings, Queue
from core.task import Actor, Assignment, State, Task
from store import documents, indexes
from tests.support import api as support
from tests.support import servers

Document = dict[str, Any]

SAMPLE = Path(__file__).parents[2] / "examples" / "strike_reports" / "sample.csv"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
BINDINGS = Bindings(submitters=("task-writer",), workers=("reviewer",), assigners=("supervisor",))
PEOPLE = [Actor(id=f"u-{n}", name=f"Person {n}") for n in range(50)]
QUEUES = 8
LOADERS = 2
BATCH = 2_000
_SYLLABLES = [a + b for a in "bdfgklmnprst" for b in "aeiou"]


def queue(number: int) -> Queue:
    """One of the queues: the first has half of the tasks."""
    at, by = BEGIN, PEOPLE[0]
    return Queue(
        tenant="demo", namespace="intake", name=f"q{number}", lane=f"lane-{number}", version=1,
        created_at=at, created_by=by, updated_at=at, updated_by=by, bindings=BINDINGS,
    )  # fmt: skip


def invented(dice: random.Random) -> str:
    """A rare word: one of some 200,000, the lower ones more often."""
    number: int = int(dice.paretovariate(0.5)) % len(_SYLLABLES) ** 3
    most = len(_SYLLABLES)
    first, second, third = number % most, number // most % most, number // most // most
    return _SYLLABLES[first] + _SYLLABLES[second] + _SYLLABLES[third]


def reports(number: int, count: int) -> Iterator[Task]:
    """Open tasks of every kind, made by the real constructor."""
    dice = random.Random(number)
    with SAMPLE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    homes = [queue(each) for each in range(QUEUES)]
    for index in range(count):
        row = dice.choice(rows)
        at = BEGIN + timedelta(seconds=dice.uniform(0, 30 * 86_400))
        submission = Submission(
            name=" ".join(list(row.values())[:2])[:100],
            description=" ".join(invented(dice) for _ in range(4)),
            params={key: value for key, value in list(row.items())[:10] if value},
            record_id=f"birdstrikes-{number}-{index:07}",
            labels=(dice.choice(["urgent-look", "routine", "damage", "foreign"]), f"case-{dice.randrange(2_000)}"),
            priority=dice.choices(list(Priority), [1, 6, 2, 1])[0],
            due_date=at + timedelta(days=dice.uniform(0, 20)) if dice.random() < 0.3 else None,
        )
        home = homes[0] if dice.random() < 0.5 else dice.choice(homes)
        made = creation.create(submission, queue=home, at=at, by=dice.choice(PEOPLE))
        if dice.random() < 0.1:
            to = Assignment(by=PEOPLE[0], at=at, to=dice.choice(PEOPLE))
            made = msgspec.structs.replace(made, assignment=to)
        if dice.random() < 0.05:
            made = msgspec.structs.replace(made, state=State.IN_PROGRESS, holder=PEOPLE[1], started_at=at)
        yield msgspec.structs.replace(made, ticket_due=None)


def read(task: Task) -> Document:
    """A task as it is stored once its words were read."""
    document = documents.encode_keyed(task, task.tenant, task.id)
    document["words"] = sorted({word[: words.LONGEST] for word in document.pop("text").split()})
    return document


def load(url: str, name: str, number: int, count: int) -> None:
    """Write so many tasks; in a process of its own."""
    with pymongo.MongoClient[Document](url) as client:
        tasks = client[name].get_collection("tasks", write_concern=WriteConcern(1, j=False))
        batch: list[Document] = []
        for task in reports(number, count):
            batch.append(read(task))
            if len(batch) == BATCH:
                tasks.insert_many(batch, ordered=False)
                batch = []
        if batch:
            tasks.insert_many(batch, ordered=False)


def shapes(dice: random.Random) -> dict[str, Callable[[], Document]]:
    """Each shape of query, its values drawn anew every time."""
    with SAMPLE.open(newline="") as file:
        rows = list(csv.DictReader(file))

    def said() -> str:
        """A word of a report: often a frequent one."""
        text = " ".join(str(value) for value in list(dice.choice(rows).values())[:10])
        return dice.choice(words.wanted(text).words)

    def pair() -> str:
        """Two words of one report."""
        text = " ".join(str(value) for value in list(dice.choice(rows).values())[:10])
        found = words.wanted(" ".join(dice.sample(text.split(), 3))).words
        return " ".join(found[:2])

    def number() -> str:
        return f"intake:q{dice.randrange(QUEUES)}"

    page = {"limit": 50}
    return {
        "a queue": lambda: page | {"queue": number()},
        "all queues": lambda: page,
        "newest first": lambda: page | {"queue": number(), "sort": "-createdAt"},
        "a priority, oldest first": lambda: page | {"queue": number(), "priority": "low", "sort": "createdAt"},
        "by due date": lambda: page | {"queue": number(), "sort": "dueDate"},
        "a label": lambda: page | {"queue": number(), "label": f"case-{dice.randrange(2_000)}"},
        "somebody's": lambda: page | {"assignee": dice.choice(PEOPLE).id},
        "somebody's making": lambda: page | {"createdBy": dice.choice(PEOPLE).id, "sort": "-createdAt"},
        "a frequent word": lambda: page | {"text": said()},
        "a rare word": lambda: page | {"text": invented(dice)},
        "a rare word, newest first": lambda: page | {"text": invented(dice), "sort": "-createdAt", "queue": number()},
        "two words of one report": lambda: page | {"text": pair(), "queue": number()},
        "word, filter, due date": lambda: page
        | {"text": said(), "priority": "high", "sort": "dueDate", "queue": number()},
        "a beginning": lambda: page | {"text": f"{invented(dice)[:4]}*", "queue": number()},
        "a record": lambda: page | {"text": f"birdstrikes-0-{dice.randrange(1_000):07}"},
    }  # fmt: skip


async def measure(url: str, name: str, rabbitmq: str, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each query, by shape; the API is asked as by a reviewer."""
    found: dict[str, list[float]] = {}
    with support.issuing() as tokens:
        chosen = support.settings(url, rabbitmq, tokens.url, name)
        async with support.serving(chosen, tokens) as api:
            for number in range(QUEUES):
                await api.parts.record.queues.insert("demo", queue(number))
            client = api("rex")
            for _ in range(rounds):
                for shape, asked in shapes(random.Random()).items():
                    began = time.perf_counter()
                    answer = await client.get("/api/v1/tasks", params=asked())
                    found.setdefault(shape, []).append((time.perf_counter() - began) * 1000)
                    assert answer.status_code == 200, answer.text
    return found


def submits(url: str, rounds: int) -> dict[str, list[float]]:
    """Microseconds a task that the store takes for a submit by the hundred: encoding and insert, journalled."""
    found: dict[str, list[float]] = {}
    with pymongo.MongoClient[Document](url) as client:
        names = {"with words": f"bench_{uuid.uuid4().hex}", "without": f"bench_{uuid.uuid4().hex}"}
        kept: dict[str, Collection[Document]] = {}
        for kind, name in names.items():
            kept[kind] = client[name].get_collection("tasks", write_concern=WriteConcern("majority", j=True))
            models = [each for each in indexes.INDEXES["tasks"] if kind == "with words" or _plain(each)]
            kept[kind].create_indexes(models)
        for number in range(rounds):
            for kind, tasks in kept.items():
                made = list(reports(1_000_000 + number, 100))
                began = time.perf_counter()
                rows = [documents.encode_keyed(task, "demo", task.id) for task in made]
                taken = time.perf_counter() - began
                if kind == "without":
                    began = time.perf_counter()
                    for task, row in zip(made, rows, strict=True):
                        words.of_task(task)
                        del row["text"]
                    taken -= time.perf_counter() - began
                began = time.perf_counter()
                tasks.insert_many(rows, ordered=False)
                found.setdefault(kind, []).append((taken + time.perf_counter() - began) * 1e4)
        for name in names.values():
            client.drop_database(name)
    return found


def _plain(index: pymongo.IndexModel) -> bool:
    return index.document["name"] not in {"terms", "unread", "due", "followUp"}


def shown(title: str, found: dict[str, list[float]]) -> None:
    """A table of the figures."""
    table = rich.table.Table(title, "median", "95th", "99th")
    for name, values in found.items():
        cuts = statistics.quantiles(values, n=100)
        table.add_row(name, *[f"{cuts[n]:,.1f}" for n in (49, 94, 98)])
    rich.console.Console().print(table)


def main() -> None:
    """Load, measure, print."""
    asked = argparse.ArgumentParser(description="Measure worklists")
    asked.add_argument("--tasks", type=int, default=1_000_000)
    asked.add_argument("--rounds", type=int, default=40)
    asked.add_argument("--cache", type=float, default=4.0)
    given = asked.parse_args()
    servers.open_run()
    name = f"bench_{uuid.uuid4().hex}"
    try:
        url, rabbitmq = servers.url(servers.MONGODB), servers.url(servers.RABBITMQ) + "main"
        shown("submit by 100, microseconds a task", submits(url, 20 * given.rounds))
        began = time.perf_counter()
        with concurrent.futures.ProcessPoolExecutor(LOADERS) as loaders:
            share = given.tasks // LOADERS
            list(loaders.map(load, [url] * LOADERS, [name] * LOADERS, range(LOADERS), [share] * LOADERS))
        loaded = time.perf_counter()
        with pymongo.MongoClient[Document](url) as client:
            cache = f"cache_size={round(given.cache * 1024)}MB"
            client.admin.command("setParameter", 1, wiredTigerEngineRuntimeConfig=cache)
            client[name]["tasks"].create_indexes(indexes.INDEXES["tasks"])
            # Into the cache, where a server that has run for a while has what is open.
            list(client[name]["tasks"].aggregate([{"$group": {"_id": None, "words": {"$sum": {"$size": "$words"}}}}]))
        rich.print(f"{given.tasks:,} tasks: {loaded - began:.0f} s, indexes {time.perf_counter() - loaded:.0f} s")
        found = asyncio.run(measure(url, name, rabbitmq, given.rounds))
        shown(f"{given.tasks:,} open tasks, milliseconds a page of 50 over HTTP", found)
        every = [value for values in found.values() for value in values]
        shown("all shapes", {"all": every})
    finally:
        servers.close_run()


if __name__ == "__main__":
    main()
