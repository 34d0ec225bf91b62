"""What answers of worklists look like: the next task, saved filters, bulk actions."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from api.schemas.views import PriorityName, Stamp, TaskView, View
from core.task import Actor
from store.bulk import BulkState, Kind


class NextTaskView(TaskView, frozen=True, kw_only=True, rename="camel"):
    """A task that became the caller's; `execId` is its fence once it is started."""

    exec_id: str | UnsetType = UNSET


class NextView(View, frozen=True, kw_only=True, rename="camel"):
    """The next task, the caller's now; null when there is none."""

    task: NextTaskView | None


class SavedFilterView(View, frozen=True, kw_only=True, rename="camel"):
    """A saved filter."""

    id: str
    name: str
    shared: bool
    mine: bool
    owner: Actor
    wanted: Annotated[dict[str, Any], Meta(description="Parameters of a listing.")]
    created_at: Stamp
    updated_at: Stamp


class FiltersView(View, frozen=True, kw_only=True, rename="camel"):
    """The caller's filters and the shared ones, by name."""

    items: tuple[SavedFilterView, ...]


class BulkActView(View, frozen=True, kw_only=True, rename="camel"):
    """What is done to each task."""

    kind: Kind
    to: Actor | UnsetType = UNSET
    priority: PriorityName | UnsetType = UNSET
    reason: str | UnsetType = UNSET


class BulkView(View, frozen=True, kw_only=True, rename="camel"):
    """A bulk action, and how far it is."""

    token: str
    action: BulkActView
    state: BulkState
    total: Annotated[int, Meta(description="Tasks that were selected.")]
    done: Annotated[int, Meta(description="So many are as they should be, so far.")]
    skipped: Annotated[int, Meta(description="So many were left alone: they ended, or did not fit any more.")]
    by: Actor
    created_at: Stamp
    started_at: Stamp | UnsetType = UNSET
    ended_at: Stamp | UnsetType = UNSET


class BulkPreviewView(View, frozen=True, kw_only=True, rename="camel"):
    """What would be done: to how many tasks, and to which first."""

    token: Annotated[str, Meta(description="Run it with this; exactly these tasks are meant.")]
    action: BulkActView
    count: int
    sample: tuple[TaskView, ...]
    expires_at: Stamp
