"""The client's calls on schedules, against the real server."""

from datetime import UTC, datetime, timedelta

import pytest
from penstock import (
    AsyncClient,
    Cron,
    Date,
    Forbidden,
    Interval,
    Invalid,
    Misfire,
    NotFound,
    PreconditionFailed,
    TaskOrder,
)

from tests.support.waiting import wait_until


async def test_a_schedule_is_made_changed_looked_at_and_deleted(ada: AsyncClient, wim: AsyncClient, queue: str) -> None:
    order = TaskOrder(queue=queue, params={"night": True}, priority="high")
    trigger = Cron(expression="0 3 * * MON-FRI", time_zone="Europe/Berlin")
    made = await ada.schedules.put(
        "nightly", trigger=trigger, task=order, misfire="one", overlap="skip", jitter=timedelta(seconds=5),
        display_name="Nightly", create_only=True,
    )  # fmt: skip
    assert (made.id, made.trigger, made.status, made.version) == ("nightly", trigger, "active", 1)
    assert (made.misfire.policy, made.overlap.policy, made.jitter_seconds) == ("one", "skip", 5.0)
    assert made.task is not None
    assert (made.task.queue, made.task.params, made.task.priority) == (queue, {"night": True}, "high")
    with pytest.raises(PreconditionFailed):
        await ada.schedules.put("nightly", trigger=trigger, task=order, create_only=True)
    with pytest.raises(Forbidden):
        await wim.schedules.pause("nightly")
    changed = await ada.schedules.update(made, {"description": "D", "displayName": None}, version=1)
    assert (changed.description, changed.display_name, changed.version) == ("D", None, 2)
    again = await ada.schedules.put_body("nightly", {"trigger": {"kind": "interval", "seconds": 60}, "flow": None,
        "task": {"queue": queue}}, version=2)  # fmt: skip
    assert again.trigger == Interval(kind="interval", seconds=60)
    assert (await ada.schedules.pause("nightly")).next_at is None
    assert [each.id async for each in ada.schedules.list(queue=queue, paused=True)] == ["nightly"]
    assert (await ada.schedules.resume("nightly")).next_at is not None
    assert len(await ada.schedules.upcoming("nightly", count=3)) == 3
    assert (await ada.schedules.get("nightly")).version == again.version + 2
    await ada.schedules.delete("nightly")
    with pytest.raises(NotFound):
        await ada.schedules.get("nightly")


async def test_firings_submit_tasks(ada: AsyncClient, queue: str) -> None:
    await ada.schedules.put("often", trigger=Interval(seconds=1), task=TaskOrder(queue=queue))
    by_hand = await ada.schedules.run("often", key="once")
    assert by_hand.run is not None
    assert (await ada.schedules.run("often", key="once")).run == by_hand.run
    assert (await ada.tasks.get(by_hand.run.id)).queue == queue

    async def fired() -> bool:
        return len([each async for each in ada.schedules.firings("often") if each.run is not None]) >= 2

    await wait_until(fired, what="the interval to fire")
    (newest,) = [each async for each in ada.schedules.firings("often", limit=1)]
    assert newest.schedule == "often"
    await ada.schedules.delete("often")


async def test_a_trigger_is_tried_out(ada: AsyncClient) -> None:
    start = datetime(2031, 3, 30, tzinfo=UTC)
    preview = await ada.schedules.preview(
        Cron(expression="30 2 * * *", time_zone="Europe/Berlin"), start_at=start, count=2
    )
    assert preview.words
    assert [each.at for each in preview.items] == [
        datetime(2031, 3, 30, 1, tzinfo=UTC),
        datetime(2031, 3, 31, 0, 30, tzinfo=UTC),
    ]
    with pytest.raises(Invalid, match="expression"):
        await ada.schedules.preview(Cron(expression="61 * * * *"))
    once = await ada.schedules.preview(Date(at=datetime(2031, 1, 1, tzinfo=UTC)))
    assert len(once.items) == 1


async def test_all_schedules_are_paused_at_once(ada: AsyncClient) -> None:
    assert not (await ada.schedules.scheduler()).paused
    paused = await ada.schedules.pause_all()
    assert paused.paused_by is not None
    assert paused.paused_by.name == "Ada Admin"
    assert not (await ada.schedules.resume_all()).paused


async def test_misfires_may_have_a_grace(ada: AsyncClient, queue: str) -> None:
    made = await ada.schedules.put(
        "graceful", trigger=Interval(seconds=3600), task=TaskOrder(queue=queue),
        misfire=Misfire(policy="all", grace_seconds=120),
    )  # fmt: skip
    assert made.misfire == Misfire(policy="all", grace_seconds=120)
    await ada.schedules.delete(made)
