"""Copies are what the platform itself would have written of such a task: the record, its first event, its ticket."""

from datetime import UTC, datetime, timedelta
from typing import Any

from broker import desk, follower
from core import creation, ids
from core.creation import Submission
from core.events import Event, Header
from core.priority import Priority
from core.queue import Bindings, Queue
from core.task import Actor, Task
from store import documents, notes
from tests.bench import fill
from tests.bench.fill import Copies, Sample

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
BY = Actor(id="u-1", name="Sue")
QUEUE = Queue(
    tenant="demo", namespace="bench", name="q", lane="lane-1", version=1, bindings=Bindings(),
    created_at=AT, created_by=BY, updated_at=AT, updated_by=BY,
)  # fmt: skip


def task(*, at: datetime, name: str | None = None) -> Task:
    """A task as it is submitted."""
    said = Submission(id=name, name="owl", record_id="r-1", labels=("night",), priority=Priority.HIGH, params={"n": 1})
    return creation.create(said, queue=QUEUE, at=at, by=BY)


def stored(of: Task, n: int) -> Sample:
    """As it is kept a few seconds later: its ticket confirmed, its words read."""
    row = documents.encode_keyed(of, of.tenant, of.id)
    row.pop("ticketDue")
    row["words"] = sorted(row.pop("text").split())
    header = Header(queue=of.queue, priority=of.priority, name=of.name, record_id=of.record_id)
    made = follower.event(f"{of.tenant}/{of.id}", 1, notes.mark(row["lastEvent"]), header, n)
    return Sample(task=row, event=documents.encode_keyed(made, made.tenant, f"{made.task}/{made.seq}"))


def copies(count: int) -> Copies:
    """Of two tasks."""
    samples = [stored(task(at=AT - timedelta(days=1), name=ids.new_id()), n) for n in (1, 2)]
    return Copies(samples=samples, begin=0, end=count, first=AT, n=2)


def test_a_copy_is_what_a_submit_at_that_moment_would_have_stored() -> None:
    some = copies(5)
    for number in range(5):
        at, name = AT + timedelta(milliseconds=number // 2), some.name(number)
        wanted, copy = stored(task(at=at, name=name), 3 + number), fill.copied(some, number)
        assert copy.task == wanted.task
        assert copy.event == wanted.event
        documents.decode(dict(copy.event), Event)


def test_names_differ_and_sort_by_their_moments() -> None:
    some = copies(5_000)
    names = [some.name(number) for number in range(5_000)]
    assert len(set(names)) == len(names)
    assert [name[:13] for name in names] == sorted(name[:13] for name in names)
    assert all(ids.TASK_ID.fullmatch(name) for name in names)


def test_a_ticket_is_that_of_the_copied_task() -> None:
    some = copies(3)
    row: dict[str, Any] = fill.copied(some, 2).task
    text = f" {' '.join(row.pop('words'))} "
    kept = documents.decode(row | {"text": text}, Task)
    assert fill.ticket(some, 2, "penstock") == desk.ticket(kept, "penstock")
