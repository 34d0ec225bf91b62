"""ADSP's nine events (contract adsp 5), told from the record of events: which there are, and what each says.

An event carries the task as it was just after it. What the record of events does not carry itself is read from the task
as it is now, with everything undone that happened to it since (`as_it_was`).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self, cast

import msgspec

from core import adsp
from core.events import Event
from core.priority import BY_LABEL, Priority
from core.task import Assignment, Limits, Note, Outcome, State, Task

NAMESPACE = "task-service"
STREAM = "task-updates"
NAMES: Mapping[str, str] = {
    "created": "task-created",
    "updated": "task-updated",
    "data-updated": "task-data-updated",
    "priority-set": "task-priority-set",
    "assigned": "task-assigned",
    "started": "task-started",
    "succeeded": "task-completed",
    "canceled": "task-cancelled",
    "deleted": "task-deleted",
}
"""Our type of event to ADSP's name. Others have none there: a retry, a lease, a failure."""
KINDS: Mapping[str, str] = {name: kind for kind, name in NAMES.items()}
SILENT = frozenset({"notified", "cancel-requested", "reminder", "follow-up", "overdue", "escalated"})
"""Types that change nothing which an event of a task tells."""

_ENDS = frozenset(outcome.value for outcome in Outcome)
_ACTORS: Mapping[str, str] = {
    "created": "createdBy",
    "assigned": "assignedBy",
    "started": "startedBy",
    "succeeded": "completedBy",
    "canceled": "cancelledBy",
    "deleted": "deletedBy",
}
_ASSIGNEE = "assignedTo"
_NO_REASON = "Canceled."
_EDITS = ("description", "context", "params")
_TOLD = {"name": "name", "description": "description", "context": "context", "params": "data"}


class Criteria(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Which events a listener wants: of this correlation id, and with these values in their context."""

    correlation_id: str | None = None
    context: dict[str, Any] = {}

    @classmethod
    def read(cls, value: object) -> Self:
        """From JSON; raises `msgspec.ValidationError`."""
        return msgspec.convert(value, cls)

    @property
    def asks_for_assignee(self) -> bool:
        """Whether it asks for what no event's record tells by itself."""
        return _ASSIGNEE in self.context

    def may_fit(self, event: Event) -> bool:
        """Whether the event can be wanted, as far as its record tells (all but `assignedTo`)."""
        if self.correlation_id is not None and self.correlation_id != correlation_id(event):
            return False
        told = context(event)
        return all(name == _ASSIGNEE or told.get(name) == value for name, value in self.context.items())

    def fits(self, told: Mapping[str, Any]) -> bool:
        """Whether it is wanted."""
        if self.correlation_id is not None and self.correlation_id != told["correlationId"]:
            return False
        return all(told["context"].get(name) == value for name, value in self.context.items())


def kind_of(name: str) -> str | None:
    """Our type of an event that is given by ADSP's name, with its namespace or without; None where there is none."""
    return KINDS.get(name.removeprefix(f"{NAMESPACE}:"))


def correlation_id(event: Event) -> str:
    """The record id if there is one, else the task's URN."""
    return event.record_id or adsp.URN + event.task


def context(event: Event) -> dict[str, Any]:
    """What an event says of where it happened; to whom the task is assigned is added by `told`."""
    queue, definition = adsp.queue_name(event.queue), adsp.definition_name(event.definition)
    said: dict[str, Any] = {"queueNamespace": queue["namespace"], "queueName": queue["name"]}
    if definition is not None:
        said |= {"definitionNamespace": definition["namespace"], "definitionName": definition["name"]}
    return said if event.record_id is None else said | {"recordId": event.record_id}


def told(event: Event, now: Task | None, history: Sequence[Event]) -> dict[str, Any]:
    """The event as ADSP's event service has it. `history` is as for `as_it_was`; only for types in `NAMES`."""
    task = as_it_was(event, now, history)
    where = context(event)
    if task.assignee is not None:
        where[_ASSIGNEE] = task.assignee.id
    return {
        "namespace": NAMESPACE,
        "name": NAMES[event.type],
        "timestamp": adsp.when(event.at),
        "correlationId": correlation_id(event),
        "tenantId": adsp.TENANT_URN + event.tenant,
        "context": where,
        "payload": {"task": adsp.task_view(task)}
        | _extra(event)
        | {_ACTORS.get(event.type, "updatedBy"): adsp.actor_view(event.by)},
    }


def as_it_was(event: Event, now: Task | None, history: Sequence[Event]) -> Task:
    """The task just after an event of it.

    `history` holds its events in their order, those behind this one as far as `now` shows what they did; types in
    `SILENT` may be left out. Without `now` (the task was erased) it has no more than its events tell.
    """
    before = [each for each in history if each.seq <= event.seq]
    since = [each for each in history if each.seq > event.seq]
    base = now or _skeleton(event, before)
    state, outcome = _state(event, before)
    return msgspec.structs.replace(
        base,
        state=state,
        outcome=outcome,
        name=event.name,
        record_id=event.record_id,
        priority=event.priority,
        started_at=_started(base, before, since),
        ended_at=_ended(base, before) if outcome is not None else None,
        assignment=_assignment(base, before, since),
        **_edited(base, since),
    )


def _extra(event: Event) -> dict[str, Any]:
    data = _data(event)
    match event.type:
        case "updated":
            update = {told: data[field] for field, told in _TOLD.items() if field in data}
            return {"update": update | ({"priority": _priority(data["priority"])} if "priority" in data else {})}
        case "data-updated":
            return {"update": data.get("params") or {}}
        case "priority-set":
            return {end: _priority(data.get(end)) for end in ("from", "to")}
        case "assigned":
            return {end: adsp.assignment_view(_read(data.get(end))) for end in ("from", "to")}
        case "canceled" if event.reason is not None and event.reason.message != _NO_REASON:
            return {"reason": event.reason.message}
        case _:
            return {}


def _priority(label: object) -> str:
    return adsp.priority_name(BY_LABEL.get(str(label), Priority.NORMAL))


def _data(event: Event) -> dict[str, Any]:
    data: object = event.data
    return cast("dict[str, Any]", data) if isinstance(data, dict) else {}


def _read(written: object) -> Assignment | None:
    return None if written is None else msgspec.convert(written, Assignment)


def _state(event: Event, before: Sequence[Event]) -> tuple[State, Outcome | None]:
    """A deleted task is shown in the state in which it was deleted, as upstream does, which changes none by that."""
    earlier = [each for each in before if each.seq < event.seq]
    last = earlier[-1] if event.type == "deleted" and earlier else event
    return last.state, last.outcome


def _started(base: Task, before: Sequence[Event], since: Sequence[Event]) -> datetime | None:
    if not any(each.type == "started" for each in since):
        return base.started_at
    return next((each.at for each in reversed(before) if each.type == "started"), None)


def _ended(base: Task, before: Sequence[Event]) -> datetime | None:
    return next((each.at for each in reversed(before) if each.type in _ENDS), base.ended_at)


def _assignment(base: Task, before: Sequence[Event], since: Sequence[Event]) -> Assignment | None:
    for each in reversed(before):
        if each.type == "assigned":
            return _read(_data(each).get("to"))
    for each in since:
        if each.type == "assigned":
            return _read(_data(each).get("from"))
    return base.assignment


def _edited(base: Task, since: Sequence[Event]) -> dict[str, Any]:
    """What was changed since, as it was before the first of those changes."""
    fields: dict[str, Any] = {name: getattr(base, name) for name in _EDITS}
    for each in reversed(since):
        was: object = _data(each).get("before")
        if isinstance(was, dict):
            fields |= {name: value for name, value in cast("dict[str, Any]", was).items() if name in fields}
    return fields | {"context": fields["context"] or {}}


def _skeleton(event: Event, before: Sequence[Event]) -> Task:
    first = before[0] if before else event
    return Task(
        tenant=event.tenant, id=event.task, queue=event.queue, lane="", state=event.state, seq=event.seq,
        priority=event.priority, place="", created_at=first.at, created_by=first.by, updated_at=event.at,
        limits=Limits(), last_event=Note(type=event.type, at=event.at, by=event.by), definition=event.definition,
        started_at=next((each.at for each in reversed(before) if each.type == "started"), None),
    )  # fmt: skip
