"""The client's calls for people at work, against the real server: worklist, comments, filters, bulk actions, people."""

from datetime import UTC, datetime, timedelta

import pytest
from penstock import (
    AsyncClient,
    Attachment,
    Client,
    Deadlines,
    Escalation,
    Forbidden,
    NewTask,
    NotFound,
    UsageError,
)

from tests.sdk.conftest import Server

DUE = datetime(2031, 1, 1, 9, tzinfo=UTC)


async def test_the_next_task_is_taken_and_settled(ada: AsyncClient, wim: AsyncClient, queue: str) -> None:
    low = await ada.tasks.submit(queue, name="low", priority="low")
    await ada.tasks.submit(queue, name="red gull", priority="urgent", labels=["damage"])
    first = await wim.worklist.next([queue], text="gull", label="damage", priorities=["urgent"])
    assert first is not None
    assert (first.name, first.state, first.fence is None) == ("red gull", "in-progress", False)
    assert (await wim.tasks.complete(first, {"ok": True})).outcome == "succeeded"
    second = await wim.worklist.next([queue], start=False)
    assert second is not None
    assert (second.id, second.state, second.fence) == (low.id, "ready", None)
    with pytest.raises(UsageError, match="hand-out"):
        await wim.tasks.release(second)
    begun = await wim.tasks.start(second)
    assert (await wim.tasks.get(low)).fence == begun.exec_id
    assert (await ada.tasks.get(low)).fence is None
    assert (await wim.tasks.release(await wim.tasks.get(low))).state == "ready"
    assert (await ada.tasks.assign(low, {"id": "u-1", "name": "U"})).assignment is not None
    assert await wim.worklist.next([queue]) is None


async def test_dates_and_attachments(ada: AsyncClient, queue: str) -> None:
    photo = Attachment(name="photo", url="https://files.example.org/1.jpg")
    made = await ada.tasks.submit(queue, due_date=DUE, follow_up_date=DUE - timedelta(days=1), attachments=[photo])
    (other,) = await ada.tasks.submit_many(queue, [NewTask(due_date=DUE + timedelta(days=1), attachments=(photo,))])
    assert (made.due_date, made.follow_up_date, made.attachments) == (DUE, DUE - timedelta(days=1), (photo,))
    assert [task.id async for task in ada.tasks.list(queue, due_to=DUE + timedelta(hours=1))] == [made.id]
    moved = await ada.tasks.set_due(made, DUE + timedelta(days=2))
    assert moved.due_date == DUE + timedelta(days=2)
    assert other.task is not None
    assert [task.id async for task in ada.tasks.list(queue, sort="dueDate")] == [other.task.id, made.id]
    assert (await ada.tasks.set_due(made, None)).due_date is None
    assert (await ada.tasks.set_follow_up(made, None)).follow_up_date is None


async def test_what_a_queue_says_of_deadlines(ada: AsyncClient, queue: str) -> None:
    rules = Deadlines(due_in_seconds=60, remind_before_seconds=(10.0,), escalations=(Escalation(raise_to="high"),))
    made = await ada.queues.put(queue, deadlines=rules)
    assert made.deadlines is not None
    assert made.deadlines.escalations[0].raise_to == "high"
    assert (await ada.tasks.submit(queue)).due_date is not None


async def test_comments(ada: AsyncClient, wim: AsyncClient, queue: str) -> None:
    task = await ada.tasks.submit(queue)
    first = await wim.tasks.comment(task, "Feathers sent.", title="Lab", context={"n": 1}, requires_attention=True)
    assert (first.id, first.title, first.context, first.requires_attention) == (1, "Lab", {"n": 1}, True)
    for number in range(2):
        await ada.tasks.comment(task, f"{number}")
    assert [each.content async for each in wim.tasks.comments(task)] == ["1", "0", "Feathers sent."]
    changed = await wim.tasks.edit_comment(task, 1, {"content": "Feathers kept.", "title": None})
    assert (changed.content, changed.title) == ("Feathers kept.", None)
    with pytest.raises(Forbidden):
        await wim.tasks.edit_comment(task, 2, {"content": "x"})
    await ada.tasks.delete_comment(task, 1)
    with pytest.raises(NotFound):
        await wim.tasks.get_comment(task, 1)


async def test_saved_filters(ada: AsyncClient, wim: AsyncClient, queue: str) -> None:
    task = await ada.tasks.submit(queue, name="gull")
    await ada.tasks.submit(queue, name="tern")
    made = await ada.filters.create(f"Gulls of {queue}", {"queue": [queue], "text": "gull"}, shared=True)
    assert [each.id async for each in wim.tasks.list(filter=made.id)] == [task.id]
    assert [each.id async for each in wim.tasks.list(queue, filter=made.id)] == [task.id]
    (seen,) = [each async for each in wim.filters.list() if each.id == made.id]
    assert (seen.mine, seen.shared, seen.owner.name) == (False, True, "Ada Admin")
    with pytest.raises(Forbidden):
        await wim.filters.delete(made)
    changed = await ada.filters.put(made, "Terns", {"queue": [queue], "text": "tern"})
    assert (changed.name, changed.shared) == ("Terns", False)
    with pytest.raises(NotFound):
        await wim.filters.get(made)
    await ada.filters.delete(made)


async def test_many_at_once(ada: AsyncClient, queue: str) -> None:
    made = [await ada.tasks.submit(queue, name=f"gull {number}") for number in range(3)]
    shown = await ada.bulk.set_priority("high", filter={"queue": [queue], "text": "gull"})
    assert (shown.count, shown.action.priority, len(shown.sample)) == (3, "high", 3)
    done = await ada.bulk.wait(await ada.bulk.run(shown), timeout=60)
    assert (done.state, done.done, done.skipped, done.ended) == ("done", 3, 0, True)
    await ada.bulk.run(await ada.bulk.assign("me", ids=[made[0].id]))
    assert (await ada.tasks.get(made[0])).assignment is not None
    await ada.bulk.run(await ada.bulk.assign(None, ids=[made[0].id]))
    canceled = await ada.bulk.run(await ada.bulk.cancel("enough", mode="now", ids=[each.id for each in made]))
    assert (await ada.bulk.get(canceled)).done == 3
    assert (await ada.bulk.stop(canceled)).state == "done"
    now = await ada.tasks.get(made[0])
    assert (now.outcome, now.reason and now.reason.message) == ("canceled", "enough")


def test_the_blocking_client_has_the_same(server: Server, queue: str) -> None:
    with Client(server.api, token=server.login("ada")) as client:
        task = client.tasks.submit(queue)
        client.tasks.comment(task, "Seen.")
        assert [each.content for each in client.tasks.comments(task)] == ["Seen."]
        assert [each.id for each in client.filters.list() if each.name == "none of these"] == []
        assert client.bulk.cancel(ids=[task.id]).count == 1
