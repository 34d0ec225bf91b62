"""Counts strike reports by species as a map-reduce flow: prepares it, starts it, waits for its end, prints the counts.

    python -m examples.species_count.flow [--prepare] [FILE]

A template is a plain JSON document (docs/guides/flows.md): `map` fans out over the reports by a hundred, `reduce` gets
the list of all its results. `worker.py` does both kinds of task.
"""

import argparse
import asyncio
from pathlib import Path
from typing import Any

from examples.strike_reports import reports
from examples.strike_reports.session import Session, local_stack

QUEUE = "intake:species-count"
TEMPLATE = "species/count"
CHUNK = 100
DEFINITION = {"queue": QUEUE, "leaseSeconds": 5, "retry": {"maxAttempts": 20, "backoff": {"initialSeconds": 0.1}}}
FLOW = {
    "driver": "dag",
    "queue": QUEUE,
    "steps": {
        "map": {
            "definition": "species/map",
            "forEach": {"$from": "input.species"},
            "chunk": CHUNK,
            "params": {"species": {"$from": "item"}},
        },
        "reduce": {
            "definition": "species/reduce",
            "dependsOn": ["map"],
            "params": {"counts": {"$from": "steps.map.results"}},
        },
    },
    "result": {"$from": "steps.reduce.result"},
}


async def prepare(admin: Session) -> None:
    """The queue, the two definitions and the template; again changes nothing that matters."""
    bindings = {"submitters": ["task-writer"], "workers": ["reviewer"]}
    await admin.call("PUT", f"/queues/{QUEUE.replace(':', '/')}", {"displayName": "Counting", "bindings": bindings})
    for name in ("species/map", "species/reduce"):
        await admin.call("PUT", f"/definitions/{name}", DEFINITION)
    await admin.call("PUT", f"/flow-templates/{TEMPLATE}", FLOW)


async def count(admin: Session, file: Path, *, every: float = 0.5) -> dict[str, Any]:
    """Run the flow over a file's reports; answers it as it ended."""
    species = [report["params"]["species"] for report in reports.read(file)]
    flow = await admin.post("/flows", {"template": TEMPLATE, "label": file.stem, "params": {"species": species}})
    while flow["status"] != "done":
        await asyncio.sleep(every)
        flow = await admin.call("GET", f"/flows/{flow['id']}")
    return flow


async def run(file: Path | None) -> None:
    """As the tenant's admin `ada`, on the local stack."""
    local = local_stack()
    login = {"grant_type": "password", "client_id": local["client_id"], "username": "ada", "password": "ada"}
    async with Session(local["api"], local["auth"], "demo", login) as admin:
        await prepare(admin)
        if file is None:
            return
        flow = await count(admin, file)
    print(f"flow {flow['id']}: {flow['outcome']}")
    for name, number in sorted(flow.get("result", {}).items(), key=lambda pair: (-pair[1], pair[0]))[:10]:
        print(f"{number:6} {name}")


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("file", nargs="?", type=Path, default=reports.SAMPLE)
    asked.add_argument("--prepare", action="store_true", help="make the queue and the template, and no more")
    given = asked.parse_args()
    asyncio.run(run(None if given.prepare else given.file))
