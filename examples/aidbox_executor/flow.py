"""Reviews strike reports by a workflow of Aidbox's RPC: starts one for each, waits for their ends, prints the outcome.

    python -m examples.aidbox_executor.flow [--prepare] [--count N] [FILE]

`--prepare` makes what upstream reads from its configuration: the definitions of two tasks and of the workflow.
"""

import argparse
import asyncio
import collections
from itertools import islice
from pathlib import Path
from typing import Any

from examples.aidbox_executor.executor import TASKS, WORKFLOW
from examples.aidbox_executor.rpc import Rpc
from examples.strike_reports import reports
from examples.strike_reports.session import Session, local_stack

QUEUE = "intake:aidbox"
REPORT = {"type": "object", "required": ["report"], "properties": {"report": {"type": "object"}}}
SCHEMAS = {"strikes/assess": REPORT, "strikes/notify": {"type": "object", "required": ["operator"]}}


async def prepare(admin: Session) -> None:
    """The queue, the tasks and the workflow; again changes nothing that matters."""
    # The role that the client `intake` has: it asks for the work, and it does it.
    bindings = {"submitters": ["task-writer"], "workers": ["task-writer"]}
    await admin.call("PUT", f"/queues/{QUEUE.replace(':', '/')}", {"displayName": "Aidbox", "bindings": bindings})
    for name in TASKS:
        await admin.call("PUT", f"/definitions/{name}", {"queue": QUEUE, "paramsSchema": SCHEMAS[name]})
    template = {"driver": "decisions", "queue": QUEUE, "paramsSchema": REPORT}
    await admin.call("PUT", f"/flow-templates/{WORKFLOW}", template)


async def review(rpc: Rpc, file: Path, count: int) -> list[dict[str, Any]]:
    """Run the workflow for the first reports of a file; answers all of them as they ended."""
    begun: list[str] = []
    for report in islice(reports.read(file), count):
        params = {"report": report["params"]}
        made = await rpc.call(
            "awf.workflow/create-and-execute", definition=WORKFLOW, label=report["recordId"], params=params
        )
        begun.append(made["resource"]["id"])
    return [await ended(rpc, workflow) for workflow in begun]


async def ended(rpc: Rpc, workflow: str) -> dict[str, Any]:
    """A workflow, once it is done."""
    while True:
        found = (await rpc.call("awf.workflow/status", id=workflow))["resource"]
        if found["status"] == "done":
            return found
        await asyncio.sleep(0.1)


async def run(file: Path, count: int, *, only_prepare: bool) -> None:
    """As the tenant's admin `ada`, then as its client `intake`, on the local stack."""
    local = local_stack()
    if only_prepare:
        login = {"grant_type": "password", "client_id": local["client_id"], "username": "ada", "password": "ada"}
        async with Session(local["api"], local["auth"], "demo", login) as admin:
            await prepare(admin)
        return
    async with Rpc.at(local["api"], "demo/intake", "intake") as rpc:
        workflows = await review(rpc, file, count)
    outcomes = collections.Counter(each["outcome"] for each in workflows)
    told = collections.Counter(each["result"]["told"] for each in workflows if "told" in each.get("result", {}))
    print(f"{len(workflows)} workflows: {', '.join(f'{number} {outcome}' for outcome, number in outcomes.items())}")
    for operator, number in told.most_common(5):
        print(f"{number:6} severe strikes told to {operator}")


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("file", nargs="?", type=Path, default=reports.SAMPLE)
    asked.add_argument("--count", type=int, default=50)
    asked.add_argument("--prepare", action="store_true", help="make the queue and the definitions, and no more")
    given = asked.parse_args()
    asyncio.run(run(given.file, given.count, only_prepare=given.prepare))
