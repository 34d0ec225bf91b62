"""Events on the running stack, of a stream that is cut and a receiver that is down, while the engine is killed."""

import asyncio
import base64
import json
import os
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import standardwebhooks
from starlette.requests import Request
from starlette.responses import Response

from tests.e2e.test_a_task_goes_through import make_queue
from tests.support import serving
from tests.support import target as targets
from tests.support.people import Caller
from tests.support.stack import LocalStack
from tests.support.waiting import wait_until

pytestmark = pytest.mark.xdist_group("stack")

Callers = Callable[..., Caller]
STREAM = "/stream/v1/streams/task-updates"
NAMES = ["task-created", "task-assigned", "task-started", "task-completed"]
TASKS = 12


class Receiver:
    """Verifies what comes by the published library; takes it unless it is `down`."""

    def __init__(self) -> None:
        self.down = False
        self.secret = ""
        self.tried = 0
        self.taken: dict[str, dict[str, Any]] = {}
        """By `webhook-id`, in the order in which they first came."""

    async def take(self, request: Request) -> Response:
        """Answer one delivery."""
        said = standardwebhooks.Webhook(self.secret).verify(await request.body(), dict(request.headers))
        self.tried += 1
        if self.down:
            return Response(status_code=503)
        assert self.taken.setdefault(request.headers["webhook-id"], said) == said
        return Response(status_code=204)


@asynccontextmanager
async def person(stack: LocalStack, who: Caller) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of ADSP's face."""
    async with httpx.AsyncClient(
        base_url=f"{stack.local['api']}/task/v1", headers={"Authorization": who.bearer}
    ) as made:
        yield made


async def live_out(queue: str, sub: httpx.AsyncClient, wim: httpx.AsyncClient, mine: dict[str, str]) -> str:
    """Create, assign, start, complete a task; answers its id."""
    made = (await sub.post(f"{queue}/tasks", json={"name": "One"})).raise_for_status().json()
    for operation in ({"operation": "assign", "assignTo": mine}, {"operation": "start"}, {"operation": "complete"}):
        (await wim.post(f"/tasks/{made['id']}", json=operation)).raise_for_status()
    return made["id"]


def by_task(told: list[dict[str, Any]], tasks: list[str]) -> list[list[str]]:
    """The names of what was told of each task, in its order."""
    return [[each["name"] for each in told if each["payload"]["task"]["id"] == task] for task in tasks]


async def test_events_arrive_in_order_once_each_whatever_is_cut_or_down_or_killed(
    stack: LocalStack, caller: Callers
) -> None:
    receiver = Receiver()
    async with (
        caller("ada") as ada,
        caller("sub") as sub_,
        caller("wim") as wim_,
        targets.listening(receiver.take) as at,
    ):
        path = (await make_queue(ada)).removeprefix("/")
        await ada.call("PATCH", "/tenants/demo", {"httpTargets": {"allow": [at.url]}})
        key = path.removeprefix("queues/").replace("/", ":")
        hook = {"name": "e2e", "url": at.url, "payload": "adsp", "filter": {"queues": [key], "types": NAMES}}
        made = await ada.post("/webhooks", hook)
        receiver.secret = made["secret"]
        claims = json.loads(base64.urlsafe_b64decode(wim_.bearer.split(".")[1] + "=="))
        mine = {"id": claims["sub"], "name": "Wim", "email": "wim@example.org"}
        criteria = {"criteria": json.dumps({"context": {"queueName": key.partition(":")[2]}})}
        token = ada.bearer.removeprefix("Bearer ")
        address = stack.local["api"]
        async with person(stack, sub_) as sub, person(stack, wim_) as wim:
            receiver.down = True
            async with serving.hearing(address, token, path=STREAM, **criteria) as stream:
                tasks = [await live_out(f"/{path}", sub, wim, mine) for _ in range(TASKS // 2)]
                heard = await serving.take(stream, 7)
            await wait_until(lambda: receiver.tried > 2, what="tries in vain", timeout=60)
            os.kill(stack.local["pids"]["engine"], signal.SIGKILL)
            tasks += [await live_out(f"/{path}", sub, wim, mine) for _ in range(TASKS // 2)]
            resumed: dict[str, Any] = {"headers": {"Last-Event-ID": heard[-1].id}}
            async with serving.hearing(address, token, path=STREAM, **criteria, **resumed) as stream:
                async with asyncio.timeout(60):
                    heard += [await anext(stream) for _ in range(TASKS * len(NAMES) - 7)]
            receiver.down = False
            await wait_until(lambda: len(receiver.taken) == TASKS * len(NAMES), what="all came", timeout=60)
        assert by_task([each.data for each in heard], tasks) == [NAMES] * TASKS
        assert [int(each.id) for each in heard] == sorted({int(each.id) for each in heard})
        assert by_task(list(receiver.taken.values()), tasks) == [NAMES] * TASKS
        await ada.call("DELETE", f"/webhooks/{made['id']}")
