"""Who uses the stack during a run: writers, workers of every kind, people, flows, schedules, a listener.

All of them write what they are told into the ledger. `leave` ends what makes new work; `behave` makes the workers
finish everything that they get, so that the stack comes to rest.
"""

import asyncio
import random
import time
import uuid
from collections.abc import Sequence

import httpx

from tests.chaos.ledger import Begun, Submit, Ticking, Verdict
from tests.chaos.wire import Json, Wire
from tests.chaos.workers import LEASE, Stage, Workers

QUEUES = ("chaos:machines", "chaos:people")
_FLOW_ITEMS = 4
_BUSY = 20.0
"""Tasks a second from which a writer prefers batches."""
_BY_HAND = 4.0
"""Tasks a second that one person can do."""
_MADE_UP = 10.0
"""Seconds of writing that are made up for, at most, after a fault held it up."""
_RETRY: Json = {"maxAttempts": 50, "backoff": {"kind": "fixed", "initialSeconds": 0.2, "maxSeconds": 0.2, "jitter": 0}}
_BINDINGS = {"submitters": ["task-writer"], "workers": ["reviewer"], "assigners": ["supervisor"]}


def _path(queue: str) -> str:
    return f"/queues/{queue.replace(':', '/')}"


class Cast:
    """Everybody, with a seeded die for each."""

    def __init__(self, *, root: Wire, ada: Wire, writer: Wire, worker: Wire, seed: int, prompt: float) -> None:
        """`prompt` is the share of tasks that are done at once. All wires write into one ledger."""
        ledger = ada.ledger
        self._root = root
        self._ada = ada
        self._writer = writer
        self._ledger = ledger
        self._seed = seed
        self._stage = Stage()
        self._workers = Workers(worker, ada, ledger, self._stage, prompt=prompt)

    async def prepare(self, auth: str) -> None:
        """The tenant, its queues, the definition and template of the flows, and the schedules."""
        tenant = self._ledger.tenant
        body = {"issuer": f"{auth}/realms/{tenant}", "displayName": "Demo"}
        while (answer := await self._root.call("PUT", f"/tenants/{tenant}", body)).verdict is not Verdict.ACCEPTED:
            # A new API registers the operators' own tenant a moment after it begins to serve.
            assert answer.status in {0, 401, 503}, answer
            await asyncio.sleep(0.1)
        defaults = {"leaseSeconds": LEASE, "startTimeoutSeconds": LEASE, "retry": _RETRY}
        for queue in QUEUES:
            await self._ada.insist("PUT", _path(queue), {"bindings": _BINDINGS, "defaults": defaults})
        definition = {"queue": QUEUES[0], "leaseSeconds": LEASE, "retry": _RETRY, "overallTimeoutSeconds": None}
        for name in ("chaos/part", "chaos/whole"):
            await self._ada.insist("PUT", f"/definitions/{name}", definition)
        steps: Json = {
            "parts": {"definition": "chaos/part", "forEach": {"$from": "input.items"}},
            "whole": {"definition": "chaos/whole", "dependsOn": ["parts"], "params": {}},
        }
        flow = {"driver": "dag", "queue": QUEUES[0], "steps": steps}
        await self._ada.insist("PUT", "/flow-templates/chaos/flow", flow)

    async def schedule(self) -> None:
        """Two schedules, each of which makes up for what it missed."""
        misfire = {"policy": "all", "graceSeconds": None}
        for name, seconds in (("second", 1.0), ("third", 3.0)):
            trigger = {"kind": "interval", "seconds": seconds}
            body = {"trigger": trigger, "misfire": misfire, "task": {"queue": QUEUES[0], "name": name}}
            await self._ada.insist("PUT", f"/schedules/{name}", body)
            self._ledger.schedules.append(Ticking(schedule=name, seconds=seconds))

    async def play(self, *, writers: int, workers: int, rate: float) -> None:
        """Everybody at once, until `behave` and the end of what is held. `rate`: tasks a second of all writers."""
        async with asyncio.TaskGroup() as group:
            for number in range(writers):
                share = min(0.1, _BY_HAND / rate)
                group.create_task(self._write(self._die(f"writer {number}"), rate / writers, share))
            for number in range(workers):
                group.create_task(self._workers.work(_path(QUEUES[0]), self._die(f"worker {number}")))
            group.create_task(self._workers.people(_path(QUEUES[1]), self._die("people")))
            group.create_task(self._flows(self._die("flows"), rate))
            listening = group.create_task(self._listen())
            await self._stage.over.wait()
            await self._stage.resting.wait()
            listening.cancel()
        await self._workers.ended()

    async def leave(self) -> None:
        """No new work from now on."""
        self._stage.over.set()
        for each in self._ledger.schedules:
            await self._ada.insist("POST", f"/schedules/{each.schedule}/pause")

    def behave(self) -> None:
        """The workers stop once they find nothing more."""
        self._stage.resting.set()

    def _die(self, name: str) -> random.Random:
        return random.Random(f"{self._seed} {name}")

    # --- who makes work ---

    async def _write(self, dice: random.Random, rate: float, by_hand: float) -> None:
        """At so many tasks a second, singly and in batches; what a fault held up is made up for, in part.

        `by_hand` is the share that goes to people.
        """
        due = time.monotonic()
        sizes = (1, 1, 1, 10) if rate < _BUSY else (1, 1, 10, 50)
        while not self._stage.over.is_set():
            count = dice.choice(sizes)
            queue = QUEUES[0] if dice.random() >= by_hand else QUEUES[1]
            keys = [str(uuid.UUID(int=dice.getrandbits(128))) for _ in range(count)]
            bodies = [_task(key, dice) for key in keys]
            await self._submit(queue, keys, bodies)
            due = max(due + count / rate * dice.uniform(0.5, 1.5), time.monotonic() - _MADE_UP)
            await self._rest(due - time.monotonic())

    async def _submit(self, queue: str, keys: Sequence[str], bodies: Sequence[object]) -> None:
        """Insist until each was answered: with the same key, so it stays one task."""
        for _ in range(30):
            if len(bodies) == 1:
                answer = await self._writer.call("POST", f"{_path(queue)}/tasks", bodies[0])
                ids = [answer.json["id"]] if answer.verdict is Verdict.ACCEPTED else []
            else:
                answer = await self._writer.call("POST", f"{_path(queue)}/tasks/batch", {"tasks": bodies})
                ids = [each["task"]["id"] for each in answer.json["results"]] if answer.status == 200 else []
            if ids:
                for key, task in zip(keys, ids, strict=True):
                    kept = Submit(task=task, key=key, sent=answer.sent, answered=answer.answered)
                    self._ledger.submits.append(kept)
                return
            assert answer.verdict is Verdict.UNKNOWN, answer
            if self._stage.resting.is_set():
                return
            await asyncio.sleep(0.1)

    async def _flows(self, dice: random.Random, rate: float) -> None:
        while not self._stage.over.is_set():
            key = str(uuid.UUID(int=dice.getrandbits(128)))
            body = {"template": "chaos/flow", "params": {"items": list(range(_FLOW_ITEMS))}}
            for _ in range(30):
                answer = await self._ada.call("POST", "/flows", body, key=key)
                if answer.verdict is Verdict.ACCEPTED:
                    self._ledger.flows.append(Begun(flow=answer.json["id"], children=_FLOW_ITEMS + 1))
                    break
                assert answer.verdict is Verdict.UNKNOWN, answer
                await asyncio.sleep(0.1)
            await self._rest(20.0 / rate * (_FLOW_ITEMS + 1))

    async def _rest(self, seconds: float) -> None:
        if seconds <= 0:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._stage.over.wait()
        except TimeoutError:
            return

    # --- who listens ---

    async def _hear(self, answer: httpx.Response, headers: dict[str, str]) -> None:
        """Note events as the format wants it: a block without data is a sign of where the stream is, and no event."""
        number, event = "", False
        async for line in answer.aiter_lines():
            field, _, value = line.partition(":")
            if field == "id":
                number = value.strip()
            elif field == "data":
                event = True
            elif not line and number:
                headers["Last-Event-ID"] = number
                if event:
                    self._ledger.heard.append(int(number))
                number, event = "", False

    async def _listen(self) -> None:
        """Follow the tenant's events, and go on behind the last one after every cut."""
        headers: dict[str, str] = {}
        while True:
            try:
                async with self._ada.stream("/events", headers) as answer:
                    await self._hear(answer, headers)
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.2)


def _task(key: str, dice: random.Random) -> Json:
    body: Json = {"name": "chaos", "dedupKey": key, "params": {"key": key}}
    body["priority"] = dice.choice(("low", "normal", "normal", "high", "urgent"))
    if dice.random() < 0.05:
        body["delaySeconds"] = round(dice.uniform(0.1, 2.0), 2)
    return body
