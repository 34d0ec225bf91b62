"""What answers about webhooks look like."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from api.schemas.views import Stamp, View
from core.delivery import Status
from core.task import Actor
from core.webhook import Payload


class CriteriaView(View, frozen=True, kw_only=True, rename="camel"):
    """What an event must say."""

    correlation_id: str | UnsetType = UNSET
    context: dict[str, Any]


class FilterView(View, frozen=True, kw_only=True, rename="camel"):
    """Which events; what is absent is not asked for."""

    types: tuple[str, ...] | UnsetType = UNSET
    queues: tuple[str, ...] | UnsetType = UNSET
    namespaces: tuple[str, ...] | UnsetType = UNSET
    definitions: tuple[str, ...] | UnsetType = UNSET
    criteria: CriteriaView | UnsetType = UNSET


class StopView(View, frozen=True, kw_only=True, rename="camel"):
    """When and why we gave it up."""

    at: Stamp
    reason: str


class WebhookView(View, frozen=True, kw_only=True, rename="camel"):
    """A webhook. Its secret is shown when it is made, and never again."""

    id: str
    name: str
    url: str
    payload: Payload
    filter: FilterView
    status: Literal["active", "paused", "disabled"]
    disabled: StopView | UnsetType = UNSET
    failing_since: Annotated[Stamp | UnsetType, Meta(description="Since then nothing was taken.")] = UNSET
    reached: Annotated[int, Meta(description="Events up to this number became deliveries, or were not wanted.")]
    version: int
    created_at: Stamp
    created_by: Actor
    updated_at: Stamp
    updated_by: Actor


class NewWebhookView(WebhookView, frozen=True, kw_only=True, rename="camel"):
    """A webhook with a new secret, which is shown this once."""

    secret: Annotated[str, Meta(description="`whsec_` and base64, as Standard Webhooks has it")]


class WebhookPageView(View, frozen=True, kw_only=True, rename="camel"):
    """Webhooks, and where the next page begins."""

    items: tuple[WebhookView, ...]
    next: str | None


class AttemptView(View, frozen=True, kw_only=True, rename="camel"):
    """One try."""

    at: Stamp
    milliseconds: int
    status: Annotated[int | UnsetType, Meta(description="The answer; absent when none came.")] = UNSET
    error: str | UnsetType = UNSET
    response: Annotated[str | UnsetType, Meta(description="The beginning of the answer's body.")] = UNSET


class TestView(AttemptView, frozen=True, kw_only=True, rename="camel"):
    """What came of a test call."""

    taken: bool


class DeliveryView(View, frozen=True, kw_only=True, rename="camel"):
    """One event on its way to a webhook."""

    id: Annotated[str, Meta(description="The `webhook-id`: the same with every try.")]
    type: str
    n: Annotated[int, Meta(description="The event's number; 0 for what is no task's event.")]
    task: str | UnsetType = UNSET
    queue: str | UnsetType = UNSET
    status: Status
    tries: Annotated[int, Meta(description="How often it was tried, since its replay if there was one.")]
    created_at: Stamp
    next_at: Annotated[Stamp | UnsetType, Meta(description="When it is tried again.")] = UNSET
    ended_at: Stamp | UnsetType = UNSET
    last: Annotated[AttemptView | UnsetType, Meta(description="The last try.")] = UNSET


class WholeDeliveryView(DeliveryView, frozen=True, kw_only=True, rename="camel"):
    """A delivery with its tries and what it says."""

    attempts: Annotated[tuple[AttemptView, ...], Meta(description="The last ten, the newest last.")]
    body: Annotated[str, Meta(description="The body, byte for byte as it is signed.")]


class DeliveryPageView(View, frozen=True, kw_only=True, rename="camel"):
    """Deliveries, and where the next page begins."""

    items: tuple[DeliveryView, ...]
    next: str | None


class ReplayView(View, frozen=True, kw_only=True, rename="camel"):
    """How many deliveries are sent again."""

    replayed: int
