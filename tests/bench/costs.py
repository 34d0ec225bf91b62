"""What one task costs each part of a stack: CPU, memory and disk, for docs/operations/capacity.md.

    python -m tests.bench.costs

Also how fast a backup is taken and restored. A run takes about a minute on an idle machine with 4 cores.
"""

import asyncio
import time
from pathlib import Path
from typing import Any

import pymongo
import rich.console
import rich.table

from store import backup, mongo
from tests.bench import ours
from tests.support.stack import LocalStack, started

_SINGLE, _BATCH = 2_000, 20_000
_ROLES = ("api", "engine", "mongod", "rabbitmq")


async def measure(stack: LocalStack, folder: Path) -> None:
    """Everything, on a running stack."""
    console = rich.console.Console(highlight=False)
    async with ours.connected(stack) as us:
        empty = {role: _rss(us.local["pids"][role]) for role in _ROLES}
        kept = await _kept(us.local["mongodb"])
        single, _ = await us.life(size=1, count=_SINGLE)
        batch, _ = await us.life(size=50, count=_BATCH)
        await asyncio.sleep(5)
        after = await _kept(us.local["mongodb"])
        table = rich.table.Table("part", "CPU 1+1, µs", "CPU 50+50, µs", "memory empty, MB", f"after {_BATCH:,}, MB")
        for role in _ROLES:
            full = _rss(us.local["pids"][role])
            table.add_row(role, *(f"{each:.0f}" for each in (single.cpu[role], batch.cpu[role], empty[role], full)))
        console.print(table)
        console.print(f"whole life, tasks/s: by one {single.whole:.0f}, by fifty {batch.whole:.0f}")
        tasks = after["tasks"] - kept["tasks"]
        for name in ("data", "disk", "indexes"):
            console.print(f"MongoDB, {name}: {(after[name] - kept[name]) / tasks:.0f} bytes a task, events included")
    await _saved(us.local["mongodb"], folder / "backup", console)


async def _kept(url: str) -> dict[str, float]:
    async with pymongo.AsyncMongoClient[dict[str, Any]](url) as client:
        # What is in memory only is written at a checkpoint; the figures of files are of the last one.
        await client.admin.command("fsync")
        stats = await client["penstock"].command("dbStats")
        tasks = await client["penstock"]["tasks"].estimated_document_count()
    return {"tasks": tasks, "data": stats["dataSize"], "disk": stats["storageSize"], "indexes": stats["indexSize"]}


async def _saved(url: str, file: Path, console: rich.console.Console) -> None:
    client = mongo.client(url, timeout=60)
    try:
        began = time.monotonic()
        counts = await backup.backup(mongo.database(client, "penstock"), file, say=lambda _: None)
        took, total = time.monotonic() - began, sum(counts.values())
        size = file.stat().st_size / total
        console.print(f"backup: {total} documents, {total / took:.0f}/s, {size:.0f} bytes a document in the file")
        began = time.monotonic()
        await backup.restore(mongo.database(client, "penstock_restored"), file, say=lambda _: None)
        console.print(f"restore: {total / (time.monotonic() - began):.0f} documents/s")
    finally:
        await client.close()


def _rss(pid: int) -> float:
    """Resident memory, MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


def main() -> None:
    """Start a stack, measure, stop it."""
    with started("costs") as stack:
        asyncio.run(measure(stack, stack.home.parent))


if __name__ == "__main__":
    main()
