"""What answers about the platform look like: the caller, tenants, health."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from api.schemas.views import Stamp, View
from core.task import Actor
from core.tenant import TenantState


class MeView(View, frozen=True, kw_only=True, rename="camel"):
    """Who is calling, as the token says."""

    tenant: str
    subject: str
    name: str
    email: str | UnsetType = UNSET
    roles: tuple[str, ...]
    kind: Literal["user", "service"]
    operator: bool


class SignInView(View, frozen=True, kw_only=True, rename="camel"):
    """Where the people of a tenant log in."""

    tenant: str
    display_name: str
    issuer: str
    client_id: str


class HttpTargetsView(View, frozen=True, kw_only=True, rename="camel"):
    """Which private addresses HTTP targets may reach."""

    allow: Annotated[tuple[str, ...], Meta(description="URL prefixes")]


class QuotasView(View, frozen=True, kw_only=True, rename="camel"):
    """A tenant's limits; what is absent is not limited."""

    queues: int | UnsetType = UNSET
    open_tasks: int | UnsetType = UNSET
    stored_bytes: int | UnsetType = UNSET
    submits_per_second: float | UnsetType = UNSET
    claims_in_flight: int | UnsetType = UNSET
    payload_bytes: int | UnsetType = UNSET
    long_polls: int | UnsetType = UNSET
    streams: int | UnsetType = UNSET


class UsedView(View, frozen=True, kw_only=True, rename="camel"):
    """What a tenant has taken."""

    queues: int
    open_tasks: Annotated[int, Meta(description="Tasks that have not ended")]
    stored_bytes: Annotated[int, Meta(description="Of all tasks that are kept")]
    claims_in_flight: int
    long_polls: Annotated[int, Meta(description="In the replica that answers")]
    streams: Annotated[int, Meta(description="In the replica that answers")]


class UsageView(View, frozen=True, kw_only=True, rename="camel"):
    """Limits, and what is used of them."""

    limits: QuotasView
    used: UsedView


class TenantView(View, frozen=True, kw_only=True, rename="camel"):
    """An organisation on this platform."""

    id: str
    issuer: str
    display_name: str | UnsetType = UNSET
    state: TenantState
    erase_at: Annotated[Stamp, Meta(description="When everything of a deleted tenant is erased")] | UnsetType = UNSET
    quotas: QuotasView
    policy_url: str | UnsetType = UNSET
    http_targets: HttpTargetsView
    created_at: Stamp
    version: int


class CredentialsView(View, frozen=True, kw_only=True, rename="camel"):
    """What the people of a new realm begin with. Penstock keeps none of it: this is the only time it is shown."""

    username: str
    password: str
    temporary: Annotated[bool, Meta(description="It is to be changed at the first login")]
    client_id: Annotated[str, Meta(description="A program of the tenant that submits tasks")]
    client_secret: str


class NewTenantView(TenantView, frozen=True, kw_only=True, rename="camel"):
    """A tenant that is new; `credentials` when its realm was made with it."""

    credentials: CredentialsView | UnsetType = UNSET


class ImportedView(View, frozen=True, kw_only=True, rename="camel"):
    """What an import kept."""

    documents: Annotated[dict[str, int], Meta(description="How many by collection")]
    withheld: Annotated[tuple[str, ...], Meta(description="Collections that no export holds: set those anew")]


class TenantsView(View, frozen=True, kw_only=True, rename="camel"):
    """All tenants."""

    items: tuple[TenantView, ...]


class SecretView(View, frozen=True, kw_only=True, rename="camel"):
    """A secret's name; its value is shown to nobody."""

    name: str
    updated_at: Stamp
    updated_by: Actor


class SecretPageView(View, frozen=True, kw_only=True, rename="camel"):
    """Secrets, and where the next page begins."""

    items: tuple[SecretView, ...]
    next: str | None


class RecordView(View, frozen=True, kw_only=True, rename="camel"):
    """A record that was kept, and the tasks and flows that it set off."""

    id: str
    received_at: Stamp
    tasks: tuple[str, ...]
    flows: tuple[str, ...]


class LiveView(View, frozen=True, kw_only=True, rename="camel"):
    """The process turns."""

    status: Literal["live"] = "live"


class ReadyView(View, frozen=True, kw_only=True, rename="camel"):
    """Whether the process can serve: it needs MongoDB; without RabbitMQ it takes submits and hands nothing out."""

    status: Literal["ready", "degraded", "unavailable"]
    mongodb: bool
    rabbitmq: bool
    rabbitmq_blocked: bool
