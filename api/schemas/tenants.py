"""Request bodies about tenants."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, SecretStr, Strict, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.schemas.common import Body, Text, addressed
from core.quota import Quotas
from core.tenant import TenantState

Url = Annotated[
    str, StringConstraints(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$", max_length=500), AfterValidator(addressed)
]


Username = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._@\-]{0,99}$")]
Email = Annotated[str, StringConstraints(pattern=r"^[^\s@]+@[^\s@]+$", max_length=200)]
# What Keycloak's user profile takes for the name of a person.
_PERSON = r"^[^<>&\"$%!#?§;*~/\\|^=\[\]{}()\x00-\x1f]+$"
PersonName = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=_PERSON)]
Role = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,99}$")]
ClientId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,99}$")]


class AdminBody(Body):
    """Who administers a new tenant. Without a password one is made up, to be changed at the first login."""

    username: Username
    email: Email
    given_name: PersonName
    family_name: PersonName
    password: Annotated[SecretStr, StringConstraints(min_length=8, max_length=200)] | None = None


class TenantBody(Body):
    """An organisation: by the OpenID issuer that its callers' tokens name, or with a realm that is made for it."""

    issuer: Url | None = None
    display_name: Text | None = None
    admin: Annotated[AdminBody | None, Field(description="Makes a realm in Keycloak, with this first admin")] = None
    roles: Annotated[tuple[Role, ...], Field(max_length=100, description="Realm roles to make, for bindings")] = ()
    service_client: Annotated[ClientId, Field(description="A program of the new realm that submits tasks")] = "intake"

    @model_validator(mode="after")
    def _one_of_both(self) -> "TenantBody":
        if self.issuer is not None and self.admin is not None:
            raise PydanticCustomError("both", "name an issuer, or an admin of a realm to be made, not both")
        if self.admin is None and {"roles", "service_client"} & self.model_fields_set:
            raise PydanticCustomError("realm", "roles and serviceClient are for a realm that is made: name its admin")
        return self


class HttpTargets(Body):
    """Which private addresses HTTP targets may reach."""

    allow: Annotated[list[Url], Field(max_length=100)]


Count = Annotated[int, Field(ge=0, lt=2**53), Strict()]
Rate = Annotated[float, Field(gt=0, le=1_000_000), Strict()]


class QuotasBody(Body):
    """A tenant's limits, all of them; what is absent or null is not limited."""

    queues: Count | None = None
    open_tasks: Count | None = None
    stored_bytes: Count | None = None
    submits_per_second: Rate | None = None
    claims_in_flight: Count | None = None
    payload_bytes: Count | None = None
    long_polls: Annotated[Count | None, Field(description="In each replica")] = None
    streams: Annotated[Count | None, Field(description="In each replica")] = None


class TenantPatch(Body):
    """New values for some of a tenant's settings; `state` and `quotas` are for operators."""

    quotas: QuotasBody | None = None

    display_name: Text | None = None
    policy_url: Url | None = None
    http_targets: HttpTargets | None = None
    state: TenantState | None = None

    @model_validator(mode="after")
    def _has_state(self) -> "TenantPatch":
        if "state" in self.model_fields_set and self.state is None:
            raise PydanticCustomError("null", "a tenant always has a state")
        if self.state is TenantState.DELETING:
            raise PydanticCustomError("deleting", "a tenant is deleted by DELETE")
        return self

    def fields(self) -> dict[str, Any]:
        """What was named, by attribute of `Tenant`."""
        found: dict[str, Any] = {
            name: getattr(self, name) for name in self.model_fields_set - {"http_targets", "quotas"}
        }
        if self.state is not None:
            found["erase_at"] = None
        if "quotas" in self.model_fields_set:
            found["quotas"] = Quotas(**({} if self.quotas is None else self.quotas.model_dump()))
        if "http_targets" in self.model_fields_set:
            found["http_allow"] = () if self.http_targets is None else tuple(self.http_targets.allow)
        return found
