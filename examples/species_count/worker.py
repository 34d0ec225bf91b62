"""Does the tasks of the counting flow as the reviewer `wim`: counts a chunk, or adds the counts of all chunks up.

    python -m examples.species_count.worker [--idle SECONDS]

Without --idle it works until it is interrupted; with it, it ends when nothing came for so long.
"""

import argparse
import asyncio
import collections
from typing import Any

from examples.species_count.flow import QUEUE
from examples.strike_reports.session import Session, local_stack

CLAIMS = f"/queues/{QUEUE.replace(':', '/')}/claims"
_POLL_SECONDS = 2


def do(task: dict[str, Any]) -> dict[str, int]:
    """The result of a task: how often each species is in it."""
    if task["definition"] == "species/map":
        return collections.Counter(task["params"]["species"])
    total = collections.Counter[str]()
    for counts in task["params"]["counts"]:
        total.update(counts)
    return total


async def run(idle: float | None) -> None:
    """Claim, do, settle."""
    local = local_stack()
    login = {"grant_type": "password", "client_id": local["client_id"], "username": "wim", "password": "wim"}
    quiet = 0.0
    async with Session(local["api"], local["auth"], "demo", login) as worker:
        while idle is None or quiet < idle:
            tasks = (await worker.post(CLAIMS, {"max": 5, "waitSeconds": _POLL_SECONDS}))["tasks"]
            quiet = 0.0 if tasks else quiet + _POLL_SECONDS
            items = [{"id": t["id"], "execId": t["execId"], "action": "complete", "result": do(t)} for t in tasks]
            if items:
                await worker.post("/tasks/settle", {"items": items})


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--idle", type=float)
    asyncio.run(run(asked.parse_args().idle))
