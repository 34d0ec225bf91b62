"""What answers about triggers look like."""

from typing import Any

from msgspec import UNSET, UnsetType

from api.schemas.schedule_views import FlowOrderView, LastView, RunView, TaskOrderView
from api.schemas.views import Stamp, View
from core.schedule import FiringKind, FiringStatus
from core.task import Actor, Reason


class ComparisonView(View, frozen=True, kw_only=True, rename="camel"):
    """What must hold for the value at a path of the record."""

    get_in: tuple[str, ...]
    comparator: str
    value: Any


class TriggerView(View, frozen=True, kw_only=True, rename="camel"):
    """One trigger, with a task or a flow."""

    id: str
    display_name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    select_by: tuple[ComparisonView, ...]
    task: TaskOrderView | UnsetType = UNSET
    flow: FlowOrderView | UnsetType = UNSET
    paused: bool
    last: LastView | UnsetType = UNSET
    version: int
    created_at: Stamp
    created_by: Actor
    updated_at: Stamp
    updated_by: Actor


class TriggerPageView(View, frozen=True, kw_only=True, rename="camel"):
    """Triggers, and where the next page begins."""

    items: tuple[TriggerView, ...]
    next: str | None


class TriggerRunView(View, frozen=True, kw_only=True, rename="camel"):
    """An entry of a trigger's history: a record, and what it started."""

    id: str
    trigger: str
    record: str
    at: Stamp
    kind: FiringKind
    status: FiringStatus
    run: RunView | UnsetType = UNSET
    reason: Reason | UnsetType = UNSET
    recorded_at: Stamp


class TriggerRunPageView(View, frozen=True, kw_only=True, rename="camel"):
    """Entries of the history, the newest first, and where the next page begins."""

    items: tuple[TriggerRunView, ...]
    next: str | None
