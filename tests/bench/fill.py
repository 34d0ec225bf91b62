"""Fills a queue by the hundred thousand: copies of tasks that the stack itself made, with their events and tickets.

By hundreds over HTTP a million takes minutes, and the words of the tasks are read for a quarter of an hour behind that.
The stack's own processes are held down meanwhile, so that nothing is done twice: what they would have written of these
tasks is written here, as it stands in the samples.
"""

import asyncio
import concurrent.futures
import contextlib
import os
import signal
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pymongo
from pydantic import SecretStr
from pymongo.write_concern import WriteConcern

from broker import assembly
from broker.rabbit import messages, topology
from core import clock
from core.priority import Priority, place
from core.settings import Settings
from store import documents, eventlog, mongo, notes, positions
from store.positions import Positions
from tests.bench.ours import Ours
from tests.support.stack import LocalStack
from tests.support.waiting import wait_until

Document = dict[str, Any]
ROLES = ("api", "engine")
_LOADERS = 3
_BATCH = 2_000
_TICKETS = 4_000
_QUICK = WriteConcern(1, j=False)


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A task as it is stored once its words are read, and its first event."""

    task: Document
    event: Document


class Copies(msgspec.Struct, frozen=True, kw_only=True):
    """Which copies are to be made of which samples: those with the numbers from `begin` up to `end`."""

    samples: Sequence[Sample]
    begin: int
    end: int
    first: datetime
    """When the copy number 0 was submitted; two come each millisecond."""
    n: int
    """The number of the last event there is."""

    def part(self, begin: int, end: int) -> "Copies":
        """Some of them."""
        return msgspec.structs.replace(self, begin=begin, end=end)

    def sample(self, number: int) -> Sample:
        """Of which one the copy is."""
        return self.samples[number % len(self.samples)]

    def at(self, number: int) -> datetime:
        """When it was submitted."""
        return clock.cut(self.first + timedelta(milliseconds=number // 2))

    def name(self, number: int) -> str:
        """Its id: a UUID of version 7."""
        moment = f"{int(self.at(number).timestamp() * 1000):012x}"
        return f"{moment[:8]}-{moment[8:]}-7{number >> 12 & 0xFFF:03x}-8{number & 0xFFF:03x}-{self.n:012x}"


@asynccontextmanager
async def held(stack: LocalStack) -> AsyncGenerator[None]:
    """While the block runs, API and engine are down, and started anew after it."""
    folder = stack.home / "hold"
    folder.mkdir(exist_ok=True)
    before: Mapping[str, int] = dict(stack.local["pids"])
    for role in ROLES:
        (folder / role).touch()
        os.kill(before[role], signal.SIGTERM)
    await wait_until(lambda: not any(_runs(before[role]) for role in ROLES), what="the end of both", timeout=60)
    try:
        yield
    finally:
        for role in ROLES:
            (folder / role).unlink()
        await wait_until(
            lambda: all(_pid(stack, role) not in (None, before[role]) for role in ROLES), what="both again", timeout=60
        )
        async with httpx.AsyncClient() as http:

            async def ready() -> bool:
                with contextlib.suppress(httpx.TransportError):
                    return (await http.get(f"{stack.local['api']}/health/ready")).status_code == 200
                return False

            await wait_until(ready, what="the API", timeout=60)


async def sampled(bench: Ours, path: str, bodies: Sequence[Document]) -> list[Sample]:
    """Tasks of the queue that were submitted with these bodies, once their words are read."""
    tenant, queue = "demo", path.removeprefix("/queues/").replace("/", ":")
    answer = await bench.sub.post(f"{path}/tasks/batch", {"tasks": list(bodies)})
    keys = documents.keys(tenant, [each["task"]["id"] for each in answer["results"]])
    async with pymongo.AsyncMongoClient[Document](bench.local["mongodb"], tz_aware=True) as client:
        record = client["penstock"]
        wanted: Document = {
            "_id": {"$in": keys},
            "queue": queue,
            "text": {"$exists": False},
            "ticketDue": {"$exists": False},
        }
        found: list[Sample] = []

        async def all_of_them() -> bool:
            tasks = [row async for row in record["tasks"].find(wanted)]
            events = {
                row["task"]: row async for row in record["events"].find({"_id": {"$in": [f"{k}/1" for k in keys]}})
            }
            names = [documents.name_of(row["_id"]) for row in tasks]
            found[:] = [Sample(task=t, event=events[n]) for t, n in zip(tasks, names, strict=True) if n in events]
            return len(found) == len(keys)

        await wait_until(all_of_them, what="words and events of the samples", timeout=60)
    return found


async def fill(stack: LocalStack, samples: Sequence[Sample], count: int) -> float:
    """Add so many copies; tasks a second. The stack's processes are started anew behind it."""
    local = stack.local
    began = time.perf_counter()
    client = mongo.client(local["mongodb"], timeout=600)
    database = mongo.database(client, "penstock")
    try:
        async with held(stack):
            n = await eventlog.EventLog(database).newest()
            first = datetime.now(UTC) - timedelta(milliseconds=count)
            copies = Copies(samples=samples, begin=0, end=count, first=first, n=n)
            parts = [copies.part(count * i // _LOADERS, count * (i + 1) // _LOADERS) for i in range(_LOADERS)]
            loop = asyncio.get_running_loop()
            with concurrent.futures.ProcessPoolExecutor(_LOADERS + 1) as pool:
                loads = [loop.run_in_executor(pool, _load, local["mongodb"], part) for part in parts]
                tickets = loop.run_in_executor(pool, _publish, dict(local), copies)
                await asyncio.gather(*loads, tickets)
            # The stream of changes is followed from here on, and the copies' events are known.
            place_ = Positions(database)
            await place_.restart(positions.EVENTS, repair=None)
            for follower in (positions.EVENTS, positions.ANNOUNCED, positions.STATISTICS, positions.ADSP):
                await place_.advance(follower, n=n + count)
            took = time.perf_counter() - began
    finally:
        await client.close()
    return count / took


def copied(copies: Copies, number: int) -> Sample:
    """The copy of that number: another id, submitted at another moment; all else is as in its sample."""
    of, at, name = copies.sample(number), copies.at(number), copies.name(number)
    tenant = of.task["tenant"]
    mark = notes.mark(of.task["lastEvent"])
    task = {
        **of.task,
        "_id": documents.key(tenant, name),
        "place": place(Priority(of.task["priority"]), at, name),
        "createdAt": at,
        "updatedAt": at,
        "lastEvent": notes.written(msgspec.structs.replace(mark, at=at)),
    }
    key = eventlog.event_key(documents.key(tenant, name), of.event["seq"])
    return Sample(task=task, event={**of.event, "_id": key, "task": name, "at": at, "n": copies.n + number + 1})


def _load(url: str, copies: Copies) -> None:
    with pymongo.MongoClient[Document](url) as client:
        tasks = client["penstock"].get_collection("tasks", write_concern=_QUICK)
        events = client["penstock"].get_collection("events", write_concern=_QUICK)
        for begin in range(copies.begin, copies.end, _BATCH):
            batch = [copied(copies, number) for number in range(begin, min(begin + _BATCH, copies.end))]
            tasks.insert_many([each.task for each in batch], ordered=False)
            events.insert_many([each.event for each in batch], ordered=False)


def _publish(local: Mapping[str, Any], copies: Copies) -> None:
    asyncio.run(_tickets(local, copies))


async def _tickets(local: Mapping[str, Any], copies: Copies) -> None:
    chosen = Settings(
        environment="local",
        mongodb_url=SecretStr(local["mongodb"]),
        rabbitmq_url=SecretStr(local["rabbitmq"]),
        auth_url=local["auth"],
        publish_timeout_seconds=60,
    )
    async with assembly.broker(chosen, "fills") as broker:
        await broker.publisher.ready()
        for begin in range(copies.begin, copies.end, _TICKETS):
            numbers = range(begin, min(begin + _TICKETS, copies.end))
            wanted = [ticket(copies, number, chosen.broker_prefix) for number in numbers]
            confirmed = await broker.publisher.publish(wanted)
            assert len(confirmed) == len(wanted), "RabbitMQ did not take all tickets"


def ticket(copies: Copies, number: int, prefix: str) -> messages.Ticket:
    """The copy's ticket."""
    task, name = copies.sample(number).task, copies.name(number)
    priority = Priority(task["priority"])
    lane = topology.lane(prefix, task["tenant"], task["lane"])
    return messages.Ticket(
        lane=lane, ids=(name,), priority=int(priority), place=place(priority, copies.at(number), name)
    )


def _pid(stack: LocalStack, role: str) -> int | None:
    return dict(stack.local["pids"]).get(role)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
