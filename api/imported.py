"""From the records of imports to what answers show of them."""

from typing import Any
from urllib.parse import urlsplit

from msgspec import UNSET

from api.schemas import import_views as views
from api.shown import maybe_stamp, priority_name, stamp
from core.imports import Import, LineError, Source


def import_view(job: Import) -> views.ImportView:
    """An import; what it is read with stays here."""
    order = job.order
    return views.ImportView(
        id=job.id,
        queue=job.queue,
        state=job.state,
        outcome=_or_unset(job.outcome),
        reason=_or_unset(job.reason),
        source=_source(job.source, job),
        lines=order.lines,
        definition=_or_unset(order.definition),
        name=_or_unset(order.name),
        priority=UNSET if order.priority is None else priority_name(order.priority),
        labels=order.labels,
        context=order.context,
        record_id_field=_or_unset(order.record_id_field),
        task=_or_unset(job.task),
        progress=_progress(job),
        cancel_requested=job.cancel_by is not None,
        retry_at=maybe_stamp(job.due_at),
        created_at=stamp(job.created_at),
        created_by=job.created_by,
        updated_at=stamp(job.updated_at),
        started_at=maybe_stamp(job.started_at),
        ended_at=maybe_stamp(job.ended_at),
    )


def error_view(found: LineError) -> views.LineErrorView:
    """A refused line."""
    return views.LineErrorView(line=found.line, code=found.code, message=found.message, field=_or_unset(found.field))


def _source(source: Source, job: Import) -> views.SourceView:
    return views.SourceView(
        kind=source.kind,
        url=UNSET if source.url is None else urlsplit(source.url)._replace(query="", fragment="").geturl(),
        endpoint=_or_unset(source.endpoint),
        region=_or_unset(source.region),
        secret_ref=_or_unset(source.secret_ref),
        file_name=_or_unset(source.file_name),
        content_encoding=job.encoding or source.encoding,
    )


def _progress(job: Import) -> views.ImportProgressView:
    total = job.bytes_total
    return views.ImportProgressView(
        lines=job.lines,
        accepted=job.accepted,
        refused=job.refused,
        bytes_read=job.bytes_read,
        bytes_total=total,
        share=None if total is None else 1.0 if not total else min(1.0, round(job.bytes_read / total, 4)),
    )


def _or_unset(value: Any) -> Any:
    return UNSET if value is None else value
