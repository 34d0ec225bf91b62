"""What answers about imports look like."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from api.schemas.views import PriorityName, Stamp, View
from core.imports import Encoding, ImportState, SourceKind
from core.task import Actor, Outcome, Reason


class SourceView(View, frozen=True, kw_only=True, rename="camel"):
    """Where the file is from; an address is shown without its query, which may hold a signature."""

    kind: SourceKind
    url: str | UnsetType = UNSET
    endpoint: str | UnsetType = UNSET
    region: str | UnsetType = UNSET
    secret_ref: str | UnsetType = UNSET
    file_name: str | UnsetType = UNSET
    content_encoding: Encoding


class ImportProgressView(View, frozen=True, kw_only=True, rename="camel"):
    """How far it is: lines dealt with, tasks made, lines refused, bytes of the file as it is stored."""

    lines: int
    accepted: int
    refused: int
    bytes_read: int
    bytes_total: int | None
    share: Annotated[float | None, Meta(description="0 to 1; null where the file's length is not known")]


class ImportView(View, frozen=True, kw_only=True, rename="camel"):
    """A file on its way into a queue."""

    id: str
    queue: Annotated[str, Meta(description="`namespace:name`")]
    state: ImportState
    outcome: Outcome | UnsetType = UNSET
    reason: Annotated[Reason | UnsetType, Meta(description="Why it failed, or is tried again")] = UNSET
    source: SourceView
    lines: Literal["params", "tasks"]
    definition: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    priority: PriorityName | UnsetType = UNSET
    labels: tuple[str, ...]
    context: dict[str, Any]
    record_id_field: str | UnsetType = UNSET
    task: Annotated[str | UnsetType, Meta(description="The task that it is done for")] = UNSET
    progress: ImportProgressView
    cancel_requested: bool
    retry_at: Stamp | UnsetType = UNSET
    created_at: Stamp
    created_by: Actor
    updated_at: Stamp
    started_at: Stamp | UnsetType = UNSET
    ended_at: Stamp | UnsetType = UNSET


class ImportPageView(View, frozen=True, kw_only=True, rename="camel"):
    """Imports, and where the next page begins."""

    items: tuple[ImportView, ...]
    next: str | None


class LineErrorView(View, frozen=True, kw_only=True, rename="camel"):
    """A line that became no task; lines are counted from 1."""

    line: int
    code: str
    message: str
    field: str | UnsetType = UNSET


class LineErrorPageView(View, frozen=True, kw_only=True, rename="camel"):
    """Refused lines in their order, and the line behind which the next page begins."""

    items: tuple[LineErrorView, ...]
    next: int | None
