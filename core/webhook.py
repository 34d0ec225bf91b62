"""Webhooks: what a tenant's receiver is told, and how that is signed. Pure rules; trying is in `core/delivery.py`."""

import base64
import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from core import adsp_events
from core.adsp_events import Criteria
from core.events import Event
from core.task import Actor

TEST = "webhook-test"
"""Type of what a test call sends."""
DISABLED = "webhook-disabled"
"""Type of the event that tells that a webhook was given up. It is no task's."""

DISABLE_AFTER = timedelta(days=5)
"""A webhook of which nothing was taken for so long is disabled."""
OVERLAP = timedelta(hours=24)
"""For so long a secret goes on signing, beside its successor."""

_SECRET_BYTES = 32
_TYPE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class Payload(StrEnum):
    """What a delivery's body is: an event as the native stream has it, or ADSP's envelope of it."""

    NATIVE = "native"
    ADSP = "adsp"


class Filter(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Which events; None means any. Types are named as the payload names them."""

    types: tuple[str, ...] | None = None
    queues: tuple[str, ...] | None = None
    namespaces: tuple[str, ...] | None = None
    definitions: tuple[str, ...] | None = None
    criteria: Criteria | None = None


class Key(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A signing secret, and until when it signs; None: until it is exchanged."""

    value: str
    until: datetime | None = None


class Stop(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When we gave a webhook up, and why."""

    at: datetime
    reason: str


class Webhook(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A tenant's webhook, as people settle it."""

    tenant: str
    id: str
    name: str
    url: str
    payload: Payload = Payload.NATIVE
    filter: Filter = Filter()
    paused: bool = False
    disabled: Stop | None = None
    version: int
    created_at: datetime
    created_by: Actor
    updated_at: datetime
    updated_by: Actor

    @property
    def active(self) -> bool:
        """Whether anything is sent to it."""
        return not self.paused and self.disabled is None


class Standing(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How a webhook does, as the engine notes it."""

    cursor: int = 0
    """The number up to which events were looked at: those behind it are yet to become deliveries."""
    failing_since: datetime | None = None
    """Since when nothing was taken any more."""
    wakes: int = 0
    """Grows when somebody wants the engine to look now."""


def new_secret() -> str:
    """A signing secret as Standard Webhooks writes it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signing(keys: Iterable[Key], at: datetime) -> list[str]:
    """The secrets that sign at that moment, the newest first."""
    return [key.value for key in keys if key.until is None or at < key.until]


def rotated(keys: Iterable[Key], secret: str, *, at: datetime, overlap: timedelta) -> tuple[Key, ...]:
    """The keys with a new one in front; what signed so far does so for the time of the overlap, and no longer."""
    until = at + overlap
    old = [
        msgspec.structs.replace(key, until=until if key.until is None else min(key.until, until))
        for key in keys
        if at < until and (key.until is None or at < key.until)
    ]
    return (Key(value=secret), *old)


def types_wanted(hook: Webhook) -> tuple[str, ...] | None:
    """The types of our own events that can be wanted; None for all."""
    if hook.payload is Payload.NATIVE:
        return hook.filter.types
    if hook.filter.types is None:
        return tuple(adsp_events.NAMES)
    return tuple(kind for name in hook.filter.types if (kind := adsp_events.kind_of(name)) is not None)


def has_type(payload: Payload, name: str) -> bool:
    """Whether there can be events of a type: of ADSP's there are nine, ours may become more."""
    return adsp_events.kind_of(name) is not None if payload is Payload.ADSP else bool(_TYPE.fullmatch(name))


def wants(hook: Webhook, event: Event) -> bool:
    """Whether an event is one for this webhook, as far as its record tells (see `Criteria.may_fit`)."""
    chosen, types = hook.filter, types_wanted(hook)
    if types is not None and event.type not in types:
        return False
    if chosen.queues is not None and event.queue not in chosen.queues:
        return False
    if chosen.namespaces is not None and event.queue.partition(":")[0] not in chosen.namespaces:
        return False
    if chosen.definitions is not None and event.definition not in chosen.definitions:
        return False
    return chosen.criteria is None or chosen.criteria.may_fit(event)


def wants_notice(hook: Webhook, kind: str) -> bool:
    """Whether it is told of what concerns no task: if that is named, or everything is wanted."""
    if hook.payload is not Payload.NATIVE:
        return False
    return kind in hook.filter.types if hook.filter.types is not None else hook.filter == Filter()


def name_of(hook: Webhook, event: Event) -> str:
    """The event's type as the payload names it."""
    if hook.payload is Payload.ADSP:
        return f"{adsp_events.NAMESPACE}:{adsp_events.NAMES[event.type]}"
    return event.type


def native(event: Event) -> dict[str, Any]:
    """The event as the native stream has it."""
    told = {
        "n": event.n,
        "id": f"{event.task}.{event.seq}",
        "task": event.task,
        "queue": event.queue,
        "definition": event.definition,
        "type": event.type,
        "seq": event.seq,
        "at": stamp(event.at),
        "by": event.by,
        "reason": event.reason,
        "data": event.data,
        "state": event.state,
        "outcome": event.outcome,
        "name": event.name,
        "recordId": event.record_id,
        "priority": event.priority.label,
    }
    return {name: value for name, value in told.items() if value is not None}


def notice(kind: str, at: datetime, data: Mapping[str, Any]) -> dict[str, Any]:
    """What concerns no task, in the shape that Standard Webhooks advises."""
    return {"type": kind, "at": stamp(at), "data": dict(data)}


def stamp(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
