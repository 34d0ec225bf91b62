"""The client's calls on definitions, against the real server."""

from datetime import timedelta

import pytest
from penstock import AsyncClient, Concurrency, Forbidden, Invalid, NotFound, PreconditionFailed, RetryPolicy, Target


async def test_a_definition_is_made_changed_looked_at_and_deleted(
    ada: AsyncClient, wim: AsyncClient, queue: str
) -> None:
    name = f"{queue.partition(':')[2]}/scan-it"
    made = await ada.definitions.put(
        name, queue=queue, description="Scan", params_schema={"type": "object"}, lease=timedelta(seconds=30),
        retry=RetryPolicy(max_attempts=3), concurrency=Concurrency(limit=2, key=("airport",)),
        target=Target(kind="worker"), create_only=True,
    )  # fmt: skip
    assert (made.name, made.queue, made.lease_seconds, made.version) == (name, queue, 30, 1)
    assert made.concurrency == Concurrency(limit=2, key=("airport",))
    assert made.retry is not None
    assert made.retry.max_attempts == 3
    with pytest.raises(PreconditionFailed):
        await ada.definitions.put(name, queue=queue, create_only=True)
    with pytest.raises(Forbidden):
        await wim.definitions.put(name, queue=queue)
    changed = await ada.definitions.update(made, {"description": None, "priority": "high"}, version=1)
    assert (changed.description, changed.priority, changed.version) == (None, "high", 2)
    again = await ada.definitions.put_body(name, {"queue": queue}, version=2)
    assert (again.priority, again.version) == (None, 3)
    assert (await ada.definitions.get(name, version=1)).description == "Scan"
    assert [each.version async for each in ada.definitions.versions(name)] == [2, 1]
    assert name in [each.name async for each in ada.definitions.list(queue=queue)]
    task = await ada.tasks.submit(queue, {}, definition=name)
    assert task.definition == name
    await ada.tasks.cancel(task)
    await ada.definitions.delete(name)
    with pytest.raises(NotFound):
        await ada.definitions.get(name)


async def test_a_schema_that_is_none_is_refused_with_its_place(ada: AsyncClient, queue: str) -> None:
    with pytest.raises(Invalid) as refused:
        await ada.definitions.put("bad", queue=queue, params_schema={"type": "nope"})
    assert any("paramsSchema" in (fault.field or "") for fault in refused.value.faults)
