"""The trigger record: which records that are reported start a task or a flow, and how that one follows from the record.

A trigger runs once for each record that matched when it was received: the run's id follows from both.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from core import errors, firing, flow_values, ids, selecting
from core.errors import Fault
from core.flow_values import MISSING, Path
from core.schedule import FiringKind, Last, Order
from core.task import ENGINE, Actor

MOST = 500
"""Triggers that a tenant may have: each record is held against all of them."""
_ROOT = "record"
_EVENT = "/"


class Comparison(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What must hold for the value at a path of the record (`core.selecting`)."""

    get_in: tuple[str, ...]
    comparator: str = "eq"
    value: Any = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All that people settle about a trigger; `paused` None leaves that as it is."""

    select_by: tuple[Comparison, ...]
    order: Order
    display_name: str | None = None
    description: str | None = None
    paused: bool | None = None


class Trigger(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One trigger. `version` grows with every change by people and is its ETag."""

    tenant: str
    id: str
    secret: str
    """Its runs' ids derive from this, so that nobody can take such an id beforehand; it is never shown."""
    version: int
    created_at: datetime
    created_by: Actor
    updated_at: datetime
    updated_by: Actor
    select_by: tuple[Comparison, ...]
    order: Order
    """Its params may hold `{"$from": "record.x"}`."""
    display_name: str | None = None
    description: str | None = None
    paused: bool = False
    last: Last | None = None

    @property
    def actor(self) -> Actor:
        """Who made its runs."""
        return Actor(id=ENGINE.id, name=f"Trigger {self.id}")

    @property
    def series(self) -> str:
        """The name of its history among the firings; no schedule can be named so."""
        return f"trigger/{self.id}"


def begin(plan: Plan, *, tenant: str, trigger_id: str, at: datetime, by: Actor) -> Trigger:
    """The first record."""
    return Trigger(
        tenant=tenant, id=trigger_id, secret=ids.new_secret(), version=1, created_at=at, created_by=by, updated_at=at,
        updated_by=by, select_by=plan.select_by, order=plan.order, display_name=plan.display_name,
        description=plan.description, paused=bool(plan.paused),
    )  # fmt: skip


def change(was: Trigger, plan: Plan, *, at: datetime, by: Actor) -> Trigger:
    """The trigger by another plan."""
    return msgspec.structs.replace(
        was, version=was.version + 1, updated_at=at, updated_by=by, select_by=plan.select_by, order=plan.order,
        display_name=plan.display_name, description=plan.description,
        paused=was.paused if plan.paused is None else plan.paused,
    )  # fmt: skip


def check(plan: Plan) -> None:
    """Raise `Invalid` with every place of the params at which something else is named than the record."""
    faults = list(flow_values.faults_of_value(plan.order.params, "params"))
    if not faults:
        faults = list(_strangers(plan.order.params))
    if faults:
        raise errors.Invalid("The trigger cannot be kept.", faults=faults)


def _strangers(params: Any) -> Iterator[Fault]:
    for path, place in flow_values.references(params, "params"):
        if path[0] != _ROOT:
            yield Fault(field=place, message="a path begins with 'record', as in 'record.id'")


def matches(trigger: Trigger, body: Mapping[str, Any]) -> bool:
    """Whether a record starts a run of it."""
    wanted = [{"get-in": each.get_in, "comparator": each.comparator, "value": each.value} for each in trigger.select_by]
    return not trigger.paused and selecting.matches(wanted, body)


def seen(record_id: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The record as selections and params see it: with an id, its own where it has one."""
    return {"id": record_id, **body}


def params(trigger: Trigger, body: Mapping[str, Any]) -> Any:
    """The params of the run for a record."""

    def look(path: Path) -> Any:
        return flow_values.dig(body, path[1:]) if path[0] == _ROOT else MISSING

    return flow_values.resolve(trigger.order.params, look)


def run_id(trigger: Trigger, record_id: str, received_at: datetime) -> str:
    """The id of the task or flow for a record: the same whoever works it out."""
    return firing.run_id(trigger.secret, received_at, FiringKind.SCHEDULED, record_id)


def event_mark(name: str) -> str:
    """How a record names an event task among the triggers that it set off: no trigger's id begins so."""
    return f"{_EVENT}{name}"


def events_of(marks: Iterable[str]) -> list[str]:
    """The names of the event tasks among these."""
    return [mark.removeprefix(_EVENT) for mark in marks if mark.startswith(_EVENT)]
