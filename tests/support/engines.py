"""Engines as processes, and a process beside them that submits and claims by the real clock."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from broker import assembly
from core.clock import system_clock
from core.queue import Queue
from core.settings import Settings
from store import indexes
from store.leases import Leases
from tests.support.making import ANN

Process = asyncio.subprocess.Process


@asynccontextmanager
async def engines(
    settings: Settings, count: int, *, log: int = asyncio.subprocess.DEVNULL
) -> AsyncGenerator[list[Process]]:
    """So many processes `python -m broker engine`; what is left of them is killed."""
    plain = {"environment", "mongodb_database", "auth_url", "broker_prefix", "store_timeout_seconds", "engine_port"}
    values = settings.model_dump(include=plain)
    values |= {
        "mongodb_url": settings.mongodb_url.get_secret_value(),
        "rabbitmq_url": settings.rabbitmq_url.get_secret_value(),
    }
    environment = os.environ | {f"PENSTOCK_{name.upper()}": str(value) for name, value in values.items()}
    command = [sys.executable, "-m", "broker", "engine"]
    running = [await asyncio.create_subprocess_exec(*command, env=environment, stderr=log) for _ in range(count)]
    try:
        yield running
    finally:
        for process in running:
            if process.returncode is None:
                process.kill()
            await process.wait()


@asynccontextmanager
async def caller(settings: Settings) -> AsyncGenerator[tuple[assembly.Parts, Queue]]:
    """A process that submits and claims, with a queue, by the real clock."""
    async with assembly.running(settings, name="test", clock=system_clock) as parts:
        await indexes.ensure(parts.record.database)
        await parts.broker.publisher.ready()
        queue, _ = await parts.administration.put("demo", "intake", "reports", {}, by=ANN, match=None)
        yield parts, queue
        await parts.administration.remove("demo", queue.key, by=ANN, match=None, force=True)


async def holders(parts: assembly.Parts) -> dict[str, int]:
    """Which process has which duty."""
    now = parts.clock()
    leases = await Leases(parts.record.database).every()
    return {lease.duty: int(lease.holder.split("-")[-2]) for lease in leases if lease.until > now}
