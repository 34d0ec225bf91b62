"""What answers about the audit trail look like."""

from typing import Annotated, Any

from msgspec import Meta

from api.schemas.views import Stamp, View
from core.task import Actor


class AuditView(View, frozen=True, kw_only=True, rename="camel"):
    """One change."""

    n: Annotated[int, Meta(description="Its number in the tenant's trail")]
    at: Stamp
    by: Actor
    realm: Annotated[str, Meta(description="Where `by` logged in; operators in `core`")]
    action: str
    target: str | None
    request_id: str | None
    before: Annotated[Any, Meta(description="What was changed as it was before, as it is kept; null when it was not")]
    after: Annotated[Any, Meta(description="The same afterwards; null when it is gone")]
    seal: str


class AuditPageView(View, frozen=True, kw_only=True, rename="camel"):
    """A page of the trail."""

    items: tuple[AuditView, ...]
    next: int | None
