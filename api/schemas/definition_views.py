"""What answers about definitions look like."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from api.schemas.views import PriorityName, Stamp, View
from core.retry import Retry
from core.task import Actor


class ConcurrencyView(View, frozen=True, kw_only=True, rename="camel"):
    """How many tasks are held at once, for each distinct value at a path within the params."""

    limit: int
    key: tuple[str, ...]


class PlaceView(View, frozen=True, kw_only=True, rename="camel"):
    """One value at the key path."""

    value: Annotated[Any, Meta(description="The value; a long one's digest, as text that begins with #")]
    held: int
    waiting: Annotated[
        int, Meta(description="Ready tasks that wait for a place, those that may be claimed now included")
    ]


class PlacesView(View, frozen=True, kw_only=True, rename="camel"):
    """How a definition's concurrency limit stands."""

    limit: int | None
    key: tuple[str, ...]
    total: Annotated[int, Meta(description="Values for which tasks are held or wait")]
    items: tuple[PlaceView, ...]


class TargetView(View, frozen=True, kw_only=True, rename="camel"):
    """Where its tasks go."""

    kind: Literal["worker", "http", "builtin"]
    url: str | UnsetType = UNSET
    method: str | UnsetType = UNSET
    headers: dict[str, str] | UnsetType = UNSET
    secret_ref: str | UnsetType = UNSET
    options: dict[str, Any] | UnsetType = UNSET
    name: str | UnsetType = UNSET


class DefinitionView(View, frozen=True, kw_only=True, rename="camel"):
    """One kind of task."""

    name: str
    queue: Annotated[str, Meta(description="`namespace:name`")]
    description: str | UnsetType = UNSET
    params_schema: dict[str, Any] | None
    result_schema: dict[str, Any] | None
    error_schema: dict[str, Any] | None
    priority: PriorityName | None
    lease_seconds: float | None
    start_timeout_seconds: float | None
    overall_timeout_seconds: float | None
    retry: Retry
    concurrency: ConcurrencyView | None
    target: TargetView
    version: int
    created_at: Stamp
    created_by: Actor
    updated_at: Stamp
    updated_by: Actor


class DefinitionPageView(View, frozen=True, kw_only=True, rename="camel"):
    """Definitions, and where the next page begins."""

    items: tuple[DefinitionView, ...]
    next: str | None
