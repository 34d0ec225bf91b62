"""Tasks and queues for tests that need some, made by the real constructors."""

from datetime import UTC, datetime

import msgspec

from core import creation, ids
from core.queue import Queue
from core.task import Actor, Task
from core.transitions import holds, transition

NOW = datetime(2031, 5, 1, 12, tzinfo=UTC)
ANN = Actor(id="u-ann", name="Ann")
WIM = Actor(id="u-wim", name="Wim")


def queue(name: str = "reports", *, tenant: str = "demo", lane: str = "lane-1") -> Queue:
    """A queue that no store has seen."""
    return Queue(
        tenant=tenant, namespace="intake", name=name, lane=lane, version=1,
        created_at=NOW, created_by=ANN, updated_at=NOW, updated_by=ANN,
    )  # fmt: skip


def task(of: Queue | None = None, *, at: datetime = NOW, **fields: object) -> Task:
    """A new task; `fields` are those of a submission."""
    submission = msgspec.structs.replace(creation.Submission(name="one"), **fields)
    return creation.create(submission, queue=of or queue(), at=at, by=ANN)


def claimed(of: Task, *, at: datetime = NOW) -> Task:
    """The task in WIM's hands, started."""
    change = holds.claim(at=at, by=WIM, worker="w-1", exec_id=ids.new_secret(), start=True)
    return transition.apply(change, of)
