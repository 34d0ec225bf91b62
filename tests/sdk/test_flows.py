"""The client's calls on flows and their templates, against the real server."""

from typing import Any

import pytest
from penstock import AsyncClient, Invalid, NotFound, PreconditionFailed, WrongState


async def prepared(ada: AsyncClient, queue: str) -> str:
    """Two definitions, and a template of two steps, one of which fans out."""
    prefix = queue.partition(":")[2]
    for name in ("scan", "sum"):
        await ada.definitions.put_body(f"{prefix}/{name}", {"queue": queue, "retry": {"maxAttempts": 1}})
    content: dict[str, Any] = {
        "driver": "dag",
        "queue": queue,
        "steps": {
            "scan": {"definition": f"{prefix}/scan", "forEach": {"$from": "input.pages"}},
            "sum": {"definition": f"{prefix}/sum", "dependsOn": ["scan"]},
        },
        "result": {"$from": "steps.sum.result"},
    }
    made = await ada.flow_templates.put(f"{prefix}/count", content, create_only=True)
    assert (made.version, made.driver, set(made.steps or {})) == (1, "dag", {"scan", "sum"})
    return made.name


async def work(wim: AsyncClient, queue: str, count: int, result: Any = None) -> None:
    for _ in range(count):
        (held,) = await wim.tasks.claim(queue, wait=20)
        await wim.tasks.complete(held, result)


async def test_a_flow_runs_to_its_end(ada: AsyncClient, wim: AsyncClient, queue: str) -> None:
    template = await prepared(ada, queue)
    flow = await ada.flows.start(template, {"pages": [1, 2, 3]}, label="L", key="once")
    assert (await ada.flows.start(template, {"pages": [1, 2, 3]}, label="L", key="once")).id == flow.id
    await work(wim, queue, 3)
    (held,) = await wim.tasks.claim(queue, wait=20)
    live = await ada.flows.get(flow)
    assert [(step.name, step.status, step.done, step.count) for step in live.steps] == [
        ("scan", "succeeded", 3, 3),
        ("sum", "running", 0, 1),
    ]
    assert not live.ended
    assert (await ada.flows.mermaid(flow)).startswith("flowchart")
    await wim.tasks.complete(held, 6)
    done = await ada.flows.wait(flow, timeout=20)
    assert (done.outcome, done.result, done.label) == ("succeeded", 6, "L")
    items = [item async for item in ada.flows.items(done, "scan")]
    assert [(item.index, item.task.outcome if item.task else None) for item in items] == [
        (number, "succeeded") for number in range(3)
    ]
    assert [each.id async for each in ada.flows.list(template=template, outcome="succeeded", limit=5)] == [flow.id]
    with pytest.raises(WrongState):
        await ada.flows.retry(done)


async def test_a_flow_is_canceled_and_begun_again(ada: AsyncClient, queue: str) -> None:
    template = await prepared(ada, queue)
    flow = await ada.flows.start(template, {"pages": [1]})
    await ada.flows.cancel(flow, "not needed", mode="now")
    done = await ada.flows.wait(flow, timeout=20)
    assert (done.outcome, done.reason.message if done.reason else None) == ("canceled", "not needed")
    again = await ada.flows.retry(done)
    assert again.id != flow.id
    await ada.flows.cancel(again, mode="now")
    with pytest.raises(NotFound):
        await ada.flows.get("none")
    slow = await ada.flows.start(template, {"pages": [1]})
    with pytest.raises(TimeoutError):
        await ada.flows.wait(slow, timeout=0.05)


async def test_templates_have_versions(ada: AsyncClient, queue: str) -> None:
    name = await prepared(ada, queue)
    content = {"driver": "dag", "queue": queue, "steps": {"one": {"definition": name.replace("count", "sum")}}}
    with pytest.raises(PreconditionFailed):
        await ada.flow_templates.put(name, content, create_only=True)
    assert (await ada.flow_templates.put(name, content, version=1)).version == 2
    assert set((await ada.flow_templates.get(name, version=1)).steps or {}) == {"scan", "sum"}
    assert [each.name async for each in ada.flow_templates.list(queue=queue)] == [name]
    with pytest.raises(Invalid):
        await ada.flow_templates.put(name, {"driver": "dag", "queue": queue, "steps": {"x": {"definition": "none"}}})
    await ada.flow_templates.delete(name)
    with pytest.raises(NotFound):
        await ada.flow_templates.get(name)
