"""Request bodies about tenants."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.schemas.common import Body, Text
from core.tenant import TenantState

Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$", max_length=500)]


class TenantBody(Body):
    """An organisation: the OpenID issuer that its callers' tokens name."""

    issuer: Url
    display_name: Text | None = None


class HttpTargets(Body):
    """Which private addresses HTTP targets may reach."""

    allow: Annotated[list[Url], Field(max_length=100)]


class TenantPatch(Body):
    """New values for some of a tenant's settings; `state` is for operators."""

    display_name: Text | None = None
    policy_url: Url | None = None
    http_targets: HttpTargets | None = None
    state: TenantState | None = None

    @model_validator(mode="after")
    def _has_state(self) -> "TenantPatch":
        if "state" in self.model_fields_set and self.state is None:
            raise PydanticCustomError("null", "a tenant always has a state")
        return self

    def fields(self) -> dict[str, Any]:
        """What was named, by attribute of `Tenant`."""
        found: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set - {"http_targets"}}
        if "http_targets" in self.model_fields_set:
            found["http_allow"] = () if self.http_targets is None else tuple(self.http_targets.allow)
        return found
