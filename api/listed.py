"""From saved filters and bulk actions to what answers show of them."""

from msgspec import UNSET

from api import shown
from api.schemas import worklist_views as views
from broker.bulk import Preview, Status
from store.bulk import Act
from store.filters import Filter


def filter_view(found: Filter, me: str) -> views.SavedFilterView:
    """A saved filter."""
    return views.SavedFilterView(
        id=found.id,
        name=found.name,
        shared=found.shared,
        mine=found.owner.id == me,
        owner=found.owner,
        wanted=found.wanted,
        created_at=shown.stamp(found.created_at),
        updated_at=shown.stamp(found.updated_at),
    )


def bulk_view(status: Status) -> views.BulkView:
    """A bulk action."""
    bulk = status.bulk
    return views.BulkView(
        token=bulk.id,
        action=_act(bulk.act),
        state=bulk.state,
        total=bulk.total,
        done=status.done,
        skipped=status.skipped,
        by=bulk.by,
        created_at=shown.stamp(bulk.created_at),
        started_at=shown.maybe_stamp(bulk.started_at),
        ended_at=shown.maybe_stamp(bulk.ended_at),
    )


def preview_view(preview: Preview) -> views.BulkPreviewView:
    """What it would do."""
    return views.BulkPreviewView(
        token=preview.bulk.id,
        action=_act(preview.bulk.act),
        count=preview.bulk.total,
        sample=tuple(shown.task_view(task) for task in preview.sample),
        expires_at=shown.stamp(preview.bulk.forget_at),
    )


def _act(act: Act) -> views.BulkActView:
    return views.BulkActView(
        kind=act.kind,
        to=UNSET if act.to is None else act.to,
        priority=UNSET if act.priority is None else shown.priority_name(act.priority),
        reason=UNSET if act.message is None else act.message,
    )
