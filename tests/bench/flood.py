"""A tenant that takes no notice of its quotas: submits, long polls and streams at a multiple of what it may have.

Run as a process of its own (`flooding`), so that what its client costs does not slow whoever measures beside it. It
asks again without regard to Retry-After.
"""

import asyncio
import contextlib
import multiprocessing
import os
import time
from collections import Counter, deque
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from urllib.parse import urlsplit

import msgspec

from tests.bench.load import Connection, Load

_CONNECTIONS = 1000
"""Of the submits: more than wait for an answer at a time, so that a server which takes its time gets no fewer."""
_TICK = 0.002
CPU, TIME = "CPU", "time"
"""Of its client, in milliseconds: beside the statuses."""
_REST = 0.5
"""Seconds until a refused poll or stream asks again."""
_PAYLOAD = {"applicant": "x" * 200, "number": 4711}


class Flood(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a server, by whose tokens."""

    url: str
    submitter: str
    worker: str
    reader: str
    path: str
    """Of the queue that it submits to."""
    empty: str
    """Of one without tasks, at which it waits."""
    submits: float
    """A second."""
    polls: int
    """At the same time, as are `streams`."""
    streams: int


@contextmanager
def flooding(flood: Flood) -> Generator[Counter[str]]:
    """The flood while the block runs; after it, the statuses that were answered are in the counter, by kind, with what
    its client cost.
    """
    context = multiprocessing.get_context("spawn")
    stop, told = context.Event(), context.Queue()
    process = context.Process(target=_run, args=(flood, stop, told), daemon=True)
    process.start()
    statuses: Counter[str] = Counter()
    try:
        yield statuses
    finally:
        stop.set()
        statuses.update(told.get(timeout=60))
        process.join(10)
        process.kill()


def _run(flood: Flood, stop: Event, told: "multiprocessing.Queue[Counter[str]]") -> None:
    os.nice(5)
    began = time.monotonic()
    statuses = asyncio.run(_flood(flood, stop))
    statuses[CPU], statuses[TIME] = round(time.process_time() * 1000), round((time.monotonic() - began) * 1000)
    told.put(statuses)


async def _flood(flood: Flood, stop: Event) -> Counter[str]:
    statuses: Counter[str] = Counter()
    submits = Load(flood.url, flood.submitter, _CONNECTIONS)
    polls = Load(flood.url, flood.worker, flood.polls)
    async with submits, polls:
        working = [asyncio.create_task(_submit(flood, submits, statuses))]
        claim = polls.request("POST", f"{flood.empty}/claims", {"waitSeconds": 20})
        working += [asyncio.create_task(_poll(each, claim, statuses)) for each in polls.connections]
        working += [asyncio.create_task(_stream(flood, statuses)) for _ in range(flood.streams)]
        await asyncio.to_thread(stop.wait)
        for each in working:
            each.cancel()
        await asyncio.gather(*working, return_exceptions=True)
    return statuses


async def _submit(flood: Flood, load: Load, statuses: Counter[str]) -> None:
    """The rate, whenever the answers come."""
    request = load.request("POST", f"{flood.path}/tasks", {"name": "flood", "params": _PAYLOAD})
    free, asking = deque(load.connections), set[asyncio.Task[None]]()

    async def ask(connection: Connection) -> None:
        status, _ = await connection.ask(request)
        statuses[f"submit {status}"] += 1
        free.append(connection)

    loop = asyncio.get_running_loop()
    began, sent = loop.time(), 0
    while True:
        await asyncio.sleep(_TICK)
        due = int((loop.time() - began) * flood.submits)
        for _ in range(due - sent):
            if not free:
                statuses["submit not sent"] += 1
                continue
            task = asyncio.create_task(ask(free.popleft()))
            asking.add(task)
            task.add_done_callback(asking.discard)
        sent = due


async def _poll(connection: Connection, claim: bytes, statuses: Counter[str]) -> None:
    while True:
        status, _ = await connection.ask(claim)
        statuses[f"poll {status}"] += 1
        await asyncio.sleep(_REST if status != 200 else 0.0)


async def _stream(flood: Flood, statuses: Counter[str]) -> None:
    at = urlsplit(flood.url)
    request = (
        f"GET /api/v1/events HTTP/1.1\r\nHost: {at.netloc}\r\nAuthorization: Bearer {flood.reader}\r\n"
        "Accept: text/event-stream\r\n\r\n"
    )
    while True:
        reader, writer = await asyncio.open_connection(at.hostname, at.port)
        try:
            writer.write(request.encode())
            status = int((await reader.readline())[9:12])
            statuses[f"stream {status}"] += 1
            if status == 200:
                while await reader.read(65_536):
                    pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        await asyncio.sleep(_REST)
