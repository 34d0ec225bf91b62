"""An archive holds every task that ended in its time with all its events, as they are stored, and nothing else."""

from datetime import timedelta
from pathlib import Path

import pytest

from core.task import Task
from core.transitions import ends
from store import archiving, mongo
from store.archiving import Archive
from store.eventlog import EventLog
from store.tasks import Tasks
from tests.store.test_events import event
from tests.support.making import ANN, NOW, queue, task

DAY = timedelta(days=1)


async def ended(tasks: Tasks, each: Task, after: timedelta) -> None:
    """Let it end so long after now."""
    await tasks.insert(each.tenant, [each])
    change = ends.cancel(each, at=NOW + after, by=ANN, message=None)
    assert await tasks.apply(each.tenant, each, change) is not None


async def test_what_ended_in_its_time_is_in_it_with_its_events(
    database: mongo.Database, tasks: Tasks, tmp_path: Path
) -> None:
    first, second, other = task(id="t1"), task(id="t2"), task(queue(tenant="acme"), id="t1")
    await ended(tasks, second, DAY)
    await ended(tasks, first, timedelta(0))
    await ended(tasks, other, timedelta(0))
    await ended(tasks, task(id="late"), 2 * DAY)
    await tasks.insert("demo", [task(id="open")])
    log = EventLog(database)
    await log.append([event("t1", 2, 1), event("t1", 1, 2), event("late", 1, 3), event("t1", 1, 4, tenant="acme")])
    archive = Archive(database)
    assert await archive.write(tmp_path / "all", after=None, before=NOW + 2 * DAY) == 3
    found = archiving.lines(tmp_path / "all")
    assert [row["task"]["_id"] for row in found] == ["acme/t1", "demo/t1", "demo/t2"]
    assert [[each["_id"] for each in row["events"]] for row in found] == [
        ["acme/t1/1"], ["demo/t1/1", "demo/t1/2"], [],
    ]  # fmt: skip
    kept = await database["tasks"].find_one({"_id": "demo/t1"}, {"text": 0, "words": 0})
    assert found[1]["task"] == kept
    assert await archive.write(tmp_path / "demo", after=NOW + DAY, before=NOW + 2 * DAY, tenant="demo") == 1


async def test_an_archive_that_fails_leaves_no_file(database: mongo.Database, tasks: Tasks, tmp_path: Path) -> None:
    await ended(tasks, task(id="t1"), timedelta(0))
    await database["tasks"].update_one({"_id": "demo/t1"}, {"$set": {"seq": "many"}})
    with pytest.raises(TypeError):
        await Archive(database).write(tmp_path / "broken", after=None, before=NOW + DAY)
    assert list(tmp_path.iterdir()) == []
