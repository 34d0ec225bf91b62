"""A flow of all kinds of work, machine, person and HTTP push, to its end and canceled at every point on the way."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from broker import engine
from tests.support import target as targets
from tests.support.api import Api
from tests.support.target import Target
from tests.support.waiting import wait_until

KEY = "intake:strike-reports"
QUEUE = "/api/v1/queues/intake/strike-reports"
FLOWS = "/api/v1/flows"
LETTER = {"to": "pilot@example.org", "said": "approved"}
STEPS: dict[str, Any] = {
    "check": {"definition": "check"},
    "approve": {"definition": "approve", "dependsOn": ["check"], "params": {"score": {"$from": "steps.check.result"}}},
    "send": {
        "definition": "send",
        "dependsOn": ["approve"],
        "params": {"to": {"$from": "input.to"}, "said": {"$from": "steps.approve.result"}},
        "onFailure": "compensate",
    },
    "close": {"definition": "check", "dependsOn": ["send"], "params": {"receipt": {"$from": "steps.send.result"}}},
}


class Post:
    """The HTTP target: it answers when it may."""

    def __init__(self) -> None:
        self.called = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def __call__(self, _: Request) -> Response:
        self.called.set()
        await self.may_answer.wait()
        return Response(b'{"receipt": 7}', media_type="application/json")


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
async def target(post: Post) -> AsyncGenerator[Target]:
    async with targets.listening(post) as listening:
        yield listening
        post.may_answer.set()


@pytest.fixture
async def flow(api: Api, queue: str, target: Target) -> AsyncGenerator[str]:
    """A flow that has begun, with an engine that works in this process."""
    allowed = {"httpTargets": {"allow": [target.url]}}
    assert (await api("ada").patch("/api/v1/tenants/demo", json=allowed)).status_code == 200
    send = {"kind": "http", "url": f"{target.url}/letters"}
    for name, more in (("check", {}), ("approve", {}), ("send", {"target": send, "leaseSeconds": 1})):
        put = await api("ada").put(f"/api/v1/definitions/{name}", json={"queue": KEY, **more})
        assert put.status_code == 201, put.text
    template = {"queue": KEY, "driver": "dag", "steps": STEPS, "result": {"$from": "steps.send.result"}}
    assert (await api("ada").put("/api/v1/flow-templates/letter", json=template)).status_code == 201
    stop = asyncio.Event()
    running = asyncio.create_task(engine.run(api.parts, stop))
    made = await api("sub").post(FLOWS, json={"template": "letter", "params": {"to": LETTER["to"]}})
    assert made.status_code == 201, made.text
    yield made.json()["id"]
    stop.set()
    await running


async def look(api: Api, flow: str) -> dict[str, Any]:
    """The flow as it is."""
    return (await api("sub").get(f"{FLOWS}/{flow}")).json()


async def statuses(api: Api, flow: str) -> dict[str, str]:
    """Where each step is."""
    return {step["name"]: step["status"] for step in (await look(api, flow))["steps"]}


async def until(api: Api, flow: str, **wanted: str) -> dict[str, Any]:
    """The flow once these steps are so."""

    async def there() -> bool:
        return wanted.items() <= (await statuses(api, flow)).items()

    await wait_until(there, what=f"{wanted}", timeout=20)
    return await look(api, flow)


async def ended(api: Api, flow: str) -> dict[str, Any]:
    """The flow once it is over."""

    async def over() -> bool:
        return (await look(api, flow))["status"] == "done"

    await wait_until(over, what="the flow's end", timeout=20)
    return await look(api, flow)


async def machine_takes(api: Api) -> dict[str, Any]:
    """A program waits for a task of its kind."""
    body = {"definitions": ["check"], "waitSeconds": 20}
    (task,) = (await api("wim").post(f"{QUEUE}/claims", json=body)).json()["tasks"]
    return task


async def person_takes(api: Api, flow: str) -> dict[str, Any]:
    """Somebody is given the approval by name, and begins with it."""
    there = await until(api, flow, approve="running")
    (step,) = [step for step in there["steps"] if step["name"] == "approve"]
    (item,) = step["items"]
    path = f"/api/v1/tasks/{item['id']}"
    wim = (await api("wim").get("/api/v1/me")).json()
    given = await api("ann").post(f"{path}/assign", json={"to": {"id": wim["subject"], "name": "Wim"}})
    assert given.status_code == 200, given.text
    mine = (await api("wim").get("/api/v1/tasks", params={"assignee": "me"})).json()["items"]
    assert [each["id"] for each in mine] == [item["id"]]
    begun = await api("wim").post(f"{path}/start", json={})
    assert begun.status_code == 200, begun.text
    return begun.json()


async def complete(api: Api, task: dict[str, Any], result: Any) -> int:
    """End a held task; the status of the answer."""
    body = {"execId": task["execId"], "result": result}
    return (await api("wim").post(f"/api/v1/tasks/{task['id']}/complete", json=body)).status_code


async def reach(api: Api, flow: str, point: str, post: Post) -> dict[str, Any] | None:
    """Bring the flow to a point; what is held there."""
    if point == "check-ready":
        return None
    held = await machine_takes(api)
    if point == "check-held":
        return held
    assert await complete(api, held, 0.9) == 200
    if point == "approve-ready":
        await until(api, flow, approve="running")
        return None
    held = await person_takes(api, flow)
    assert held["params"] == {"score": 0.9}
    if point == "approve-held":
        return held
    assert await complete(api, held, "approved") == 200
    await asyncio.wait_for(post.called.wait(), 20)
    if point == "send-called":
        return None
    post.may_answer.set()
    held = await machine_takes(api)
    assert held["params"] == {"receipt": {"receipt": 7}}
    return held


async def test_machine_person_and_target_in_turn(api: Api, flow: str, target: Target, post: Post) -> None:
    held = await reach(api, flow, "close-held", post)
    assert held is not None
    assert await complete(api, held, None) == 200
    found = await ended(api, flow)
    assert (found["outcome"], found["result"]) == ("succeeded", {"receipt": 7})
    assert {step["status"] for step in found["steps"]} == {"succeeded"}
    (letter,) = target.bodies
    assert b'"params":{"to":"pilot@example.org","said":"approved"}' in letter


POINTS = {
    "check-ready": {"check": "canceled"},
    "check-held": {"check": "canceled"},
    "approve-ready": {"check": "succeeded", "approve": "canceled"},
    "approve-held": {"check": "succeeded", "approve": "canceled"},
    "send-called": {"check": "succeeded", "approve": "succeeded", "send": "canceled"},
    "close-held": {"check": "succeeded", "approve": "succeeded", "send": "succeeded", "close": "canceled"},
}


@pytest.mark.parametrize("point", POINTS)
async def test_canceled_at_once_at_every_point(api: Api, flow: str, post: Post, point: str) -> None:
    held = await reach(api, flow, point, post)
    said = await api("sub").post(f"{FLOWS}/{flow}/cancel", json={"reason": "withdrawn", "mode": "now"})
    assert said.status_code == 200, said.text
    found = await ended(api, flow)
    assert (found["outcome"], found["reason"]["message"]) == ("canceled", "withdrawn")
    now = {step["name"]: step["status"] for step in found["steps"]}
    assert POINTS[point].items() <= now.items()
    assert set(now.values()) - {"waiting", "skipped"} == set(POINTS[point].values())
    if held is not None:
        assert await complete(api, held, 1) == 409
    await nothing_is_left(api)


@pytest.mark.parametrize("point", ["check-held", "approve-held"])
async def test_who_holds_a_task_is_asked_to_stop(api: Api, flow: str, post: Post, point: str) -> None:
    held = await reach(api, flow, point, post)
    assert held is not None
    assert (await api("sub").post(f"{FLOWS}/{flow}/cancel", json={"reason": "withdrawn"})).status_code == 200

    async def heard() -> bool:
        beat = await api("wim").post(f"/api/v1/tasks/{held['id']}/heartbeat", json={"execId": held["execId"]})
        return beat.json()["cancelRequested"]

    await wait_until(heard, what="the wish to stop")
    assert (await look(api, flow))["status"] == "in-progress"
    freed = await api("wim").post(f"/api/v1/tasks/{held['id']}/release", json={"execId": held["execId"]})
    assert freed.json()["outcome"] == "canceled"
    assert (await ended(api, flow))["outcome"] == "canceled"
    await nothing_is_left(api)


async def nothing_is_left(api: Api) -> None:
    """No task of the queue is open, and none is handed out."""
    assert (await api("ada").get(f"{QUEUE}/tasks")).json()["items"] == []
    for name in ("check", "approve", "send"):
        assert (await api("wim").post(f"{QUEUE}/claims", json={"definitions": [name]})).json()["tasks"] == []
