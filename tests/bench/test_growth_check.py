"""A task that is multiplied for the measurement of growth is one that the engine could have written."""

import random
from datetime import timedelta

import pytest

from broker import follower
from core.events import Header
from core.task import Task
from core.transitions import ends, transition
from store import documents, notes
from tests.bench import growth_check
from tests.bench.growth_mould import RECORD, Home, Life, Mould, read, stored
from tests.support import making

LIKE = Home(tenant="tenant-00001", queue="growth:q1", lane="0" * 36)
HOME = Home(tenant="tenant-00002", queue="growth:q7", lane="1" * 36)
LATER = timedelta(days=3, seconds=5)


def life(*tasks: Task) -> Life:
    """A task as it is stored, with the event of each of its states."""
    header = Header(queue=tasks[0].queue, name="one", record_id=tasks[0].record_id, priority=tasks[0].priority)
    key = documents.key(tasks[0].tenant, tasks[0].id)
    events = [
        follower.event(key, each.seq, notes.mark(notes.of_task(each)), header, n)
        for n, each in enumerate(tasks, start=400)
    ]
    task = documents.encode_keyed(tasks[-1], tasks[-1].tenant, tasks[-1].id)
    rows = [documents.encode_keyed(each, each.tenant, f"{each.task}/{each.seq}") for each in events]
    return Life(task=stored(task), events=[stored(each) for each in rows])


@pytest.fixture
def original() -> Life:
    """One that was submitted with all sorts of fields and then canceled."""
    at = making.NOW + timedelta(milliseconds=123)
    made = making.task(
        at=at, record_id=RECORD.format(17), labels=("week",), params={"n": 1, "percent": "100 %b %"},
        due_date=at + timedelta(days=8), expire_at=at + timedelta(days=9), description="A description.",
    )  # fmt: skip
    change = ends.cancel(made, by=making.WIM, at=at + timedelta(seconds=2), message=None)
    return life(made, transition.apply(change, made))


def copied(original: Life) -> Life:
    copy = Mould(original, LIKE).copy(4_999_999, HOME, making.NOW + LATER, 1_000_000, random.Random(1))
    return Life(task=read(copy.task), events=[read(each) for each in copy.events])


def test_a_copy_is_what_the_engine_would_have_written(original: Life) -> None:
    copy = copied(original)
    assert growth_check.faults(copy, original) == []
    assert (copy.task["tenant"], copy.task["queue"], copy.task["lane"]) == ("tenant-00002", "growth:q7", "1" * 36)
    assert copy.task["recordId"] == "r04999999"
    assert copy.task["params"] == original.task["params"]
    assert copy.task["createdAt"] - original.task["createdAt"] == LATER
    assert copy.task["dueDate"] - original.task["dueDate"] == LATER
    assert [event["n"] for event in copy.events] == [1_000_001, 1_000_002]
    assert copy.task["_id"] != original.task["_id"]


@pytest.mark.parametrize("field", ["place", "lastEvent", "_id", "createdAt", "text"])
def test_a_copy_that_keeps_what_is_its_originals_own_is_noticed(original: Life, field: str) -> None:
    copy = copied(original)
    broken = Life(task={**copy.task, field: original.task[field]}, events=copy.events)
    assert growth_check.faults(broken, original) != []


def test_a_copy_without_an_event_is_noticed(original: Life) -> None:
    copy = copied(original)
    assert growth_check.faults(Life(task=copy.task, events=copy.events[:1]), original) != []


def test_a_home_with_longer_words_is_refused(original: Life) -> None:
    longer = Home(tenant="tenant-000002", queue="growth:q7", lane="1" * 36)
    with pytest.raises(ValueError, match="as long"):
        Mould(original, LIKE).copy(1, longer, making.NOW, 1, random.Random(1))


def test_a_sample_without_a_record_id_is_refused() -> None:
    with pytest.raises(ValueError, match="record id"):
        Mould(life(making.task()), LIKE)
