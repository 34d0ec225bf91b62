"""The triage worker: claims reports as the reviewer `wim`, decides what rules can decide, and passes the rest on.

    python -m examples.strike_reports.triage [--processes 4] [--until-empty]

What no rule decides goes as a new task to `intake:strike-reviews`, where people take it. The report's id is that task's
dedup key, so a worker that dies between the two calls leaves one review, not two.
"""

import argparse
import asyncio
import json
import multiprocessing
import sys
from pathlib import Path
from typing import Any

from examples.strike_reports.session import Session, local_stack

REPORTS = "/queues/intake/strike-reports"
REVIEWS = "/queues/intake/strike-reviews"
BATCH = 50
_KNOWN_DAMAGE = {"None", "Minor", "Medium", "Substantial"}
_COSTLY = 100_000
_FOR_PEOPLE = {"decision": "review"}


def decide(report: dict[str, Any]) -> str:
    """What becomes of a report: `file` it, `inspect` the aircraft, or let a person `review` it."""
    unclear = report["damage"] not in _KNOWN_DAMAGE or report["species"].startswith("Unknown")
    harmful = report["damage"] in {"Medium", "Substantial"} or report["costTotal"] > 0
    if report["costTotal"] >= _COSTLY or (unclear and harmful):
        return "review"
    return "inspect" if harmful else "file"


async def triage(session: Session, tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Decide on the claimed tasks and report their ends in one call; answers the results of that call."""
    ends = [end(task) for task in tasks]
    reviews = [_review(task) for task, said in zip(tasks, ends, strict=True) if said.get("result") == _FOR_PEOPLE]
    if reviews:
        await session.post(f"{REVIEWS}/tasks/batch", {"tasks": reviews})
    items = [{"id": task["id"], "execId": task["execId"], **said} for task, said in zip(tasks, ends, strict=True)]
    return (await session.post("/tasks/settle", {"items": items}))["results"]


def end(task: dict[str, Any]) -> dict[str, Any]:
    """How a task ends: with a decision, or for good as a dead letter when it is no report."""
    try:
        return {"action": "complete", "result": {"decision": decide(task.get("params") or {})}}
    except (KeyError, TypeError) as error:
        # Trying again would not help, and one such task must not stop the worker.
        return {"action": "fail", "retryable": False, "error": {"message": f"This is no strike report: {error!r}"}}


def _review(task: dict[str, Any]) -> dict[str, Any]:
    kept = {name: task[name] for name in ("name", "params", "recordId", "priority") if name in task}
    return {**kept, "description": f"Decide: {task.get('description', 'a report')}", "dedupKey": task["id"]}


async def work(number: int, *, until_empty: bool, ledger: Path | None) -> int:
    """Claim and triage until told to stop, or until the queue is empty; answers how many ended.

    With `ledger` every end that was accepted is appended to a file, a JSON line each: what a test counts.
    """
    stack = local_stack()
    login = {"grant_type": "password", "client_id": "penstock-cli", "username": "wim", "password": "wim"}
    ended = 0
    async with Session(stack["api"], stack["auth"], "demo", login) as session:
        while True:
            wait = 2 if until_empty else 30
            claim = {"max": BATCH, "waitSeconds": wait, "worker": f"triage-{number}"}
            tasks = (await session.post(f"{REPORTS}/claims", claim))["tasks"]
            if not tasks:
                if until_empty:
                    return ended
                continue
            results = await triage(session, tasks)
            accepted = [result["id"] for result in results if result["status"] == 200]
            ended += len(accepted)
            if ledger is not None:
                with ledger.open("a") as lines:
                    lines.writelines(json.dumps({"worker": number, "id": task_id}) + "\n" for task_id in accepted)


def process(number: int, until_empty: bool, ledger: Path | None) -> None:  # noqa: FBT001 - multiprocessing's shape
    """One worker process."""
    ended = asyncio.run(work(number, until_empty=until_empty, ledger=ledger))
    print(f"worker {number}: {ended} reports")


def main() -> None:
    """Start the processes and wait for them."""
    parser = argparse.ArgumentParser(description="Triage bird-strike reports")
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--until-empty", action="store_true", help="end when there is nothing left")
    parser.add_argument("--ledger", type=Path, help="append every accepted end to this file")
    asked = parser.parse_args()
    workers = [
        multiprocessing.Process(target=process, args=(number, asked.until_empty, asked.ledger))
        for number in range(asked.processes)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        sys.exit(1)


if __name__ == "__main__":
    main()
