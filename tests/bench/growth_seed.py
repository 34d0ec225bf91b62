"""The tasks that a growth is made of: some of every kind of life, lived on a running stack and read from its record."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pymongo

from tests.bench.growth_mould import RECORD, Document, Life
from tests.bench.growth_stack import BINDINGS, Stack
from tests.support.waiting import wait_until

EACH = 8
"""Tasks of every kind."""
LATER = timedelta(days=8)
"""How far ahead lie the timers of open ones: no copy that is at most a week old has one that has run out."""
_AGAIN = {"maxAttempts": 3, "backoff": {"kind": "fixed", "initialSeconds": 0}}


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of life: what is submitted, what is done with it, how many events that makes."""

    name: str
    state: str
    events: int
    share: int
    """How often it is among those of its kind, open or ended."""
    more: dict[str, Any] = {}
    first: tuple[tuple[str, dict[str, Any]], ...] = ()
    """Calls on each task before anybody works."""
    work: tuple[str, ...] = ()
    """What is done with it, claim by claim."""


_ASSIGN = ("assign", {"to": {"id": "u-1", "name": "Somebody"}})
_CANCEL = ("cancel", {"reason": "not needed", "mode": "now"})
KINDS = (
    Kind(name="complete", state="done", events=3, share=30, work=("complete",)),
    Kind(name="heartbeat", state="done", events=3, share=6, work=("heartbeat",)),
    Kind(
        name="assign", state="done", events=5, share=4, first=(_ASSIGN, ("assign", {"to": None})), work=("complete",)
    ),
    Kind(name="retry", state="done", events=5, share=4, more={"retry": _AGAIN}, work=("again", "complete")),
    Kind(name="release", state="done", events=5, share=2, work=("release", "complete")),
    Kind(name="dead", state="done", events=3, share=1, work=("dead",)),
    Kind(name="cancel", state="done", events=2, share=2, first=(_CANCEL,)),
    Kind(name="expire", state="done", events=2, share=1),
    Kind(name="ready", state="ready", events=1, share=6),
    Kind(name="wait", state="waiting", events=1, share=2),
    Kind(name="mine", state="ready", events=2, share=1, first=(_ASSIGN,)),
    Kind(
        name="hold", state="in-progress", events=2, share=1, more={"leaseSeconds": LATER.total_seconds()},
        work=("hold",),
    ),
)  # fmt: skip


async def lives(stack: Stack) -> list[Life]:
    """Lives of every kind, those of a kind as often as its share says. Raises when one did not go as its kind says."""
    for number, kind in enumerate(KINDS):
        await stack.call("ada", "PUT", f"/queues/growth/seed-{kind.name}", json={"bindings": BINDINGS})
        await _live(stack, kind, EACH * number)
    found: list[Life] = []
    async with pymongo.AsyncMongoClient[Document](stack.mongodb, tz_aware=True) as client:
        record = client[stack.name]
        for kind in KINDS:
            found += await _read(record, kind) * kind.share
    return found


async def _live(stack: Stack, kind: Kind, first: int) -> None:
    path = f"/queues/growth/seed-{kind.name}"
    tasks = [_submitted(kind, first + number) for number in range(EACH)]
    made = await stack.call("sub", "POST", f"{path}/tasks/batch", json={"tasks": tasks})
    names = [each["task"]["id"] for each in made["results"]]
    for call, body in kind.first:
        for name in names:
            await stack.call("ada", "POST", f"/tasks/{name}/{call}", json=body)
    for action in kind.work:
        await _work(stack, path, action)


def _submitted(kind: Kind, number: int) -> dict[str, Any]:
    now = datetime.now(UTC)
    dates = {"dueDate": now + LATER, "followUpDate": now + LATER}
    if kind.state == "waiting":
        dates["executeAt"] = now + LATER
    if kind.name == "expire":
        dates = {"expireAt": now + timedelta(seconds=2)}
    return {
        "name": f"kept {number % 3}",
        "recordId": RECORD.format(number),
        "labels": ["week", kind.name],
        "description": "Work of a week, kept.",
        "priority": ("normal", "high", "low", "normal")[number % 4],
        "params": {"n": number, "text": "x" * 100},
        "context": {"case": kind.name},
        **{name: moment.isoformat() for name, moment in dates.items()},
        **kind.more,
    }


async def _work(stack: Stack, path: str, action: str) -> None:
    """Claim all tasks of the queue and do that with them."""
    left = EACH
    while left:
        claimed = await stack.call("wim", "POST", f"{path}/claims", json={"max": left, "waitSeconds": 20})
        for task in claimed["tasks"]:
            own = f"/tasks/{task['id']}"
            fence = {"execId": task["execId"]}
            if action == "heartbeat":
                progress = {"current": 1, "total": 2, "message": "half"}
                await stack.call("wim", "POST", f"{own}/heartbeat", json={**fence, "progress": progress})
            if action in {"complete", "heartbeat"}:
                await stack.call("wim", "POST", f"{own}/complete", json={**fence, "result": {"ok": True}})
            if action in {"again", "dead"}:
                fault = {"error": {"code": "broken"}, "retryable": action == "again"}
                await stack.call("wim", "POST", f"{own}/fail", json={**fence, **fault})
            if action == "release":
                await stack.call("wim", "POST", f"{own}/release", json=fence)
        left -= len(claimed["tasks"])


async def _read(record: Any, kind: Kind) -> list[Life]:
    """The lives of a kind, once all their events and words are there."""
    found: list[Life] = []

    async def there() -> bool:
        found.clear()
        # The words of an open task are read behind it, and its ticket is confirmed.
        open_: Document = {"text": None, "ticketDue": None} if kind.state != "done" else {}
        rows: Sequence[Document] = [
            row
            async for row in record["tasks"].find({"queue": f"growth:seed-{kind.name}", "state": kind.state} | open_)
        ]
        for row in rows:
            name = str(row["_id"]).partition("/")[2]
            events = [event async for event in record["events"].find({"task": name}).sort("seq", 1)]
            found.extend([Life(task=row, events=events)] if len(events) >= kind.events else [])
        return len(found) == EACH

    await wait_until(there, what=f"events and words of tasks of the kind {kind.name}", timeout=60)
    return found
