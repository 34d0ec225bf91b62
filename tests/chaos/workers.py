"""Who does the work in a chaos run: workers of every kind, people who pick tasks by hand, and an admin who steers."""

import asyncio
import random
from collections.abc import Awaitable, Sequence
from datetime import datetime

from tests.chaos.ledger import Finish, Hold, Ledger, Verdict, result_of
from tests.chaos.wire import Answer, Json, Wire

LEASE = 2.0
"""Seconds; the leases of all tasks of a run."""


class Stage:
    """How far a run is: `over` once nothing new is made, `resting` once the workers may stop when nothing is left."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.resting = asyncio.Event()


class Workers:
    """Take tasks, and report what they did to the ledger."""

    def __init__(self, worker: Wire, admin: Wire, ledger: Ledger, stage: Stage, *, prompt: float) -> None:
        """`prompt` is the share of tasks that are done at once, as they should be."""
        self._prompt = prompt
        self._worker = worker
        self._ada = admin
        self._ledger = ledger
        self._stage = stage
        self._late: set[asyncio.Task[None]] = set()

    async def ended(self) -> None:
        """Wait for those who take longer."""
        if self._late:
            await asyncio.wait(self._late)

    async def work(self, path: str, dice: random.Random) -> None:
        """A machine: claims from the queue at `path`, until nothing comes any more."""
        while True:
            body: Json = {"max": dice.choice((1, 5, 20)), "waitSeconds": 1, "worker": "chaos"}
            if dice.random() < 0.1:
                body["start"] = False
            answer = await self._worker.call("POST", f"{path}/claims", body, wait=1.0)
            if answer.verdict is not Verdict.ACCEPTED:
                await asyncio.sleep(0.1)
                continue
            tasks = answer.json["tasks"]
            if not tasks and self._stage.resting.is_set():
                return
            if body.get("start") is False:
                started = [await self._begin(task) for task in tasks]
                tasks = [task for task in started if task is not None]
            else:
                self._hold(tasks, answer)
            await self._deal(tasks, dice)

    async def _begin(self, task: Json) -> Json | None:
        """Start a task that was reserved."""
        answer = await self._worker.call("POST", f"/tasks/{task['id']}/start", {"execId": task["execId"]})
        if answer.verdict is not Verdict.ACCEPTED:
            return None
        self._hold([answer.json], answer)
        return dict(answer.json)

    def _hold(self, tasks: Sequence[Json], answer: Answer) -> None:
        for task in tasks:
            until = None if task.get("leaseUntil") is None else datetime.fromisoformat(str(task["leaseUntil"]))
            hold = Hold(task=str(task["id"]), attempt=_attempt(task), until=until, answered=answer.answered)
            self._ledger.holds.append(hold)

    async def _deal(self, tasks: Sequence[Json], dice: random.Random) -> None:
        """Most are done at once; some fail, go back, take longer than their lease, or are finished too late."""
        prompt: list[Json] = []
        for task in tasks:
            odd = 0.0 if self._stage.over.is_set() else (dice.random() - self._prompt) / (1 - self._prompt)
            if odd <= 0.0:
                prompt.append(task)
            elif odd < 0.25:
                self._later(self._finish(task, "fail", {"error": "chaos"}))
            elif odd < 0.4:
                self._later(self._finish(task, "release", {}))
            elif odd < 0.6:
                self._later(self._slowly(task))
            elif odd < 0.95:
                self._later(self._too_late(task, dice.uniform(1.1, 2.0) * LEASE))
        if prompt:
            await self._settle(prompt)

    def _later(self, work: Awaitable[None]) -> None:
        async def done() -> None:
            await work

        task = asyncio.create_task(done())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _slowly(self, task: Json) -> None:
        """Longer than the lease, with heartbeats."""
        for _ in range(6):
            await asyncio.sleep(LEASE / 4)
            answer = await self._worker.call("POST", f"/tasks/{task['id']}/heartbeat", {"execId": task["execId"]})
            if answer.verdict is Verdict.REFUSED:
                return
            if answer.verdict is Verdict.ACCEPTED and answer.json["leaseUntil"] is not None:
                until = datetime.fromisoformat(answer.json["leaseUntil"])
                hold = Hold(
                    task=str(task["id"]), attempt=_attempt(task), until=until, answered=answer.answered, renewed=True
                )
                self._ledger.holds.append(hold)
        await self._finish(task, "complete", {"result": result_of(_attempt(task))})

    async def _too_late(self, task: Json, seconds: float) -> None:
        """Silent past the lease, and then as if nothing had been."""
        await asyncio.sleep(seconds)
        await self._finish(task, "complete", {"result": result_of(_attempt(task))})

    async def _finish(self, task: Json, action: str, body: Json) -> None:
        """Report, and again while nobody answers."""
        for _ in range(5):
            path = f"/tasks/{task['id']}/{action}"
            answer = await self._worker.call("POST", path, {"execId": task["execId"]} | body)
            self._note(task, action, answer, answer.verdict, answer.code)
            if answer.verdict is not Verdict.UNKNOWN:
                return
            await asyncio.sleep(0.1)

    async def _settle(self, tasks: Sequence[Json]) -> None:
        items = [
            {"id": task["id"], "execId": task["execId"], "action": "complete", "result": result_of(_attempt(task))}
            for task in tasks
        ]
        for _ in range(5):
            answer = await self._worker.call("POST", "/tasks/settle", {"items": items})
            nothing: list[Json] = [{"status": 0}] * len(items)
            results: list[Json] = answer.json["results"] if answer.status == 200 else nothing
            for task, result in zip(tasks, results, strict=True):
                status = int(result["status"])
                verdict = Verdict.UNKNOWN if status == 0 or status >= 500 else Verdict.ACCEPTED
                verdict = Verdict.REFUSED if 400 <= status < 500 else verdict
                code = str(result.get("problem", {}).get("type", "")).rpartition(":")[2] or None
                self._note(task, "complete", answer, verdict, code)
            if answer.status == 200:
                return
            await asyncio.sleep(0.1)

    def _note(self, task: Json, action: str, answer: Answer, verdict: Verdict, code: str | None) -> None:
        if verdict is Verdict.UNKNOWN:
            return
        self._ledger.finishes.append(
            Finish(
                task=str(task["id"]), attempt=_attempt(task), action=action, verdict=verdict, code=code,
                sent=answer.sent, answered=answer.answered,
            )
        )  # fmt: skip

    async def people(self, path: str, dice: random.Random) -> None:
        """Somebody who looks at the worklist, takes tasks by hand, and an admin who steers."""
        while True:
            listed = await self._worker.call("GET", f"{path}/tasks?limit=20")
            found: list[Json] = listed.json["items"] if listed.verdict is Verdict.ACCEPTED else []
            if listed.verdict is Verdict.ACCEPTED and not found and self._stage.resting.is_set():
                return
            for task in found:
                await self._take(task, dice)
            await asyncio.sleep(0.2)

    async def _take(self, task: Json, dice: random.Random) -> None:
        path = f"/tasks/{task['id']}"
        if task["state"] == "in-progress":
            # Ours from an answer that got lost: the fence is gone with it, so the admin ends the task.
            await self._ada.call("POST", f"{path}/cancel", {"mode": "now"})
            return
        fate = 1.0 if self._stage.over.is_set() else dice.random()
        if fate < 0.1:
            await self._ada.call("POST", f"{path}/priority", {"priority": dice.choice(("low", "urgent"))})
        elif fate < 0.2:
            await self._ada.call("POST", f"{path}/cancel", {"mode": dice.choice(("ask", "now"))})
            return
        elif fate < 0.3:
            await self._worker.call("POST", f"{path}/assign", {"to": "me"})
        started = await self._worker.call("POST", f"{path}/start", {})
        if started.verdict is not Verdict.ACCEPTED:
            return
        self._hold([started.json], started)
        await self._finish(dict(started.json), "complete", {"result": result_of(_attempt(started.json))})


def _attempt(task: Json) -> int:
    return int(task["attempt"])
