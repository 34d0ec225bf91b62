"""What was promised in a chaos run: every call that was answered or may have been carried out. Evidence."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec


class Verdict(StrEnum):
    """What a caller knows of a call."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """No answer, or one that promises nothing (5xx): it may have been carried out."""


class Submit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A task that the API said it keeps."""

    task: str
    key: str
    """The dedup key: asked for again until it was answered."""
    sent: datetime
    answered: datetime


class Hold(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A promise to a holder: attempt `attempt` of the task is its own until `until` (None: for as long as it likes)."""

    task: str
    attempt: int
    until: datetime | None
    answered: datetime
    renewed: bool = False
    """True for the answer to a heartbeat, False for a hand-out."""


class Finish(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A holder said that its attempt is over, and was told what became of that."""

    task: str
    attempt: int
    action: str
    """`complete`, `fail` or `release`."""
    verdict: Verdict
    code: str | None = None
    """The problem's code, where it was refused."""
    sent: datetime
    answered: datetime


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A flow that the API said it has begun; `children` tasks make it."""

    flow: str
    children: int


class Ticking(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule that fires every `seconds` and makes up for every firing it missed."""

    schedule: str
    seconds: float


class Ledger(msgspec.Struct, kw_only=True):
    """All of it, in the order in which it was learned."""

    tenant: str
    submits: list[Submit] = []
    holds: list[Hold] = []
    finishes: list[Finish] = []
    flows: list[Begun] = []
    schedules: list[Ticking] = []
    heard: list[int] = []
    """Numbers of the events that one listener got from the stream, over every reconnection."""
    refused: dict[str, int] = {}
    """How often a call was refused, by problem code."""
    shut_out: list[str] = []
    """When a token was refused, and what was said of it."""
    unknown: int = 0
    """How many calls got no answer that promises anything."""

    def save(self, file: Path) -> None:
        """Keep it as JSON."""
        file.write_bytes(msgspec.json.encode(self))

    @staticmethod
    def load(file: Path) -> "Ledger":
        """Read what `save` wrote."""
        return msgspec.json.decode(file.read_bytes(), type=Ledger)


class StoredTask(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is left of a task in the record at the end."""

    id: str
    state: str
    seq: int
    attempt: int
    outcome: str | None = None
    dedup_key: str | None = None
    result_of: int | None = None
    """The attempt that wrote the result, as that attempt's holder wrote into it."""
    schedule: str | None = None
    scheduled_at: datetime | None = None
    flow: str | None = None
    step: str | None = None
    index: int = 0


class StoredEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is left of an event."""

    task: str
    seq: int
    n: int
    type: str
    at: datetime
    state: str
    outcome: str | None = None
    reason: str | None = None


class StoredFlow(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a flow."""

    id: str
    status: str
    outcome: str | None = None


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """The record as it is when everything came to rest."""

    tasks: list[StoredTask]
    events: list[StoredEvent]
    flows: list[StoredFlow]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A promise that was not kept."""

    kind: str
    subject: str
    """The task, flow, schedule or event number that it is about."""
    detail: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.kind}: {self.subject}: {self.detail}"


def result_of(attempt: int) -> dict[str, Any]:
    """The result that the holder of an attempt reports, so that the record shows whose it is."""
    return {"attempt": attempt}
