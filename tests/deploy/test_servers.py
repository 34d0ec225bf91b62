"""The servers that the tests run on: real, one each per run, gone when their owner is gone."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aio_pika
import pymongo
import pytest

from tests.support import waiting

_HOLDS_BOTH_SERVERS = """
import sys, time
from tests.support import servers
servers.open_run()
servers.url("mongod")
servers.url("rabbitmq")
print("ready", flush=True)
time.sleep(300)
"""


def _marked(folder: Path) -> set[int]:
    """Processes that carry this folder in their environment."""
    found: set[int] = set()
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(folder).encode() in environ.read_bytes():
                found.add(int(environ.parent.name))
        except OSError:
            continue
    return found


async def test_mongodb_takes_majority_writes_and_has_an_oplog(mongodb_url: str, database_name: str) -> None:
    async with pymongo.AsyncMongoClient[dict[str, Any]](mongodb_url) as client:
        things = client[database_name].things
        async with await things.watch() as changes:
            await things.insert_one({"_id": 1})
            change = await changes.next()
    assert change["documentKey"] == {"_id": 1}


async def test_rabbitmq_confirms_on_the_virtual_host_of_this_worker(rabbitmq_url: str) -> None:
    connection = await aio_pika.connect(rabbitmq_url)
    async with connection:
        channel = await connection.channel(publisher_confirms=True)
        queue = await channel.declare_queue(exclusive=True)
        await channel.default_exchange.publish(aio_pika.Message(b"x"), routing_key=queue.name, mandatory=True)
        message = await queue.get()
    assert message.body == b"x"


async def test_rabbitmq_knows_no_guest(rabbitmq_url: str) -> None:
    _, _, place = rabbitmq_url.rpartition("@")
    with pytest.raises(aio_pika.exceptions.ProbableAuthenticationError):
        await aio_pika.connect(f"amqp://guest:guest@{place}")


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that owns a run with both servers, in a temporary folder of its own."""
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDS_BOTH_SERVERS], env=env, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


async def test_a_killed_run_leaves_neither_processes_nor_files(owner: subprocess.Popen[str], tmp_path: Path) -> None:
    assert owner.stdout is not None
    assert await asyncio.to_thread(owner.stdout.readline) == "ready\n"
    assert len(_marked(tmp_path)) >= 5

    owner.send_signal(signal.SIGKILL)

    await waiting.wait_until(lambda: not _marked(tmp_path), what="all processes of the run are gone")
    await waiting.wait_until(lambda: not list(tmp_path.iterdir()), what="all files of the run are gone")
