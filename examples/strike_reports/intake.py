"""The intake program: submits every report of a CSV file as a task, by the hundred, as the service client `intake`.

    python -m examples.strike_reports.intake [FILE]

Without FILE it takes the sample of 500. Each report's recordId is its dedup key: run it twice, or kill it half-way and
run it again, and every report is there once.
"""

import argparse
import asyncio
import time
from pathlib import Path
from typing import Any

from examples.strike_reports import reports
from examples.strike_reports.session import Session, local_stack

QUEUE = "/queues/intake/strike-reports"
BATCH = 100


async def submit_all(session: Session, tasks: list[dict[str, Any]]) -> int:
    """Submit them, four batches at a time; answers how many were new."""
    batches = (tasks[start : start + BATCH] for start in range(0, len(tasks), BATCH))

    async def lane() -> int:
        new = 0
        for batch in batches:
            answer = await session.post(f"{QUEUE}/tasks/batch", {"tasks": batch})
            refused = [result["problem"] for result in answer["results"] if "problem" in result]
            if refused:
                raise SystemExit(f"refused: {refused[0]}")
            new += sum(result["status"] == 201 for result in answer["results"])
        return new

    return sum(await asyncio.gather(*[lane() for _ in range(4)]))


async def main(file: Path) -> None:
    """Read, submit, tell."""
    stack = local_stack()
    login = {"grant_type": "client_credentials", "client_id": "intake", "client_secret": "intake"}
    tasks = [task | {"dedupKey": task["recordId"]} for task in reports.read(file)]
    began = time.perf_counter()
    async with Session(stack["api"], stack["auth"], "demo", login) as session:
        new = await submit_all(session, tasks)
    took = time.perf_counter() - began
    print(f"{len(tasks)} reports, {new} of them new, in {took:.1f} s ({len(tasks) / took:.0f}/s)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Submit bird-strike reports")
    parser.add_argument("file", nargs="?", type=Path, default=reports.SAMPLE)
    asyncio.run(main(parser.parse_args().file))
