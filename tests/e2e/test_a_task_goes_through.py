"""What Penstock promises, seen from outside on a stack that `make run` started."""

import asyncio
import itertools
import os
import shutil
import signal
from collections.abc import Callable
from typing import Any

import pymongo
import pytest

from tests.support.people import Caller
from tests.support.stack import LocalStack
from tests.support.waiting import wait_until

pytestmark = pytest.mark.xdist_group("stack")

Callers = Callable[..., Caller]
BINDINGS = {"submitters": ["task-writer"], "workers": ["reviewer"], "assigners": ["supervisor"]}
_numbers = itertools.count(1)


async def make_queue(ada: Caller, **fields: Any) -> str:
    """A queue for one test; answers its path."""
    path = f"/queues/e2e/{'-'.join(['q', str(next(_numbers))])}"
    await ada.put(path, {"bindings": BINDINGS} | fields)
    return path


async def submit(caller: Caller, path: str, count: int, **fields: Any) -> list[str]:
    """Submit by the thousand; answers the ids in order."""
    ids: list[str] = []
    for start in range(0, count, 1000):
        tasks = [{"name": f"task {n}"} | fields for n in range(start, min(start + 1000, count))]
        answer = await caller.post(f"{path}/tasks/batch", {"tasks": tasks})
        assert answer["refused"] == 0, answer
        ids += [result["task"]["id"] for result in answer["results"]]
    return ids


async def test_one_worker_gets_urgent_first_and_oldest_first(caller: Callers) -> None:
    async with caller("ada") as ada, caller("wim") as wim:
        path = await make_queue(ada)
        wanted = [["low", "urgent", "normal", "high"][n % 4] for n in range(40)]
        made = [(p, (await ada.post(f"{path}/tasks", {"name": "x", "priority": p}))["id"]) for p in wanted]
        order = [(await wim.post(f"{path}/claims"))["tasks"][0]["id"] for _ in made]
        expected = [task_id for p in ("urgent", "high", "normal", "low") for q, task_id in made if p == q]
        assert order == expected


async def test_a_worker_that_stops_loses_its_lease(caller: Callers) -> None:
    """Back after the lease, the late result refused, attempts counted, a dead letter at last, redriven."""
    retry = {"maxAttempts": 2, "backoff": {"kind": "fixed", "initialSeconds": 0.1}}
    async with caller("ada") as ada, caller("wim") as wim, caller("wes") as wes:
        path = await make_queue(ada, defaults={"leaseSeconds": 1, "retry": retry})
        (task_id,) = await submit(ada, path, 1)
        (first,) = (await wim.post(f"{path}/claims"))["tasks"]
        (second,) = (await wes.post(f"{path}/claims", {"waitSeconds": 20}))["tasks"]
        assert (second["id"], second["attempt"]) == (task_id, 2)
        late = await wim.call("POST", f"/tasks/{task_id}/complete", {"execId": first["execId"]})
        assert (late.status_code, late.json()["type"]) == (409, "urn:penstock:problem:lease-lost")

        async def is_dead() -> bool:
            return bool((await ada.get(f"/tasks/{task_id}")).get("dead"))

        await wait_until(is_dead, what="the second attempt to lose its lease too")
        (dead,) = (await ada.get(f"{path}/tasks", dead="true"))["items"]
        assert (dead["id"], dead["outcome"], dead["reason"]["type"]) == (task_id, "failed", "lease-lost")
        await ada.post(f"{path}/redrive")
        (again,) = (await wim.post(f"{path}/claims", {"waitSeconds": 20}))["tasks"]
        assert again["id"] == task_id
        await wim.post(f"/tasks/{task_id}/complete", {"execId": again["execId"], "result": {"ok": True}})

        async def kinds() -> list[str]:
            return [event["type"] for event in (await ada.get(f"/tasks/{task_id}/history"))["items"]]

        await wait_until(lambda: _ends_with(kinds, "succeeded"), what="the history to show the end")
        assert await kinds() == [
            "created", "started", "retry-scheduled", "ready", "started", "failed", "redriven", "started", "succeeded",
        ]  # fmt: skip


def kill_rabbitmq(stack: LocalStack) -> None:
    """Kill RabbitMQ; the supervisor starts it again."""
    os.kill(stack.local["pids"]["rabbitmq"], signal.SIGKILL)


def restart_rabbitmq(stack: LocalStack) -> None:
    """Stop it in order; the supervisor starts it again."""
    os.kill(stack.local["pids"]["rabbitmq"], signal.SIGTERM)


def wipe_rabbitmq(stack: LocalStack) -> None:
    """Kill RabbitMQ and delete its disk before the supervisor starts it again."""
    hold = stack.home / "hold" / "rabbitmq"
    hold.parent.mkdir(exist_ok=True)
    hold.touch()
    os.kill(stack.local["pids"]["rabbitmq"], signal.SIGKILL)
    shutil.rmtree(stack.home / "rabbitmq", ignore_errors=True)
    hold.unlink()


async def _ends_with(kinds: Callable[[], Any], last: str) -> bool:
    return (await kinds())[-1:] == [last]


async def test_queues_of_the_same_name_know_nothing_of_each_other(caller: Callers) -> None:
    async with (
        caller("ada") as ada,
        caller("wim") as wim,
        caller("ada", "acme") as their_ada,
        caller("wim", "acme") as their_wim,
    ):
        path = "/queues/e2e/same-name"
        for admin in (ada, their_ada):
            await admin.put(path, {"bindings": BINDINGS})
        mine = await submit(ada, path, 3)
        assert (await their_ada.get(f"{path}/tasks"))["items"] == []
        assert (await their_ada.get(f"{path}/metrics"))["open"] == 0
        assert (await their_wim.post(f"{path}/claims", {"max": 10}))["tasks"] == []
        for method, call in (("GET", ""), ("POST", "/cancel"), ("POST", "/retry"), ("DELETE", "")):
            answer = await their_ada.call(method, f"/tasks/{mine[0]}{call}", {} if method == "POST" else None)
            assert answer.status_code == 404, (method, call)
        (held,) = (await wim.post(f"{path}/claims"))["tasks"]
        for call in ("heartbeat", "complete", "fail", "release"):
            answer = await their_wim.call("POST", f"/tasks/{held['id']}/{call}", {"execId": held["execId"]})
            assert answer.status_code == 404, call
        assert (await their_ada.post(f"{path}/purge"))["canceled"] == 0
        assert (await ada.get(f"{path}/metrics"))["open"] == 3


async def test_fifty_claimers_share_no_task(caller: Callers) -> None:
    async with caller("ada") as ada, caller("wim") as wim:
        path = await make_queue(ada)
        made = await submit(ada, path, 1000)

        async def drain() -> list[str]:
            got: list[str] = []
            while tasks := (await wim.post(f"{path}/claims", {"max": 7}))["tasks"]:
                got += [task["id"] for task in tasks]
            return got

        handed_out = list(itertools.chain(*await asyncio.gather(*[drain() for _ in range(50)])))
        assert sorted(handed_out) == sorted(made)


async def test_one_of_fifty_starts_wins(caller: Callers) -> None:
    async with caller("ada") as ada, caller("wim") as wim:
        path = await make_queue(ada)
        (task_id,) = await submit(ada, path, 1)
        answers = await asyncio.gather(*[wim.call("POST", f"/tasks/{task_id}/start", {}) for _ in range(50)])
        assert sorted(answer.status_code for answer in answers) == [200] + [409] * 49


@pytest.mark.parametrize("outage", [kill_rabbitmq, restart_rabbitmq, wipe_rabbitmq])
async def test_a_broker_that_lost_all_tickets_is_filled_again(
    stack: LocalStack, caller: Callers, outage: Callable[[LocalStack], None]
) -> None:
    """RabbitMQ ended with 5,000 tasks ready: all are handed out again, the urgent ones first."""
    async with caller("ada") as ada, caller("wim") as wim:
        path = await make_queue(ada)
        usual, urgent = await submit(ada, path, 4000), await submit(ada, path, 1000, priority="urgent")
        await wait_until(lambda: noted(stack, path), what="the tickets' confirms to be noted")
        before = stack.local["pids"]["rabbitmq"]
        outage(stack)
        await wait_until(lambda: stack.local["pids"].get("rabbitmq") not in {None, before}, what="another RabbitMQ")
        late = await submit(ada, path, 1)
        got: list[str] = []

        async def all_back() -> bool:
            answer = await wim.call("POST", f"{path}/claims", {"max": 1000, "waitSeconds": 1})
            assert answer.status_code in {200, 503}, answer.text
            if answer.status_code == 200:
                got.extend(task["id"] for task in answer.json()["tasks"])
            return len(got) >= 5001

        await wait_until(all_back, what="5,001 tasks to be handed out", timeout=60, every=0.2)
        assert sorted(got) == sorted([*usual, *urgent, *late])
        assert [each for each in got if each not in late][:200] == urgent[:200]


async def noted(stack: LocalStack, path: str) -> bool:
    """Whether all tickets of the queue count as confirmed."""
    queue = path.removeprefix("/queues/").replace("/", ":")
    async with pymongo.AsyncMongoClient[dict[str, Any]](stack.local["mongodb"]) as client:
        open_ones = client["penstock"]["tasks"].count_documents
        return not await open_ones({"queue": queue, "state": "ready", "ticketDue": {"$exists": True}})
